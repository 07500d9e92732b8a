//! What people register as roots of the catalog: registered, given another target, and unregistered.
//!
//! Each is a plan like that of an observation, in the transaction that writes the registration. So whatever a root
//! leads to comes and goes by the same rules, and every change has its revision.
//!
//! It refuses to withhold what somebody asked for, however much it is, and to take along what somebody else names.

use freshet_model::location::generated_location_name;
use uuid::Uuid;

use super::WantedRoot;
use super::change::{MECHANISM, RootChange};
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::locations::naming::generated_ref;
use crate::apply::transaction::ApplyTransaction;
use crate::conflicts::retry_conflicts;
use crate::repo::{RegisteredLocation, Tx};

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
        let is_moved = before.location_type != *location_type || before.target != *target;
        let mut added = Vec::new();
        if is_moved {
            let mut graph = LocationGraph::default();
            added = self.find_heirs(&mut work.tx, &mut graph, &before).await?;
        }
        let after = RegisteredLocation {
            location_type: location_type.clone(),
            target: target.clone(),
            is_required: *is_required,
            changed_at: work.now,
            // It keeps its Location entity, unless somebody else names the old target still and needs it.
            entity_ref: if added.is_empty() {
                before.entity_ref.clone()
            } else {
                entity_of_id(id)
            },
            ..before.clone()
        };
        work.tx.put_registered_location(&after).await?;
        added.push(WantedRoot::registered(&after));
        let left = is_moved.then_some(&before);
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
