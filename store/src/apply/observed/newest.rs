//! Which observation of each source counts. Pure.
//!
//! Newest wins by generation, whatever order messages arrive in. A failure is news only if
//! nothing newer was read, and never undoes what was read before.

use std::collections::{BTreeMap, HashMap};

use freshet_proto::message::{
    Cause, FailureKind, ListingObserved, Observation, RepositoryObserved, location_observed,
    observation,
};

use crate::apply::observed::evidence::class_of;
use crate::metrics::ObservationOutcome;
use crate::repo::{SourceKind, SourceRow};

/// Class of a failure of which no more is known.
const ERROR: &str = "Error";

/// A reading that counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading<T> {
    pub(crate) source_id: i64,
    pub(crate) generation: i64,
    pub(crate) cause: Cause,
    pub(crate) fingerprint: String,
    pub(crate) fetched_at: i64,
    /// Whether every part of the source could be read.
    pub(crate) is_complete: bool,
    pub(crate) observed: T,
}

/// A source that could not be read, wholly or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setback {
    pub(crate) source_id: i64,
    pub(crate) obstacle: Obstacle,
    pub(crate) message: String,
    /// Class of the error, if nothing of the source can be read until somebody does something.
    pub(crate) class: Option<&'static str>,
}

/// What stands in the way of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// It goes away by itself: an outage, a rate limit, a replica that lags.
    Passing,
    /// Somebody has to remove it: a permission, a file nobody can read.
    Lasting,
}

impl From<FailureKind> for Obstacle {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unreachable | FailureKind::RateLimited => Self::Passing,
            FailureKind::Unspecified
            | FailureKind::Denied
            | FailureKind::NotVisible
            | FailureKind::Unreadable
            | FailureKind::Refused
            | FailureKind::NotFound => Self::Lasting,
        }
    }
}

/// What a batch comes to, per source.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    pub(crate) repositories: Vec<Reading<RepositoryObserved>>,
    pub(crate) listings: Vec<Reading<ListingObserved>>,
    pub(crate) setbacks: Vec<Setback>,
    /// Outcomes already known; readings are counted when they were applied.
    pub(crate) outcomes: Vec<ObservationOutcome>,
}

/// Sorts a batch by source and generation and keeps what counts.
pub(crate) fn choose(observations: Vec<Observation>, sources: &HashMap<i64, SourceRow>) -> Chosen {
    let mut by_source: BTreeMap<i64, Vec<Observation>> = BTreeMap::new();
    let mut chosen = Chosen::default();
    for observation in observations {
        if counts(&observation, sources.get(&observation.source_id)) {
            by_source
                .entry(observation.source_id)
                .or_default()
                .push(observation);
        } else {
            chosen.outcomes.push(ObservationOutcome::Superseded);
        }
    }
    for (source_id, mut of_source) in by_source {
        of_source.sort_by_key(|observation| std::cmp::Reverse(observation.generation));
        chosen.choose_of_source(&sources[&source_id], of_source);
    }
    chosen
}

/// Not proved yet, and asked for by this database rather than by one that was replaced by a backup.
fn counts(observation: &Observation, source: Option<&SourceRow>) -> bool {
    let generation = generation(observation);
    source.is_some_and(|source| generation > source.done && generation <= source.wanted)
}

fn generation(observation: &Observation) -> i64 {
    i64::try_from(observation.generation).unwrap_or(i64::MAX)
}

impl Chosen {
    /// Takes the newest reading, and the newest failure if it is newer still.
    fn choose_of_source(&mut self, source: &SourceRow, newest_first: Vec<Observation>) {
        let mut is_newest = true;
        let mut has_reading = false;
        for observation in newest_first {
            if has_reading {
                self.outcomes.push(ObservationOutcome::Superseded);
                continue;
            }
            match setback(&observation) {
                Some((outcome, mut setback)) => {
                    // A host that nobody reaches may not exist; whoever points there is told.
                    if source.kind == SourceKind::Url && outcome == ObservationOutcome::Failed {
                        setback.class.get_or_insert(ERROR);
                    }
                    self.outcomes.push(outcome);
                    if is_newest {
                        self.setbacks.push(setback);
                    }
                }
                None => {
                    has_reading = true;
                    self.read(source, observation);
                }
            }
            is_newest = false;
        }
    }

