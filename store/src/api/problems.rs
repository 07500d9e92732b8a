//! `GET /api/v1/problems`: what owners of files must fix.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::{EntityRef, ErrorClass, Level, RuleId};
use freshet_proto::timestamp::rfc3339;
use serde::Serialize;

use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::change::ProblemRow;
use crate::view::CatalogState;

/// Most problems of one answer.
const LIMIT_MAX: usize = 10_000;
/// What a ref of an owner means that names no kind.
const OWNER_KIND: &str = "Group";

const KNOWN: [&str; 8] = [
    "repository",
    "owner",
    "kind",
    "rule",
    "level",
    "entity",
    "limit",
    "offset",
];

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProblemItem {
    id: i64,
    repository: String,
    path: String,
    line: u32,
    column: u32,
    rule: RuleId,
    class: ErrorClass,
    level: Level,
    /// `file` if nothing of the file is applied because of it, else `entity`.
    scope: &'static str,
    message: String,
    hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_ref: Option<EntityRef>,
    /// The entities whose status shows it.
    status_of: Vec<EntityRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<EntityRef>,
    first_seen: String,
    last_seen: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProblemList {
    items: Vec<ProblemItem>,
    total_items: usize,
}

/// A problem with who shows it and who has to fix it, as far as that is known.
struct OwnedProblem {
    row: ProblemRow,
    shown_by: Vec<EntityRef>,
    /// The entity it is about, unless it is an error of a document that does not count.
    named: Option<EntityRef>,
    owners: BTreeSet<EntityRef>,
}

impl From<OwnedProblem> for ProblemItem {
    fn from(owned: OwnedProblem) -> Self {
        let OwnedProblem {
            row,
            shown_by,
            owners,
            ..
        } = owned;
        let problem = row.problem;
        // Of a file with entities of several teams nobody alone is the owner.
        let owner = owners.first().filter(|_| owners.len() == 1).cloned();
        Self {
            id: row.id,
            repository: row.repository,
            path: row.path,
            line: problem.line,
            column: problem.column,
            rule: problem.rule,
            class: problem.class,
            level: problem.level,
            scope: if problem.is_file { "file" } else { "entity" },
            message: problem.message,
            hint: problem.hint,
            entity_ref: problem.entity_ref,
            status_of: shown_by,
            owner,
            first_seen: rfc3339(row.first_seen),
            last_seen: rfc3339(row.last_seen),
        }
    }
}

/// Open problems, by place. Values of one parameter are alternatives, several parameters must all hold.
pub(super) async fn list_problems(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let parameters =
        Parameters::read_own(&request, &KNOWN).map_err(|problem| asked.fail_with(problem))?;
    let answer = find_problems(&api, &parameters).map_err(|problem| asked.fail_with(problem))?;
    Ok(answer_json(&answer))
}

/// The errors that the status of one of these entities shows, by place.
pub(super) fn problems_shown_by(api: &Api, entity_refs: &[EntityRef]) -> Vec<ProblemItem> {
    let mut problems: Vec<OwnedProblem> = api.view.read(|state| {
        let shown = entity_refs
            .iter()
            .flat_map(|it| state.problems_shown_by(it));
        let rows: BTreeMap<i64, &ProblemRow> = shown.map(|row| (row.id, row)).collect();
        own_problems(rows.into_values().collect(), state).collect()
    });
    problems.sort_unstable_by(|a, b| compare_places(&a.row, &b.row));
    problems.truncate(LIMIT_MAX);
    problems.into_iter().map(ProblemItem::from).collect()
}

fn find_problems(api: &Api, parameters: &Parameters) -> Result<ProblemList, ApiProblem> {
    let limit = parameters
        .integer_value("limit", 1_usize)?
        .unwrap_or(LIMIT_MAX);
    let offset = parameters
        .integer_value("offset", 0_usize)?
        .unwrap_or_default();
    let mut problems: Vec<OwnedProblem> = api.view.read(|state| {
        own_problems(state.problems().collect(), state)
            .filter(|problem| is_wanted(problem, parameters))
            .collect()
    });
    // By place and not by time, so that an offset means the same on the next page.
    problems.sort_unstable_by(|a, b| compare_places(&a.row, &b.row));
    let total_items = problems.len();
    let page = problems.into_iter().skip(offset).take(limit.min(LIMIT_MAX));
    Ok(ProblemList {
        items: page.map(ProblemItem::from).collect(),
        total_items,
    })
}

/// Each problem with who shows it and whose it is.
fn own_problems<'a>(
    rows: Vec<&'a ProblemRow>,
    state: &'a CatalogState,
) -> impl Iterator<Item = OwnedProblem> + 'a {
    let shown_by = state.shown_by(&rows);
    rows.into_iter().zip(shown_by).map(|(row, shown_by)| {
        let named = row.problem.entity_ref.as_ref();
        let named = named.filter(|_| !state.is_error_of_rival(row));
        OwnedProblem {
            owners: owners_of(row, named, &shown_by, state),
            shown_by: shown_by.into_iter().cloned().collect(),
            named: named.cloned(),
            row: row.clone(),
        }
    })
}

