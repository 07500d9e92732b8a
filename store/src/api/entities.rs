//! `GET /entities` and the look-ups of one entity.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use freshet_model::{EntityRef, SourceId};
use uuid::Uuid;

use super::auth::principal_of;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::list_body::{AnsweredList, answer_list};
use super::parameters::Parameters;
use super::{Api, ok_json};
use crate::query::{FieldSelection, ListQuery, PageRequest, parse_filters, parse_orders};

/// Parameters of a list.
const KNOWN: [&str; 6] = ["filter", "fields", "order", "limit", "offset", "after"];

/// Whether a query, as in `?filter=kind=api`, is one that a list answers. Reads all of it, and looks at no entity.
#[must_use]
pub fn is_valid(query: &str) -> bool {
    Parameters::parse(query, &KNOWN).is_ok_and(|parameters| parse_list_query(&parameters).is_ok())
}

/// Entities that match a filter, as a bare array.
pub(super) async fn list_entities(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    let parameters = Parameters::read_known(&request, &KNOWN).map_err(failed)?;
    let mut query = parse_list_query(&parameters).map_err(failed)?;
    let principal = principal_of(&request).map_err(failed)?;
    let visible = api.visible_to(&principal).await.map_err(failed)?;
    query.predicate = query.predicate.and(visible);

    let AnsweredList { mut response, next } = answer_list(&api, query).await.map_err(failed)?;
    if let Some(after) = next
        && let Some(link) = next_link(&parameters, &after)
    {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

fn parse_list_query(parameters: &Parameters) -> Result<ListQuery, ApiProblem> {
    let page = match parameters.single_value("after")? {
        Some(token) => PageRequest::parse_token(token)?,
        None => PageRequest {
            limit: parameters.integer_value("limit", 1)?,
            offset: parameters.integer_value("offset", 0)?,
        },
    };
    Ok(ListQuery {
        predicate: parse_filters(parameters.values_of("filter"))?,
        order: parse_orders(parameters.values_of("order"))?,
        page,
        fields: FieldSelection::parse(parameters.values_of("fields"))?,
    })
}

/// The next page, relative to where the plugin is mounted.
fn next_link(parameters: &Parameters, after: &str) -> Option<HeaderValue> {
    // The token carries the offset, and one beside it would be ignored.
    let mut query = parameters.query_without(&["offset", "after"]);
    let query = query.append_pair("after", after).finish();
    format!("</entities?{query}>; rel=\"next\"").parse().ok()
}

/// One entity by its ref.
pub(super) async fn get_by_name(
    State(api): State<Api>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let principal = principal_of(&request).map_err(failed)?;
    let visible = api.visible_to(&principal).await.map_err(failed)?;
    let found = EntityRef::new(&kind, &namespace, &name)
        .ok()
        .and_then(|entity_ref| {
            let entity_ref = &entity_ref;
            api.view.read(|state| {
                Some(ServedEntity {
                    json: state.served_json(entity_ref)?,
                    source_id: state.entity(entity_ref)?.source_id,
                    entity_ref: entity_ref.clone(),
                })
            })
        });
    found
        .filter(|found| api.is_among(&found.entity_ref, &visible))
        .map(|found| respond_with_entity(&api, found))
        .ok_or_else(|| {
            asked.fail_with(ApiProblem::NotFound(format!(
                "No entity named '{name}' found, with kind '{kind}' in namespace '{namespace}'"
            )))
        })
}

/// One entity by its identity.
pub(super) async fn get_by_uid(
    State(api): State<Api>,
    Path(uid): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let principal = principal_of(&request).map_err(failed)?;
    let visible = api.visible_to(&principal).await.map_err(failed)?;
    let found = Uuid::parse_str(&uid).ok().and_then(|uid| {
        api.view.read(|state| {
            let record = state.entity_by_uid(&uid)?;
            Some(ServedEntity {
                json: state.served_json(&record.entity_ref)?,
                source_id: record.source_id,
                entity_ref: record.entity_ref.clone(),
            })
        })
    });
    found
        .filter(|found| api.is_among(&found.entity_ref, &visible))
        .map(|found| respond_with_entity(&api, found))
        .ok_or_else(|| {
            asked.fail_with(ApiProblem::NotFound(format!(
                "No entity found with ID {uid}"
            )))
        })
}

/// One entity as it is served.
struct ServedEntity {
    entity_ref: EntityRef,
    json: Arc<str>,
    source_id: SourceId,
}

/// A text that others hold as well, sent without a copy: a group of ten thousand is a megabyte.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Answers with an entity's text, and counts how old its truth is.
fn respond_with_entity(api: &Api, entity: ServedEntity) -> Response {
    if let Some(verified_at) = api.freshness.verified_at(entity.source_id) {
        // The age that readers see, which is not the age of the catalog: they may read the same ten
        // entities all day.
        api.metrics
            .observe_served_age(verified_at, api.clock.now_micros());
    }
    ok_json(Bytes::from_owner(SharedText(entity.json)))
}
