//! The rows of the tree of locations: who points at what, what is read besides, what waits to go.

use serde::{Deserialize, Serialize};

use super::rows::UnknownWord;

/// How the run of a Location entity ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RunState {
    /// A target was not looked at yet.
    Waiting,
    /// Everything it points at is in order.
    Ok,
    /// Something it points at is broken, and all of it stays as it is.
    Broken,
}

impl TryFrom<String> for RunState {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "waiting" => Ok(Self::Waiting),
            "ok" => Ok(Self::Ok),
            "broken" => Ok(Self::Broken),
            _ => Err(UnknownWord {
                what: "run state",
                word,
            }),
        }
    }
}

/// A Location entity: the newest version that is declared, and how its run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LocationEntityRow {
    #[serde(rename = "ref")]
    #[sqlx(rename = "ref")]
    pub(crate) entity_ref: String,
    /// The location that declares it.
    pub(crate) declared_by: i64,
    /// As declared, canonical JSON without the catalog's annotations.
    pub(crate) document: String,
    pub(crate) digest: String,
    pub(crate) line: i64,
    pub(crate) column_number: i64,
    /// Where it stands, `type:target`.
    pub(crate) own: String,
    /// Root of the tree it was found in, `type:target`.
    pub(crate) origin: String,
    #[sqlx(try_from = "String")]
    pub(crate) state: RunState,
    /// Digest of the version in effect; empty if none is.
    pub(crate) applied_digest: String,
    pub(crate) since: i64,
}

/// A Location entity points at a location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct LinkRow {
    pub(crate) parent_ref: String,
    pub(crate) location_id: i64,
    /// The pattern that matched the location; 0 if it is named itself.
    pub(crate) via: i64,
    pub(crate) ordinal: i64,
    /// How the Location entity names it.
    pub(crate) url: String,
    pub(crate) is_required: i64,
    /// 1 if the version in effect points at it.
    pub(crate) is_current: i64,
    /// 1 if the newest version points at it.
    pub(crate) is_next: i64,
    pub(crate) since: i64,
}

/// A file that a location's entities are made from, besides the location itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct DependencyRow {
    pub(crate) location_id: i64,
    /// Of a repository, in lower case like owner and name; empty for a URL.
    pub(crate) host: String,
    pub(crate) owner: String,
    pub(crate) name: String,
    pub(crate) git_ref: String,
    pub(crate) path: String,
    /// What was read; empty if there was nothing.
    pub(crate) blob_oid: String,
    pub(crate) url: String,
}

/// A removal that waits for somebody to confirm it, or for a second look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub(crate) struct RemovalRow {
    pub(crate) location_id: i64,
    pub(crate) source_id: i64,
    pub(crate) installation: String,
    /// How many entities would go.
    pub(crate) entities: i64,
    /// JSON: the first of their refs.
    pub(crate) refs: String,
    pub(crate) since: i64,
    /// 0 until it is confirmed.
    pub(crate) confirmed_at: i64,
}
