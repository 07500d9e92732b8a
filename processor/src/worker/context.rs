//! What all workers of a process share.

use freshet_bus::Bus;
use freshet_proto::message::Lane;
use freshet_proto::subject::Subjects;
use freshet_runtime::clock::Clock;

use crate::config::ProcessorConfig;
use crate::fetch::fetcher::FileFetcher;
use crate::fetch::parser::FileParser;
use crate::metrics::ProcessorMetrics;
use crate::worker::in_hand::InHand;

/// What all workers of a process share.
pub(crate) struct WorkerContext {
    pub(crate) config: ProcessorConfig,
    pub(crate) fingerprint: String,
    pub(crate) bus: Bus,
    pub(crate) subjects: Subjects,
    pub(crate) clock: Clock,
    pub(crate) metrics: ProcessorMetrics,
    /// How catalog files are read.
    pub(crate) parser: FileParser,
    /// Fetches what catalog files ask for besides themselves.
    pub(crate) fetcher: FileFetcher,
    /// What pushes have in hand.
    pub(crate) hi_in_hand: InHand,
    /// What sweeps have in hand.
    pub(crate) lo_in_hand: InHand,
}

impl WorkerContext {
    /// What a lane has in hand, over all credentials.
    pub(crate) fn in_hand(&self, lane: Lane) -> &InHand {
        match lane {
            Lane::Hi => &self.hi_in_hand,
            Lane::Lo | Lane::Unspecified => &self.lo_in_hand,
        }
    }
}
