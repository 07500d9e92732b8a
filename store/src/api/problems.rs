//! `GET /api/v1/problems`: what owners of files must fix.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use freshet_proto::timestamp::rfc3339;
use serde::Serialize;

use super::error::{ApiError, Asked};
use super::parameters::Parameters;
use super::{Api, ok_json};
use crate::change::ProblemRow;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: i64,
    repository: String,
    path: String,
    line: u32,
    column: u32,
    rule: String,
    message: String,
    hint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_ref: Option<EntityRef>,
    first_seen: String,
    last_seen: String,
}

impl From<ProblemRow> for Shown {
    fn from(problem: ProblemRow) -> Self {
        Self {
            id: problem.id,
            repository: problem.repository,
            path: problem.path,
            line: problem.line,
            column: problem.column,
            rule: problem.rule,
            message: problem.message,
            hint: problem.hint,
            entity_ref: problem.entity_ref,
            first_seen: rfc3339(problem.first_seen),
            last_seen: rfc3339(problem.last_seen),
        }
    }
}

#[derive(Serialize)]
struct Listed {
    items: Vec<Shown>,
}

/// Open problems, by place; of one repository, rule or kind if asked.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    let failed = |problem| asked.failed(problem);
    let parameters = Parameters::read(&request, &["repository", "rule", "kind"]).map_err(failed)?;
    let repository = parameters.one("repository").map_err(failed)?;
    let rule = parameters.one("rule").map_err(failed)?;
    let kind = parameters.one("kind").map_err(failed)?;
    let is_wanted = |problem: &&ProblemRow| {
        let problem_kind = problem.entity_ref.as_ref().map(EntityRef::kind);
        repository.is_none_or(|wanted| problem.repository.eq_ignore_ascii_case(wanted))
            && rule.is_none_or(|wanted| problem.rule == wanted)
            && kind.is_none_or(|wanted| {
                problem_kind.is_some_and(|kind| kind.eq_ignore_ascii_case(wanted))
            })
    };
    let mut problems: Vec<ProblemRow> = api
        .view
        .read(|state| state.problems().filter(is_wanted).cloned().collect());
    problems.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
    let items = problems.into_iter().map(Shown::from).collect();
    Ok(ok_json(
        serde_json::to_string(&Listed { items }).expect("a problem is plain data"),
    ))
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
