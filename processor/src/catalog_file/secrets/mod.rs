//! Values that look like credentials: what stands in a catalog file is shown to everybody.
//!
//! Each rule is a public prefix, an alphabet and a length as their issuers document them, so
//! that digests, UUIDs, icons in base64 and templates of URLs stay unsuspected. One pass, in time
//! linear in the text. What is found is named by its kind alone: nothing here, and nobody who
//! calls it, repeats more of a value than its prefix.

mod kind;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde_json::Value;

pub use self::kind::SecretKind;
use self::scan::{SecretScan, find_cut_off};
pub use self::scan::{SecretSpan, secret_spans};
use crate::json_pointer::with_step;

/// What to do about any of them.
pub const HINT: &str = "Revoke it at its issuer first, as it stays in the history of the repository; then take it out of the file and keep the new one in a secret store.";

/// What stands for a character of a secret where its surroundings are shown.
const BLANK: char = '*';

/// A secret-looking value of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretValue {
    /// What it looks like.
    pub kind: SecretKind,
    /// JSON pointer of the value, or of the member whose key it is.
    pub pointer: String,
}

/// The secret-looking keys and values of a document, in its order; of each value the first.
#[must_use]
pub fn secret_values(document: &Value) -> Vec<SecretValue> {
    let mut found = Vec::new();
    find_below(document, &mut String::new(), &mut found);
    found
}

fn find_below(value: &Value, pointer: &mut String, found: &mut Vec<SecretValue>) {
    match value {
        Value::String(text) => note_secret(text, pointer, found),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                with_step(pointer, &index.to_string(), |pointer| {
                    find_below(item, pointer, found);
                });
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                with_step(pointer, key, |pointer| {
                    note_secret(key, pointer, found);
                    find_below(member, pointer, found);
                });
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn note_secret(text: &str, pointer: &str, found: &mut Vec<SecretValue>) {
    found.extend(SecretScan::new(text).next().map(|span| SecretValue {
        kind: span.kind,
        pointer: pointer.to_owned(),
    }));
}

/// The text with each character of a secret-looking part blanked, line breaks left alone: what
/// may be shown. Lengths in characters and lines stay as they are. In a text that quotes the
/// beginning of a value, the beginning of a secret counts too.
#[must_use]
pub fn blank_secrets(text: &str) -> Cow<'_, str> {
    let mut spans = secret_spans(text);
    spans.extend(find_cut_off(
        text,
        spans.last().map_or(0, |last| last.range.end),
    ));
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for SecretSpan { range, .. } in spans {
        shown.push_str(&text[from..range.start]);
        shown.extend(text[range.clone()].chars().map(|c| match c {
            '\r' | '\n' => c,
            // One for each character, so that places behind it stay where they are.
            _ => BLANK,
        }));
        from = range.end;
    }
    shown.push_str(&text[from..]);
    Cow::Owned(shown)
}
