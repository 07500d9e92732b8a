//! One row of the log as the public event, in the form a transport wants.

use std::borrow::Cow;

use freshet_proto::message::change::{
    After, Attributes, ChangeData, Fields, RelationChanges, binary_headers, published_body,
    structured,
};
use freshet_proto::stream::PAYLOAD_BYTES_MAX;
use freshet_proto::timestamp::rfc3339;

use crate::change::ChangeRow;

/// Who speaks in every change event.
const EVENT_SOURCE: &str = "/freshet/catalog";

/// A row that is about to be published.
pub(crate) struct Publication<'a> {
    row: &'a ChangeRow,
    epoch: &'a str,
    subject: Cow<'a, str>,
    time: String,
    link: String,
}

impl<'a> Publication<'a> {
    /// The row of the log `epoch`; large documents are linked to below `base_url`.
    pub(crate) fn new(row: &'a ChangeRow, epoch: &'a str, base_url: &str) -> Self {
        let subject = match (&row.problem, &row.entity_ref) {
            (Some(problem), _) => Cow::Owned(format!("problem:{}", problem.id)),
            (None, Some(entity_ref)) => Cow::Borrowed(entity_ref.as_str()),
            (None, None) => Cow::Borrowed(""),
        };
        // Made here although most events need none: whether a document is too large depends on the
        // transport.
        let link = row.entity_ref.as_ref().map_or_else(String::new, |entity| {
            let (kind, namespace, name) = (entity.kind(), entity.namespace(), entity.name());
            format!("{base_url}/api/catalog/entities/by-name/{kind}/{namespace}/{name}")
        });
        Self {
            row,
            epoch,
            subject,
            time: rfc3339(row.committed_at),
            link,
        }
    }

    fn attributes(&self) -> Attributes<'_> {
        Attributes {
            epoch: self.epoch,
            revision: self.row.revision.get(),
            verb: self.row.op,
            source: EVENT_SOURCE,
            subject: &self.subject,
            time: &self.time,
            traceparent: None,
        }
    }

    /// Headers of the binary mode.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        binary_headers(&self.attributes())
    }

    /// The event's data, as published at `now` (microseconds UTC).
    pub(crate) fn body(&self, now: i64) -> String {
        published_body(&self.row.data, self.document_after(), &rfc3339(now))
    }

    /// The same, for a transport that takes no more than [`PAYLOAD_BYTES_MAX`] bytes: what is too
    /// large is left out: the document, then the differences of fields, then those of relations. What
    /// is left is small, so an event is never withheld for its size.
    pub(crate) fn bounded_body(&self, now: i64) -> String {
        let published = rfc3339(now);
        let body = published_body(&self.row.data, self.document_after(), &published);
        if body.len() <= PAYLOAD_BYTES_MAX {
            return body;
        }
        let body = published_body(&self.row.data, self.linked_document(), &published);
        if body.len() <= PAYLOAD_BYTES_MAX {
            return body;
        }
        // Parsed only here: the text of the log is spliced into the event as it is in all other
        // cases.
        let mut data = parse_data(&self.row.data);
        data.change.fields = Fields::default();
        let body = published_body(&render_data(&data), self.linked_document(), &published);
        if body.len() <= PAYLOAD_BYTES_MAX {
            return body;
        }
        data.change.relations = RelationChanges::default();
        data.change.relations_truncated = true;
        let body = published_body(&render_data(&data), self.linked_document(), &published);
        debug_assert!(body.len() <= PAYLOAD_BYTES_MAX, "what is left is small");
        body
    }

    /// The whole event as one JSON object.
    pub(crate) fn structured_json(&self, now: i64) -> String {
        structured(&self.attributes(), &self.body(now))
    }

    fn document_after(&self) -> After<'_> {
        match &self.row.document {
            Some(document) => After::of(document, self.digest(), &self.link),
            // A deletion, a derived change or a problem.
            None => After::Nothing,
        }
    }

    fn linked_document(&self) -> After<'_> {
        match self.document_after() {
            After::Nothing => After::Nothing,
            After::Document(_) | After::TooLarge { .. } => After::TooLarge {
                digest: self.digest(),
                link: &self.link,
            },
        }
    }

    fn digest(&self) -> &str {
        self.row.digest.as_deref().unwrap_or_default()
    }
}

