//! The roots of the catalog: what the configuration names, what people register, and what the providers discover.
//!
//! A root is a location of a `roots` source that declares one generated Location entity. It comes
//! and goes like the content of a file, so everything below it follows by the same rules.

mod change;
pub(crate) mod configured;
pub(crate) mod discovered;
pub(crate) mod heirs;
pub(crate) mod registered;

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::location::{LocationSpec, TargetPlaces, generated_location};
use freshet_model::{EntityRef, LocationId, SourceId, canonical_json};
use sha2::{Digest, Sha256};

use super::entities::declarations::Undeclared;
use super::locations::graph::{GraphRequest, LocationGraph, TargetKey};
use super::locations::load::load;
use super::locations::naming::{generated_ref, is_generated, presence_of};
use super::locations::target::target_of_root;
use super::observed::evidence::{ContentEvidence, DeclaredLocation, LocationEvidence};
use crate::apply::error::ApplyError;
use crate::config::{Recheck, Root};
use crate::ledger::Provider;
use crate::repo::sources::SourceKey;
use crate::repo::{Naming, RegisteredLocation, SourceKind, SourceRow, Tx};

/// The roots source of the configuration.
pub(crate) const CONFIG: &str = "config";
/// The roots source of what people register.
const REGISTERED: &str = "registered";
/// What the roots sources of providers begin with.
pub(crate) const PROVIDER: &str = "github:";

/// A root that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedRoot {
    /// The roots source.
    pub(crate) key: SourceKey,
    pub(crate) location_type: String,
    pub(crate) target: String,
    /// The Location entity that stands for it.
    pub(crate) entity_ref: String,
    pub(crate) is_required: bool,
    /// The file it names, if that is known already.
    pub(crate) file: Option<LocationId>,
}

impl WantedRoot {
    /// A location of the configuration.
    pub(crate) fn configured(root: &Root) -> Self {
        Self::new(roots_key("", CONFIG), &root.location_type, &root.target)
    }

    /// A location that somebody registered.
    pub(crate) fn registered(location: &RegisteredLocation) -> Self {
        let RegisteredLocation {
            location_type,
            target,
            ..
        } = location;
        Self {
            // It has kept the one it had when it was registered, whatever its target is by now.
            entity_ref: location.entity_ref.clone(),
            is_required: location.is_required,
            ..Self::new(registered_key(), location_type, target)
        }
    }

    /// A root that must be there and is called after its location.
    fn new(key: SourceKey, location_type: &str, target: &str) -> Self {
        Self {
            key,
            entity_ref: generated_ref(&format!("{location_type}:{target}")),
            location_type: location_type.to_owned(),
            target: target.to_owned(),
            is_required: true,
            file: None,
        }
    }

    /// `type:target`.
    pub(crate) fn location(&self) -> String {
        format!("{}:{}", self.location_type, self.target)
    }

    /// What the root declares, as if it were a file.
    fn evidence(&self) -> LocationEvidence {
        let presence = presence_of(self.is_required);
        let document = generated_location(&self.location_type, &self.target, presence);
        let document = canonical_json(&document);
        let digest = hex::encode(Sha256::digest(document.as_bytes()));
        let entity_ref = EntityRef::parse(&self.entity_ref).expect("a generated name is valid");
        LocationEvidence::Content(ContentEvidence {
            blob: digest.clone(),
            is_invalid: false,
            emitted: Vec::new(),
            location_entities: vec![DeclaredLocation {
                entity_ref,
                document,
                digest,
                line: 0,
                column: 0,
                target_places: TargetPlaces::default(),
            }],
            undeclared: Undeclared::Removed,
        })
    }
}

/// The roots source of a provider.
pub(crate) fn provider_key(provider: &Provider) -> SourceKey {
    roots_key(&provider.host, &format!("{PROVIDER}{}", provider.id))
}

/// The roots source of what people register.
pub(crate) fn registered_key() -> SourceKey {
    roots_key("", REGISTERED)
}

/// Whether its roots are those that people registered.
pub(crate) fn is_of_registered(source: &SourceRow) -> bool {
    source.kind == SourceKind::Roots && source.external_id == REGISTERED
}

/// A roots source.
pub(crate) fn roots_key(host: &str, external_id: &str) -> SourceKey {
    SourceKey::new(SourceKind::Roots, host, external_id)
}

