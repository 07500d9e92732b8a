//! Loads the part of the graph that a batch concerns, and has it decided.
//!
//! What was seen, who points at it and what it declares is loaded before anything is decided. What else
//! is needed follows from the decision itself: a new target, or everything below a location that lost
//! its last link. Such a part is loaded whole, the latter by following links down and up in the
//! database, and the decision is made again. Location entities that are declared one by the other in one
//! batch take one more decision for each level.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::{LocationId, SourceId};

use super::diff::LocationDiff;
use super::evaluate::{Evaluated, evaluate};
use super::evaluation::EvaluationInputs;
use super::graph::{GraphRequest, LocationGraph};
use super::resolve::resolve_targets;
use crate::apply::error::ApplyError;
use crate::apply::observed::evidence::LocationEvidence;
use crate::config::Recheck;
use crate::repo::{LocationLink, Tx};

/// Decisions about one batch; each goes one level further down what it declares.
const ROUNDS_MAX: usize = 64;

/// The files of one batch declare each other deeper than anybody would make it.
#[derive(Debug, thiserror::Error)]
#[error("the graph of locations was not loaded in {ROUNDS_MAX} rounds")]
struct TooDeepError;

/// Decides what the evidence makes of the graph, of which what is known already may be loaded.
pub(crate) async fn decide(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &BTreeMap<LocationId, LocationEvidence>,
    inputs: EvaluationInputs<'_>,
    recheck: &Recheck,
) -> Result<LocationDiff, ApplyError> {
    load(tx, graph, concerned_by(evidence), recheck).await?;
    for _ in 0..ROUNDS_MAX {
        match evaluate(graph, evidence, inputs) {
            Evaluated::Decided(diff) => return Ok(*diff),
            Evaluated::Incomplete(request) => load(tx, graph, *request, recheck).await?,
        }
    }
    Err(ApplyError::unreadable(
        "the graph of locations",
        TooDeepError,
    ))
}

/// Who points at what was seen, and the Location entities that stand or stood there.
pub(crate) fn concerned_by(evidence: &BTreeMap<LocationId, LocationEvidence>) -> GraphRequest {
    let mut request = GraphRequest::default();
    for (id, proved) in evidence {
        request.parents.insert(*id);
        match proved {
            LocationEvidence::Content(content) => {
                request.declarations.insert(*id);
                let declared = content.location_entities.iter();
                request
                    .entities
                    .extend(declared.map(|it| it.entity_ref.to_string()));
            }
            // What it declared goes, or moves.
            LocationEvidence::Absent { .. } => {
                request.declarations.insert(*id);
            }
            LocationEvidence::Unchanged
            | LocationEvidence::Matched(_)
            | LocationEvidence::Failed { .. } => {}
        }
    }
    request
}

/// Loads what is requested and not there yet, and what goes with it: one statement per table.
pub(crate) async fn load(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    mut request: GraphRequest,
    recheck: &Recheck,
) -> Result<(), ApplyError> {
    load_subtrees(tx, graph, &mut request).await?;
    load_children(tx, graph, &request.children).await?;
    // Whoever points at a new target already decides whose spelling it carries.
    let resolved = resolve_targets(tx, graph, &request.targets, recheck).await?;
    request.parents.extend(resolved);
    let parents = load_links_to(tx, graph, &request.parents).await?;
    request.entities.extend(parents);
    load_entities(tx, graph, &request.declarations, &request.entities).await?;
    load_losing_claims(tx, graph, &request.losing_claims).await?;
    // Last, for everything before names locations and those name sources: one statement each.
    load_locations(tx, graph).await?;
    load_sources(tx, graph).await
}

/// Everything below the locations, and everything above any of that: only so can it be said that no root
/// reaches it.
async fn load_subtrees(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    request: &mut GraphRequest,
) -> Result<(), ApplyError> {
    let roots = missing(&request.subtrees, |id| graph.loaded.subtrees.contains(id));
    if roots.is_empty() {
        return Ok(());
    }
    // Below first: what goes with a location has to be known before it can be asked who else holds
    // that up.
    let below = tx.locations_below(&roots).await?;
    let above = tx.locations_above(&below).await?;
    request.declarations.extend(below.iter().copied());
    // All links into any of it, up to the roots: a cycle would else look as if something held it.
    request.parents.extend(above);
    let entities = tx.location_entities_of(&below, &[]).await?;
    let refs = entities.into_iter().map(|entity| entity.entity_ref);
    for entity_ref in refs {
        request.losing_claims.insert(entity_ref.clone());
        request.children.insert(entity_ref);
    }
    graph.loaded.subtrees.extend(below);
    Ok(())
}

