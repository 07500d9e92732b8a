//! `GET /locations/{id}` and `GET /locations/by-entity/{kind}/{namespace}/{name}`.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use freshet_model::annotation::MANAGED_BY_ORIGIN_LOCATION;
use freshet_model::location::LocationRef;
use serde_json::Value;
use uuid::Uuid;

use super::{LocationItem, no_location};
use crate::api::Api;
use crate::api::auth::{Principal, principal_of};
use crate::api::error::{ApiError, ApiProblem, RequestLine};
use crate::api::etag::answer_data_tagged;
use crate::api::parameters::Parameters;
use crate::api::permissions::{Decision, Permission};
use crate::repo::{RegisteredLocation, RepoError};

/// One registered location.
pub(super) async fn get_location(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_known(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    let found = find_by_id(&api, &id).await;
    let found = found.map_err(|error| asked.fail_with(error))?;
    let found = show(&api, &principal, found).await;
    let found = found.map_err(|problem| asked.fail_with(problem))?;
    let found = found.ok_or_else(|| asked.fail_with(no_location(&id)))?;
    let found = LocationItem::from(found);
    Ok(answer_data_tagged(request.headers(), &found))
}

/// The registered location from which an entity was found. Of what the configuration or a provider named, there is none.
pub(super) async fn get_by_entity(
    State(api): State<Api>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_known(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    let origin = find_origin(&api, &kind, &namespace, &name);
    let found = find_by_origin(&api, origin).await;
    let found = found.map_err(|error| asked.fail_with(error))?;
    let found = show(&api, &principal, found).await;
    let found = found.map_err(|problem| asked.fail_with(problem))?;
    let found = found.ok_or_else(|| {
        asked.fail_with(ApiProblem::NotFound(format!(
            "Found no registered location of entity {kind}:{namespace}/{name}"
        )))
    })?;
    let found = LocationItem::from(found);
    Ok(answer_data_tagged(request.headers(), &found))
}

/// To whoever may not see what is registered, nothing is.
async fn show(
    api: &Api,
    principal: &Principal,
    found: Option<RegisteredLocation>,
) -> Result<Option<RegisteredLocation>, ApiProblem> {
    match api.decide(principal, Permission::LocationRead).await? {
        Decision::Everything => Ok(found),
        Decision::Nothing | Decision::Matching(_) => Ok(None),
    }
}

async fn find_by_id(api: &Api, id: &str) -> Result<Option<RegisteredLocation>, RepoError> {
    let Ok(id) = Uuid::parse_str(id) else {
        return Ok(None);
    };
    let mut tx = api.repo.read_once().await?;
    let found = tx.registered_location(&id).await?;
    tx.commit().await?;
    Ok(found)
}

/// Where the catalog says that an entity comes from.
fn find_origin(api: &Api, kind: &str, namespace: &str, name: &str) -> Option<LocationRef> {
    let entity_ref = EntityRef::new(kind, namespace, name).ok()?;
    let document = api
        .view
        .read(|state| Some(state.entity(&entity_ref)?.document.clone()))?;
    let document: Value = serde_json::from_str(&document).ok()?;
    let origin = document["metadata"]["annotations"][MANAGED_BY_ORIGIN_LOCATION].as_str()?;
    LocationRef::parse(origin).ok()
}

async fn find_by_origin(
    api: &Api,
    origin: Option<LocationRef>,
) -> Result<Option<RegisteredLocation>, RepoError> {
    let Some(origin) = origin else {
        return Ok(None);
    };
    let mut tx = api.repo.read_once().await?;
    let found = tx
        .registered_location_at(origin.location_type(), origin.target())
        .await?;
    tx.commit().await?;
    Ok(found)
}
