//! `GET /api/v1/cycles`: entities that lead back to themselves.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::error::{ApiError, RequestLine};
use super::impact::{look, read_relations};
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::graph::Along;

/// The relation that nobody wants to go round in.
const DEFAULT_RELATION: &str = "dependsOn";
/// Cycles of an answer, and refs of a cycle, at most.
const CYCLES_MAX: usize = 1_000;
const REFS_MAX: usize = 1_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cycles {
    relations: Vec<String>,
    items: Vec<Cycle>,
    total_items: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cycle {
    entity_refs: Vec<String>,
    /// How many there are, if not all are shown.
    total_refs: usize,
}

/// Groups of entities each of which depends on all others of its group, the largest first.
pub(super) async fn list_cycles(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let parameters = Parameters::read_own(&request, &["relation"]);
    let parameters = parameters.map_err(|problem| asked.fail_with(problem))?;
    let relations =
        read_relations(&parameters).unwrap_or_else(|| vec![DEFAULT_RELATION.to_owned()]);
    let found = look(&api, move |state| {
        let along = Along::types(relations.iter().map(String::as_str));
        let cycles = state.graph().find_cycles(&along);
        let total_items = cycles.len();
        let items = cycles.into_iter().take(CYCLES_MAX).map(|refs| Cycle {
            total_refs: refs.len(),
            entity_refs: refs
                .iter()
                .take(REFS_MAX)
                .map(ToString::to_string)
                .collect(),
        });
        let items = items.collect();
        Cycles {
            relations,
            items,
            total_items,
        }
    });
    found
        .await
        .map(|cycles| answer_json(&cycles))
        .map_err(|problem| asked.fail_with(problem))
}
