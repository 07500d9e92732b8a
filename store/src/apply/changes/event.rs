//! Why a change was made, when, and where it was read: what all changes of one reading have in common. Pure.

use freshet_proto::message::Cause;
use freshet_proto::message::change::{CauseInfo, Origin, Timing};
use freshet_proto::timestamp::{rfc3339, rfc3339_if_known};

use crate::apply::locations::naming::location_type;
use crate::repo::{Location, SourceRow};

/// The delivery and commit that made a source change the catalog, and when each step happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeTrigger {
    pub(crate) cause: CauseInfo,
    pub(crate) timing: Timing,
    pub(crate) fact_at: i64,
}

impl ChangeTrigger {
    pub(crate) fn new(cause: &Cause, commit: &str, fetched_at: i64, now: i64) -> Self {
        let cause = cause.clone();
        Self {
            timing: Timing {
                pushed: rfc3339_if_known(cause.pushed_at),
                received: rfc3339_if_known(cause.received_at),
                fetched: rfc3339_if_known(fetched_at),
                committed: Some(rfc3339(now)),
                published: None,
            },
            // Received rather than pushed: that is our clock, as is the time of the commit.
            fact_at: cause.received_at,
            cause: CauseInfo {
                delivery: cause.signal_id,
                commit: commit.to_owned(),
                actor: cause.actor,
                provider: cause.provider,
                mechanism: cause.mechanism,
            },
        }
    }
}

/// Where a change was read.
pub(crate) fn origin_of(source: &SourceRow, location: &Location) -> Origin {
    let url = if location.url().is_empty() {
        location.path.as_str()
    } else {
        location.url()
    };
    Origin {
        repository_id: source.repository_id(),
        repository: source.slug(),
        location: format!("{}:{url}", location_type(source.kind)),
        path: location.path.clone(),
        git_ref: source.branch().to_owned(),
        blob: location.active_blob.clone().unwrap_or_default(),
    }
}
