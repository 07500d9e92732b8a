//! Stored words and refs, read back.

use std::str::FromStr;

use freshet_model::{EntityRef, GitRef, RefError};
use serde::{Serialize, Serializer};

/// A stored word that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the database holds the {what} \"{word}\", which this version does not know")]
pub struct UnknownWord {
    pub(super) what: &'static str,
    pub(super) word: String,
}

/// Why a column does not hold what this version can read.
pub(super) fn decode_error(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// A text in which nothing is an empty text, as in columns and messages.
pub(super) fn text_if_any<T: AsRef<str>>(text: T) -> Option<T> {
    Some(text).filter(|text| !text.as_ref().is_empty())
}

/// Writes what [`text_if_any`] reads.
pub(super) fn write_text<S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text.as_deref().unwrap_or_default().serialize(serializer)
}

/// The git ref of a column or a message; `None` for what is in no repository, whose text is empty.
pub(crate) fn git_ref_if_any(text: &str) -> Option<GitRef> {
    GitRef::parse(text).ok()
}

/// The text that [`git_ref_if_any`] reads.
pub(super) fn git_ref_text(git_ref: Option<&GitRef>) -> &str {
    git_ref.map_or("", GitRef::as_str)
}

/// Writes what [`git_ref_if_any`] reads.
pub(super) fn write_git_ref<S: Serializer>(
    git_ref: &Option<GitRef>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    git_ref_text(git_ref.as_ref()).serialize(serializer)
}

/// A column of times or durations, in microseconds, in which none is 0.
pub(super) fn micros_if_any(micros: i64) -> Option<i64> {
    Some(micros).filter(|micros| *micros > 0)
}

/// Writes what [`micros_if_any`] reads.
pub(super) fn write_micros<S: Serializer>(
    micros: &Option<i64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    micros.unwrap_or_default().serialize(serializer)
}

/// Writes a boolean as its column holds it.
// Both databases have integers here: SQLite knows no other, and one schema serves both.
pub(super) fn write_flag<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    i64::from(*flag).serialize(serializer)
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
