//! Canonical text of documents, and the digests made from it.
//!
//! Two documents that say the same thing have the same canonical text whatever the order
//! of their keys, so "nothing changed" is one comparison of digests. Numbers are written as
//! JavaScript writes them, because that is what clients of a catalog have always read.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::{RelationDeclaration, javascript_text};

/// Largest integer up to which every integer is a double-precision number.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

/// The document as JSON with keys sorted by UTF-16 code units and no white space.
///
/// All numbers are double-precision floating point numbers, as in JavaScript.
#[must_use]
pub fn canonical_json(value: &Value) -> String {
    let mut text = String::with_capacity(1024);
    write_value(&mut text, value);
    text
}

/// Compares as JavaScript sorts strings: by UTF-16 code units.
#[must_use]
pub fn utf16_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => write_object(text, fields),
        Value::Array(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                write_value(text, item);
            }
            text.push(']');
        }
        Value::String(string) => write_string(text, string),
        Value::Number(number) => write_number(text, number),
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Null => text.push_str("null"),
    }
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    let mut keys: Vec<&String> = fields.keys().collect();
    // Not by bytes: those put characters outside the first plane behind U+FFFF, and JavaScript puts
    // them before it.
    keys.sort_unstable_by(|a, b| utf16_order(a, b));
    text.push('{');
    for (index, key) in keys.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_string(text, key);
        text.push(':');
        write_value(text, &fields[key]);
    }
    text.push('}');
}

fn write_number(text: &mut String, number: &Number) {
    match number.as_i64() {
        Some(integer) if integer.unsigned_abs() <= EXACT_INTEGER_MAX => {
            write!(text, "{integer}").expect("writing to a string cannot fail");
        }
        // A number of serde_json is always some double-precision number, at worst rounded.
        Some(_) | None => {
            text.push_str(&javascript_text(number.as_f64().unwrap_or_default()));
        }
    }
}

fn write_string(text: &mut String, string: &str) {
    // Nearly all strings have nothing to escape.
    if string
        .bytes()
        .all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\')
    {
        text.push('"');
        text.push_str(string);
        text.push('"');
    } else {
        text.push_str(&serde_json::to_string(string).expect("a string is always valid JSON"));
    }
}

/// The digest of a declared entity: its canonical document and what it declares about
/// others. Lower-case hex of SHA-256.
#[must_use]
pub fn digest(document: &str, relations: &[RelationDeclaration]) -> String {
    let mut hash = Sha256::new();
    hash_framed(&mut hash, document);
    for relation in relations {
        hash_framed(&mut hash, &relation.forward);
        hash_framed(&mut hash, relation.reverse.as_deref().unwrap_or_default());
        hash_framed(&mut hash, relation.target.as_str());
    }
    hex::encode(hash.finalize())
}

/// The entity tag: names one entity as of the last revision that touched it.
#[must_use]
pub fn etag(uid: &str, revision: i64) -> String {
    let mut hash = Sha256::new();
    hash_framed(&mut hash, uid);
    hash.update(revision.to_be_bytes());
    hex::encode(&hash.finalize()[..ETAG_BYTES])
}

/// Bytes of the digest that make an entity tag: as long as the SHA-1 tags clients know.
const ETAG_BYTES: usize = 20;

/// Adds a string with its length in front, so that no two lists of strings run together
/// into the same bytes.
fn hash_framed(hash: &mut Sha256, string: &str) {
    hash.update((string.len() as u64).to_be_bytes());
    hash.update(string.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::EntityRef;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let value: Value = serde_json::from_str(json).expect("the test holds JSON");
        assert_eq!(canonical_json(&value), expected);
    }

    #[test]
    fn canonical_json_is_that_of_backstage() {
        check(
            r#"{"spec":{"t":true,"nul":null,"neg":-0.0,"n":1.0,"big":1e21,"arr":["b","a"]},"relations":[],
               "metadata":{"name":"a","annotations":{"z":"1","é":"4","_":"3","A":"2"}},"kind":"Component"}"#,
            r#"{"kind":"Component","metadata":{"annotations":{"A":"2","_":"3","z":"1","é":"4"},"name":"a"},"relations":[],"spec":{"arr":["b","a"],"big":1e+21,"n":1,"neg":0,"nul":null,"t":true}}"#,
        );
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (json, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("-7", "-7"),
            ("1.50", "1.5"),
            ("1e2", "100"),
            ("9007199254740993", "9007199254740992"),
            ("12345678901234567890", "12345678901234567000"),
            ("-12345678901234567890", "-12345678901234567000"),
            ("123456789012345680000", "123456789012345680000"),
            ("1.2345e21", "1.2345e+21"),
            ("0.000001", "0.000001"),
            ("0.00000123", "0.00000123"),
            ("1e-7", "1e-7"),
            ("-1.5e-9", "-1.5e-9"),
            ("0.1", "0.1"),
            ("123.456", "123.456"),
        ] {
            check(json, expected);
        }
    }

    #[test]
    fn keys_are_sorted_by_utf16_code_units() {
        check(
            "{\"\u{ffff}\":1,\"\u{10000}\":2}",
            "{\"\u{10000}\":2,\"\u{ffff}\":1}",
        );
    }

    #[test]
    fn strings_are_escaped_as_json() {
        check(r#"["\"\\\n\u0001é"]"#, r#"["\"\\\n\u0001é"]"#);
    }

    #[test]
    fn the_digest_tells_documents_and_relations_apart() {
        let relation = |forward: &str, name: &str| RelationDeclaration {
            forward: forward.into(),
            reverse: Some("ownerOf".into()),
            target: EntityRef::new("group", "default", name).expect("well formed"),
        };
        let one = digest("{}", &[relation("ownedBy", "a")]);
        assert_eq!(one.len(), 64);
        assert_eq!(one, digest("{}", &[relation("ownedBy", "a")]));
        assert_ne!(one, digest("{}", &[relation("ownedBy", "b")]));
        assert_ne!(one, digest("{ }", &[relation("ownedBy", "a")]));
        assert_ne!(one, digest("{}", &[]));
    }

    #[test]
    fn the_etag_changes_with_every_revision() {
        assert_eq!(etag("u", 1), etag("u", 1));
        assert_ne!(etag("u", 1), etag("u", 2));
        assert_ne!(etag("u", 1), etag("v", 1));
        assert_eq!(etag("u", 1).len(), 2 * ETAG_BYTES);
    }

    proptest! {
        #[test]
        fn canonical_json_does_not_depend_on_the_order_of_keys(
            fields in proptest::collection::btree_map(".{0,6}", any::<i32>(), 0..8)
        ) {
            let forward: Map<String, Value> =
                fields.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            let backward: Map<String, Value> =
                fields.iter().rev().map(|(key, value)| (key.clone(), json!(value))).collect();
            let text = canonical_json(&Value::Object(forward.clone()));
            prop_assert_eq!(&text, &canonical_json(&Value::Object(backward)));
            let read: Value = serde_json::from_str(&text).expect("canonical JSON is JSON");
            prop_assert_eq!(read, Value::Object(forward));
        }

        #[test]
        fn a_float_reads_back_as_itself(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            let read: f64 = canonical_json(&json!(float)).parse().expect("a number");
            prop_assert!(read == float);
        }
    }
}
