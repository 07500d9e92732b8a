//! `/locations`: what people register as roots of the catalog.
//!
//! Registering, retargeting and unregistering go through apply, as an observation does; looking up goes to the
//! database, as nothing else needs these rows.

mod dry_run;
mod list;
mod lookup;
mod register;
mod registration;

use axum::Router;
use axum::routing::{get, post};
use serde::Serialize;

use super::Api;
use super::error::ApiProblem;
use crate::repo::RegisteredLocation;

/// A registered location as it is served.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LocationItem {
    id: String,
    #[serde(rename = "type")]
    location_type: String,
    target: String,
    entity_ref: String,
}

impl From<RegisteredLocation> for LocationItem {
    fn from(location: RegisteredLocation) -> Self {
        Self {
            id: location.id.to_string(),
            location_type: location.location_type,
            target: location.target,
            entity_ref: location.entity_ref,
        }
    }
}

/// The routes below `/locations`.
pub(super) fn location_routes() -> Router<Api> {
    Router::new()
        .route(
            "/locations",
            get(list::list_locations).post(register::register_location),
        )
        .route("/locations/by-query", post(list::query_locations))
        .route(
            "/locations/by-entity/{kind}/{namespace}/{name}",
            get(lookup::get_by_entity),
        )
        .route(
            "/locations/{id}",
            get(lookup::get_location)
                .put(register::retarget_location)
                .delete(register::unregister_location),
        )
}

/// An id that names nothing, or is none.
fn no_location(id: &str) -> ApiProblem {
    ApiProblem::NotFound(format!("Found no location with ID {id}"))
}