fn parse_data(data: &str) -> ChangeData {
    serde_json::from_str(data).expect("the log holds what ChangeData was written as")
}

fn render_data(data: &ChangeData) -> String {
    serde_json::to_string(data).expect("ChangeData is plain data")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freshet_proto::message::change::{DOCUMENT_BYTES_MAX, PublishedChange};
    use serde_json::Value;

    use super::*;
    use crate::change::sample::change_row;

    const NOW: i64 = 1_795_252_443_412_001;

    fn row(document: Option<&str>, field: &str) -> ChangeRow {
        related_row(document, field, "")
    }

    fn related_row(document: Option<&str>, field: &str, relations: &str) -> ChangeRow {
        let data = format!(
            r#"{{"op":"updated","entity":{{"ref":"component:default/a","uid":"u","kind":"Component"}},"revision":{{"catalog":7,"previous":3,"entity":2}},"change":{{"categories":["SPEC"],"derived":false,"fields":{{"added":[{{"path":"/spec/x","after":"{field}"}}],"updated":[],"deleted":[]}},"relations":{{"added":[{relations}],"removed":[]}}}},"cause":{{}},"timing":{{"committed":"2026-11-21T09:14:03.000000Z"}}}}"#
        );
        ChangeRow {
            document: document.map(Arc::from),
            digest: Some("d1".to_owned()),
            data,
            committed_at: NOW,
            ..change_row(7)
        }
    }

    #[test]
    fn the_event_holds_the_document_and_when_it_was_published() {
        let row = row(Some(r#"{"kind":"Component"}"#), "y");
        let event: Value =
            serde_json::from_str(&Publication::new(&row, "e1", "http://x").structured_json(NOW))
                .expect("JSON");
        assert_eq!(event["id"], "e1-7");
        assert_eq!(event["subject"], "component:default/pay");
        assert_eq!(event["data"]["after"]["kind"], "Component");
        assert_eq!(
            event["data"]["timing"]["published"],
            "2026-11-21T09:14:03.412001Z"
        );
    }

    #[test]
    fn a_large_document_is_linked_to() {
        let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(DOCUMENT_BYTES_MAX));
        let row = row(Some(&large), "y");
        let body: Value = serde_json::from_str(&Publication::new(&row, "e1", "http://x").body(NOW))
            .expect("JSON");
        assert_eq!(body["afterDigest"], "d1");
        assert_eq!(
            body["afterLink"],
            "http://x/api/catalog/entities/by-name/component/default/pay"
        );
    }

    #[test]
    fn no_event_is_too_large_for_its_transport() {
        let half = "y".repeat(PAYLOAD_BYTES_MAX / 2 - 4_000);
        let document = format!(r#"{{"x":"{}"}}"#, "y".repeat(DOCUMENT_BYTES_MAX - 100));
        let enormous = "y".repeat(PAYLOAD_BYTES_MAX * 2);
        for field in [half.as_str(), &enormous] {
            let row = row(Some(&document), field);
            let body = Publication::new(&row, "e1", "http://x").bounded_body(NOW);
            assert!(body.len() <= PAYLOAD_BYTES_MAX);
            let _decodes: PublishedChange =
                serde_json::from_str(&body).expect("a published change");
        }
    }

    #[test]
    fn an_event_with_too_many_relations_says_so_instead_of_listing_them() {
        let relation = r#"{"type":"hasMember","targetRef":"user:default/somebody-with-a-name"}"#;
        let many = vec![relation; PAYLOAD_BYTES_MAX / relation.len() + 1].join(",");
        let row = related_row(None, "y", &many);
        let body = Publication::new(&row, "e1", "http://x").bounded_body(NOW);
        assert!(body.len() <= PAYLOAD_BYTES_MAX);
        let published: PublishedChange = serde_json::from_str(&body).expect("a published change");
        assert!(published.data.change.relations_truncated);
        assert_eq!(published.data.change.relations, RelationChanges::default());
        let few = related_row(None, "y", relation);
        let body = Publication::new(&few, "e1", "http://x").bounded_body(NOW);
        assert!(!body.contains("relationsTruncated"));
    }
}
