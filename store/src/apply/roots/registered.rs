//! What people register as roots of the catalog: registered, given another target, and unregistered.
//!
//! Each is a plan like that of an observation, in the transaction that writes the registration. So whatever a root
//! leads to comes and goes by the same rules, and every change has its revision.
//!
//! It refuses to withhold what somebody asked for, however much it is, and to take along what somebody else names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::location::generated_location_name;
use freshet_model::{LocationId, SourceId};
use freshet_proto::message::Cause;
use uuid::Uuid;

use super::{WantedRoot, add_roots, registered_key, remove_roots};
use crate::apply::applier::Applier;
use crate::apply::changes::event::ChangeTrigger;
use crate::apply::decision::{Observed, RefreshCause};
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::locations::naming::generated_ref;
use crate::apply::observed::evidence::LocationEvidence;
use crate::apply::transaction::{ApplyTransaction, Asker};
use crate::conflicts::retry_conflicts;
use crate::repo::{GITHUB, Lane, RegisteredLocation, Tx};

/// How a change says that a registration caused it.
const MECHANISM: &str = "registration";

/// What somebody wants registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) location_type: String,
    pub(crate) target: String,
    pub(crate) is_required: bool,
}

/// What registering a location comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Registered {
    /// It is registered now.
    New(RegisteredLocation),
    /// It was before.
    Known(RegisteredLocation),
}

/// What giving a registered location another target comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Retargeted {
    /// It has that target now.
    Done(RegisteredLocation),
    /// Another one has it.
    TargetTaken,
    /// There is no such registered location.
    Unknown,
}

/// What unregistering a location comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unregistered {
    /// It is not registered any more.
    Done(RegisteredLocation),
    /// There is no such registered location.
    Unknown,
}

/// Roots that come and go together.
#[derive(Debug, Default)]
struct RootChange<'a> {
    left: Option<&'a RegisteredLocation>,
    added: Vec<WantedRoot>,
}

impl Applier {
    /// Registers a location, unless it is registered already.
    pub(crate) async fn register(
        &self,
        registration: &Registration,
        actor: &str,
    ) -> Result<Registered, ApplyError> {
        let attempt = || self.register_once(registration, actor);
        retry_conflicts(ApplyError::trouble, attempt).await
    }

    async fn register_once(
        &self,
        registration: &Registration,
        actor: &str,
    ) -> Result<Registered, ApplyError> {
        let mut work = self.begin().await?;
        let Registration {
            location_type,
            target,
            is_required,
        } = registration;
        // Under the lock of the log, so nobody registers it in between.
        let known = work
            .tx
            .registered_location_at(location_type, target)
            .await?;
        if let Some(known) = known {
            return Ok(Registered::Known(known));
        }
        let id = Uuid::new_v4();
        let location = RegisteredLocation {
            id,
            location_type: location_type.clone(),
            target: target.clone(),
            entity_ref: choose_entity(&mut work.tx, &id, registration).await?,
            is_required: *is_required,
            registered_at: work.now,
            changed_at: work.now,
        };
        work.tx.put_registered_location(&location).await?;
        let added = vec![WantedRoot::registered(&location)];
        let change = RootChange { left: None, added };
        self.change_registered(&mut work, change, actor).await?;
        self.commit(work).await?;
        Ok(Registered::New(location))
    }

    /// Gives a registered location another target. What the old one led to stays until the new one was looked at.
    pub(crate) async fn retarget_registered(
        &self,
        id: &Uuid,
        registration: &Registration,
        actor: &str,
    ) -> Result<Retargeted, ApplyError> {
        let attempt = || self.retarget_registered_once(id, registration, actor);
        retry_conflicts(ApplyError::trouble, attempt).await
    }

    async fn retarget_registered_once(
        &self,
        id: &Uuid,
        registration: &Registration,
        actor: &str,
    ) -> Result<Retargeted, ApplyError> {
        let mut work = self.begin().await?;
        let Some(before) = work.tx.registered_location(id).await? else {
            return Ok(Retargeted::Unknown);
        };
        let Registration {
            location_type,
            target,
            is_required,
        } = registration;
        let other = work
            .tx
            .registered_location_at(location_type, target)
            .await?;
        if other.is_some_and(|other| other.id != *id) {
            return Ok(Retargeted::TargetTaken);
        }
        let mut graph = LocationGraph::default();
        let heirs = self.find_heirs(&mut work.tx, &mut graph, &before).await?;
        let after = RegisteredLocation {
            location_type: location_type.clone(),
            target: target.clone(),
            is_required: *is_required,
            changed_at: work.now,
            // It keeps its Location entity, unless somebody else has that target still and needs it.
            entity_ref: if heirs.is_empty() {
                before.entity_ref.clone()
            } else {
                entity_of_id(id)
            },
            ..before.clone()
        };
        work.tx.put_registered_location(&after).await?;
        let mut added = heirs;
        added.push(WantedRoot::registered(&after));
        let left = Some(&before).filter(|it| !names_same(it, &after));
        let change = RootChange { left, added };
        self.change_registered(&mut work, change, actor).await?;
        self.commit(work).await?;
        Ok(Retargeted::Done(after))
    }