/// Puts roots among what was seen.
pub(crate) async fn add_roots(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    wanted: &[WantedRoot],
    hosts: &[String],
) -> Result<(), ApplyError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let keys = wanted.iter().map(|root| root.key.clone()).collect();
    let sources = find_roots_sources(tx, graph, keys).await?;
    let place_of = |root: &WantedRoot| TargetKey::Place {
        source_id: sources[&root.key],
        path: root.location(),
    };
    let mut request = GraphRequest::default();
    for root in wanted {
        request.targets.insert(place_of(root));
        if let (Some(file), Some(target)) = (root.file, target_of_root(&root.location(), hosts)) {
            // The file of a repository is known by the repository's id. Its URL would find the
            // wrong one after a rename.
            graph.targets.insert(target, file);
        }
    }
    // A root is never looked at, so it has no interval of its own.
    load(tx, graph, request, &Recheck::default()).await?;
    for root in wanted {
        let id = graph.targets[&place_of(root)];
        if let Some(location) = graph.locations.get_mut(&id) {
            location.naming = Some(Naming {
                parent_ref: None,
                url: root.target.clone(),
                origin: root.location(),
            });
        }
        evidence.insert(id, root.evidence());
    }
    Ok(())
}

/// The ids of roots sources, stored or new.
pub(crate) async fn find_roots_sources(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    keys: BTreeSet<SourceKey>,
) -> Result<BTreeMap<SourceKey, SourceId>, ApplyError> {
    let keys: Vec<SourceKey> = keys.into_iter().collect();
    let mut ids: BTreeMap<SourceKey, SourceId> = BTreeMap::new();
    for source in tx.lock_sources_by_key(&keys).await? {
        ids.insert(source.key(), source.id);
        graph.sources.insert(source.id, source);
    }
    let missing: Vec<SourceKey> = keys
        .into_iter()
        .filter(|it| !ids.contains_key(it))
        .collect();
    let numbers = tx.new_source_ids(missing.len()).await?;
    let mut rows = Vec::new();
    for (key, id) in missing.into_iter().zip(numbers) {
        let mut source = SourceRow::new(id, SourceKind::Roots, &key.host, &key.external_id);
        source.names.name.clone_from(&key.external_id);
        ids.insert(key, id);
        graph.sources.insert(id, source.clone());
        rows.push(source);
    }
    // Written at once, so that no id is given away twice; a roots source without roots is harmless.
    tx.put_sources(&rows).await?;
    Ok(ids)
}

/// Sees roots go that a provider named (of the roots source `of` if it is given) and that no longer stand
/// for anything it wants.
pub(crate) async fn remove_roots(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    doubtful: Vec<String>,
    of: Option<&SourceKey>,
) -> Result<(), ApplyError> {
    if doubtful.is_empty() {
        return Ok(());
    }
    let request = GraphRequest {
        entities: doubtful.iter().cloned().collect(),
        ..GraphRequest::default()
    };
    load(tx, graph, request, &Recheck::default()).await?;
    let unlisted = match of {
        None => find_unlisted(tx, graph).await?,
        // It has just been listed.
        Some(_) => BTreeSet::new(),
    };
    for id in doubtful.iter().filter_map(|it| discovered_root(graph, it)) {
        let source = graph.locations.get(&id).and_then(|location| {
            let source = graph.sources.get(&location.source_id)?;
            Some((source.id, source.key()))
        });
        let is_discovered = source.is_some_and(|(source_id, key)| {
            is_of_provider(&key)
                && of.is_none_or(|of| key == *of)
                // A name that is misspelt wants no repository, and takes none away.
                && !unlisted.contains(&source_id)
        });
        if is_discovered {
            // What was named again in this batch stays.
            evidence
                .entry(id)
                .or_insert(LocationEvidence::Absent { reason: None });
        }
    }
    Ok(())
}

fn is_of_provider(key: &SourceKey) -> bool {
    key.kind == SourceKind::Roots && key.external_id.starts_with(PROVIDER)
}

/// Where the configuration names the account of a provider.
pub(crate) fn organization_entry(provider_id: &str) -> String {
    format!("catalog.providers.github.{provider_id}.organization")
}

/// The roots sources, of those that are loaded, whose account cannot be listed.
async fn find_unlisted(
    tx: &mut Tx,
    graph: &LocationGraph,
) -> Result<BTreeSet<SourceId>, ApplyError> {
    let entries: Vec<(SourceId, String)> = graph
        .sources
        .values()
        .filter(|source| is_of_provider(&source.key()))
        .map(|source| {
            let id = source.external_id.strip_prefix(PROVIDER);
            (source.id, organization_entry(id.unwrap_or_default()))
        })
        .collect();
    let places: Vec<(SourceId, &str)> = entries.iter().map(|(id, path)| (*id, &**path)).collect();
    let locations = tx.locations_at(&places).await?;
    let ids: Vec<LocationId> = locations.iter().map(|location| location.id).collect();
    let problems = tx.problems_of(&ids).await?;
    Ok(problems.iter().map(|problem| problem.source_id).collect())
}

/// The location of a root that a provider may have named: what the configuration names is required.
fn discovered_root(graph: &LocationGraph, entity_ref: &str) -> Option<LocationId> {
    let entity = graph.entities.get(entity_ref)?;
    let document = serde_json::from_str(&entity.document).ok()?;
    // What the configuration names is required, and no listing may take it away.
    let is_discovered = is_generated(entity) && !LocationSpec::read(&document).is_required;
    is_discovered.then_some(entity.declared_by)
}
