//! `GET /entities/by-name/{kind}/{namespace}/{name}/ancestry`: what leads to an entity, up to the roots.

use std::collections::HashSet;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use freshet_model::{EntityRef, LocationId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Api;
use super::auth::principal_of;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::etag::answer_data_tagged;
use super::parameters::Parameters;
use super::permissions::{Permission, not_allowed};
use super::refresh::load_lineage_of;
use crate::lineage::Lineage;
use crate::query::select_entities;
use crate::view::CatalogState;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AncestryItem {
    entity: Box<RawValue>,
    parent_entity_refs: Vec<EntityRef>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ancestry {
    root_entity_ref: EntityRef,
    items: Vec<AncestryItem>,
}

/// The entity and everything that leads to it, each with those that point at it.
pub(super) async fn get_ancestry(
    State(api): State<Api>,
    Path((kind, namespace, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let principal = principal_of(&request).map_err(failed)?;
    let visible = api.visible_to(&principal).await.map_err(failed)?;
    let missing = || {
        asked.fail_with(ApiProblem::NotFound(format!(
            "No such entity {kind}:{namespace}/{name}"
        )))
    };
    let entity_ref = EntityRef::new(&kind, &namespace, &name).map_err(|_| missing())?;
    // As in Backstage: elsewhere it would be as if there were no such entity.
    if !api.is_among(&entity_ref, &visible) {
        return Err(failed(not_allowed(Permission::EntityRead)));
    }
    let lineage = load_lineage_of(&api, &entity_ref).await;
    let lineage = lineage.map_err(|error| asked.fail_with(error))?;
    let (lineage, location_id) = lineage.ok_or_else(missing)?;
    let items = api.view.search(|state, index| {
        let meant = select_entities(index, &visible);
        let is_visible =
            |it: &EntityRef| state.slot_of(it).is_some_and(|slot| meant.contains(slot));
        collect_items(state, &lineage, (&entity_ref, location_id), is_visible)
    });
    let ancestry = Ancestry {
        root_entity_ref: entity_ref,
        items,
    };
    Ok(answer_data_tagged(request.headers(), &ancestry))
}

/// Depth first, as Backstage does; beyond what must not be seen nobody looks.
fn collect_items(
    state: &CatalogState,
    lineage: &Lineage,
    (entity_ref, location_id): (&EntityRef, LocationId),
    is_visible: impl Fn(&EntityRef) -> bool,
) -> Vec<AncestryItem> {
    let mut items = Vec::new();
    let mut known = HashSet::from([entity_ref.clone()]);
    let mut open = vec![(entity_ref.clone(), location_id)];
    while let Some((entity_ref, location_id)) = open.pop() {
        // It may have left since it was looked up.
        let Some(entity) = state.served_json(&entity_ref) else {
            continue;
        };
        let parents = lineage.parents_of(location_id);
        let parents = parents.filter_map(|it| EntityRef::parse(it).ok());
        // One that stands for something optional is not shown while nothing is there.
        let parents = parents.filter(|it| state.entity(it).is_some() && is_visible(it));
        let parent_entity_refs: Vec<EntityRef> = parents.collect();
        for parent in &parent_entity_refs {
            if let Some(declaring) = lineage.declaring(parent.as_str())
                && known.insert(parent.clone())
            {
                open.push((parent.clone(), declaring));
            }
        }
        items.push(AncestryItem {
            entity: RawValue::from_string(String::from(&*entity))
                .expect("an entity is served as JSON"),
            parent_entity_refs,
        });
    }
    items
}
