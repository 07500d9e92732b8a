//! How the deliveries of one refresh stand.

use freshet_model::SourceId;

use super::error::RepoError;
use super::statement::{Tx, fetch_all, from_row};
use super::stored::{UnknownWord, decode_error, micros_if_any};

/// What became of one source of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// It is still to be read.
    Waiting,
    /// It was read, and changed the catalog.
    Applied,
    /// It was read, and changed nothing.
    Unchanged,
    /// It was read because of something that came later.
    Superseded,
    /// Nothing configured reads it.
    Ignored,
    /// We could not handle it.
    Dead,
}

impl TryFrom<String> for RefreshOutcome {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "waiting" => Ok(Self::Waiting),
            "applied" => Ok(Self::Applied),
            "unchanged" => Ok(Self::Unchanged),
            "superseded" => Ok(Self::Superseded),
            "ignored" => Ok(Self::Ignored),
            "dead" => Ok(Self::Dead),
            _ => Err(UnknownWord {
                what: "outcome of a delivery",
                word,
            }),
        }
    }
}

/// The delivery of a refresh that asks for one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshDelivery {
    pub(crate) guid: String,
    /// None where there is nothing to read.
    pub(crate) source_id: Option<SourceId>,
    pub(crate) received_at: i64,
    pub(crate) outcome: RefreshOutcome,
    /// When it ended, if it has.
    pub(crate) ended_at: Option<i64>,
}

from_row!(RefreshDelivery, row => Self {
    guid: row.try_get("guid")?,
    source_id: row.try_get::<Option<i64>, _>("source_id")?.map(SourceId::new),
    received_at: row.try_get("received_at")?,
    outcome: RefreshOutcome::try_from(row.try_get::<String, _>("outcome")?).map_err(decode_error)?,
    ended_at: row.try_get::<Option<i64>, _>("covered_at")?.and_then(micros_if_any),
});

impl Tx {
    /// The deliveries whose identities are from `first` on and before `end`, in their order.
    pub(crate) async fn refresh_deliveries(
        &mut self,
        first: &str,
        end: &str,
    ) -> Result<Vec<RefreshDelivery>, RepoError> {
        // By a range and not by a pattern: the primary key answers, whatever stands in the identity.
        const SQL: &str = "select guid, source_id, received_at, outcome, covered_at \
            from delivery \
            where guid >= $1 and guid < $2 \
            order by guid";
        fetch_all!(
            self, RefreshDelivery, "read the deliveries of a refresh",
            sqlite: SQL,
            postgres: SQL,
            first,
            end,
        )
    }
}