async fn load_children(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    refs: &BTreeSet<String>,
) -> Result<(), ApplyError> {
    let refs = missing(refs, |it| graph.loaded.children.contains(it));
    if refs.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = refs.iter().map(String::as_str).collect();
    add_links(graph, tx.links_of_parents(&names).await?);
    graph.loaded.children.extend(refs);
    Ok(())
}

/// Loads the links to these locations, and returns the refs they come from.
async fn load_links_to(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    ids: &BTreeSet<LocationId>,
) -> Result<BTreeSet<String>, ApplyError> {
    let ids = missing(ids, |id| graph.loaded.parents.contains(id));
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let links = tx.links_of_locations(&ids).await?;
    let parents = links.iter().map(|link| link.parent_ref.clone()).collect();
    add_links(graph, links);
    graph.loaded.parents.extend(ids);
    Ok(parents)
}

/// Loads the Location entities that these locations declare, and those with these refs.
async fn load_entities(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    declared_by: &BTreeSet<LocationId>,
    refs: &BTreeSet<String>,
) -> Result<(), ApplyError> {
    let ids = missing(declared_by, |id| graph.loaded.declarations.contains(id));
    let refs = missing(refs, |it| graph.loaded.entities.contains(it));
    if ids.is_empty() && refs.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = refs.iter().map(String::as_str).collect();
    for entity in tx.location_entities_of(&ids, &names).await? {
        graph.loaded.entities.insert(entity.entity_ref.clone());
        graph.entities.insert(entity.entity_ref.clone(), entity);
    }
    graph.loaded.declarations.extend(ids);
    graph.loaded.entities.extend(refs);
    Ok(())
}

async fn load_losing_claims(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    refs: &BTreeSet<String>,
) -> Result<(), ApplyError> {
    let refs = missing(refs, |it| graph.losing_claims.contains_key(it));
    if refs.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = refs.iter().map(String::as_str).collect();
    let claims = tx.claims_of(&[], &names).await?;
    graph
        .losing_claims
        .extend(refs.into_iter().map(|entity_ref| (entity_ref, Vec::new())));
    for claim in claims {
        if let Some(claims) = graph.losing_claims.get_mut(&claim.entity_ref) {
            claims.push(claim);
        }
    }
    Ok(())
}

/// The locations that links, claims and Location entities name.
async fn load_locations(tx: &mut Tx, graph: &mut LocationGraph) -> Result<(), ApplyError> {
    let linked = graph.links.iter().map(|link| link.location_id);
    let declaring = graph.entities.values().map(|entity| entity.declared_by);
    let claiming = graph.losing_claims.values().flatten();
    let claiming = claiming.map(|claim| claim.location_id);
    let named: BTreeSet<LocationId> = linked.chain(declaring).chain(claiming).collect();
    let ids = missing(&named, |id| graph.locations.contains_key(id));
    if ids.is_empty() {
        return Ok(());
    }
    for location in tx.locations(&ids).await? {
        graph.locations.insert(location.id, location);
    }
    Ok(())
}

async fn load_sources(tx: &mut Tx, graph: &mut LocationGraph) -> Result<(), ApplyError> {
    let named = graph.locations.values().map(|location| location.source_id);
    let named: BTreeSet<SourceId> = named.collect();
    let ids = missing(&named, |id| graph.sources.contains_key(id));
    if ids.is_empty() {
        return Ok(());
    }
    for source in tx.sources(&ids).await? {
        graph.sources.insert(source.id, source);
    }
    Ok(())
}

fn add_links(graph: &mut LocationGraph, links: Vec<LocationLink>) {
    for link in links {
        graph.links.put(link);
    }
}

fn missing<T: Clone>(wanted: &BTreeSet<T>, is_loaded: impl Fn(&T) -> bool) -> Vec<T> {
    let wanted = wanted.iter().filter(|it| !is_loaded(it));
    wanted.cloned().collect()
}
