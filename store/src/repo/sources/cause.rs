//! Why a generation is wanted.

use freshet_proto::message::Cause;
use serde::{Deserialize, Serialize};

/// Why a generation is wanted, as the source row holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct StoredCause(pub(crate) Cause);

#[derive(Serialize, Deserialize)]
struct CauseText {
    signal: String,
    provider: String,
    mechanism: String,
    commit: String,
    actor: String,
    pushed_at: i64,
    received_at: i64,
}

impl From<StoredCause> for String {
    fn from(StoredCause(cause): StoredCause) -> Self {
        let text = CauseText {
            signal: cause.signal_id,
            provider: cause.provider,
            mechanism: cause.mechanism,
            commit: cause.commit,
            actor: cause.actor,
            pushed_at: cause.pushed_at,
            received_at: cause.received_at,
        };
        serde_json::to_string(&text).expect("a cause is plain data")
    }
}

impl TryFrom<String> for StoredCause {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let text: CauseText = serde_json::from_str(&text)?;
        Ok(Self(Cause {
            signal_id: text.signal,
            provider: text.provider,
            mechanism: text.mechanism,
            commit: text.commit,
            actor: text.actor,
            pushed_at: text.pushed_at,
            received_at: text.received_at,
        }))
    }
}
