//! Who holds which ref. Pure.
//!
//! The holder keeps a ref while its claim lives, whoever else claims it; then the oldest claim
//! wins, ties by repository, branch and path. Nobody's claim is forgotten while it is made.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration};

use crate::apply::ApplyError;
use crate::apply::entities::declarations::{Declared, Face};
use crate::apply::entities::load::Stored;
use crate::apply::entities::orphans::is_orphan;
use crate::repo::changes::{relations_from_text, relations_to_text};
use crate::repo::claims::ClaimKey;
use crate::repo::{ClaimRow, EntityRow};

/// The content an entity gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) document: Arc<str>,
    pub(crate) relations: Arc<[RelationDeclaration]>,
    pub(crate) digest: String,
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    pub(crate) claimed_at: i64,
}

/// What happens to one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gets this content, whether it existed or not.
    Becomes(Content),
    /// Nothing declares it any more.
    Leaves,
}

/// What claims come to.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// Refs that change, with the source whose reading changed them.
    pub(crate) fates: BTreeMap<EntityRef, (Fate, i64)>,
    pub(crate) claims_put: Vec<ClaimRow>,
    pub(crate) claims_removed: Vec<ClaimKey>,
    /// (location, ref, line) of every claim that lost, of locations that were read.
    pub(crate) lost: Vec<(i64, EntityRef, u32)>,
    /// Claims that lost before and have won.
    pub(crate) won: Vec<Won>,
}

/// A claim that lost before and has won.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Won {
    pub(crate) location_id: i64,
    pub(crate) entity_ref: EntityRef,
    /// The source whose reading freed the ref.
    pub(crate) cause: i64,
}

/// One claim while it is compared.
struct Claimant<'a> {
    location_id: i64,
    claimed_at: i64,
    line: u32,
    content: Stand<'a>,
    /// Whether nothing declares it, and it is only kept.
    is_orphan: bool,
    /// The stored row of a claim that lost before.
    row: Option<&'a ClaimRow>,
}

enum Stand<'a> {
    Declared(&'a Declared),
    /// As the catalog has it: the holder whose document was not read, or has problems now.
    Held,
    /// As the claim table has it.
    Stored(&'a ClaimRow),
}

/// Decides every ref the faces touch.
pub(crate) fn settle(faces: &[Face], stored: &Stored, now: i64) -> Result<Settled, ApplyError> {
    let index = Index::new(faces, stored);
    let mut settled = Settled::default();
    for (entity_ref, source_id) in index.touched() {
        let claimants = index.claimants(&entity_ref, now);
        let holder = index.live(&entity_ref);
        settled.decide(&entity_ref, source_id, holder, &claimants, stored)?;
        for row in index.withdrawn(&entity_ref) {
            settled.claims_removed.push(ClaimKey {
                location_id: row.location_id,
                entity_ref: row.entity_ref.clone(),
            });
        }
    }
    Ok(settled)
}

struct Index<'a> {
    faces: HashMap<i64, &'a Face>,
    declared: HashMap<&'a EntityRef, Vec<(&'a Face, &'a Declared)>>,
    claims: HashMap<&'a str, Vec<&'a ClaimRow>>,
    stored: &'a Stored,
}

impl<'a> Index<'a> {
    fn new(faces: &'a [Face], stored: &'a Stored) -> Self {
        let mut declared: HashMap<&EntityRef, Vec<(&Face, &Declared)>> = HashMap::new();
        for face in faces {
            for one in &face.declared {
                declared
                    .entry(&one.entity_ref)
                    .or_default()
                    .push((face, one));
            }
        }
        let mut claims: HashMap<&str, Vec<&ClaimRow>> = HashMap::new();
        for claim in &stored.claims {
            claims.entry(&claim.entity_ref).or_default().push(claim);
        }
        Self {
            faces: faces.iter().map(|face| (face.location_id, face)).collect(),
            declared,
            claims,
            stored,
        }
    }

