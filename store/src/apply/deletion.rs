//! An entity that somebody deletes by its identity.
//!
//! It leaves by a change like any other, and everything that declares it is read at once. So what is still in a file
//! comes back, as another entity of the same name: nobody can take out of the catalog what a file says.
//!
//! It refuses to touch claims and links: what a Location entity leads to stays while the entity is away.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::{EntityRef, LocationId, SourceId};
use uuid::Uuid;

use super::applier::Applier;
use super::changes::plan::{ChangePlan, PlanInputs, plan_deletion};
use super::decision::Observed;
use super::entities::load::StoredEntities;
use super::error::ApplyError;
use super::locations::diff::LocationDiff;
use super::locations::evaluation::ParentReviews;
use super::locations::graph::GraphRequest;
use super::locations::load::load;
use super::roots::is_of_registered;
use super::transaction::{ApplyTransaction, Asker};
use crate::change::EntityRecord;
use crate::conflicts::retry_conflicts;
use crate::ledger::request_refresh;
use crate::repo::{Lane, Location, RegisteredLocation, SourceKind, SourceRow};

/// How a change says that somebody deleted the entity.
const MECHANISM: &str = "deletion";

/// What becomes of the registration for which a deleted entity stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegistrationFate {
    /// It goes with its entity, which would come back otherwise.
    Ends,
    /// Registrations may not be changed, so the entity comes back.
    Stays,
}

/// What deleting an entity comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// It has left.
    Left(EntityRef),
    /// There is none of this identity.
    Unknown,
}

/// Where a deleted entity was declared.
struct Declaration {
    record: EntityRecord,
    /// None if nothing declares it any more.
    location: Option<Location>,
    source: Option<SourceRow>,
}

impl Applier {
    /// Removes the entity with this identity, and has everything read that may declare it.
    pub(crate) async fn delete_entity(
        &self,
        uid: &Uuid,
        fate: RegistrationFate,
        actor: &str,
    ) -> Result<Deletion, ApplyError> {
        let attempt = || self.delete_entity_once(uid, fate, actor);
        let left = retry_conflicts(ApplyError::trouble, attempt).await?;
        let Some(record) = left else {
            return Ok(Deletion::Unknown);
        };
        // In a transaction of its own: one entity cannot leave and enter in the same.
        let attempt = || self.show_root_again(&record, actor);
        retry_conflicts(ApplyError::trouble, attempt).await?;
        Ok(Deletion::Left(record.entity_ref))
    }

    async fn delete_entity_once(
        &self,
        uid: &Uuid,
        fate: RegistrationFate,
        actor: &str,
    ) -> Result<Option<EntityRecord>, ApplyError> {
        let mut work = self.begin().await?;
        // The view is at the newest revision, and stays there while the log is locked.
        let record = self.view.read(|state| state.entity_by_uid(uid).cloned());
        let Some(record) = record else {
            return Ok(None);
        };
        match find_registration(&mut work, &record, fate).await? {
            Some(registered) => {
                self.remove_registered(&mut work, &registered, actor)
                    .await?;
            }
            None => {
                let declaration = find_declaration(&mut work, record.clone()).await?;
                self.delete_declared(&mut work, declaration, actor).await?;
            }
        }
        self.commit(work).await?;
        Ok(Some(record))
    }

    async fn delete_declared(
        &self,
        work: &mut ApplyTransaction,
        declaration: Declaration,
        actor: &str,
    ) -> Result<(), ApplyError> {
        let entity_ref = declaration.record.entity_ref.clone();
        let mut observed = Observed::default();
        let graph = &mut observed.graph;
        if let Some(source) = &declaration.source {
            graph.sources.insert(source.id, source.clone());
        }
        if let Some(location) = &declaration.location {
            graph.locations.insert(location.id, location.clone());
        }
        observed.explain_by_person(MECHANISM, actor, work.now);
        let plan = self
            .plan_entity_deletion(work, &observed, &declaration.record)
            .await?;
        work.tx.touch_entities(&plan.touched).await?;
        work.unwritten.entities.extend(plan.entities);
        work.rows.extend(plan.rows);
        let roots =
            declaration.source.as_ref().map(|source| source.kind) == Some(SourceKind::Roots);
        if roots {
            hide_location_entity(work, &entity_ref).await?;
        }
        let rivals = work.tx.claims_of(&[], &[entity_ref.as_str()]).await?;
        let rivals = rivals.into_iter().map(|claim| claim.location_id);
        let declaring = declaration.location.into_iter().map(|it| it.id);
        self.read_again(work, &observed, declaring.chain(rivals).collect())
            .await
    }

