//! `GET /api/v1/problems`: what owners of files must fix.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use freshet_proto::timestamp::rfc3339;
use serde::Serialize;

use super::error::{ApiError, Asked, Problem};
use super::parameters::Parameters;
use super::{Api, ok_json};
use crate::change::ProblemRow;
use crate::view::State as Catalog;

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
struct Shown {
    id: i64,
    repository: String,
    path: String,
    line: u32,
    column: u32,
    rule: String,
    class: String,
    level: String,
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
struct Listed {
    items: Vec<Shown>,
    total_items: usize,
}

/// A problem with who has to fix it, as far as that is known.
struct Owned {
    problem: ProblemRow,
    owner: Option<EntityRef>,
}

impl From<Owned> for Shown {
    fn from(Owned { problem, owner }: Owned) -> Self {
        Self {
            id: problem.id,
            repository: problem.repository,
            path: problem.path,
            line: problem.line,
            column: problem.column,
            rule: problem.rule,
            class: problem.class,
            level: problem.level,
            scope: if problem.is_file { "file" } else { "entity" },
            message: problem.message,
            hint: problem.hint,
            entity_ref: problem.entity_ref,
            status_of: problem.status_of,
            owner,
            first_seen: rfc3339(problem.first_seen),
            last_seen: rfc3339(problem.last_seen),
        }
    }
}

/// Open problems, by place. Values of one parameter are alternatives, several parameters must all hold.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    let parameters =
        Parameters::read_own(&request, &KNOWN).map_err(|problem| asked.failed(problem))?;
    let answer = found(&api, &parameters).map_err(|problem| asked.failed(problem))?;
    Ok(ok_json(
        serde_json::to_string(&answer).expect("a problem is plain data"),
    ))
}

fn found(api: &Api, parameters: &Parameters) -> Result<Listed, Problem> {
    let limit = parameters.integer("limit", 1_usize)?.unwrap_or(LIMIT_MAX);
    let offset = parameters.integer("offset", 0_usize)?.unwrap_or_default();
    let mut problems: Vec<Owned> = api.view.read(|state| {
        state
            .problems()
            .map(|problem| (problem, owner(problem, state)))
            .filter(|(problem, owner)| is_wanted(problem, owner.as_ref(), parameters))
            .map(|(problem, owner)| Owned {
                problem: problem.clone(),
                owner,
            })
            .collect()
    });
    problems.sort_unstable_by(|a, b| place(&a.problem).cmp(&place(&b.problem)));
    let total_items = problems.len();
    let page = problems.into_iter().skip(offset).take(limit.min(LIMIT_MAX));
    Ok(Listed {
        items: page.map(Shown::from).collect(),
        total_items,
    })
}

fn is_wanted(problem: &ProblemRow, owner: Option<&EntityRef>, parameters: &Parameters) -> bool {
    let any = |name: &'static str, holds: &dyn Fn(&str) -> bool| {
        let mut values = parameters.all(name).peekable();
        values.peek().is_none() || values.any(holds)
    };
    any("repository", &|it| {
        problem.repository.eq_ignore_ascii_case(it)
    }) && any("rule", &|it| problem.rule == it)
        && any("level", &|it| problem.level == it)
        && any("kind", &|it| {
            about(problem).any(|entity_ref| entity_ref.kind().eq_ignore_ascii_case(it))
        })
        && any("entity", &|it| {
            let wanted = it.to_lowercase();
            about(problem).any(|entity_ref| entity_ref.as_str() == wanted)
        })
        && any("owner", &|it| {
            let wanted = it.to_lowercase();
            owner.is_some_and(|owner| owner.as_str() == wanted || owner.name() == wanted)
        })
}

/// The entities a problem is about: those whose status shows it, else the one it names.
fn about(problem: &ProblemRow) -> impl Iterator<Item = &EntityRef> {
    let named = problem
        .entity_ref
        .iter()
        .filter(|_| problem.status_of.is_empty());
    problem.status_of.iter().chain(named)
}

/// Whose it is: as the broken document says, else as the catalog knows the entity.
fn owner(problem: &ProblemRow, state: &Catalog) -> Option<EntityRef> {
    let entity_ref = problem.entity_ref.as_ref();
    if !problem.owner.is_empty() {
        let namespace = entity_ref.map_or("default", EntityRef::namespace);
        return EntityRef::parse_with(&problem.owner, Some(OWNER_KIND), namespace).ok();
    }
    let relations = state.relations(entity_ref?);
    relations
        .into_iter()
        .find(|(relation, _)| *relation == "ownedBy")
        .map(|(_, owner)| owner.clone())
}

fn place(problem: &ProblemRow) -> (&str, &str, u32, u32, i64) {
    (
        &problem.repository,
        &problem.path,
        problem.line,
        problem.column,
        problem.id,
    )
}