fn is_wanted(problem: &OwnedProblem, parameters: &Parameters) -> bool {
    let row = &problem.row;
    let any = |name: &'static str, holds: &dyn Fn(&str) -> bool| {
        let mut values = parameters.values_of(name).peekable();
        values.peek().is_none() || values.any(holds)
    };
    any("repository", &|it| row.repository.eq_ignore_ascii_case(it))
        && any("rule", &|it| row.problem.rule.as_str() == it)
        && any("level", &|it| row.problem.level.as_str() == it)
        && any("kind", &|it| {
            entities_of(problem).any(|entity_ref| entity_ref.kind().eq_ignore_ascii_case(it))
        })
        && any("entity", &|it| {
            let wanted = it.to_lowercase();
            entities_of(problem).any(|entity_ref| entity_ref.as_str() == wanted)
        })
        && any("owner", &|it| {
            let wanted = it.to_lowercase();
            let mut owners = problem.owners.iter();
            owners.any(|owner| owner.as_str() == wanted || owner.name() == wanted)
        })
}

/// The entities a problem is about: those whose status shows it, else the one it names.
fn entities_of(problem: &OwnedProblem) -> impl Iterator<Item = &EntityRef> {
    let shown_by = &problem.shown_by;
    let named = problem.named.iter().filter(|_| shown_by.is_empty());
    shown_by.iter().chain(named)
}

/// Whose it is: as the broken document says, else as the catalog knows the entity, or all that the broken
/// file declared.
fn owners_of(
    row: &ProblemRow,
    named: Option<&EntityRef>,
    shown_by: &[&EntityRef],
    state: &CatalogState,
) -> BTreeSet<EntityRef> {
    // The document may have moved to another owner in the very version that is broken.
    if let Some(owner) = &row.problem.owner {
        let entity_ref = row.problem.entity_ref.as_ref();
        let namespace = entity_ref.map_or("default", EntityRef::namespace);
        let owner = EntityRef::parse_with(owner, Some(OWNER_KIND), namespace);
        return owner.into_iter().collect();
    }
    let about = named.map_or_else(|| shown_by.to_vec(), |it| vec![it]);
    let owner_of = |entity_ref: &&EntityRef| {
        let mut relations = state.relations(entity_ref).into_iter();
        let owned = relations.find(|(relation, _)| *relation == "ownedBy");
        owned.map(|(_, owner)| owner.clone())
    };
    about.iter().filter_map(owner_of).collect()
}

fn compare_places(left: &ProblemRow, right: &ProblemRow) -> Ordering {
    let in_file = |row: &ProblemRow| (row.problem.line, row.problem.column, row.id);
    left.repository
        .cmp(&right.repository)
        .then_with(|| left.path.cmp(&right.path))
        .then_with(|| in_file(left).cmp(&in_file(right)))
}
