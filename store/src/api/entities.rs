//! `GET /entities` and the look-ups of one entity.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use freshet_model::EntityRef;
use uuid::Uuid;

use super::error::{ApiError, Asked, Problem};
use super::parameters::Parameters;
use super::{Api, ok_json};
use crate::change::Record;
use crate::query::{Fields, Filter, Listing, Order, Page, list as run};

/// Parameters of a list.
const KNOWN: [&str; 6] = ["filter", "fields", "order", "limit", "offset", "after"];

/// Whether a query, as in `?filter=kind=api`, is one that a list answers. Reads all of it, and looks at no entity.
#[must_use]
pub fn is_valid(query: &str) -> bool {
    Parameters::parse(query, &KNOWN).is_ok_and(|parameters| listing(&parameters).is_ok())
}

/// Entities that match a filter, as a bare array.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    let failed = |problem| asked.failed(problem);
    let parameters = Parameters::read(&request, &KNOWN).map_err(failed)?;
    let listing = listing(&parameters).map_err(failed)?;

    let _permit = api.0.lists.acquire().await;
    let view = api.view.clone();
    // A list may look at every entity: not on a thread that serves connections.
    let listed = tokio::task::spawn_blocking(move || run(&view, &listing))
        .await
        .map_err(|_panicked| failed(Problem::Internal))?;
    let mut response = ok_json(listed.json);
    if let Some(after) = listed.next
        && let Some(link) = link(&parameters, &after)
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

fn listing(parameters: &Parameters) -> Result<Listing, Problem> {
    let page = match parameters.one("after")? {
        Some(token) => Page::after(token)?,
        None => Page {
            limit: parameters.integer("limit", 1)?,
            offset: parameters.integer("offset", 0)?,
        },
    };
    Ok(Listing {
        filter: Filter::parse(parameters.all("filter"))?,
        order: Order::parse(parameters.all("order"))?,
        page,
        fields: Fields::parse(parameters.all("fields"))?,
    })
}

/// The next page, relative to where the plugin is mounted.
fn link(parameters: &Parameters, after: &str) -> Option<HeaderValue> {
    let mut query = parameters.without(&["offset", "after"]);
    let query = query.append_pair("after", after).finish();
    format!("</entities?{query}>; rel=\"next\"").parse().ok()
}

/// One entity by its ref.
pub(super) async fn by_name(
    State(api): State<Api>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    Parameters::read(&request, &[]).map_err(|problem| asked.failed(problem))?;
    let found = EntityRef::new(&kind, &namespace, &name)
        .ok()
        .and_then(|entity_ref| {
            let entity_ref = &entity_ref;
            api.view
                .read(|state| Some((state.served(entity_ref)?, origin(state.entity(entity_ref)?))))
        });
    found.map(|found| serve(&api, found)).ok_or_else(|| {
        asked.failed(Problem::NotFound(format!(
            "No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'"
        )))
    })
}

/// One entity by its identity.
pub(super) async fn by_uid(
    State(api): State<Api>,
    Path(uid): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    Parameters::read(&request, &[]).map_err(|problem| asked.failed(problem))?;
    let found = Uuid::parse_str(&uid).ok().and_then(|uid| {
        api.view.read(|state| {
            let record = state.entity_by_uid(&uid)?;
            Some((state.served(&record.entity_ref)?, origin(record)))
        })
    });
    found
        .map(|found| serve(&api, found))
        .ok_or_else(|| asked.failed(Problem::NotFound(format!("No entity found with ID {uid}"))))
}

fn origin(record: &Record) -> i64 {
    record.source_id
}

/// Answers with an entity's text, and counts how old its truth is.
fn serve(api: &Api, (json, source_id): (String, i64)) -> Response {
    if let Some(verified_at) = api.freshness.verified_at(source_id) {
        api.metrics.served(verified_at, api.clock.now_micros());
    }
    ok_json(json)
}
