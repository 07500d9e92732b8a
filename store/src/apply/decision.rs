//! What a batch saw, and what was decided about it.

use std::collections::{BTreeSet, HashMap};

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::Cause;

use super::changes::event::ChangeTrigger;
use super::changes::plan::ChangePlan;
use super::locations::diff::LocationDiff;
use super::locations::graph::LocationGraph;
use super::observed::evidence::Evidence;
use super::removals::pending::Withheld;
use crate::repo::Lane;

/// What a batch saw, and the part of the graph it concerns.
#[derive(Debug, Default)]
pub(crate) struct Observed {
    pub(crate) graph: LocationGraph,
    pub(crate) evidence: Evidence,
    /// Why each source was read, as its changes tell it.
    pub(crate) triggers: HashMap<SourceId, ChangeTrigger>,
    /// Why each source was read, as the sources hear it that must be read because of that.
    pub(crate) causes: RefreshCauses,
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
