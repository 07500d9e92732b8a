//! Which observation of each source counts. Pure.
//!
//! Newest wins by generation, whatever order messages arrive in. A failure is news only if
//! nothing newer was read, and never undoes what was read before.

use std::collections::{BTreeMap, HashMap};

use freshet_model::{ErrorClass, SourceId};
use freshet_proto::message::{
    Cause, FailureKind, ListingObserved, LocationObserved, Observation, RepositoryObserved,
    location_observed, observation,
};

use super::failure::{ReadFailure, Retryability, class_of, describe_failure};
use crate::metrics::ObservationOutcome;
use crate::repo::{SourceKind, SourceRow};

/// A reading that counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading<T> {
    pub(crate) source_id: SourceId,
    pub(crate) generation: i64,
    pub(crate) cause: Cause,
    pub(crate) fingerprint: String,
    pub(crate) fetched_at: i64,
    /// Whether every part of the source could be read.
    pub(crate) is_complete: bool,
    pub(crate) observed: T,
}

/// What a batch comes to, per source.
#[derive(Debug, Default)]
pub(crate) struct NewestReadings {
    pub(crate) repositories: Vec<Reading<RepositoryObserved>>,
    pub(crate) listings: Vec<Reading<ListingObserved>>,
    pub(crate) failures: Vec<ReadFailure>,
    /// Outcomes already known; readings are counted when they were applied.
    pub(crate) outcomes: Vec<ObservationOutcome>,
}

/// Sorts a batch by source and generation and keeps what counts.
pub(crate) fn choose_newest(
    observations: Vec<Observation>,
    sources: &HashMap<SourceId, SourceRow>,
) -> NewestReadings {
    let mut by_source: BTreeMap<SourceId, Vec<Observation>> = BTreeMap::new();
    let mut newest = NewestReadings::default();
    for observation in observations {
        let source_id = SourceId::new(observation.source_id);
        if is_expected(&observation, sources.get(&source_id)) {
            let of_source = by_source.entry(source_id).or_default();
            of_source.push(observation);
        } else {
            newest.outcomes.push(ObservationOutcome::Superseded);
        }
    }
    for (source_id, mut of_source) in by_source {
        // Generations and not arrival: a processor that hung for a minute may be the last to
        // answer.
        of_source.sort_by_key(|observation| std::cmp::Reverse(observation.generation));
        newest.take_newest(&sources[&source_id], of_source);
    }
    newest
}

/// Not proved yet, and asked for by this database rather than by one that was replaced by a backup.
fn is_expected(observation: &Observation, source: Option<&SourceRow>) -> bool {
    source.is_some_and(|source| awaits(source, generation_of(observation)))
}

/// Whether a source was asked for this generation and has not proved it.
pub(crate) fn awaits(source: &SourceRow, generation: i64) -> bool {
    generation > source.done && generation <= source.wanted
}

fn generation_of(observation: &Observation) -> i64 {
    i64::try_from(observation.generation).unwrap_or(i64::MAX)
}

impl NewestReadings {
    /// Takes the newest reading, and the newest failure if it is newer still.
    fn take_newest(&mut self, source: &SourceRow, newest_first: Vec<Observation>) {
        let mut is_newest = true;
        let mut has_reading = false;
        for observation in newest_first {
            // What is older than a reading is contained in it.
            if has_reading {
                self.outcomes.push(ObservationOutcome::Superseded);
                continue;
            }
            match find_failure(&observation) {
                Some((outcome, mut failure)) => {
                    // A host that nobody reaches may not exist; whoever points there is told.
                    if source.kind == SourceKind::Url && outcome == ObservationOutcome::Failed {
                        failure.class.get_or_insert(ErrorClass::Error);
                    }
                    self.outcomes.push(outcome);
                    if is_newest {
                        self.failures.push(failure);
                    }
                }
                None => {
                    has_reading = true;
                    self.take_reading(source, observation);
                }
            }
            is_newest = false;
        }
    }