    /// Unregisters a location. What only it led to goes at once.
    pub(crate) async fn unregister(
        &self,
        id: &Uuid,
        actor: &str,
    ) -> Result<Unregistered, ApplyError> {
        let attempt = || self.unregister_once(id, actor);
        retry_conflicts(ApplyError::trouble, attempt).await
    }

    async fn unregister_once(&self, id: &Uuid, actor: &str) -> Result<Unregistered, ApplyError> {
        let mut work = self.begin().await?;
        let Some(location) = work.tx.registered_location(id).await? else {
            return Ok(Unregistered::Unknown);
        };
        self.remove_registered(&mut work, &location, actor).await?;
        self.commit(work).await?;
        Ok(Unregistered::Done(location))
    }

    /// The same within a transaction.
    pub(crate) async fn remove_registered(
        &self,
        work: &mut ApplyTransaction,
        location: &RegisteredLocation,
        actor: &str,
    ) -> Result<(), ApplyError> {
        let mut graph = LocationGraph::default();
        let added = self.find_heirs(&mut work.tx, &mut graph, location).await?;
        work.tx.remove_registered_location(&location.id).await?;
        let left = Some(location);
        let change = RootChange { left, added };
        self.change_registered(work, change, actor).await
    }

    /// Plans and writes what follows when roots come and go because somebody asked for it.
    async fn change_registered(
        &self,
        work: &mut ApplyTransaction,
        change: RootChange<'_>,
        actor: &str,
    ) -> Result<(), ApplyError> {
        // Who asks for it knows what it takes along; waiting for another to confirm it would help nobody.
        work.asked_by = Asker::Person;
        let mut observed = self.observe_registered(&mut work.tx, change).await?;
        observed.explain_by_person(MECHANISM, actor, work.now);
        let mut decision = self.evaluate_and_plan(work, &mut observed).await?;
        self.write_decision(work, &observed, &mut decision).await?;
        let mut none = HashMap::new();
        self.request_refreshes(work, &mut none, &observed, &decision)
            .await?;
        let proved = BTreeSet::new();
        self.update_pending(work, &mut none, &observed, &decision.withheld, &proved)
            .await?;
        Ok(())
    }

    async fn observe_registered(
        &self,
        tx: &mut Tx,
        change: RootChange<'_>,
    ) -> Result<Observed, ApplyError> {
        let RootChange { left, added } = change;
        let mut observed = Observed::default();
        let graph = &mut observed.graph;
        let evidence = &mut observed.evidence.locations;
        if let Some(left) = left {
            observe_left(tx, graph, evidence, left).await?;
        }
        add_roots(tx, graph, evidence, &added, &self.config.forges.hosts).await?;
        // What a provider has named so far is there because somebody asks for it now, whatever the provider thinks
        // of it later.
        let registered = added.iter().filter(|root| root.key == registered_key());
        let registered = registered.map(|root| root.entity_ref.clone()).collect();
        remove_roots(tx, graph, evidence, registered, None).await?;
        Ok(observed)
    }
}

impl Observed {
    /// Notes that a person caused what is seen, for the changes and readings that follow.
    pub(crate) fn explain_by_person(&mut self, mechanism: &str, actor: &str, now: i64) {
        let cause = Cause {
            provider: GITHUB.to_owned(),
            mechanism: mechanism.to_owned(),
            actor: actor.to_owned(),
            received_at: now,
            ..Cause::default()
        };
        let ids: Vec<SourceId> = self.graph.sources.keys().copied().collect();
        for id in ids {
            let trigger = ChangeTrigger::new(&cause, "", 0, now);
            self.triggers.insert(id, trigger);
            let cause = cause.clone();
            let lane = Lane::Hi;
            self.causes.insert(id, RefreshCause { cause, lane });
        }
    }
}

/// Sees the root of a registered location go.
async fn observe_left(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    left: &RegisteredLocation,
) -> Result<(), ApplyError> {
    let path = WantedRoot::registered(left).location();
    for source in tx.lock_sources_by_key(&[registered_key()]).await? {
        for location in tx.locations_at(&[(source.id, &path)]).await? {
            evidence.insert(location.id, LocationEvidence::Absent { reason: None });
            graph.locations.insert(location.id, location);
        }
        graph.sources.insert(source.id, source);
    }
    Ok(())
}

/// The Location entity that stands for a new registration: that of its location, as in Backstage, unless another
/// registered location has kept it from the time when this was its target.
async fn choose_entity(
    tx: &mut Tx,
    id: &Uuid,
    registration: &Registration,
) -> Result<String, ApplyError> {
    let location = format!("{}:{}", registration.location_type, registration.target);
    let usual = generated_ref(&location);
    let others = tx
        .registered_locations_of(std::slice::from_ref(&usual))
        .await?;
    Ok(if others.is_empty() {
        usual
    } else {
        entity_of_id(id)
    })
}

/// A Location entity that no other location can have.
fn entity_of_id(id: &Uuid) -> String {
    let name = generated_location_name(MECHANISM, &id.to_string());
    format!("location:default/{name}")
}

fn names_same(one: &RegisteredLocation, other: &RegisteredLocation) -> bool {
    one.location_type == other.location_type && one.target == other.target
}
