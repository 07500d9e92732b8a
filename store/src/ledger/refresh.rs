//! Refreshes: somebody wants sources read now, and to hear what became of it.
//!
//! Each source is a signal like that of a hook, recorded at once: whoever asked is answered when it is durable, and
//! its delivery ends as every other does. All deliveries of one refresh have its id and the entity in their
//! identity, so nothing else has to be kept.

use std::collections::BTreeSet;

use freshet_model::SourceId;
use freshet_proto::message::{Refresh, Signal, signal};
use uuid::Uuid;

use super::record::{Ledger, RecordError};
use crate::conflicts::retry_conflicts;
use crate::repo::{GITHUB, Trouble};

/// What it is called as an event and in identities.
const EVENT: &str = "refresh";
/// Most sources that one refresh asks for.
const SOURCES_MAX: usize = 200;

/// What somebody wants read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshRequest {
    pub(crate) entity_ref: String,
    /// The sources to read, the nearest first.
    pub(crate) sources: Vec<SourceId>,
    /// Who asks; empty if nobody knows.
    pub(crate) actor: String,
}

impl Ledger {
    /// Asks for these sources and returns the id of the refresh.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub(crate) async fn refresh(&self, request: &RefreshRequest) -> Result<Uuid, RecordError> {
        let id = Uuid::new_v4();
        let signals = refresh_signals(&id, request, self.clock.now_micros());
        // Nobody sends it again by himself, as GitHub or the bus would.
        retry_conflicts(RecordError::trouble, || self.record(&signals)).await?;
        Ok(id)
    }
}

impl RecordError {
    fn trouble(&self) -> Trouble {
        match self {
            Self::Repo(error) => error.trouble(),
            Self::Panicked => Trouble::Defect,
        }
    }
}

fn refresh_signals(id: &Uuid, request: &RefreshRequest, now: i64) -> Vec<Signal> {
    let mut known = BTreeSet::new();
    let wanted = request.sources.iter().copied();
    let mut wanted: Vec<SourceId> = wanted.filter(|it| known.insert(*it)).collect();
    wanted.truncate(SOURCES_MAX);
    // Where there is nothing to read, the ledger says so, and the refresh has an end like any other.
    if wanted.is_empty() {
        wanted.push(SourceId::default());
    }
    let signals = wanted.into_iter().map(|source_id| Signal {
        id: format!("{EVENT}:{id}:{source_id}:{}", request.entity_ref),
        provider: GITHUB.to_owned(),
        event: EVENT.to_owned(),
        received_at: now,
        body: Some(signal::Body::Refresh(Refresh {
            source_id: source_id.get(),
            actor: request.actor.clone(),
        })),
        ..Signal::default()
    });
    signals.collect()
}

/// Between which identities the deliveries of a refresh are: from the first on and before the second.
pub(crate) fn refresh_identities(id: &Uuid) -> (String, String) {
    // The character behind the colon ends what begins with it.
    (format!("{EVENT}:{id}:"), format!("{EVENT}:{id};"))
}

/// The entity that a refresh was asked for, from the identity of one of its deliveries.
pub(crate) fn refreshed_entity(identity: &str) -> &str {
    identity.splitn(4, ':').nth(3).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTITY: &str = "component:default/pay";

    /// The sources that are asked for when these are wanted.
    fn asked_for(wanted: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let request = RefreshRequest {
            entity_ref: ENTITY.to_owned(),
            sources: wanted.into_iter().map(SourceId::new).collect(),
            actor: "rosa".to_owned(),
        };
        let id = Uuid::from_u128(7);
        let (first, end) = refresh_identities(&id);
        let signals = refresh_signals(&id, &request, 5).into_iter();
        signals
            .map(|signal| {
                assert!(first <= signal.id && signal.id < end, "{}", signal.id);
                assert_eq!(refreshed_entity(&signal.id), ENTITY);
                match signal.body {
                    Some(signal::Body::Refresh(refresh)) => refresh.source_id,
                    body => panic!("{body:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn each_source_is_asked_for_once_and_the_nearest_first() {
        assert_eq!(asked_for([3, 1, 3]), [3, 1]);
        let most = i64::try_from(SOURCES_MAX).expect("a few");
        assert_eq!(asked_for(0..most + 5), (0..most).collect::<Vec<_>>());
    }

    #[test]
    fn a_refresh_of_nothing_is_recorded_as_well() {
        assert_eq!(asked_for([]), [0]);
    }

    #[test]
    fn the_identities_of_another_refresh_are_apart() {
        let (_, end) = refresh_identities(&Uuid::from_u128(7));
        let (first, _) = refresh_identities(&Uuid::from_u128(8));
        assert!(end <= first);
    }
}
