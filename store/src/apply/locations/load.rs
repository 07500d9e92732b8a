//! Loading what the judgement of the tree needs: one query per table and round.

use crate::apply::ApplyError;
use crate::apply::locations::{Facts, Need, Sights, Terms, Verdict, judge, key_of};
use crate::apply::locations::resolve::load_aims;
use crate::config::Recheck;
use crate::repo::{LinkRow, LocationEntityRow, LocationRow, SourceKind, SourceRow, Tx};

/// Rounds of loading in one transaction; each goes one level down or up the tree.
const ROUNDS_MAX: usize = 1_000;

/// The tree is deeper than anybody would make it.
#[derive(Debug, thiserror::Error)]
#[error("the tree of locations was not loaded in {ROUNDS_MAX} rounds")]
struct TooDeep;

/// Judges, loading what is needed.
pub(crate) async fn judged(
    tx: &mut Tx,
    facts: &mut Facts,
    sights: &Sights,
    terms: Terms<'_>,
    recheck: &Recheck,
) -> Result<Verdict, ApplyError> {
    for _ in 0..ROUNDS_MAX {
        match judge(facts, sights, terms) {
            Ok(verdict) => return Ok(verdict),
            Err(need) => load(tx, facts, *need, recheck).await?,
        }
    }
    Err(ApplyError::unreadable("the tree", TooDeep))
}

/// Loads what is needed, and what will be needed next because of it.
pub(crate) async fn load(
    tx: &mut Tx,
    facts: &mut Facts,
    mut need: Need,
    recheck: &Recheck,
) -> Result<(), ApplyError> {
    load_links_to(tx, facts, &mut need).await?;
    load_entities(tx, facts, &mut need).await?;
    load_links_from(tx, facts, &mut need).await?;
    load_aims(tx, facts, &need.aims, recheck).await?;
    load_locations(tx, facts, &mut need).await?;
    load_sources(tx, facts, &need).await?;
    load_claims(tx, facts, &need).await
}

fn add_link(facts: &mut Facts, link: LinkRow) {
    facts.links.entry(key_of(&link)).or_insert(link);
}

async fn load_links_to(tx: &mut Tx, facts: &mut Facts, need: &mut Need) -> Result<(), ApplyError> {
    let ids: Vec<i64> = std::mem::take(&mut need.linked).into_iter().collect();
    if ids.is_empty() {
        return Ok(());
    }
    for link in tx.links_of_locations(&ids).await? {
        if !facts.entities.contains_key(&link.parent_ref) {
            need.entities.insert(link.parent_ref.clone());
        }
        if !facts.linking.contains(&link.parent_ref) {
            need.linking.insert(link.parent_ref.clone());
        }
        add_link(facts, link);
    }
    facts.linked.extend(ids);
    Ok(())
}

async fn load_entities(tx: &mut Tx, facts: &mut Facts, need: &mut Need) -> Result<(), ApplyError> {
    let ids: Vec<i64> = need.declared.iter().copied().collect();
    for id in &ids {
        facts.declared.entry(*id).or_default();
    }
    for row in tx.location_entities_of(&ids).await? {
        let declared = facts.declared.entry(row.declared_by).or_default();
        declared.push(row.entity_ref.clone());
        add_entity(facts, row);
    }
    let refs: Vec<&str> = need.entities.iter().map(String::as_str).collect();
    let found = tx.location_entities(&refs).await?;
    for entity_ref in &need.entities {
        facts.entities.entry(entity_ref.clone()).or_insert(None);
    }
    for row in found {
        add_entity(facts, row);
    }
    Ok(())
}

fn add_entity(facts: &mut Facts, row: LocationEntityRow) {
    facts.entities.insert(row.entity_ref.clone(), Some(row));
}

async fn load_links_from(
    tx: &mut Tx,
    facts: &mut Facts,
    need: &mut Need,
) -> Result<(), ApplyError> {
    let refs: Vec<&str> = need.linking.iter().map(String::as_str).collect();
    let links = tx.links_of_parents(&refs).await?;
    for link in links {
        if !facts.locations.contains_key(&link.location_id) {
            need.locations.insert(link.location_id);
        }
        add_link(facts, link);
    }
    facts.linking.extend(std::mem::take(&mut need.linking));
    Ok(())
}

async fn load_locations(tx: &mut Tx, facts: &mut Facts, need: &mut Need) -> Result<(), ApplyError> {
    let ids: Vec<i64> = need.locations.iter().copied().collect();
    if ids.is_empty() {
        return Ok(());
    }
    for row in tx.locations(&ids).await? {
        facts.locations.insert(row.id, row);
    }
    for id in ids {
        // A row that is not there is a location of nothing.
        let row = facts
            .locations
            .entry(id)
            .or_insert_with(|| LocationRow::new(id, 0, ""));
        if !facts.sources.contains_key(&row.source_id) {
            need.sources.insert(row.source_id);
        }
    }
    Ok(())
}

async fn load_sources(tx: &mut Tx, facts: &mut Facts, need: &Need) -> Result<(), ApplyError> {
    let ids: Vec<i64> = need
        .sources
        .iter()
        .copied()
        .filter(|id| !facts.sources.contains_key(id))
        .collect();
    if ids.is_empty() {
        return Ok(());
    }
    for row in tx.sources(&ids).await? {
        facts.sources.insert(row.id, row);
    }
    for id in ids {
        facts
            .sources
            .entry(id)
            .or_insert_with(|| SourceRow::new(id, SourceKind::Url, "", ""));
    }
    Ok(())
}

async fn load_claims(tx: &mut Tx, facts: &mut Facts, need: &Need) -> Result<(), ApplyError> {
    if need.claims.is_empty() {
        return Ok(());
    }
    let refs: Vec<&str> = need.claims.iter().map(String::as_str).collect();
    let claims = tx.claims_of(&[], &refs).await?;
    for entity_ref in &need.claims {
        facts.claims.entry(entity_ref.clone()).or_default();
    }
    for claim in claims {
        facts
            .claims
            .entry(claim.entity_ref.clone())
            .or_default()
            .push(claim);
    }
    Ok(())
}
