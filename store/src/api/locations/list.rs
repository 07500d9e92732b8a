//! `GET /locations` and `POST /locations/by-query`.

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Serialize;

use super::LocationItem;
use crate::api::Api;
use crate::api::auth::{Principal, principal_of};
use crate::api::body::read_body;
use crate::api::error::{ApiError, ApiProblem, RequestLine};
use crate::api::etag::answer_data_tagged;
use crate::api::parameters::Parameters;
use crate::api::permissions::{Decision, Permission};
use crate::query::{LocationPage, LocationQuery};
use crate::repo::{RegisteredLocation, RepoError};

/// An item of the unpaged list, which has a wrapper in Backstage.
#[derive(Serialize)]
struct WrappedItem {
    data: LocationItem,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageAnswer {
    items: Vec<LocationItem>,
    total_items: usize,
    page_info: PageInfo,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Every registered location.
pub(super) async fn list_locations(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_known(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    let locations = load_visible(&api, &principal).await;
    let locations = locations.map_err(|error| asked.fail_with(error))?;
    let wrapped = locations.into_iter().map(|location| WrappedItem {
        data: location.into(),
    });
    let wrapped: Vec<WrappedItem> = wrapped.collect();
    Ok(answer_data_tagged(request.headers(), &wrapped))
}

/// A page of the registered locations that match.
pub(super) async fn query_locations(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_known(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let headers = request.headers().clone();
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    let query = read_body(request).await;
    let query: LocationQuery = query.map_err(|problem| asked.fail_with(problem))?;
    let page = find_page(&api, query, &principal).await;
    let page = page.map_err(|problem| asked.fail_with(problem))?;
    let page = PageAnswer {
        items: page.items.into_iter().map(LocationItem::from).collect(),
        total_items: page.total,
        page_info: PageInfo {
            next_cursor: page.next,
        },
    };
    Ok(answer_data_tagged(&headers, &page))
}

async fn find_page(
    api: &Api,
    query: LocationQuery,
    principal: &Principal,
) -> Result<LocationPage, ApiProblem> {
    Ok(query.select_page(load_visible(api, principal).await?)?)
}

/// Whoever may not see what is registered sees that nothing is.
async fn load_visible(
    api: &Api,
    principal: &Principal,
) -> Result<Vec<RegisteredLocation>, ApiProblem> {
    match api.decide(principal, Permission::LocationRead).await? {
        Decision::Everything => Ok(load_locations(api).await?),
        Decision::Nothing | Decision::Matching(_) => Ok(Vec::new()),
    }
}

async fn load_locations(api: &Api) -> Result<Vec<RegisteredLocation>, RepoError> {
    // All of them, whatever is asked for: people register thousands at most.
    let mut tx = api.repo.read_once().await?;
    let locations = tx.registered_locations().await?;
    tx.commit().await?;
    Ok(locations)
}
