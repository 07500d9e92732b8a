//! Who takes over a Location entity that its file does not declare any more: the claim that waited longest, or
//! nobody, and it leaves. Pure.

use freshet_model::annotation::{MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION};
use freshet_model::location::TargetPlaces;
use freshet_model::{LocationId, SourceId};
use serde_json::Value;

use super::evaluation::{Evaluation, LeftFile, Rival};
use crate::apply::entities::claims::{ClaimOrder, claim_order};
use crate::apply::observed::evidence::LocationEvidence;
use crate::repo::{ClaimRow, LinkKey, LocationEntity, LocationLink};

impl Evaluation<'_> {
    /// Each Location entity whose file does not declare it any more goes to whoever claims it, or leaves.
    pub(crate) fn reassign_undeclared(&mut self) {
        for (entity_ref, triggered_by) in std::mem::take(&mut self.undeclared) {
            let Some(entity) = self.entity(&entity_ref).cloned() else {
                continue;
            };
            // What was wrong with it in that file is wrong there no more.
            self.left_files.push(LeftFile {
                location_id: entity.declared_by,
                entity_ref,
                triggered_by,
            });
            match self.find_successor(&entity) {
                Some(successor) => {
                    let successor = LocationEntity {
                        is_published: entity.is_published,
                        ..successor
                    };
                    self.put_new_version(successor, triggered_by);
                }
                None => self.remove_entity(&entity, triggered_by),
            }
        }
    }

    fn remove_entity(&mut self, entity: &LocationEntity, triggered_by: SourceId) {
        // Only its links go here; whether what they lead to goes with them is decided when all
        // other links are known.
        let links = self.links_from(&entity.entity_ref);
        let keys: Vec<LinkKey> = links.into_iter().map(LocationLink::key).collect();
        for key in keys {
            self.unlink(&key, triggered_by);
        }
        // An entity that is gone has no status, and nothing to be compared.
        self.reviewed.remove(&entity.entity_ref);
        self.retargeted.remove(&entity.entity_ref);
        self.entities.insert(entity.entity_ref.clone(), None);
    }

    /// Who has claimed a Location entity longest, of those who still do.
    fn find_successor(&mut self, entity: &LocationEntity) -> Option<LocationEntity> {
        let mut rivals = self
            .rivals
            .get(&entity.entity_ref)
            .cloned()
            .unwrap_or_default();
        match self.graph.losing_claims.get(&entity.entity_ref) {
            Some(claims) => rivals.extend(
                claims
                    .iter()
                    .filter(|claim| !self.says_anew(claim.location_id))
                    .filter_map(|claim| read_rival(entity, claim)),
            ),
            None => {
                self.lacking.losing_claims.insert(entity.entity_ref.clone());
            }
        }
        rivals
            .into_iter()
            // The one that has just let go may still stand among the claims that are stored.
            .filter(|rival| rival.entity.declared_by != entity.declared_by)
            // What goes in this very batch takes nothing over.
            .filter(|rival| !self.removed.contains_key(&rival.entity.declared_by))
            .min_by_key(|rival| self.order_of(rival))
            .map(|rival| rival.entity)
    }

    /// Whether this batch says what a location declares, so that older claims of it count no more.
    fn says_anew(&self, location_id: LocationId) -> bool {
        match self.evidence.get(&location_id) {
            Some(LocationEvidence::Content(content)) => !content.is_invalid,
            Some(LocationEvidence::Absent { .. }) => true,
            Some(
                LocationEvidence::Unchanged
                | LocationEvidence::Matched(_)
                | LocationEvidence::Failed { .. },
            )
            | None => false,
        }
    }

    fn order_of(&self, rival: &Rival) -> ClaimOrder<'_> {
        let location = self.location(rival.entity.declared_by);
        let source = location.and_then(|location| self.graph.sources.get(&location.source_id));
        claim_order(rival.claimed_at, source, location)
    }
}

/// A claim that lost, as the Location entity it declares.
fn read_rival(holder: &LocationEntity, claim: &ClaimRow) -> Option<Rival> {
    let document: Value = serde_json::from_str(&claim.document).ok()?;
    let annotation = |key: &str| {
        document["metadata"]["annotations"][key]
            .as_str()
            .map(str::to_owned)
    };
    let own = annotation(MANAGED_BY_LOCATION)?;
    let origin = annotation(MANAGED_BY_ORIGIN_LOCATION)?;
    Some(Rival {
        claimed_at: claim.claimed_at,
        entity: LocationEntity {
            entity_ref: holder.entity_ref.clone(),
            declared_by: claim.location_id,
            document: claim.document.clone(),
            digest: claim.digest.clone(),
            line: u32::try_from(claim.line).unwrap_or_default(),
            column: 1,
            // A claim that lost is kept without them; the next reading of its file tells.
            target_places: TargetPlaces::default(),
            own,
            origin,
            is_published: false,
        },
    })
}
