//! `DELETE /entities/by-uid/{uid}`: an entity is taken out of the catalog, and comes back if a file still declares it.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use uuid::Uuid;

use super::Api;
use super::audit::{AuditEntry, AuditedAct, caller_of};
use super::auth::{Principal, principal_of};
use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use super::permissions::Permission;
use super::revision::answer_written;
use crate::apply::{Deletion, RegistrationFate};
use crate::config::LocationWrites;
use crate::view::CatalogState;

/// Deletes an entity. That there is none is as good, as in Backstage.
pub(super) async fn delete_by_uid(
    State(api): State<Api>,
    Path(uid): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let caller = caller_of(&request);
    let principal = principal_of(&request).map_err(failed)?;
    require_deletion(&api, &principal, &uid)
        .await
        .map_err(failed)?;
    let deleted = delete_if_any(&api, &uid, caller.as_deref()).await;
    let subject = match &deleted {
        Ok(Deletion::Left(entity_ref)) => format!("{entity_ref} {uid}"),
        Ok(Deletion::Unknown) | Err(_) => uid,
    };
    let entry = AuditEntry::new(AuditedAct::DeleteEntity, subject, caller.as_deref());
    entry.tell(deleted).map_err(failed)?;
    Ok(answer_written(&api, StatusCode::NO_CONTENT))
}

async fn require_deletion(api: &Api, principal: &Principal, uid: &str) -> Result<(), ApiProblem> {
    let find = |state: &CatalogState| {
        let record = state.entity_by_uid(&Uuid::parse_str(uid).ok()?)?;
        Some(record.entity_ref.clone())
    };
    api.require_for(principal, Permission::EntityDelete, find)
        .await
}

async fn delete_if_any(api: &Api, uid: &str, caller: Option<&str>) -> Result<Deletion, ApiProblem> {
    let Ok(uid) = Uuid::parse_str(uid) else {
        return Ok(Deletion::Unknown);
    };
    let fate = match api.registration.writes {
        LocationWrites::Allowed => RegistrationFate::Ends,
        LocationWrites::Refused => RegistrationFate::Stays,
    };
    let applier = Arc::clone(&api.applier);
    let actor = caller.unwrap_or_default().to_owned();
    api.finish(async move { applier.delete_entity(&uid, fate, &actor).await })
        .await
}
