//! A predicate as JSON, for a cursor.

use serde_json::{Map, Value, json};

use super::{EntityPredicate, KeyCondition};

pub(super) fn write_predicate(predicate: &EntityPredicate) -> Value {
    match predicate {
        EntityPredicate::All(parts) => json!({ "$all": write_all(parts) }),
        EntityPredicate::Any(parts) => json!({ "$any": write_all(parts) }),
        EntityPredicate::Not(part) => json!({ "$not": write_predicate(part) }),
        EntityPredicate::Key { key, condition } => {
            Value::from(Map::from_iter([(key.clone(), write_condition(condition))]))
        }
    }
}

fn write_all(parts: &[EntityPredicate]) -> Vec<Value> {
    parts.iter().map(write_predicate).collect()
}

fn write_condition(condition: &KeyCondition) -> Value {
    match condition {
        KeyCondition::Exists => json!({ "$exists": true }),
        KeyCondition::In(values) => match values.as_slice() {
            [only] => Value::from(only.as_str()),
            values => json!({ "$in": values }),
        },
        KeyCondition::Prefix(prefix) => json!({ "$hasPrefix": prefix }),
    }
}
