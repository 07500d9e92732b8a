//! Served texts that were asked for before: putting one together again takes longer than sending it.

use std::fmt;
use std::sync::Arc;

use freshet_model::Revision;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use uuid::Uuid;

use crate::change::EntityRecord;

/// Bytes of text kept, whatever the catalog is large.
const SERVED_TEXTS_BYTES: u64 = 64 * 1024 * 1024;
/// What an entry costs beside its text.
const ENTRY_BYTES: u64 = 96;
/// How many of usual size that is.
const ENTRIES: usize = 32 * 1024;

/// Which entity, and as of which of its changes: an entity whose relations change has another revision.
type TextKey = (Uuid, Revision);

/// Texts of entities without problems, by the revision they show. Nothing is taken out when an entity changes: nobody asks
/// for the old one again, and it makes room.
pub(super) struct ServedTexts(Cache<TextKey, Arc<str>, TextBytes>);

#[derive(Clone)]
struct TextBytes;

impl Weighter<TextKey, Arc<str>> for TextBytes {
    fn weight(&self, _key: &TextKey, text: &Arc<str>) -> u64 {
        ENTRY_BYTES + u64::try_from(text.len()).unwrap_or(u64::MAX)
    }
}

impl Default for ServedTexts {
    fn default() -> Self {
        Self(Cache::with_weighter(ENTRIES, SERVED_TEXTS_BYTES, TextBytes))
    }
}

impl fmt::Debug for ServedTexts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("ServedTexts")
            .field(&self.0.len())
            .finish()
    }
}

impl ServedTexts {
    /// The text of an entity as it is, made if it is not kept.
    pub(super) fn get_or_render(
        &self,
        record: &EntityRecord,
        render: impl FnOnce() -> String,
    ) -> Arc<str> {
        let key = (record.uid, record.revision);
        if let Some(text) = self.0.get(&key) {
            return text;
        }
        let text: Arc<str> = Arc::from(render());
        self.0.insert(key, Arc::clone(&text));
        text
    }
}
