//! `GET /api/v1/problems`: what owners of files must fix.

use std::cmp::Ordering;

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
struct ProblemItem {
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

/// A problem with who has to fix it, as far as that is known.
struct OwnedProblem {
    row: ProblemRow,
    owner: Option<EntityRef>,
}

impl From<OwnedProblem> for ProblemItem {
    fn from(OwnedProblem { row, owner }: OwnedProblem) -> Self {
        let problem = row.problem;
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
            status_of: row.status_of,
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

fn find_problems(api: &Api, parameters: &Parameters) -> Result<ProblemList, ApiProblem> {
    let limit = parameters
        .integer_value("limit", 1_usize)?
        .unwrap_or(LIMIT_MAX);
    let offset = parameters
        .integer_value("offset", 0_usize)?
        .unwrap_or_default();
    let mut problems: Vec<OwnedProblem> = api.view.read(|state| {
        state
            .problems()
            .map(|row| (row, owner_of(row, state)))
            .filter(|(row, owner)| is_wanted(row, owner.as_ref(), parameters))
            .map(|(row, owner)| OwnedProblem {
                row: row.clone(),
                owner,
            })
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

fn is_wanted(row: &ProblemRow, owner: Option<&EntityRef>, parameters: &Parameters) -> bool {
    let any = |name: &'static str, holds: &dyn Fn(&str) -> bool| {
        let mut values = parameters.values_of(name).peekable();
        values.peek().is_none() || values.any(holds)
    };
    any("repository", &|it| row.repository.eq_ignore_ascii_case(it))
        && any("rule", &|it| row.problem.rule.as_str() == it)
        && any("level", &|it| row.problem.level.as_str() == it)
        && any("kind", &|it| {
            entities_of(row).any(|entity_ref| entity_ref.kind().eq_ignore_ascii_case(it))
        })
        && any("entity", &|it| {
            let wanted = it.to_lowercase();
            entities_of(row).any(|entity_ref| entity_ref.as_str() == wanted)
        })
        && any("owner", &|it| {
            let wanted = it.to_lowercase();
            owner.is_some_and(|owner| owner.as_str() == wanted || owner.name() == wanted)
        })
}

/// The entities a problem is about: those whose status shows it, else the one it names.
fn entities_of(row: &ProblemRow) -> impl Iterator<Item = &EntityRef> {
    let named = row.problem.entity_ref.iter();
    row.status_of
        .iter()
        .chain(named.filter(|_| row.status_of.is_empty()))
}

/// Whose it is: as the broken document says, else as the catalog knows the entity.
fn owner_of(row: &ProblemRow, state: &CatalogState) -> Option<EntityRef> {
    let entity_ref = row.problem.entity_ref.as_ref();
    // The document may have moved to another owner in the very version that is broken.
    if let Some(owner) = &row.problem.owner {
        let namespace = entity_ref.map_or("default", EntityRef::namespace);
        return EntityRef::parse_with(owner, Some(OWNER_KIND), namespace).ok();
    }
    let relations = state.relations(entity_ref?);
    relations
        .into_iter()
        .find(|(relation, _)| *relation == "ownedBy")
        .map(|(_, owner)| owner.clone())
}

fn compare_places(left: &ProblemRow, right: &ProblemRow) -> Ordering {
    let in_file = |row: &ProblemRow| (row.problem.line, row.problem.column, row.id);
    left.repository
        .cmp(&right.repository)
        .then_with(|| left.path.cmp(&right.path))
        .then_with(|| in_file(left).cmp(&in_file(right)))
}
