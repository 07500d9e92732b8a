//! What made a source be looked at: a signal, with its delivery, commit and person.

use freshet_proto::message::Cause;
use serde::{Deserialize, Serialize};

/// What made a generation be asked for, as the source row holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Trigger(pub(crate) Cause);

// The row has its own field names, so that a change of the message leaves stored rows readable.
#[derive(Serialize, Deserialize)]
struct TriggerText {
    signal: String,
    provider: String,
    mechanism: String,
    commit: String,
    actor: String,
    pushed_at: i64,
    received_at: i64,
}

impl From<Trigger> for String {
    fn from(Trigger(trigger): Trigger) -> Self {
        let text = TriggerText {
            signal: trigger.signal_id,
            provider: trigger.provider,
            mechanism: trigger.mechanism,
            commit: trigger.commit,
            actor: trigger.actor,
            pushed_at: trigger.pushed_at,
            received_at: trigger.received_at,
        };
        serde_json::to_string(&text).expect("a trigger is plain data")
    }
}

impl TryFrom<String> for Trigger {
    type Error = serde_json::Error;

    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        // Sources nobody has asked for yet have none.
        if text.is_empty() {
            return Ok(Self::default());
        }
        let text: TriggerText = serde_json::from_str(&text)?;
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
