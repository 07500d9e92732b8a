//! The body of a change event as it is published: what was stored, the time, and the document.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::ChangeData;

/// A document larger than this many bytes is left out of the event; its digest and link stand in.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// The complete body as published: [`ChangeData`] and the document after the change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedChange {
    /// Everything but the document.
    #[serde(flatten)]
    pub data: ChangeData,
    /// The declared document after the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Digest of a document too large for an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_digest: Option<String>,
    /// Where a document too large for an event is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_link: Option<String>,
}

/// The document after a change, as it enters the published body.
#[derive(Clone, Copy, Debug)]
pub enum After<'a> {
    /// The change has none: deletions, derived changes, problems.
    Nothing,
    /// The document's JSON text.
    Document(&'a str),
    /// Too large: its digest and a link.
    TooLarge {
        /// SHA-256, hex.
        digest: &'a str,
        /// Where to read it.
        link: &'a str,
    },
}

impl<'a> After<'a> {
    /// The document itself, or digest and link if it exceeds [`DOCUMENT_BYTES_MAX`].
    #[must_use]
    pub fn of(document: &'a str, digest: &'a str, link: &'a str) -> Self {
        // An event is never withheld for its size: who needs the document follows the link.
        if document.len() > DOCUMENT_BYTES_MAX {
            return Self::TooLarge { digest, link };
        }
        Self::Document(document)
    }
}

/// Writes the published body from stored text: `data` (JSON of [`ChangeData`]), the time of
/// publication and the document, without parsing any of them again.
///
/// # Panics
///
/// If `data` is not the JSON of a [`ChangeData`], which only this module writes.
#[must_use]
pub fn published_body(data: &str, after: After<'_>, published: &str) -> String {
    // The last one: the difference of a field may hold the same text.
    let timing_start = data
        .rfind(TIMING_KEY)
        .expect("ChangeData ends with its timing");
    let inner = timing_start + TIMING_KEY.len();
    let mut body = String::with_capacity(data.len() + 64 + after_length(after));
    body.push_str(&data[..inner]);
    let had_steps = !data[inner..].starts_with('}');
    // `timing` is the last field and holds texts only, so behind its steps there is nothing but
    // closing braces.
    let steps = data[inner..].trim_end_matches('}');
    body.push_str(steps);
    if had_steps {
        body.push(',');
    }
    body.push_str("\"published\":\"");
    // Unescaped: a time holds no character that JSON would escape.
    body.push_str(published);
    body.push_str("\"}");
    push_after(&mut body, after);
    body.push('}');
    body
}

const TIMING_KEY: &str = "\"timing\":{";

fn after_length(after: After<'_>) -> usize {
    match after {
        After::Nothing => 0,
        After::Document(document) => document.len(),
        After::TooLarge { digest, link } => digest.len() + link.len() + 64,
    }
}

fn push_after(body: &mut String, after: After<'_>) {
    match after {
        After::Nothing => {}
        After::Document(document) => {
            body.push_str(",\"after\":");
            body.push_str(document);
        }
        After::TooLarge { digest, link } => {
            for (key, value) in [("afterDigest", digest), ("afterLink", link)] {
                body.push_str(",\"");
                body.push_str(key);
                body.push_str("\":");
                body.push_str(&Value::from(value).to_string());
            }
        }
    }
}

/// The document text of a stored change as a raw JSON value, for bodies built with serde.
#[must_use]
pub fn raw_document(document: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(document.to_owned()).ok()
}
