//! `GET /api/v1/owned`: all that a person or a group owns, by any chain of groups.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use serde::Serialize;

use super::error::{ApiError, ApiProblem, RequestLine};
use super::impact::read_ref;
use super::list_body::permit_list_work;
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::query::{owned_by, select_entities};
use crate::view::View;

/// Refs of an answer, and at most.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owned {
    by: String,
    /// Everybody whose things these are.
    owners: Vec<String>,
    items: Vec<String>,
    total_items: usize,
}

struct OwnedQuestion {
    by: EntityRef,
    offset: usize,
    limit: usize,
}

/// Refs of what somebody owns, in order.
pub(super) async fn list_owned(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let question = read_question(&request).map_err(|problem| asked.fail_with(problem))?;
    let permit = permit_list_work(&api).await;
    let view = std::sync::Arc::clone(&api.view);
    let looking = tokio::task::spawn_blocking(move || {
        let _held_until_done = permit;
        find_owned(&view, &question)
    });
    let owned = looking.await.map_err(|_panicked| ApiProblem::Internal);
    owned
        .map(|owned| answer_json(&owned))
        .map_err(|problem| asked.fail_with(problem))
}

fn read_question(request: &Request) -> Result<OwnedQuestion, ApiProblem> {
    let parameters = Parameters::read_own(request, &["by", "limit", "offset"])?;
    let limit = parameters.integer_value("limit", 1_usize)?;
    Ok(OwnedQuestion {
        by: read_ref(&parameters, "by")?,
        offset: parameters.integer_value("offset", 0_usize)?.unwrap_or(0),
        limit: limit.unwrap_or(LIMIT).min(LIMIT_MAX),
    })
}

fn find_owned(view: &View, question: &OwnedQuestion) -> Owned {
    view.search(|state, index| {
        let owners = state.graph().roll_up_owners(&question.by);
        let owned = select_entities(index, &owned_by(&owners));
        let refs = owned.iter().filter_map(|slot| state.record_at(slot));
        let mut refs: Vec<&EntityRef> = refs.map(|record| &record.entity_ref).collect();
        refs.sort_unstable();
        let total_items = refs.len();
        let shown = refs.into_iter().skip(question.offset).take(question.limit);
        Owned {
            by: question.by.to_string(),
            owners: owners.iter().map(ToString::to_string).collect(),
            items: shown.map(ToString::to_string).collect(),
            total_items,
        }
    })
}
