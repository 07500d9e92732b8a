//! A reader's position in the change log: which log, and the last revision he has.

use std::fmt;

use freshet_model::Revision;

use crate::repo::LogState;

/// A place in a change log. Spelled `<epoch>-<revision>`, or as the revision alone, which means
/// "in whatever log there is".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    epoch: Option<String>,
    revision: Revision,
}

/// A position from which the log cannot be continued. The reader must start over from a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// It is a place in another log.
    #[error("revision {revision} is of the log {epoch}, which is no longer kept")]
    OtherEpoch {
        /// That log.
        epoch: String,
        /// The place in it.
        revision: Revision,
    },
    /// What follows it has been taken out of the log.
    #[error("the log begins at revision {oldest}, after {revision}")]
    TooOld {
        /// The place.
        revision: Revision,
        /// The first one that is left.
        oldest: Revision,
    },
    /// The log has not got that far.
    #[error("the log ends at revision {newest}, before {revision}")]
    TooNew {
        /// The place.
        revision: Revision,
        /// The last one there is.
        newest: Revision,
    },
}

impl FeedPosition {
    /// A place in the log `epoch`.
    #[must_use]
    pub fn new(epoch: &str, revision: Revision) -> Self {
        Self {
            epoch: Some(epoch.to_owned()),
            revision,
        }
    }

    /// Reads a position; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, revision) = match text.rsplit_once('-') {
            Some(("", _)) => return None,
            Some((epoch, revision)) => (Some(epoch), revision),
            None => (None, text),
        };
        let is_number = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            epoch: epoch.map(str::to_owned),
            revision: Revision::new(is_number.then(|| revision.parse().ok())??),
        })
    }
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.epoch {
            Some(epoch) => write!(formatter, "{epoch}-{}", self.revision),
            None => write!(formatter, "{}", self.revision),
        }
    }
}

/// The revision after which a reader starts.
pub(super) fn starting_revision(
    after: Option<FeedPosition>,
    meta: &LogState,
) -> Result<Revision, OutOfReach> {
    let Some(FeedPosition { epoch, revision }) = after else {
        return Ok(meta.revision);
    };
    if let Some(epoch) = epoch.filter(|epoch| *epoch != meta.epoch) {
        return Err(OutOfReach::OtherEpoch { epoch, revision });
    }
    // A reader from the future has seen a database that was replaced by an older one. What he holds
    // is not what is here.
    if revision > meta.revision {
        let newest = meta.revision;
        return Err(OutOfReach::TooNew { revision, newest });
    }
    if revision.next() < meta.oldest {
        let oldest = meta.oldest;
        return Err(OutOfReach::TooOld { revision, oldest });
    }
    Ok(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Starts in the log `e1`, which holds revisions 5 to 9.
    #[track_caller]
    fn check(after: Option<&str>, expected: Result<i64, &str>) {
        let meta = LogState {
            epoch: "e1".to_owned(),
            revision: Revision::new(9),
            oldest: Revision::new(5),
        };
        let after = after.map(|text| FeedPosition::parse(text).expect("a position"));
        let started = starting_revision(after, &meta).map_err(|error| match error {
            OutOfReach::OtherEpoch { .. } => "other epoch",
            OutOfReach::TooOld { .. } => "too old",
            OutOfReach::TooNew { .. } => "too new",
        });
        assert_eq!(started.map(Revision::get), expected);
    }

    #[test]
    fn a_reader_without_a_position_starts_at_the_end() {
        check(None, Ok(9));
    }

    #[test]
    fn a_reader_resumes_where_the_log_still_follows() {
        check(Some("e1-7"), Ok(7));
        check(Some("7"), Ok(7));
        check(Some("9"), Ok(9));
        check(Some("4"), Ok(4));
    }

    #[test]
    fn a_reader_that_cannot_resume_is_told_so() {
        check(Some("3"), Err("too old"));
        check(Some("10"), Err("too new"));
        check(Some("e0-7"), Err("other epoch"));
    }

    #[test]
    fn positions_survive_the_round_trip_and_nothing_else_is_one() {
        for text in ["7", "e1-7", "a-b-7"] {
            let position = FeedPosition::parse(text).expect("a position");
            assert_eq!(position.to_string(), text);
        }
        for text in ["", "-7", "e1-", "e1", "+7", "e1-7x", "99999999999999999999"] {
            assert_eq!(FeedPosition::parse(text), None, "{text}");
        }
    }
}
