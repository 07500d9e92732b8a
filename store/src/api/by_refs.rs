//! `POST /entities/by-refs`: many entities by name, each in its place.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use serde::Deserialize;
use serde_json::Value;

use super::Api;
use super::auth::principal_of;
use super::body::read_body;
use super::error::{ApiError, RequestLine};
use super::list_body::answer_refs;
use super::parameters::Parameters;
use crate::query::{
    EntityPredicate, FieldSelection, expand_owners, parse_filters, select_entities,
};
use crate::view::View;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefsBody {
    entity_refs: Vec<String>,
    fields: Option<Vec<String>>,
    query: Option<Value>,
}

/// Entities in the order of their refs, `null` for those that are not there or not meant.
pub(super) async fn post_refs(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let answer = async {
        let parameters = Parameters::read_known(&request, &["filter"])?;
        let filter = parse_filters(parameters.values_of("filter"))?;
        let principal = principal_of(&request)?;
        let body: RefsBody = read_body(request).await?;
        let query = body
            .query
            .as_ref()
            .map(EntityPredicate::parse)
            .transpose()?;
        let visible = api.visible_to(&principal).await?;
        let predicate = filter.and(query.unwrap_or_default()).and(visible);
        let fields = body.fields.unwrap_or_default();
        let fields = FieldSelection::parse_each(fields.iter().map(String::as_str))?;
        let refs = find_refs(&api.view, &body.entity_refs, &predicate);
        answer_refs(&api, refs, fields).await
    };
    answer.await.map_err(|problem| asked.fail_with(problem))
}

/// Those of the refs that are meant; who is not there is found out when the text is made.
fn find_refs(
    view: &Arc<View>,
    written: &[String],
    predicate: &EntityPredicate,
) -> Vec<Option<EntityRef>> {
    // Nothing but the case is put right: a ref without its namespace is nobody's.
    let refs = written.iter().map(|written| {
        let entity_ref = EntityRef::parse(written).ok()?;
        (entity_ref.as_str() == written.to_lowercase()).then_some(entity_ref)
    });
    if *predicate == EntityPredicate::default() {
        return refs.collect();
    }
    let refs: Vec<Option<EntityRef>> = refs.collect();
    view.search(|state, index| {
        let predicate = expand_owners(state, predicate);
        let meant = select_entities(index, &predicate);
        let is_meant = |it: &EntityRef| state.slot_of(it).is_some_and(|slot| meant.contains(slot));
        refs.into_iter().map(|it| it.filter(is_meant)).collect()
    })
}
