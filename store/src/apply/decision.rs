//! What a batch saw, and what was decided about it.

use std::collections::{BTreeSet, HashMap};

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{Cause, RepositoryObserved};

use super::changes::event::ChangeTrigger;
use super::changes::plan::ChangePlan;
use super::locations::diff::LocationDiff;
use super::locations::evaluation::ParentReviews;
use super::locations::graph::LocationGraph;
use super::observed::evidence::Evidence;
use super::observed::newest::Reading;
use super::removals::pending::Withheld;
use crate::repo::{GITHUB, Lane, SourceRow};

/// What a batch saw, and the part of the graph it concerns.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) graph: LocationGraph,
    pub(crate) evidence: Evidence,
    /// Why each source was read, as its changes tell it.
    pub(crate) triggers: HashMap<SourceId, ChangeTrigger>,
    /// Why each source was read, as the sources hear it that must be read because of that.
    pub(crate) causes: RefreshCauses,
    /// Which Location entities hear what became of their targets.
    pub(crate) reviews: ParentReviews,
}

impl Observed {
    /// What these readings say of why they were made, at `now` in microseconds UTC, and nothing else yet.
    pub(crate) fn of(
        readings: &[Reading<RepositoryObserved>],
        sources: &HashMap<SourceId, SourceRow>,
        now: i64,
    ) -> Self {
        Self {
            triggers: triggers_of(readings, now),
            causes: causes_of(readings, sources),
            ..Self::default()
        }
    }

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

/// Why a source of this batch was read, and how urgently.
#[derive(Clone, Debug)]
pub(crate) struct RefreshCause {
    pub(crate) cause: Cause,
    pub(crate) lane: Lane,
}

/// By source.
pub(crate) type RefreshCauses = HashMap<SourceId, RefreshCause>;

/// What is written of a batch.
#[derive(Debug)]
pub(crate) struct Decision {
    pub(crate) locations: LocationDiff,
    pub(crate) plan: ChangePlan,
    /// Files whose contents count.
    pub(crate) read: BTreeSet<LocationId>,
    pub(crate) withheld: Withheld,
}

impl Default for RefreshCause {
    fn default() -> Self {
        Self {
            cause: Cause::default(),
            lane: Lane::Lo,
        }
    }
}

fn triggers_of(
    readings: &[Reading<RepositoryObserved>],
    now: i64,
) -> HashMap<SourceId, ChangeTrigger> {
    readings
        .iter()
        .map(|reading| {
            let commit = &reading.observed.head;
            let trigger = ChangeTrigger::new(&reading.cause, commit, reading.fetched_at, now);
            (reading.source_id, trigger)
        })
        .collect()
}

fn causes_of(
    readings: &[Reading<RepositoryObserved>],
    sources: &HashMap<SourceId, SourceRow>,
) -> RefreshCauses {
    readings
        .iter()
        .map(|reading| {
            let source = sources.get(&reading.source_id);
            let cause = RefreshCause {
                cause: reading.cause.clone(),
                lane: source.map_or(Lane::Lo, |it| it.lane),
            };
            (reading.source_id, cause)
        })
        .collect()
}