    async fn plan_entity_deletion(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        record: &EntityRecord,
    ) -> Result<ChangePlan, ApplyError> {
        let diff = LocationDiff::default();
        let mut stored = StoredEntities::new(&observed.graph, &diff);
        stored
            .load_entities(&mut work.tx, &[record.entity_ref.as_str()])
            .await?;
        let revision = work.newest_revision();
        let now = work.now;
        let plan = self.view.read(|state| {
            let inputs = PlanInputs {
                state,
                stored: &stored,
                files: &[],
                reviews: &[],
                triggers: &observed.triggers,
                revision,
                now,
                new_uid: Uuid::new_v4,
            };
            plan_deletion(&inputs, &record.entity_ref, record.source_id)
        });
        Ok(plan)
    }

    /// Has these locations read in full.
    async fn read_again(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        ids: BTreeSet<LocationId>,
    ) -> Result<(), ApplyError> {
        let ids: Vec<LocationId> = ids.into_iter().collect();
        let locations = work.tx.locations(&ids).await?;
        let sources: BTreeSet<SourceId> = locations.iter().map(|it| it.source_id).collect();
        let sources: Vec<SourceId> = sources.into_iter().collect();
        let mut sources = work.tx.lock_sources(&sources).await?;
        sources.retain(|source| source.kind.is_looked_at());
        for source in &mut sources {
            let cause = observed.causes.values().next().cloned();
            let cause = cause.unwrap_or_default().cause;
            request_refresh(source, Lane::Hi, cause, work.now);
            work.job_sources.insert(source.id);
        }
        let read: BTreeSet<SourceId> = sources.iter().map(|source| source.id).collect();
        work.tx.put_sources(&sources).await?;
        let unheld = locations
            .into_iter()
            .filter(|it| read.contains(&it.source_id));
        // Without the blob the reading list asks for the content, although nothing of it has changed.
        let unheld = unheld.map(|location| Location {
            active_blob: None,
            ..location
        });
        work.unwritten.locations.extend(unheld);
        Ok(())
    }

    /// What a root says is nowhere to be read: its Location entity is shown again from what is stored.
    async fn show_root_again(&self, record: &EntityRecord, actor: &str) -> Result<(), ApplyError> {
        let mut work = self.begin().await?;
        let mut observed = Observed::default();
        let entity_ref = record.entity_ref.to_string();
        let request = GraphRequest {
            entities: BTreeSet::from([entity_ref.clone()]),
            children: BTreeSet::from([entity_ref.clone()]),
            ..GraphRequest::default()
        };
        let recheck = &self.config.recheck;
        load(&mut work.tx, &mut observed.graph, request, recheck).await?;
        let entity = observed.graph.entities.get(&entity_ref);
        let Some(entity) = entity.filter(|entity| !entity.is_published) else {
            return Ok(());
        };
        let root = observed.graph.locations.get(&entity.declared_by);
        let Some(source_id) = root.map(|root| root.source_id) else {
            return Ok(());
        };
        observed.explain_by_person(MECHANISM, actor, work.now);
        observed.reviews = ParentReviews::Of(BTreeMap::from([(entity_ref, source_id)]));
        work.asked_by = Asker::Person;
        let mut decision = self.evaluate_and_plan(&mut work, &mut observed).await?;
        self.write_decision(&mut work, &observed, &mut decision)
            .await?;
        let mut none = HashMap::new();
        self.request_refreshes(&mut work, &mut none, &observed, &decision)
            .await?;
        self.commit(work).await
    }
}

/// The registration for which the entity stands, if it ends with it.
async fn find_registration(
    work: &mut ApplyTransaction,
    record: &EntityRecord,
    fate: RegistrationFate,
) -> Result<Option<RegisteredLocation>, ApplyError> {
    let source = work.tx.sources(&[record.source_id]).await?;
    if fate == RegistrationFate::Stays || !source.iter().any(is_of_registered) {
        return Ok(None);
    }
    let refs = [record.entity_ref.as_str()];
    let found = work.tx.registered_locations_of(&refs).await?;
    Ok(found.into_iter().next())
}

async fn find_declaration(
    work: &mut ApplyTransaction,
    record: EntityRecord,
) -> Result<Declaration, ApplyError> {
    let source = work.tx.sources(&[record.source_id]).await?;
    let location = work.tx.locations(&[record.location_id]).await?;
    Ok(Declaration {
        location: location.into_iter().next(),
        source: source.into_iter().next(),
        record,
    })
}

/// The Location entity of a root is not shown for the moment.
async fn hide_location_entity(
    work: &mut ApplyTransaction,
    entity_ref: &EntityRef,
) -> Result<(), ApplyError> {
    let refs = [entity_ref.as_str()];
    let mut hidden = work.tx.location_entities_of(&[], &refs).await?;
    for entity in &mut hidden {
        entity.is_published = false;
        // If the process ends before it is shown again, whoever names the root next has another version to show.
        entity.line = 1;
    }
    Ok(work.tx.put_location_entities(&hidden).await?)
}