    /// Every ref a face declares, declared or claimed, with a source that touches it.
    fn touched(&self) -> BTreeMap<EntityRef, i64> {
        let mut touched = BTreeMap::new();
        for (entity_ref, row) in &self.stored.entities {
            if let Some(face) = self.faces.get(&row.location_id).filter(|_| row.is_live()) {
                touched.insert(entity_ref.clone(), face.cause);
            }
        }
        for claim in &self.stored.claims {
            if let Some(face) = self.faces.get(&claim.location_id)
                && let Ok(entity_ref) = EntityRef::parse(&claim.entity_ref)
            {
                touched.entry(entity_ref).or_insert(face.cause);
            }
        }
        for (entity_ref, declarations) in &self.declared {
            if let Some((face, _)) = declarations.first() {
                touched.insert((*entity_ref).clone(), face.cause);
            }
        }
        touched
    }

    fn live(&self, entity_ref: &EntityRef) -> Option<&'a EntityRow> {
        self.stored
            .entities
            .get(entity_ref)
            .filter(|row| row.is_live())
    }

    fn declarations(&self, entity_ref: &EntityRef) -> &[(&'a Face, &'a Declared)] {
        self.declared.get(entity_ref).map_or(&[], Vec::as_slice)
    }

    fn claims(&self, entity_ref: &EntityRef) -> &[&'a ClaimRow] {
        self.claims
            .get(entity_ref.as_str())
            .map_or(&[], Vec::as_slice)
    }

    /// Everybody who claims the ref now.
    fn claimants(&self, entity_ref: &EntityRef, now: i64) -> Vec<Claimant<'a>> {
        let mut claimants = Vec::new();
        let mut present = HashSet::new();
        if let Some(row) = self.live(entity_ref) {
            let stand = self.stand(entity_ref, row.location_id, || Stand::Held);
            present.insert(row.location_id);
            claimants.extend(stand.map(|(content, line)| Claimant {
                location_id: row.location_id,
                claimed_at: row.claimed_at,
                line,
                is_orphan: match &content {
                    Stand::Declared(declared) => is_orphan(&declared.digest),
                    Stand::Held | Stand::Stored(_) => is_orphan(&row.digest),
                },
                content,
                row: None,
            }));
        }
        for claim in self.claims(entity_ref).iter().copied() {
            let stand = self.stand(entity_ref, claim.location_id, || Stand::Stored(claim));
            present.insert(claim.location_id);
            claimants.extend(stand.map(|(content, line)| Claimant {
                location_id: claim.location_id,
                claimed_at: claim.claimed_at,
                line: line.max(u32::try_from(claim.line).unwrap_or_default()),
                content,
                is_orphan: false,
                row: Some(claim),
            }));
        }
        for (face, declared) in self.declarations(entity_ref) {
            if present.insert(face.location_id) {
                claimants.push(Claimant {
                    location_id: face.location_id,
                    claimed_at: now,
                    line: declared.line,
                    content: Stand::Declared(declared),
                    is_orphan: is_orphan(&declared.digest),
                    row: None,
                });
            }
        }
        claimants
    }

    /// How a location that claimed before stands now; `None` if it no longer does.
    fn stand(
        &self,
        entity_ref: &EntityRef,
        location_id: i64,
        as_before: impl FnOnce() -> Stand<'a>,
    ) -> Option<(Stand<'a>, u32)> {
        let Some(face) = self.faces.get(&location_id) else {
            return Some((as_before(), 0));
        };
        let declared = self
            .declarations(entity_ref)
            .iter()
            .find(|(declaring, _)| declaring.location_id == location_id);
        match declared {
            Some((_, declared)) => Some((Stand::Declared(declared), declared.line)),
            None => face.missing.keeps(entity_ref).then(|| (as_before(), 0)),
        }
    }

    fn withdrawn(&self, entity_ref: &EntityRef) -> Vec<&'a ClaimRow> {
        self.claims(entity_ref)
            .iter()
            .copied()
            .filter(|claim| {
                self.stand(entity_ref, claim.location_id, || Stand::Stored(claim))
                    .is_none()
            })
            .collect()
    }
}

