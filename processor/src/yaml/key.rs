//! Keys of mappings: what they are called, and when two of them are the same.
//!
//! JSON has only text keys, YAML has any node. Two keys are the same if they are the same
//! scalar; `1` and `"1"` are not, yet they have one name, and the later one wins.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::number;
use super::scalar::{self, Quoting, ScalarSchema};
use super::scalar_value::ScalarValue;

/// What a node is when it is compared as a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum KeyIdentity {
    Null,
    Bool(bool),
    Number(f64),
    Text,
    /// Equal to nothing: a collection, an alias, a date.
    Alone,
}

impl KeyIdentity {
    /// The JSON value of a scalar and its identity.
    pub(super) fn from_scalar(scalar: ScalarValue, text: &str) -> (Value, Self) {
        match scalar {
            ScalarValue::Null => (Value::Null, Self::Null),
            ScalarValue::Bool(truth) => (Value::Bool(truth), Self::Bool(truth)),
            ScalarValue::Number(number) => (number::value_of(number), Self::Number(number)),
            ScalarValue::Text => (Value::String(text.to_owned()), Self::Text),
            ScalarValue::Made(value) => (value, Self::Alone),
        }
    }

    /// The name of the member that a key of this identity and value makes.
    pub(super) fn into_name(self, value: Value) -> String {
        match (self, value) {
            (Self::Number(number), _) => number::text_of(number),
            (_, Value::Null) => String::new(),
            (_, Value::Bool(truth)) => truth.to_string(),
            (_, Value::Number(number)) => number::text_of(number.as_f64().unwrap_or(f64::NAN)),
            (_, Value::String(text)) => text,
            (_, collection) => write_flow(&collection),
        }
    }
}

/// A key of a mapping for comparison.
#[derive(PartialEq, Eq, Hash)]
enum ComparableKey {
    Null,
    Bool(bool),
    Number(u64),
    Text(String),
}

/// The keys a mapping has had. While all are texts its members say it all.
#[derive(Default)]
pub(super) struct MappingKeys {
    // Nearly every mapping has texts alone, and then the members themselves are the set.
    differing: Option<HashSet<ComparableKey>>,
}

impl MappingKeys {
    /// Whether the mapping with these members had this key before; remembers it.
    pub(super) fn is_duplicate(
        &mut self,
        members: &Map<String, Value>,
        identity: KeyIdentity,
        name: &str,
    ) -> bool {
        let seen = match identity {
            KeyIdentity::Text if self.differing.is_none() => return members.contains_key(name),
            KeyIdentity::Text => ComparableKey::Text(name.to_owned()),
            KeyIdentity::Null => ComparableKey::Null,
            KeyIdentity::Bool(truth) => ComparableKey::Bool(truth),
            // In JavaScript it is equal to nothing, itself included.
            KeyIdentity::Number(number) if number.is_nan() => {
                self.will_differ_from(members);
                return false;
            }
            // Adding zero makes the two zeros one.
            KeyIdentity::Number(number) => ComparableKey::Number((number + 0.0).to_bits()),
            KeyIdentity::Alone => {
                self.will_differ_from(members);
                return false;
            }
        };
        self.will_differ_from(members);
        self.differing
            .as_mut()
            .is_some_and(|differing| !differing.insert(seen))
    }

    /// From now on the members may have names that no text key gave them.
    pub(super) fn will_differ_from(&mut self, members: &Map<String, Value>) {
        self.differing
            .get_or_insert_with(|| members.keys().cloned().map(ComparableKey::Text).collect());
    }
}

/// A collection in flow style on one line: the name it has as a key.
fn write_flow(value: &Value) -> String {
    match value {
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(write_flow).collect();
            format!("[ {} ]", items.join(", "))
        }
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(write_flow_member).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::String(text) => write_flow_text(text),
        Value::Number(number) => number::text_of(number.as_f64().unwrap_or(f64::NAN)),
        Value::Null | Value::Bool(_) => value.to_string(),
    }
}

