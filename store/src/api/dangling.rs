//! `GET /api/v1/dangling`: relations to what no file declares.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use serde::Serialize;

use super::error::{ApiError, Asked};
use super::parameters::Parameters;
use super::{Api, ok_json};

/// Most entities that are shown of those that name one target.
const SOURCES_MAX: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    target: EntityRef,
    /// Names of the relations to it.
    types: Vec<String>,
    /// Who names it, at most a hundred.
    sources: Vec<EntityRef>,
    total_sources: usize,
}

#[derive(Serialize)]
struct Listed {
    items: Vec<Target>,
}

/// Every target that is named and not declared, by ref; of one kind if asked.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    let parameters =
        Parameters::read_own(&request, &["kind"]).map_err(|problem| asked.failed(problem))?;
    let kinds: Vec<String> = parameters.all("kind").map(str::to_lowercase).collect();
    let mut items: Vec<Target> = api.view.read(|state| {
        state
            .dangling()
            .filter(|target| kinds.is_empty() || kinds.iter().any(|kind| kind == target.kind()))
            .map(|target| {
                let mut named: Vec<(&EntityRef, &str)> = state
                    .incoming(target)
                    .map(|(from, relation)| (from, relation.forward.as_str()))
                    .collect();
                named.sort_unstable();
                let mut types: Vec<String> = named.iter().map(|it| it.1.to_owned()).collect();
                types.sort_unstable();
                types.dedup();
                named.dedup_by_key(|it| it.0);
                Target {
                    target: target.clone(),
                    types,
                    total_sources: named.len(),
                    sources: named
                        .iter()
                        .take(SOURCES_MAX)
                        .map(|it| it.0.clone())
                        .collect(),
                }
            })
            .collect()
    });
    items.sort_unstable_by(|a, b| a.target.cmp(&b.target));
    Ok(ok_json(
        serde_json::to_string(&Listed { items }).expect("a ref is plain data"),
    ))
}
