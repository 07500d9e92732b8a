//! How urgent a generation is.

use serde::{Deserialize, Serialize};

/// How urgent the newest generation of a source is; stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "i64", from = "i64")]
pub enum Lane {
    /// A webhook or a person waits.
    Hi,
    /// Sweeps.
    Lo,
}

impl From<Lane> for i64 {
    fn from(lane: Lane) -> Self {
        // A number, so that the index of what is outstanding sorts by urgency.
        match lane {
            Lane::Hi => 1,
            Lane::Lo => 2,
        }
    }
}

impl From<i64> for Lane {
    // An unknown lane is a sweep: late is better than never.
    fn from(number: i64) -> Self {
        if number == 1 { Self::Hi } else { Self::Lo }
    }
}

impl From<Lane> for freshet_proto::message::Lane {
    fn from(lane: Lane) -> Self {
        match lane {
            Lane::Hi => Self::Hi,
            Lane::Lo => Self::Lo,
        }
    }
}
