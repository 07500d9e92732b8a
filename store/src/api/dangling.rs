//! `GET /api/v1/dangling`: relations to what no file declares.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use serde::Serialize;

use super::error::{ApiError, RequestLine};
use super::parameters::Parameters;
use super::{Api, answer_json};

/// Most entities that are shown of those that name one target.
const SOURCES_MAX: usize = 100;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DanglingTarget {
    target: EntityRef,
    /// Names of the relations to it.
    types: Vec<String>,
    /// Who names it, at most a hundred.
    sources: Vec<EntityRef>,
    total_sources: usize,
}

#[derive(Serialize)]
struct DanglingList {
    items: Vec<DanglingTarget>,
}

/// Every target that is named and not declared, by ref; of one kind if asked.
pub(super) async fn list_dangling(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let parameters =
        Parameters::read_own(&request, &["kind"]).map_err(|problem| asked.fail_with(problem))?;
    let kinds: Vec<String> = parameters
        .values_of("kind")
        .map(str::to_lowercase)
        .collect();
    let mut items: Vec<DanglingTarget> = api.view.read(|state| {
        state
            .dangling_refs()
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
                // One entity may name a target by several relations.
                named.dedup_by_key(|it| it.0);
                DanglingTarget {
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
    Ok(answer_json(&DanglingList { items }))
}
