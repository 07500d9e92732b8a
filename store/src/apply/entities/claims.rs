//! Who holds which ref. Pure.
//!
//! The holder keeps a ref while its claim lives, whoever else claims it; then the oldest claim
//! wins, ties by repository, branch and path. Nobody's claim is forgotten while it is made, so that
//! the next one is promoted in the transaction that frees the ref.
//!
//! A Location entity has targets as well, so who takes it over decides what the graph of locations looks
//! like; `locations/succession.rs` finds its successor by the same order, before claims are resolved here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use freshet_model::{EntityRef, GitRef, LocationId, RelationDeclaration, SourceId};

use crate::apply::entities::claim_index::{Claim, ClaimState, RefClaims, claims_by_ref};
use crate::apply::entities::declarations::{DeclaredEntity, FileDeclarations};
use crate::apply::entities::load::StoredEntities;
use crate::apply::error::ApplyError;
use crate::repo::claims::ClaimKey;
use crate::repo::relation_text::{relations_from_text, relations_to_text};
use crate::repo::{ClaimRow, Location, SourceRow};

/// The content an entity gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntityContent {
    pub(crate) document: Arc<str>,
    pub(crate) relations: Arc<[RelationDeclaration]>,
    pub(crate) digest: String,
    pub(crate) is_orphan: bool,
    pub(crate) location_id: LocationId,
    pub(crate) source_id: SourceId,
    pub(crate) claimed_at: i64,
}

/// What happens to one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntityChange {
    /// It gets this content, whether it existed or not.
    Upsert(EntityContent),
    /// Nothing declares it any more.
    Delete,
}

/// A change of one ref and why it happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedChange {
    pub(crate) change: EntityChange,
    /// The source whose reading caused it.
    pub(crate) triggered_by: SourceId,
}

/// What claims come to.
#[derive(Debug, Default)]
pub(crate) struct ResolvedClaims {
    /// Refs that change.
    pub(crate) changes: BTreeMap<EntityRef, ResolvedChange>,
    pub(crate) claims_put: Vec<ClaimRow>,
    pub(crate) claims_removed: Vec<ClaimKey>,
    /// Every claim that lost, by location, of locations that were read.
    pub(crate) losing: HashMap<LocationId, Vec<LosingClaim>>,
    pub(crate) promoted: Vec<PromotedClaim>,
}

/// A claim on a ref that another location holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LosingClaim {
    pub(crate) entity_ref: EntityRef,
    pub(crate) line: u32,
}

/// A claim that lost before and has won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PromotedClaim {
    pub(crate) location_id: LocationId,
    pub(crate) entity_ref: EntityRef,
    /// The source whose reading freed the ref.
    pub(crate) triggered_by: SourceId,
}

/// Which of several claims is the next to take a ref: the smallest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimOrder<'a> {
    claimed_at: i64,
    repository_id: u64,
    git_ref: Option<&'a GitRef>,
    path: &'a str,
}

/// The place of a claim among others. What is not known of where it was made puts it last among
/// those of the same age.
// A whole batch is claimed at one time, so ties are ordinary; without an order that depends on
// nothing else, a rebuild of the catalog could come to other holders.
pub(crate) fn claim_order<'a>(
    claimed_at: i64,
    source: Option<&'a SourceRow>,
    location: Option<&'a Location>,
) -> ClaimOrder<'a> {
    ClaimOrder {
        claimed_at,
        repository_id: source.map_or(u64::MAX, SourceRow::repository_id),
        git_ref: source.and_then(|source| source.git_ref.as_ref()),
        path: location.map_or("", |location| &location.path),
    }
}

/// Decides every ref the files touch.
pub(crate) fn resolve_claims(
    files: &[FileDeclarations],
    stored: &StoredEntities<'_>,
    now: i64,
) -> Result<ResolvedClaims, ApplyError> {
    let mut resolved = ResolvedClaims::default();
    for on_ref in claims_by_ref(files, stored, now) {
        resolved.resolve_ref(&on_ref, stored)?;
    }
    Ok(resolved)
}

impl ResolvedClaims {
    fn resolve_ref(
        &mut self,
        on_ref: &RefClaims<'_>,
        stored: &StoredEntities<'_>,
    ) -> Result<(), ApplyError> {
        self.claims_removed
            .extend(on_ref.ended.iter().map(|row| row.key()));
        let Some(winner) = find_winner(on_ref, stored) else {
            if on_ref.holder.is_some() {
                self.change_entity(on_ref, EntityChange::Delete);
            }
            return Ok(());
        };
        self.award(on_ref, winner, stored)?;
        for claim in &on_ref.claims {
            if claim.location_id != winner.location_id {
                self.keep_losing_claim(&on_ref.entity_ref, claim);
            }
        }
        Ok(())
    }

