//! What a reading or a failure does to its source: done, back-off, when it is looked at again.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use freshet_model::SourceId;
use freshet_proto::message::{ListingObserved, RepositoryObserved, location_observed};

use super::applier::Applier;
use super::error::ApplyError;
use super::observed::failure::{ReadFailure, Retryability};
use super::observed::newest::Reading;
use super::transaction::ApplyTransaction;
use crate::config::Fingerprint;
use crate::ledger::request_refresh;
use crate::metrics::ObservationOutcome;
use crate::micros::micros;
use crate::repo::sources::PushRange;
use crate::repo::{Covering, Lane, Outcome, SourceKind, SourceRow};

/// First wait after a failure; it doubles with each further one.
const BACK_OFF_FIRST: Duration = Duration::from_secs(2);
/// Longest wait for what goes away by itself: the sources of an outage are proved again within a
/// minute of its end.
pub(crate) const BACK_OFF_PASSING_MAX: Duration = Duration::from_secs(30);
/// Longest wait for what somebody has to remove.
pub(crate) const BACK_OFF_LASTING_MAX: Duration = Duration::from_secs(15 * 60);
const DOUBLINGS_MAX: u32 = 16;

/// A complete reading of a repository was applied.
///
/// Returns whether the repository must be read once more: we read differently now than when we last
/// did, because it was renamed or the rules changed, and a file that was not read again is still as it
/// was read then.
pub(crate) fn mark_repository_proved(
    source: &mut SourceRow,
    reading: &Reading<RepositoryObserved>,
    fingerprint: &Fingerprint,
    now: i64,
) -> bool {
    source.set_head(&reading.observed.head);
    let again = !source.is_read_as(fingerprint.as_str()) && has_unchanged(&reading.observed);
    // A push that renames clears the fingerprint; a reading from before it must not bring it back.
    let is_newest = reading.generation == source.wanted || source.fingerprint.is_some();
    if is_newest && !again {
        source.set_fingerprint(fingerprint.of_reading(&reading.fingerprint));
    }
    mark_proved(source, reading, now);
    if again {
        request_refresh(source, Lane::Lo, reading.cause.clone(), now);
    }
    again
}

fn has_unchanged(observed: &RepositoryObserved) -> bool {
    observed.locations.iter().any(|location| {
        matches!(
            location.outcome,
            Some(location_observed::Outcome::Unchanged(_))
        )
    })
}

/// A complete listing was applied.
pub(crate) fn mark_listing_proved(
    source: &mut SourceRow,
    reading: &Reading<ListingObserved>,
    fingerprint: &Fingerprint,
    now: i64,
) {
    source.set_fingerprint(fingerprint.of_reading(&reading.fingerprint));
    mark_proved(source, reading, now);
}

fn mark_proved<T>(source: &mut SourceRow, reading: &Reading<T>, now: i64) {
    source.done = reading.generation;
    let verified_at = if reading.fetched_at > 0 {
        reading.fetched_at
    } else {
        now
    };
    source.mark_verified(verified_at, &reading.cause.mechanism);
    source.fail_count = 0;
    source.last_error = None;
    source.next_due_at = 0;
    // Where an outstanding push began is what tells a replica that lags from one that has seen it.
    if !source.is_outstanding() {
        source.push = PushRange::default();
    }
}

impl Applier {
    /// Marks what was proved and what it covers, and has what could not be read tried again later. Returns
    /// the sources that are to be written.
    pub(crate) fn conclude_readings(
        &self,
        work: &mut ApplyTransaction,
        sources: &mut HashMap<SourceId, SourceRow>,
        readings: &[Reading<RepositoryObserved>],
        failures: &[ReadFailure],
        changed_sources: &HashSet<SourceId>,
    ) -> BTreeSet<SourceId> {
        for reading in readings {
            if let Some(source) = sources.get_mut(&reading.source_id) {
                let changed = changed_sources.contains(&source.id);
                self.conclude_reading(work, source, reading, changed);
            }
        }
        // After the readings: one of which a file failed has proved the others.
        for failure in failures {
            if let Some(source) = sources.get_mut(&failure.source_id) {
                back_off_source(source, failure, work.now, rand::random());
            }
        }
        let read = readings.iter().map(|reading| reading.source_id);
        let failed = failures.iter().map(|failure| failure.source_id);
        read.chain(failed).collect()
    }

    fn conclude_reading(
        &self,
        work: &mut ApplyTransaction,
        source: &mut SourceRow,
        reading: &Reading<RepositoryObserved>,
        changed: bool,
    ) {
        if changed {
            source.changed_at = Some(work.now);
        }
        work.outcomes.push(outcome_of(reading, changed));
        // It has changed what it proved, but the generation is still owed.
        if !reading.is_complete {
            return;
        }
        if mark_repository_proved(source, reading, &self.config.fingerprint, work.now) {
            work.job_sources.insert(source.id);
        }
        work.covering.push(cover(reading, changed));
    }

    /// The message of a source cannot be handled: the source is tried again later.
    pub(crate) async fn set_back_source(
        &self,
        source_id: SourceId,
        error: &ApplyError,
    ) -> Result<(), ApplyError> {
        // A transaction of its own: what the failed one had noted of the source went with it.
        let mut tx = self.repo.write().await?;
        let mut sources = tx.lock_sources(&[source_id]).await?;
        let now = self.clock.now_micros();
        for source in &mut sources {
            let failure = ReadFailure {
                source_id: source.id,
                retryability: Retryability::Lasting,
                message: error.to_string(),
                class: None,
            };
            back_off_source(source, &failure, now, rand::random());
        }
        tx.put_sources(&sources).await?;
        Ok(tx.commit().await?)
    }
}