    fn read(&mut self, source: &SourceRow, observation: Observation) {
        let generation = generation(&observation);
        let cause = observation.cause.unwrap_or_default();
        match (observation.body, source.kind) {
            (Some(observation::Body::Repository(observed)), SourceKind::Repository) => {
                self.repository(
                    source,
                    (generation, cause),
                    observed,
                    (observation.fingerprint, observation.fetched_at),
                );
            }
            (Some(observation::Body::Files(files)), SourceKind::Url | SourceKind::File) => {
                let observed = RepositoryObserved {
                    locations: files.locations,
                    ..RepositoryObserved::default()
                };
                self.repository(
                    source,
                    (generation, cause),
                    observed,
                    (observation.fingerprint, observation.fetched_at),
                );
            }
            (Some(observation::Body::Listing(observed)), SourceKind::Listing) => {
                self.listings.push(Reading {
                    source_id: source.id,
                    generation,
                    cause,
                    fingerprint: observation.fingerprint,
                    fetched_at: observation.fetched_at,
                    is_complete: true,
                    observed,
                });
            }
            _ => self.outcomes.push(ObservationOutcome::Dead),
        }
    }

    fn repository(
        &mut self,
        source: &SourceRow,
        (generation, cause): (i64, Cause),
        observed: RepositoryObserved,
        (fingerprint, fetched_at): (String, i64),
    ) {
        let unread = unread_part(source.id, &observed);
        let is_complete = unread.is_none();
        self.setbacks.extend(unread);
        self.repositories.push(Reading {
            source_id: source.id,
            generation,
            cause,
            fingerprint,
            fetched_at,
            is_complete,
            observed,
        });
    }
}

/// Why an observation proves nothing at all; `None` if it is a reading.
fn setback(observation: &Observation) -> Option<(ObservationOutcome, Setback)> {
    let mut class = None;
    let (outcome, obstacle, message) = match &observation.body {
        Some(observation::Body::Failed(failed)) => {
            let kind = failed.kind();
            if Obstacle::from(kind) == Obstacle::Lasting {
                class = Some(class_of(kind));
            }
            (
                ObservationOutcome::Failed,
                kind.into(),
                describe(kind, &failed.message),
            )
        }
        Some(observation::Body::Behind(behind)) => (
            ObservationOutcome::Behind,
            Obstacle::Passing,
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
            Obstacle::Lasting,
            "the observation has no body".to_owned(),
        ),
    };
    let setback = Setback {
        source_id: observation.source_id,
        obstacle,
        message,
        class,
    };
    Some((outcome, setback))
}

/// The first file that could not be read.
fn unread_part(source_id: i64, observed: &RepositoryObserved) -> Option<Setback> {
    observed.locations.iter().find_map(|location| {
        let (obstacle, what) = match &location.outcome {
            Some(location_observed::Outcome::Failed(failed)) => {
                let kind = failed.kind();
                (kind.into(), describe(kind, &failed.message))
            }
            Some(
                location_observed::Outcome::Unchanged(_)
                | location_observed::Outcome::Content(_)
                | location_observed::Outcome::Gone(_)
                | location_observed::Outcome::Matched(_),
            ) => return None,
            None => (Obstacle::Lasting, "no outcome".to_owned()),
        };
        Some(Setback {
            source_id,
            obstacle,
            message: format!("{}: {what}", location.path),
            class: None,
        })
    })
}

pub(crate) fn describe(kind: FailureKind, message: &str) -> String {
    let kind = match kind {
        FailureKind::Unspecified => "failed",
        FailureKind::Unreachable => "unreachable",
        FailureKind::RateLimited => "rate limited",
        FailureKind::Denied => "denied",
        FailureKind::NotVisible => "not visible",
        FailureKind::Unreadable => "unreadable",
        FailureKind::Refused => "refused",
        FailureKind::NotFound => "not found",
    };
    format!("{kind}: {message}")
}

#[cfg(test)]
#[path = "newest_tests.rs"]
mod tests;
