//! Stored words and refs, read back.

use std::str::FromStr;

use freshet_model::{EntityRef, RefError};

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds the {what} \"{word}\", which this version does not know")]
pub struct UnknownWord {
    pub(super) what: &'static str,
    pub(super) word: String,
}

/// Reads a stored ref, which was canonical when it was written.
pub(crate) fn stored_ref(text: &str) -> Result<EntityRef, RefError> {
    EntityRef::from_str(text)
}

/// Reads a list of refs stored as JSON; what cannot be read is left out.
pub(crate) fn refs_from_text(text: &str) -> Vec<EntityRef> {
    // One that an older version wrote and this one cannot read is worth less than the rest of the
    // list.
    let refs: Vec<String> = serde_json::from_str(text).unwrap_or_default();
    refs.iter().filter_map(|it| stored_ref(it).ok()).collect()
}
