//! `POST /locations`, `PUT` and `DELETE /locations/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use freshet_model::SourceId;
use serde::Serialize;
use uuid::Uuid;

use super::dry_run::dry_run;
use super::registration::{read_options, read_registration};
use super::{LocationItem, no_location};
use crate::api::audit::{AuditEntry, AuditedAct, caller_of};
use crate::api::error::{ApiError, ApiProblem, RequestLine};
use crate::api::parameters::Parameters;
use crate::api::refresh::{REFRESH, header_of};
use crate::api::revision::answer_written;
use crate::api::{Api, answer_json};
use crate::apply::{Registered, Registration, Retargeted, Unregistered};
use crate::config::{LocationConflict, LocationWrites};
use crate::ledger::RefreshRequest;
use crate::repo::{RegisteredLocation, RepoError};

#[derive(Serialize)]
struct RegisteredAnswer {
    location: LocationItem,
    /// What it leads to is read afterwards, so there is none yet.
    entities: [LocationItem; 0],
}

/// Registers a location, or tells what that would bring.
pub(super) async fn register_location(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    let options = read_options(&api, &request).map_err(failed)?;
    let caller = caller_of(&request);
    let registration = read_registration(&api, request).await.map_err(failed)?;
    if options.is_dry_run {
        return dry_run(&api, &registration).map_err(failed);
    }
    let act = AuditedAct::RegisterLocation;
    let entry = AuditEntry::new(act, spell(&registration), caller.as_deref());
    let registered = register(&api, registration, options.on_conflict, caller).await;
    let answer = entry.tell(registered).map_err(failed)?;
    Ok(answer_written(&api, answer))
}

/// Gives a registered location another target.
pub(super) async fn retarget_location(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let caller = caller_of(&request);
    let registration = read_registration(&api, request).await.map_err(failed)?;
    let act = AuditedAct::RetargetLocation;
    let subject = format!("{id} {}", spell(&registration));
    let entry = AuditEntry::new(act, subject, caller.as_deref());
    let retargeted = retarget(&api, &id, registration, caller).await;
    let location = entry.tell(retargeted).map_err(failed)?;
    let answer = answer_json(&LocationItem::from(location));
    Ok(answer_written(&api, answer))
}

/// Unregisters a location.
pub(super) async fn unregister_location(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let caller = caller_of(&request);
    let unregistered = unregister(&api, &id, caller.clone()).await;
    let subject = match &unregistered {
        Ok(location) => format!("{id} {}:{}", location.location_type, location.target),
        Err(_) => id,
    };
    let entry = AuditEntry::new(AuditedAct::UnregisterLocation, subject, caller.as_deref());
    entry.tell(unregistered).map_err(failed)?;
    Ok(answer_written(&api, StatusCode::NO_CONTENT))
}

fn check_writable(api: &Api) -> Result<(), ApiProblem> {
    match api.registration.writes {
        LocationWrites::Allowed => Ok(()),
        LocationWrites::Refused => Err(ApiProblem::NotAllowed(
            "This operation not allowed in readonly mode".to_owned(),
        )),
    }
}

fn spell(registration: &Registration) -> String {
    format!("{}:{}", registration.location_type, registration.target)
}

async fn register(
    api: &Api,
    registration: Registration,
    on_conflict: LocationConflict,
    caller: Option<String>,
) -> Result<Response, ApiProblem> {
    check_writable(api)?;
    let location = spell(&registration);
    let applier = Arc::clone(&api.applier);
    let actor = caller.clone().unwrap_or_default();
    let registered = api
        .finish(async move { applier.register(&registration, &actor).await })
        .await?;
    match (registered, on_conflict) {
        (Registered::New(location), _) => Ok(answer_created(location)),
        (Registered::Known(_), LocationConflict::Reject) => Err(ApiProblem::Conflict(format!(
            "Location {location} already exists"
        ))),
        (Registered::Known(known), LocationConflict::Refresh) => {
            let id = refresh_known(api, &known, caller).await?;
            let mut response = answer_created(known);
            response.headers_mut().insert(REFRESH, header_of(&id));
            Ok(response)
        }
    }
}

fn answer_created(location: RegisteredLocation) -> Response {
    let answer = answer_json(&RegisteredAnswer {
        location: location.into(),
        entities: [],
    });
    (StatusCode::CREATED, answer).into_response()
}

/// Has read what a location leads to that is registered already.
async fn refresh_known(
    api: &Api,
    known: &RegisteredLocation,
    caller: Option<String>,
) -> Result<Uuid, ApiProblem> {
    // By its links: the Location entity may be one that the catalog does not show.
    let sources = find_target_sources(api, &known.entity_ref).await?;
    api.request_refresh(RefreshRequest {
        entity_ref: known.entity_ref.clone(),
        sources,
        actor: caller.unwrap_or_default(),
    })
    .await
}

async fn find_target_sources(api: &Api, entity_ref: &str) -> Result<Vec<SourceId>, RepoError> {
    let mut tx = api.repo.read().await?;
    let links = tx.links_of_parents(&[entity_ref]).await?;
    let targets: Vec<_> = links.iter().map(|link| link.location_id).collect();
    let targets = tx.locations(&targets).await?;
    tx.commit().await?;
    Ok(targets.iter().map(|target| target.source_id).collect())
}

async fn retarget(
    api: &Api,
    id: &str,
    registration: Registration,
    caller: Option<String>,
) -> Result<RegisteredLocation, ApiProblem> {
    check_writable(api)?;
    let uuid = Uuid::parse_str(id).map_err(|_| no_location(id))?;
    let location = spell(&registration);
    let applier = Arc::clone(&api.applier);
    let actor = caller.unwrap_or_default();
    let retarget = async move {
        applier
            .retarget_registered(&uuid, &registration, &actor)
            .await
    };
    match api.finish(retarget).await? {
        Retargeted::Done(location) => Ok(location),
        Retargeted::TargetTaken => Err(ApiProblem::Conflict(format!(
            "Location {location} already exists"
        ))),
        Retargeted::Unknown => Err(no_location(id)),
    }
}

async fn unregister(
    api: &Api,
    id: &str,
    caller: Option<String>,
) -> Result<RegisteredLocation, ApiProblem> {
    check_writable(api)?;
    let uuid = Uuid::parse_str(id).map_err(|_| no_location(id))?;
    let applier = Arc::clone(&api.applier);
    let actor = caller.unwrap_or_default();
    match api
        .finish(async move { applier.unregister(&uuid, &actor).await })
        .await?
    {
        Unregistered::Done(location) => Ok(location),
        Unregistered::Unknown => Err(no_location(id)),
    }
}