fn write_flow_member((name, value): (&String, &Value)) -> String {
    match value {
        Value::Null => write_flow_text(name),
        value => format!("{}: {}", write_flow_text(name), write_flow(value)),
    }
}

fn write_flow_text(text: &str) -> String {
    if stays_plain(text) {
        text.to_owned()
    } else if text.contains('"') && !text.contains('\'') {
        format!("'{text}'")
    } else {
        Value::String(text.to_owned()).to_string()
    }
}

/// Whether a text inside brackets needs no quotes, by the rules that the npm package writes by.
fn stays_plain(text: &str) -> bool {
    let is_meant = |pair: &[char]| match pair {
        [':', ' ' | '\t'] | [' ' | '\t', '#'] => true,
        _ => pair.contains(&'\n'),
    };
    let characters: Vec<char> = text.chars().collect();
    let (Some(first), Some(last)) = (characters.first(), characters.last()) else {
        return false;
    };
    let starts_node = matches!(
        first,
        '\t' | ' ' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
    ) || (matches!(first, '?' | '-')
        && matches!(characters.get(1), None | Some(' ' | '\t')));
    let ends_node = matches!(last, '\n' | '\t' | ' ' | ':' | '-');
    let has_indicator = text.contains(['[', ']', '{', '}', ',']);
    let is_text = scalar::resolve_scalar(text, Quoting::Plain, None, ScalarSchema::Core)
        == Ok(ScalarValue::Text);
    is_text && !starts_node && !ends_node && !has_indicator && !characters.windows(2).any(is_meant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(key: Value, name: &str) {
        assert_eq!(KeyIdentity::Alone.into_name(key), name);
    }

    #[test]
    fn a_key_that_is_no_text_is_written_as_one() {
        check(json!(null), "");
        check(json!(true), "true");
        check(json!(1.5), "1.5");
        check(json!(["x", "y", 1, []]), "[ x, y, 1, [] ]");
        check(json!({"x": null}), "{ x }");
        check(json!({"a": "b", "c d": {}}), "{ a: b, c d: {} }");
        check(json!(["a: b", "true", ""]), r#"[ "a: b", "true", "" ]"#);
        check(json!({"a | b": null}), "{ a | b }");
        check(
            json!([
                "a:b", "x #", "*a", "- a", "-a", "a-", "=b", "a'b", "\"", "a[0]"
            ]),
            r#"[ a:b, "x #", "*a", "- a", -a, "a-", =b, a'b, '"', "a[0]" ]"#,
        );
        assert_eq!(
            KeyIdentity::Number(f64::INFINITY).into_name(Value::Null),
            "Infinity"
        );
    }

    #[test]
    fn only_equal_scalars_are_the_same_key() {
        let mut members = Map::new();
        let mut keys = MappingKeys::default();
        let mut add = |identity, name: &str| {
            let duplicate = keys.is_duplicate(&members, identity, name);
            members.insert(name.to_owned(), Value::Null);
            duplicate
        };
        assert!(!add(KeyIdentity::Text, "1"));
        assert!(add(KeyIdentity::Text, "1"));
        assert!(!add(KeyIdentity::Number(1.0), "1"));
        assert!(add(KeyIdentity::Number(1.0), "1"));
        assert!(add(KeyIdentity::Text, "1"));
        assert!(!add(KeyIdentity::Number(0.0), "0"));
        assert!(add(KeyIdentity::Number(-0.0), "0"));
        assert!(!add(KeyIdentity::Number(f64::NAN), "NaN"));
        assert!(!add(KeyIdentity::Number(f64::NAN), "NaN"));
        assert!(!add(KeyIdentity::Null, ""));
        assert!(!add(KeyIdentity::Text, ""));
        assert!(add(KeyIdentity::Null, ""));
        assert!(!add(KeyIdentity::Alone, "x"));
        assert!(!add(KeyIdentity::Text, "x"));
        assert!(add(KeyIdentity::Text, "x"));
    }
}