/// What a reading that was applied covers.
pub(crate) fn cover<T>(reading: &Reading<T>, changed: bool) -> Covering {
    Covering {
        source_id: reading.source_id,
        generation: reading.generation,
        outcome: if changed {
            Outcome::Applied
        } else {
            Outcome::Unchanged
        },
    }
}

/// How a reading that was applied is counted.
pub(crate) fn outcome_of<T>(reading: &Reading<T>, changed: bool) -> ObservationOutcome {
    if !reading.is_complete {
        ObservationOutcome::Failed
    } else if changed {
        ObservationOutcome::Applied
    } else {
        ObservationOutcome::Unchanged
    }
}

/// A source could not be read: it is tried again later and later, until a signal comes.
pub(crate) fn back_off_source(
    source: &mut SourceRow,
    failure: &ReadFailure,
    now: i64,
    jitter: f64,
) {
    source.fail_count += 1;
    source.last_error = Some(failure.message.clone());
    source.next_due_at = now
        + micros(back_off_wait(
            source.fail_count,
            failure.retryability,
            jitter,
        ));
    // Nothing is in the queue any more, so the reconciler need not wait for it.
    source.enqueued_at = 0;
}

/// A source is looked at again at a certain time, and not before without a signal.
pub(crate) fn delay_source(source: &mut SourceRow, due_at: i64) {
    // Roots are what the configuration says, and not looked at.
    if source.kind == SourceKind::Roots {
        return;
    }
    // Only what is outstanding gets a job when it is due.
    if !source.is_outstanding() {
        source.wanted += 1;
    }
    source.next_due_at = due_at;
    source.enqueued_at = 0;
}

/// Between half and the whole of the doubled wait, so that sources that failed together do not
/// return together. `jitter` is between 0 and 1.
fn back_off_wait(fail_count: i64, retryability: Retryability, jitter: f64) -> Duration {
    let wait_max = match retryability {
        Retryability::Passing => BACK_OFF_PASSING_MAX,
        Retryability::Lasting => BACK_OFF_LASTING_MAX,
    };
    let doublings = u32::try_from(fail_count.saturating_sub(1))
        .unwrap_or(DOUBLINGS_MAX)
        .min(DOUBLINGS_MAX);
    let whole = BACK_OFF_FIRST.saturating_mul(1 << doublings).min(wait_max);
    whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::{Cause, Gone, LocationObserved, Unchanged};

    use super::*;
    use crate::repo::SourceKind;

    const SOURCE: SourceId = SourceId::new(1);

    #[track_caller]
    fn check(fail_count: i64, retryability: Retryability, jitter: f64, expected_ms: u64) {
        assert_eq!(
            back_off_wait(fail_count, retryability, jitter),
            Duration::from_millis(expected_ms)
        );
    }

    /// A reading of generation 4 with the processors' `p1`, by which every file is as it was or is gone.
    fn reading(is_unchanged: bool) -> Reading<RepositoryObserved> {
        let outcome = if is_unchanged {
            location_observed::Outcome::Unchanged(Unchanged::default())
        } else {
            location_observed::Outcome::Gone(Gone::default())
        };
        Reading {
            source_id: SOURCE,
            generation: 4,
            cause: Cause::default(),
            fingerprint: "p1".to_owned(),
            fetched_at: 50,
            is_complete: true,
            observed: RepositoryObserved {
                locations: vec![LocationObserved {
                    path: "f".to_owned(),
                    outcome: Some(outcome),
                }],
                ..RepositoryObserved::default()
            },
        }
    }

    /// What such a reading makes of a source with this fingerprint, of whose generations the newest is
    /// `wanted`: its fingerprint afterwards, and whether it is read once more.
    #[track_caller]
    fn check_proof(stored: &str, wanted: i64, is_unchanged: bool, expected: (&str, bool)) {
        let today = Fingerprint::new("p1", &[], "");
        let spell = |text: &str| text.replace("today", today.as_str());
        let mut source = SourceRow::new(SOURCE, SourceKind::Repository, "github.com", "7");
        source.set_fingerprint(&spell(stored));
        source.wanted = wanted;
        let again = mark_repository_proved(&mut source, &reading(is_unchanged), &today, 60);
        let (fingerprint, is_read_again) = expected;
        let stored = source.fingerprint.unwrap_or_default();
        assert_eq!((stored, again), (spell(fingerprint), is_read_again));
        assert_eq!(source.done, 4);
        assert_eq!(source.wanted, wanted + i64::from(again));
    }

    #[test]
    fn a_file_that_was_read_in_another_way_is_read_again() {
        check_proof("today", 4, true, ("today", false));
        check_proof("yesterday", 4, true, ("yesterday", true));
        check_proof("yesterday", 4, false, ("today", false));
        check_proof("", 4, true, ("", true));
        check_proof("", 4, false, ("today", false));
    }

    #[test]
    fn a_reading_from_before_a_rename_does_not_hide_it() {
        check_proof("", 5, false, ("", false));
        check_proof("", 5, true, ("", true));
        check_proof("today", 5, false, ("today", false));
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        check(1, Retryability::Lasting, 0.0, 1_000);
        check(1, Retryability::Lasting, 1.0, 2_000);
        check(2, Retryability::Lasting, 1.0, 4_000);
        check(5, Retryability::Lasting, 0.0, 16_000);
        check(40, Retryability::Lasting, 1.0, 900_000);
    }

    #[test]
    fn what_goes_away_by_itself_is_never_waited_for_long() {
        check(1, Retryability::Passing, 1.0, 2_000);
        check(5, Retryability::Passing, 1.0, 30_000);
        check(40, Retryability::Passing, 0.0, 15_000);
    }
}
