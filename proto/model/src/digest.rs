//! Canonical text of documents, and the digests made from it.
//!
//! Two documents that say the same thing have the same canonical text whatever the order
//! of their keys, so "nothing changed" is one comparison of digests.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::RelationDeclaration;

/// The document as JSON with keys sorted by UTF-16 code units and no white space.
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
        Value::Number(number) => {
            write!(text, "{number}").expect("writing to a string cannot fail");
        }
        Value::Bool(true) => text.push_str("true"),
        Value::Bool(false) => text.push_str("false"),
        Value::Null => text.push_str("null"),
    }
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    let mut keys: Vec<&String> = fields.keys().collect();
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
    frame(&mut hash, document);
    for relation in relations {
        frame(&mut hash, &relation.forward);
        frame(&mut hash, relation.reverse.as_deref().unwrap_or_default());
        frame(&mut hash, relation.target.as_str());
    }
    hex::encode(hash.finalize())
}

/// The entity tag: names one entity as of the last revision that touched it.
#[must_use]
pub fn etag(uid: &str, revision: i64) -> String {
    let mut hash = Sha256::new();
    frame(&mut hash, uid);
    hash.update(revision.to_be_bytes());
    hex::encode(&hash.finalize()[..ETAG_BYTES])
}

/// Bytes of the digest that make an entity tag: as long as the SHA-1 tags clients know.
const ETAG_BYTES: usize = 20;

/// Adds a string with its length in front, so that no two lists of strings run together
/// into the same bytes.
fn frame(hash: &mut Sha256, string: &str) {
    hash.update((string.len() as u64).to_be_bytes());
    hash.update(string.as_bytes());
}
