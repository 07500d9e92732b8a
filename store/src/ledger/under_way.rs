//! Which sources are under way: in a job that waits or is in flight, or in an observation that waits to be
//! applied.
//!
//! In a cold start of ten thousand repositories an observation may wait for longer than a source is left
//! alone after it was given a job. Given another one then, it would be read twice.

use std::collections::HashSet;

use freshet_bus::Bus;
use freshet_model::SourceId;
use freshet_proto::stream::{JOBS, OBSERVATIONS};
use freshet_proto::subject::source_id_of;
use freshet_runtime::error_chain::Chain;

/// The sources under way. What of them is not in the database when that is asked *afterwards* has lost its job.
pub(super) async fn find_under_way(bus: &Bus) -> HashSet<SourceId> {
    let mut under_way = HashSet::new();
    // In the order in which a source passes them: a job is acknowledged when its observation is stored, and an
    // observation when it is committed. So what moves on between two looks is seen by the later one.
    for stream in [JOBS, OBSERVATIONS] {
        match bus.held_subjects(stream).await {
            Ok(subjects) => {
                let ids = subjects.iter().filter_map(|subject| source_id_of(subject));
                under_way.extend(ids.map(SourceId::new));
            }
            // At worst a source is read twice: a job that waits refuses its copy all the same.
            Err(error) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "the bus did not say what is under way");
            }
        }
    }
    under_way
}