    fn take_reading(&mut self, source: &SourceRow, mut observation: Observation) {
        let observed = match (observation.body.take(), source.kind) {
            (Some(observation::Body::Repository(observed)), SourceKind::Repository) => observed,
            (Some(observation::Body::Files(files)), SourceKind::Url | SourceKind::File) => {
                RepositoryObserved {
                    locations: files.locations,
                    ..RepositoryObserved::default()
                }
            }
            (Some(observation::Body::Listing(observed)), SourceKind::Listing) => {
                self.listings.push(reading(observation, true, observed));
                return;
            }
            // A body that does not fit its source is a bug of a processor; it must not block the
            // batch.
            _ => {
                self.outcomes.push(ObservationOutcome::Dead);
                return;
            }
        };
        let unread = find_unread_part(source.id, &observed);
        let is_complete = unread.is_none();
        self.failures.extend(unread);
        self.repositories
            .push(reading(observation, is_complete, observed));
    }
}

/// Why an observation proves nothing at all; `None` if it is a reading.
fn find_failure(observation: &Observation) -> Option<(ObservationOutcome, ReadFailure)> {
    let mut class = None;
    let (outcome, retryability, message) = match &observation.body {
        Some(observation::Body::Failed(failed)) => {
            let kind = failed.kind();
            let retryability = Retryability::from(kind);
            // Only what somebody has to mend is told to those who point there.
            class = (retryability == Retryability::Lasting).then(|| class_of(kind));
            let message = describe_failure(kind, &failed.message);
            (ObservationOutcome::Failed, retryability, message)
        }
        Some(observation::Body::Behind(behind)) => (
            ObservationOutcome::Behind,
            Retryability::Passing,
            format!("the push is not visible yet: head {}", behind.shown_head),
        ),
        Some(
            observation::Body::Repository(_)
            | observation::Body::Listing(_)
            | observation::Body::Files(_)
            | observation::Body::Chunk(_),
        ) => return None,
        None => (
            ObservationOutcome::Failed,
            Retryability::Lasting,
            "the observation has no body".to_owned(),
        ),
    };
    let failure = ReadFailure {
        source_id: SourceId::new(observation.source_id),
        retryability,
        message,
        class,
    };
    Some((outcome, failure))
}

/// The first file that could not be read.
fn find_unread_part(source_id: SourceId, observed: &RepositoryObserved) -> Option<ReadFailure> {
    let mut locations = observed.locations.iter();
    locations.find_map(|location| find_unread(source_id, location))
}

/// Why a file could not be read. What is refused is known: that lasts until the file or the
/// configuration is another one, so there is nothing to try again.
pub(crate) fn find_unread(source_id: SourceId, location: &LocationObserved) -> Option<ReadFailure> {
    let (retryability, what) = match &location.outcome {
        Some(location_observed::Outcome::Failed(failed))
            if failed.kind() == FailureKind::Refused =>
        {
            return None;
        }
        Some(location_observed::Outcome::Failed(failed)) => {
            let kind = failed.kind();
            (kind.into(), describe_failure(kind, &failed.message))
        }
        Some(
            location_observed::Outcome::Unchanged(_)
            | location_observed::Outcome::Content(_)
            | location_observed::Outcome::Gone(_)
            | location_observed::Outcome::Matched(_),
        ) => return None,
        None => (Retryability::Lasting, "no outcome".to_owned()),
    };
    Some(ReadFailure {
        source_id,
        retryability,
        message: format!("{}: {what}", location.path),
        class: None,
    })
}

fn reading<T>(header: Observation, is_complete: bool, observed: T) -> Reading<T> {
    Reading {
        source_id: SourceId::new(header.source_id),
        generation: generation_of(&header),
        cause: header.cause.unwrap_or_default(),
        fingerprint: header.fingerprint,
        fetched_at: header.fetched_at,
        is_complete,
        observed,
    }
}

#[cfg(test)]
#[path = "newest_tests.rs"]
mod tests;
