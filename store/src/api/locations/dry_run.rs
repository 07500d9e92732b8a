//! `POST /locations?dryRun=true`: what registering a location would bring, without registering it.
//!
//! Reading files takes a processor, so this is a question over the bus. Nobody answers it yet.

use axum::response::Response;

use crate::api::Api;
use crate::api::error::ApiProblem;
use crate::apply::Registration;

/// What registering this would bring into the catalog.
///
/// # Errors
///
/// Always: nobody can tell yet.
pub(super) fn dry_run(_api: &Api, registration: &Registration) -> Result<Response, ApiProblem> {
    let Registration {
        location_type,
        target,
        ..
    } = registration;
    Err(ApiProblem::NotImplemented(format!(
        "A dry run of {location_type}:{target} is not possible yet; `freshet validate` checks files before they are registered"
    )))
}
