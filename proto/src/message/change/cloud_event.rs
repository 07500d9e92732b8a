//! The CloudEvents 1.0 envelope of a change event.
//!
//! On NATS the event travels in binary mode (attributes as `ce-` headers, percent-encoded as the
//! NATS binding of CloudEvents 1.0.3 says, the body is the data); on SSE and webhooks in structured mode.

use std::fmt::Write as _;

use serde_json::value::RawValue;

use super::Verb;
use crate::envelope::{EPOCH_HEADER, REVISION_HEADER, change_id};

const SPEC_VERSION: &str = "1.0";
const CONTENT_TYPE: &str = "application/json";
const SCHEMA_URL: &str = "https://freshet.io/schema/change.v1.json";

/// What the envelope of a change event says.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    /// Id of the change log.
    pub epoch: &'a str,
    /// Revision of the change.
    pub revision: i64,
    /// What happened.
    pub verb: Verb,
    /// Who speaks, a URI reference such as `/freshet/catalog`.
    pub source: &'a str,
    /// Canonical ref of the entity, or `problem:<id>`.
    pub subject: &'a str,
    /// When it was committed, RFC 3339.
    pub time: &'a str,
    /// W3C trace context of the apply.
    pub traceparent: Option<&'a str>,
}

impl Attributes<'_> {
    fn event_type(&self) -> String {
        let family = if self.verb.is_problem() {
            "problem"
        } else {
            "entity"
        };
        let verb = self.verb.as_str().trim_start_matches("problem-");
        format!("io.freshet.catalog.{family}.{verb}.v1")
    }

    /// Attribute names and values in a fixed order, without the trace context.
    fn named_pairs(&self) -> [(&'static str, String); 9] {
        [
            ("specversion", SPEC_VERSION.to_owned()),
            ("id", change_id(self.epoch, self.revision)),
            ("source", self.source.to_owned()),
            ("type", self.event_type()),
            ("subject", self.subject.to_owned()),
            ("time", self.time.to_owned()),
            ("dataschema", SCHEMA_URL.to_owned()),
            // Changes of one entity stay in order wherever the event is forwarded to.
            ("partitionkey", self.subject.to_owned()),
            // With leading zeros, because CloudEvents compares sequences as text.
            ("sequence", format!("{:020}", self.revision)),
        ]
    }
}

/// Headers of a change message on NATS, the relay's cursor included.
#[must_use]
pub fn binary_headers(attributes: &Attributes<'_>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = attributes
        .named_pairs()
        .into_iter()
        .map(|(name, value)| (format!("ce-{name}"), percent_encode(&value)))
        .collect();
    headers.push(("Content-Type".to_owned(), CONTENT_TYPE.to_owned()));
    headers.push((REVISION_HEADER.to_owned(), attributes.revision.to_string()));
    headers.push((EPOCH_HEADER.to_owned(), attributes.epoch.to_owned()));
    if attributes.verb == Verb::Deleted {
        // Ordinary key-value clients of the sourced bucket see a deletion.
        headers.push(("KV-Operation".to_owned(), "DEL".to_owned()));
    }
    if let Some(traceparent) = attributes.traceparent {
        headers.push(("ce-traceparent".to_owned(), traceparent.to_owned()));
    }
    headers
}

/// The event in structured mode: one JSON object with the attributes and `data`.
///
/// `data` is the body as [`super::published_body`] writes it.
#[must_use]
pub fn structured(attributes: &Attributes<'_>, data: &str) -> String {
    // Not in release builds: the text is our own, and reading it again would only cost time.
    debug_assert!(
        serde_json::from_str::<&RawValue>(data).is_ok(),
        "data is JSON"
    );
    let mut event = String::with_capacity(data.len() + 512);
    event.push('{');
    for (name, value) in attributes.named_pairs() {
        push_attribute(&mut event, name, &value);
    }
    if let Some(traceparent) = attributes.traceparent {
        push_attribute(&mut event, "traceparent", traceparent);
    }
    push_attribute(&mut event, "datacontenttype", CONTENT_TYPE);
    event.push_str("\"data\":");
    event.push_str(data);
    event.push('}');
    event
}

fn push_attribute(event: &mut String, name: &str, value: &str) {
    let value = serde_json::Value::from(value);
    write!(event, "\"{name}\":{value},").expect("writing to a string cannot fail");
}

/// CloudEvents' header encoding: printable ASCII but for space, `"` and `%` stands for itself.
fn percent_encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'"' | b'%' => write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail"),
            0x21..=0x7E => encoded.push(char::from(byte)),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string cannot fail"),
        }
    }
    encoded
}
