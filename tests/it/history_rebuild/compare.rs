//! The catalog beside one that begins with the repositories as they are now.

use std::collections::BTreeMap;

use freshet_model::annotation::{MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION};
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::entity::read_ref;
use freshet_tests::services::Services;
use freshet_tests::setup::{Setup, app_config};
use freshet_wait::eventually;
use serde_json::Value;

use super::plan::{REPOSITORIES, World, contested, shared};
use crate::story::Story;

/// Says what differs, if anything does.
pub(super) async fn with_a_fresh_catalog(story: &Story, world: &World) -> Result<(), String> {
    let backends = Backends::start(Profile::Embedded).await;
    let setup = Setup {
        host: Some(freshet_tests::stage::GITHUB.to_owned()),
        overlay: story.overlay(),
        ..Setup::default()
    };
    let config = app_config(
        &setup,
        &story.world.github,
        &backends.bus(),
        &backends.database().await,
    );
    let services = Services::start(&config).await;
    let fresh = Api::new(
        services.addresses.api.expect("the store runs"),
        services.addresses.admin,
    );
    eventually("the fresh catalog has read every repository", || async {
        let sources = fresh.sources().await?;
        let read = sources
            .iter()
            .filter(|it| it["kind"] == "repository" && it["done"].as_i64() > Some(0))
            .count();
        if read < REPOSITORIES {
            return Err(format!("{sources:?}"));
        }
        fresh.is_settled().await
    })
    .await;
    let (grown, built) = (
        served(&story.world.api, world).await?,
        served(&fresh, world).await?,
    );
    let outcome = differences(&grown, &built);
    services.stop().await;
    outcome
}

async fn served(api: &Api, world: &World) -> Result<BTreeMap<String, Value>, String> {
    let (contested, shared) = (contested(world), shared(world));
    let entities = api.entities().await?;
    let all = entities
        .into_iter()
        .map(|entity| (read_ref(&entity), entity));
    let certain = all.filter(|(entity_ref, _)| !contested.contains(entity_ref));
    Ok(certain
        .map(|(entity_ref, entity)| (entity_ref, comparable(entity, &contested, &shared)))
        .collect())
}

fn comparable(mut entity: Value, contested: &[String], shared: &[String]) -> Value {
    let metadata = entity["metadata"]
        .as_object_mut()
        .expect("an entity has metadata");
    metadata.remove("uid");
    metadata.remove("etag");
    let annotations = metadata["annotations"]
        .as_object_mut()
        .expect("it was read somewhere");
    let read_at = annotations[MANAGED_BY_LOCATION]
        .as_str()
        .unwrap_or_default();
    if shared.iter().any(|end| read_at.ends_with(end)) {
        annotations.remove(MANAGED_BY_ORIGIN_LOCATION);
    }
    if let Some(relations) = entity["relations"].as_array_mut() {
        relations.retain(|relation| {
            let target = relation["targetRef"].as_str().unwrap_or_default();
            !contested.iter().any(|entity_ref| entity_ref == target)
        });
    }
    entity
}

fn differences(
    grown: &BTreeMap<String, Value>,
    built: &BTreeMap<String, Value>,
) -> Result<(), String> {
    let mut lines = Vec::new();
    for entity_ref in grown
        .keys()
        .chain(built.keys().filter(|it| !grown.contains_key(*it)))
    {
        let (left, right) = (grown.get(entity_ref), built.get(entity_ref));
        if left != right {
            let shown = |value: Option<&Value>| {
                value.map_or_else(|| "absent".to_owned(), ToString::to_string)
            };
            lines.push(format!(
                "{entity_ref}\n  grown {}\n  built {}",
                shown(left),
                shown(right)
            ));
        }
    }
    if lines.is_empty() {
        Ok(())
    } else {
        Err(lines.join("\n"))
    }
}
