//! What travels beside a payload: identity and trace context.

/// Header by which a JetStream stream recognises a message it already has.
pub const MESSAGE_ID_HEADER: &str = "Nats-Msg-Id";

/// Header of the W3C trace context.
pub const TRACEPARENT_HEADER: &str = "traceparent";

/// Header of a change message: its revision as a plain number. The relay's cursor.
pub const REVISION_HEADER: &str = "Catalog-Revision";

/// Header of a change message: the epoch its revision belongs to.
pub const EPOCH_HEADER: &str = "Catalog-Epoch";

/// What travels beside a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    // Jobs go without: a job that is rightly published again within the window would be swallowed.
    /// Identity for de-duplication within the stream's window; `None` publishes unconditionally.
    pub id: Option<String>,
    /// W3C trace context of the span that published.
    pub traceparent: Option<String>,
}

impl Envelope {
    /// An envelope with this identity and no trace context.
    #[must_use]
    pub fn with_id(id: impl Into<String>) -> Self {
        Self {
            id: Some(id.into()),
            traceparent: None,
        }
    }

    /// The same envelope in the given trace.
    #[must_use]
    pub fn traced(mut self, traceparent: Option<String>) -> Self {
        self.traceparent = traceparent;
        self
    }
}

/// Identity of a webhook delivery: the provider, its host and the delivery's GUID.
///
/// GitHub repeats the GUID when it redelivers, so a redelivery is a duplicate by this identity.
#[must_use]
pub fn delivery_id(host: &str, guid: &str) -> String {
    // With the host: nothing keeps two GitHub servers from giving out the same GUID.
    format!("gh:{host}:{guid}")
}

/// Identity of a schedule slot: one tick per provider and slot, however many ingestors publish it.
///
/// `settings` names what the provider was told to read. A provider that is told otherwise is
/// another one, and is swept again within its slot.
#[must_use]
pub fn tick_id(provider_id: &str, settings: &str, slot: i64) -> String {
    format!("tick:{provider_id}:{settings}:{slot}")
}

/// Identity of a change in the public stream.
#[must_use]
pub fn change_id(epoch: &str, revision: i64) -> String {
    // With the epoch: a restored database gives out the same revisions again, and the server would
    // drop them as duplicates.
    format!("{epoch}-{revision}")
}
