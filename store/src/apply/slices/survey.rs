//! What an observation says as a whole, found out before any of it is applied. Pure.

use freshet_model::SourceId;
use freshet_proto::message::{LocationObserved, Observation, location_observed::Outcome};
use prost::Message as _;

use crate::apply::observed::failure::ReadFailure;
use crate::apply::observed::newest::find_unread;

/// What was found out.
#[derive(Clone, Debug, Default)]
pub(super) struct Survey {
    /// Everything but the locations.
    pub(super) header: Observation,
    pub(super) locations: usize,
    /// Bytes of what is not as it was.
    pub(super) news_bytes: usize,
    /// What each pattern matches.
    pub(super) patterns: Vec<LocationObserved>,
    /// The first file that could not be read.
    pub(super) unread: Option<ReadFailure>,
    /// A file that is as it was, if there is one.
    pub(super) unchanged: Option<LocationObserved>,
}

impl Survey {
    /// Takes one more location into account.
    pub(super) fn add(&mut self, source_id: SourceId, observed: LocationObserved) {
        self.locations += 1;
        if self.unread.is_none() {
            self.unread = find_unread(source_id, &observed);
        }
        match &observed.outcome {
            Some(Outcome::Unchanged(_)) => {
                self.unchanged.get_or_insert(observed);
            }
            Some(Outcome::Matched(_)) => {
                self.news_bytes += observed.encoded_len();
                self.patterns.push(observed);
            }
            Some(Outcome::Content(_) | Outcome::Gone(_) | Outcome::Failed(_)) | None => {
                self.news_bytes += observed.encoded_len();
            }
        }
    }
}
