//! What made a source be looked at, as its row holds it: a signal, with its delivery, commit and person.

use freshet_proto::message::Cause;
use serde::{Deserialize, Serialize, Serializer};

use crate::repo::statement::json;

// The row has its own field names, so that a change of the message leaves stored rows readable.
#[derive(Serialize, Deserialize)]
struct TriggerText<T> {
    signal: T,
    provider: T,
    mechanism: T,
    commit: T,
    actor: T,
    pushed_at: i64,
    received_at: i64,
}

/// The text of the column.
pub(super) fn trigger_to_text(trigger: &Cause) -> String {
    json(&TriggerText {
        signal: trigger.signal_id.as_str(),
        provider: &trigger.provider,
        mechanism: &trigger.mechanism,
        commit: &trigger.commit,
        actor: &trigger.actor,
        pushed_at: trigger.pushed_at,
        received_at: trigger.received_at,
    })
}

/// Reads what [`trigger_to_text`] wrote.
pub(super) fn trigger_from_text(text: &str) -> Result<Cause, serde_json::Error> {
    // Sources nobody has asked for yet have none.
    if text.is_empty() {
        return Ok(Cause::default());
    }
    let text: TriggerText<String> = serde_json::from_str(text)?;
    Ok(Cause {
        signal_id: text.signal,
        provider: text.provider,
        mechanism: text.mechanism,
        commit: text.commit,
        actor: text.actor,
        pushed_at: text.pushed_at,
        received_at: text.received_at,
    })
}

/// Writes what [`trigger_from_text`] reads.
pub(super) fn write_trigger<S: Serializer>(
    trigger: &Cause,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    trigger_to_text(trigger).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_reads_back_from_the_column_as_it_was() {
        let trigger = Cause {
            signal_id: "gh:github.com:1".to_owned(),
            provider: "github".to_owned(),
            mechanism: "push".to_owned(),
            commit: "c1".to_owned(),
            actor: "rosa".to_owned(),
            pushed_at: 1,
            received_at: 2,
        };
        let text = r#"{"signal":"gh:github.com:1","provider":"github","mechanism":"push","commit":"c1","actor":"rosa","pushed_at":1,"received_at":2}"#;
        assert_eq!(trigger_to_text(&trigger), text);
        assert_eq!(trigger_from_text(text).expect("a trigger"), trigger);
        assert_eq!(trigger_from_text("").expect("none"), Cause::default());
    }
}
