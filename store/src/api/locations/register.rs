//! `POST /locations`, `PUT` and `DELETE /locations/{id}`.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use freshet_model::SourceId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::dry_run::dry_run;
use super::{LocationItem, no_location};
use crate::api::audit::{AuditEntry, AuditedAct, caller_of};
use crate::api::body::read_body;
use crate::api::error::{ApiError, ApiProblem, RequestLine};
use crate::api::parameters::Parameters;
use crate::api::refresh::{REFRESH, header_of};
use crate::api::revision::answer_written;
use crate::api::{Api, answer_json};
use crate::apply::{Registered, Registration, Retargeted, Unregistered};
use crate::config::{LocationConflict, LocationWrites};
use crate::ledger::RefreshRequest;
use crate::repo::{RegisteredLocation, RepoError};

/// Most bytes of a target: it is in an index of the database, and no URL is longer.
const TARGET_BYTES_MAX: usize = 2_000;
/// What means yes to Backstage.
const YES: [&str; 6] = ["true", "yes", "y", "1", "on", "t"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocationBody {
    #[serde(rename = "type")]
    location_type: String,
    target: String,
    #[serde(default)]
    presence: Presence,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Presence {
    #[default]
    Required,
    Optional,
}

#[derive(Serialize)]
struct RegisteredAnswer {
    location: LocationItem,
    /// What it leads to is read afterwards, so there is none yet.
    entities: [LocationItem; 0],
}

/// What a request to register asks for besides its body.
struct RegisterOptions {
    is_dry_run: bool,
    on_conflict: LocationConflict,
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

fn read_options(api: &Api, request: &Request) -> Result<RegisterOptions, ApiProblem> {
    let parameters = Parameters::read_known(request, &["dryRun", "onConflict"])?;
    let dry_run = parameters.single_value("dryRun")?.map(str::to_lowercase);
    let on_conflict = match parameters.single_value("onConflict")? {
        None => api.registration.on_conflict,
        Some("refresh") => LocationConflict::Refresh,
        Some("reject") => LocationConflict::Reject,
        Some(other) => {
            return Err(ApiProblem::Input(format!(
                "Query parameter 'onConflict' must be refresh or reject, and not '{other}'"
            )));
        }
    };
    Ok(RegisterOptions {
        is_dry_run: dry_run.is_some_and(|it| YES.contains(&it.as_str())),
        on_conflict,
    })
}

fn check_writable(api: &Api) -> Result<(), ApiProblem> {
    match api.registration.writes {
        LocationWrites::Allowed => Ok(()),
        LocationWrites::Refused => Err(ApiProblem::NotAllowed(
            "This operation not allowed in readonly mode".to_owned(),
        )),
    }
}

async fn read_registration(api: &Api, request: Request) -> Result<Registration, ApiProblem> {
    let body: LocationBody = read_body(request).await?;
    let types = &api.registration.types;
    if !types.contains(&body.location_type) {
        return Err(ApiProblem::Input(format!(
            "Registered locations must be of an allowed type [{}]",
            types.join(", ")
        )));
    }
    check_target(&body.target)?;
    Ok(Registration {
        location_type: body.location_type,
        target: body.target,
        is_required: body.presence == Presence::Required,
    })
}

/// Whether it is a URL is seen when it is read, as in Backstage.
fn check_target(target: &str) -> Result<(), ApiProblem> {
    let refused = |reason: &str| Err(ApiProblem::Input(format!("The target {reason}")));
    if target.is_empty() {
        return refused("is empty");
    }
    if target.len() > TARGET_BYTES_MAX {
        return refused(&format!("has more than {TARGET_BYTES_MAX} bytes"));
    }
    // No database keeps all of them, and nothing that is read is called so.
    if target.contains(char::is_control) {
        return refused("has control characters in it");
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, refused: Option<&str>) {
        match (check_target(target), refused) {
            (Ok(()), None) => {}
            (Err(ApiProblem::Input(message)), Some(part)) => {
                assert!(message.contains(part), "{message}");
            }
            (checked, refused) => panic!("{checked:?}, and not {refused:?}"),
        }
    }

    #[test]
    fn a_target_need_be_no_url_but_must_be_something_that_can_be_kept() {
        check(
            "https://github.com/acme/pay/blob/main/catalog-info.yaml",
            None,
        );
        check("not a url", None);
        check(&"é".repeat(TARGET_BYTES_MAX / 2), None);
        check("", Some("is empty"));
        check(
            &"é".repeat(TARGET_BYTES_MAX / 2 + 1),
            Some("more than 2000 bytes"),
        );
        check("https://example.com/\0", Some("control characters"));
    }
}
