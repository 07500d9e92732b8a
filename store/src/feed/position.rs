//! A reader's position in the change log: which log, the last revision he has, and what that was.
//!
//! Epoch and revision alone do not tell a log from one that went another way: when an older copy of the
//! database is put back, the changes after it take the numbers that others had. A reader who went on there
//! would never hear of what differs.

use std::fmt;

use freshet_model::Revision;

use crate::change::ChangeRow;
use crate::repo::LogState;

/// Between the revision and what was seen there.
const SEEN_MARK: char = '.';

/// A place in a change log. Spelled `<epoch>-<revision>.<digest of the change>`, as every event has it, or
/// without the digest, or as the revision alone, which means "in whatever log there is".
// Without a digest it stays a position: that is what `Catalog-Revision` gives, from which everybody begins,
// and what readers hold who last heard from an older version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    epoch: Option<String>,
    revision: Revision,
    seen: Option<String>,
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
    /// Another change has its number now.
    #[error("the log went another way: revision {revision} is not the change that was seen")]
    OtherWay {
        /// The place.
        revision: Revision,
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
    /// The place after a change in the log `epoch`.
    #[must_use]
    pub fn after(epoch: &str, row: &ChangeRow) -> Self {
        Self {
            epoch: Some(epoch.to_owned()),
            revision: row.revision,
            seen: Some(row.short_digest()),
        }
    }

    /// The last revision that was seen, if what it was is known.
    pub(super) fn seen_revision(&self) -> Option<Revision> {
        self.seen.as_ref().map(|_| self.revision)
    }

    /// Whether the change that has the number now is the one that was seen.
    ///
    /// # Errors
    ///
    /// [`OutOfReach::OtherWay`] if it is another one.
    pub(super) fn check_seen(&self, row: &ChangeRow) -> Result<(), OutOfReach> {
        let revision = self.revision;
        match &self.seen {
            Some(seen) if *seen != row.short_digest() => Err(OutOfReach::OtherWay { revision }),
            Some(_) | None => Ok(()),
        }
    }

    /// Reads a position; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, place) = match text.rsplit_once('-') {
            Some(("", _)) => return None,
            Some((epoch, place)) => (Some(epoch), place),
            None => (None, text),
        };
        let (revision, seen) = match place.split_once(SEEN_MARK) {
            Some((_, "")) => return None,
            Some((revision, seen)) => (revision, Some(seen)),
            None => (place, None),
        };
        let is_number = !revision.is_empty() && revision.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self {
            epoch: epoch.map(str::to_owned),
            revision: Revision::new(is_number.then(|| revision.parse().ok())??),
            seen: seen.map(str::to_owned),
        })
    }
}

impl fmt::Display for FeedPosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = &self.epoch {
            write!(formatter, "{epoch}-")?;
        }
        write!(formatter, "{}", self.revision)?;
        match &self.seen {
            Some(seen) => write!(formatter, "{SEEN_MARK}{seen}"),
            None => Ok(()),
        }
    }
}

/// The revision after which a reader starts.
pub(super) fn starting_revision(
    after: Option<&FeedPosition>,
    meta: &LogState,
) -> Result<Revision, OutOfReach> {
    let Some(FeedPosition {
        epoch, revision, ..
    }) = after
    else {
        return Ok(meta.revision);
    };
    let revision = *revision;
    if let Some(epoch) = epoch.clone().filter(|epoch| *epoch != meta.epoch) {
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
    use crate::change::Op;

    /// Starts in the log `e1`, which holds revisions 5 to 9.
    #[track_caller]
    fn check(after: Option<&str>, expected: Result<i64, &str>) {
        let meta = LogState {
            epoch: "e1".to_owned(),
            revision: Revision::new(9),
            oldest: Revision::new(5),
        };
        let after = after.map(|text| FeedPosition::parse(text).expect("a position"));
        let started = starting_revision(after.as_ref(), &meta).map_err(|error| match error {
            OutOfReach::OtherEpoch { .. } => "other epoch",
            OutOfReach::TooOld { .. } => "too old",
            OutOfReach::TooNew { .. } => "too new",
            OutOfReach::OtherWay { .. } => "other way",
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
        check(Some("e1-7.abc"), Ok(7));
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
        for text in ["7", "e1-7", "a-b-7", "e1-7.0af3", "7.0af3"] {
            let position = FeedPosition::parse(text).expect("a position");
            assert_eq!(position.to_string(), text);
        }
        for text in [
            "",
            "-7",
            "e1-",
            "e1",
            "+7",
            "e1-7x",
            "e1-7.",
            "e1-.0af3",
            "99999999999999999999",
        ] {
            assert_eq!(FeedPosition::parse(text), None, "{text}");
        }
    }

    fn row(title: &str, committed_at: i64) -> ChangeRow {
        ChangeRow {
            revision: Revision::new(7),
            op: Op::Updated,
            entity_ref: None,
            version: 2,
            uid: None,
            location_id: 1.into(),
            source_id: 1.into(),
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: title.to_owned(),
            committed_at,
            fact_at: 0,
        }
    }

    #[test]
    fn a_reader_who_saw_another_change_under_the_number_is_told_so() {
        let there = row("first", 1);
        let position = FeedPosition::after("e1", &there);
        assert_eq!(position.check_seen(&there), Ok(()));
        for other in [row("second", 1), row("first", 2)] {
            let refused = position.check_seen(&other);
            assert_eq!(refused, Err(OutOfReach::OtherWay { revision: 7.into() }));
        }
    }

    #[test]
    fn a_reader_who_does_not_say_what_he_saw_is_believed() {
        let position = FeedPosition::parse("e1-7").expect("a position");
        assert_eq!(position.check_seen(&row("first", 1)), Ok(()));
    }
}
