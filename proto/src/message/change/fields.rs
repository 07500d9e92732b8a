//! Which fields of a document changed, as JSON pointers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Fields added, updated and deleted, each sorted by pointer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fields {
    /// Present now and not before.
    pub added: Vec<FieldChange>,
    /// Present in both, with another value.
    pub updated: Vec<FieldChange>,
    /// Present before and not now.
    pub deleted: Vec<FieldChange>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// JSON pointer (RFC 6901) into the declared document.
    pub path: String,
    /// Its value before, if it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// Its value now, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// A value whose JSON is longer than this is named by its path only.
const VALUE_BYTES_MAX: usize = 4 * 1024;

/// Compares two documents. Objects are compared key by key, everything else as a whole: an item
/// inserted at the front of a list is one updated list, not a shift of every item.
#[must_use]
pub fn field_changes(before: &Value, after: &Value) -> Fields {
    let mut fields = Fields::default();
    compare_values(&mut String::new(), before, after, &mut fields);
    // Documents keep their author's order of keys; unsorted, one change could read in several ways.
    for list in [&mut fields.added, &mut fields.updated, &mut fields.deleted] {
        list.sort_by(|left, right| left.path.cmp(&right.path));
    }
    fields
}

fn compare_values(pointer: &mut String, before: &Value, after: &Value, fields: &mut Fields) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            fields
                .updated
                .push(field_change(pointer, Some(before), Some(after)));
        }
        return;
    };
    for (key, old_value) in old {
        visit_key(pointer, key, |pointer| match new.get(key) {
            Some(new_value) => compare_values(pointer, old_value, new_value, fields),
            None => fields
                .deleted
                .push(field_change(pointer, Some(old_value), None)),
        });
    }
    for (key, new_value) in new.iter().filter(|(key, _)| !old.contains_key(*key)) {
        visit_key(pointer, key, |pointer| {
            fields
                .added
                .push(field_change(pointer, None, Some(new_value)));
        });
    }
}

fn visit_key(pointer: &mut String, key: &str, visit: impl FnOnce(&mut String)) {
    // One text for the whole walk: most fields are equal and never need a pointer of their own.
    let length = pointer.len();
    pointer.push('/');
    // The tilde first, as RFC 6901 has it: the other way round, the tilde of an escaped slash would
    // be escaped once more.
    pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    visit(pointer);
    pointer.truncate(length);
}

fn field_change(pointer: &str, old: Option<&Value>, new: Option<&Value>) -> FieldChange {
    // Whoever wants a long value reads the document, which the event carries or links; its text
    // twice over would make the event too large for the bus.
    let short = |value: &&Value| value.to_string().len() <= VALUE_BYTES_MAX;
    FieldChange {
        path: pointer.to_owned(),
        old: old.filter(short).cloned(),
        new: new.filter(short).cloned(),
    }
}