impl Settled {
    fn decide(
        &mut self,
        entity_ref: &EntityRef,
        source_id: i64,
        holder: Option<&EntityRow>,
        claimants: &[Claimant<'_>],
        stored: &Stored,
    ) -> Result<(), ApplyError> {
        let Some(winner) = winner(holder, claimants, stored) else {
            if holder.is_some() {
                self.fates
                    .insert(entity_ref.clone(), (Fate::Leaves, source_id));
            }
            return Ok(());
        };
        self.crown(entity_ref, source_id, holder, winner, stored)?;
        for loser in claimants
            .iter()
            .filter(|claimant| claimant.location_id != winner.location_id)
        {
            self.lose(entity_ref, loser, stored);
        }
        Ok(())
    }

    fn crown(
        &mut self,
        entity_ref: &EntityRef,
        source_id: i64,
        holder: Option<&EntityRow>,
        winner: &Claimant<'_>,
        stored: &Stored,
    ) -> Result<(), ApplyError> {
        if let Some(row) = winner.row {
            self.claims_removed.push(ClaimKey {
                location_id: row.location_id,
                entity_ref: row.entity_ref.clone(),
            });
            self.won.push(Won {
                location_id: row.location_id,
                entity_ref: entity_ref.clone(),
                cause: source_id,
            });
        }
        let Some(content) = content(winner, stored)? else {
            return Ok(());
        };
        let is_same = holder.is_some_and(|holder| {
            holder.digest == content.digest && holder.location_id == content.location_id
        });
        if !is_same {
            self.fates
                .insert(entity_ref.clone(), (Fate::Becomes(content), source_id));
        }
        Ok(())
    }

    fn lose(&mut self, entity_ref: &EntityRef, loser: &Claimant<'_>, stored: &Stored) {
        if loser.is_orphan {
            return;
        }
        if stored.is_read(loser.location_id) {
            self.lost
                .push((loser.location_id, entity_ref.clone(), loser.line));
        }
        let Stand::Declared(declared) = &loser.content else {
            return;
        };
        let is_same = loser.row.is_some_and(|row| {
            row.digest == declared.digest && row.line == i64::from(declared.line)
        });
        if !is_same {
            self.claims_put.push(ClaimRow {
                location_id: loser.location_id,
                entity_ref: entity_ref.to_string(),
                claimed_at: loser.claimed_at,
                document: declared.document.to_string(),
                relations: relations_to_text(&declared.relations),
                digest: declared.digest.clone(),
                line: i64::from(declared.line),
            });
        }
    }
}

fn winner<'a, 'b>(
    holder: Option<&EntityRow>,
    claimants: &'b [Claimant<'a>],
    stored: &Stored,
) -> Option<&'b Claimant<'a>> {
    // What nothing declares yields to whoever does.
    let is_adopted = claimants.iter().any(|claimant| !claimant.is_orphan);
    let counting = || {
        claimants
            .iter()
            .filter(move |claimant| !(is_adopted && claimant.is_orphan))
    };
    let holding = holder
        .and_then(|holder| counting().find(|claimant| claimant.location_id == holder.location_id));
    holding.or_else(|| {
        counting().min_by_key(|claimant| (claimant.claimed_at, stored.rank(claimant.location_id)))
    })
}

/// The content a winner brings; `None` if the catalog has it already.
fn content(winner: &Claimant<'_>, stored: &Stored) -> Result<Option<Content>, ApplyError> {
    let source_id = stored
        .locations
        .get(&winner.location_id)
        .map_or(0, |location| location.source_id);
    let (document, relations, digest) = match &winner.content {
        Stand::Held => return Ok(None),
        Stand::Declared(declared) => (
            Arc::clone(&declared.document),
            Arc::clone(&declared.relations),
            declared.digest.clone(),
        ),
        Stand::Stored(row) => (
            Arc::from(row.document.as_str()),
            relations_from_text(&row.relations)?,
            row.digest.clone(),
        ),
    };
    Ok(Some(Content {
        document,
        relations,
        digest,
        location_id: winner.location_id,
        source_id,
        claimed_at: winner.claimed_at,
    }))
}

/// Every ref these faces declare, for reading who holds them.
pub(crate) fn declared_refs(faces: &[Face]) -> BTreeSet<&str> {
    faces
        .iter()
        .flat_map(|face| &face.declared)
        .map(|declared| declared.entity_ref.as_str())
        .collect()
}