    fn award(
        &mut self,
        on_ref: &RefClaims<'_>,
        winner: &Claim<'_>,
        stored: &StoredEntities<'_>,
    ) -> Result<(), ApplyError> {
        // A claim that lost was kept with its content, so its file need not be read again.
        if let Some(row) = winner.losing_before {
            self.claims_removed.push(row.key());
            self.promoted.push(PromotedClaim {
                location_id: row.location_id,
                entity_ref: on_ref.entity_ref.clone(),
                triggered_by: on_ref.triggered_by,
            });
        }
        if let Some(content) = content_of(winner, stored)?
            && !is_held_already(on_ref, &content)
        {
            self.change_entity(on_ref, EntityChange::Upsert(content));
        }
        Ok(())
    }

    fn change_entity(&mut self, on_ref: &RefClaims<'_>, change: EntityChange) {
        let triggered_by = on_ref.triggered_by;
        let change = ResolvedChange {
            change,
            triggered_by,
        };
        self.changes.insert(on_ref.entity_ref.clone(), change);
    }

    fn keep_losing_claim(&mut self, entity_ref: &EntityRef, loser: &Claim<'_>) {
        // Nobody made the claim of an orphan, so it does not come back.
        if loser.is_orphan {
            return;
        }
        if loser.is_read {
            let losing = self.losing.entry(loser.location_id).or_default();
            losing.push(LosingClaim {
                entity_ref: entity_ref.clone(),
                line: loser.line,
            });
        }
        // A file that is read with the same conflict time and again writes nothing.
        if let ClaimState::Declared(declared) = loser.state
            && !loser
                .losing_before
                .is_some_and(|row| is_stored_as(row, declared))
        {
            self.claims_put.push(claim_row(loser, declared));
        }
    }
}

fn find_winner<'a, 'b>(
    on_ref: &'b RefClaims<'a>,
    stored: &StoredEntities<'_>,
) -> Option<&'b Claim<'a>> {
    // An orphan yields to whoever declares it, although it is the holder.
    let is_declared = on_ref.claims.iter().any(|claim| !claim.is_orphan);
    let counting = || {
        let all = on_ref.claims.iter();
        all.filter(move |claim| !(is_declared && claim.is_orphan))
    };
    // Whoever holds it keeps it, however old the others are. Otherwise an entity would change hands,
    // and with it its content, because of an unrelated push.
    let holding = on_ref
        .holder
        .and_then(|holder| counting().find(|claim| claim.location_id == holder.location_id));
    holding.or_else(|| counting().min_by_key(|claim| order_of(claim, stored)))
}

fn order_of<'a>(claim: &Claim<'_>, stored: &'a StoredEntities<'a>) -> ClaimOrder<'a> {
    let location = stored.locations.get(&claim.location_id);
    let source = location.and_then(|location| stored.sources.get(&location.source_id));
    claim_order(
        claim.claimed_at,
        source.map(AsRef::as_ref),
        location.map(AsRef::as_ref),
    )
}

fn is_held_already(on_ref: &RefClaims<'_>, content: &EntityContent) -> bool {
    on_ref.holder.is_some_and(|holder| {
        holder.digest == content.digest
            && holder.is_orphan == content.is_orphan
            && holder.location_id == content.location_id
    })
}

fn is_stored_as(row: &ClaimRow, declared: &DeclaredEntity) -> bool {
    row.digest == declared.digest && row.line == i64::from(declared.line)
}

fn claim_row(claim: &Claim<'_>, declared: &DeclaredEntity) -> ClaimRow {
    ClaimRow {
        location_id: claim.location_id,
        entity_ref: declared.entity_ref.to_string(),
        claimed_at: claim.claimed_at,
        document: declared.document.to_string(),
        relations: relations_to_text(&declared.relations),
        digest: declared.digest.clone(),
        line: i64::from(declared.line),
    }
}

/// The content a winner brings; `None` if the catalog has it already.
fn content_of(
    winner: &Claim<'_>,
    stored: &StoredEntities<'_>,
) -> Result<Option<EntityContent>, ApplyError> {
    let location = stored.locations.get(&winner.location_id);
    let declared_as = |document, relations, digest: &String| EntityContent {
        document,
        relations,
        digest: digest.clone(),
        is_orphan: winner.is_orphan,
        location_id: winner.location_id,
        source_id: location
            .map(|location| location.source_id)
            .unwrap_or_default(),
        claimed_at: winner.claimed_at,
    };
    Ok(match winner.state {
        ClaimState::AsServed => None,
        ClaimState::Declared(declared) => Some(declared_as(
            Arc::clone(&declared.document),
            Arc::clone(&declared.relations),
            &declared.digest,
        )),
        ClaimState::AsStored(row) => Some(declared_as(
            Arc::from(row.document.as_str()),
            relations_from_text(&row.relations)?,
            &row.digest,
        )),
    })
}
