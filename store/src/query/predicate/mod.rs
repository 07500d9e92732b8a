//! Which entities are wanted: one form for `filter` parameters, predicates of a body and of a cursor, and the conditions of
//! a permission.
//!
//! Everything is compared in lower case, as the index is. What a predicate means is decided in
//! [`select`](super::select); how it is written, in [`read`] and [`filter`](super::filter).

pub(super) mod read;
mod write;

use serde_json::Value;

use super::InvalidQuery;

/// Which entities are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntityPredicate {
    /// All of these hold; of none, that is everything.
    All(Vec<Self>),
    /// One of these holds; of none, that is nothing.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// Something holds for a key of the index, given in lower case.
    Key {
        /// The key.
        key: String,
        /// What holds.
        condition: KeyCondition,
    },
}

/// What holds for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyCondition {
    /// The entity has it.
    Exists,
    /// One of its values is one of these, in lower case.
    In(Vec<String>),
    /// One of its values begins so, in lower case.
    Prefix(String),
}

impl Default for EntityPredicate {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl EntityPredicate {
    /// Reads a predicate as the clients of Backstage write it.
    ///
    /// # Errors
    ///
    /// If it is none, with what is wrong.
    pub(crate) fn parse(predicate: &Value) -> Result<Self, InvalidQuery> {
        read::read_predicate(predicate)
    }

    /// The predicate as it goes into a cursor; [`Self::parse`] reads it back. `None` if everything is wanted.
    pub(crate) fn to_json(&self) -> Option<Value> {
        (!self.is_everything()).then(|| write::write_predicate(self))
    }

    /// An entity has a key.
    pub(crate) fn exists(key: &str) -> Self {
        Self::Key {
            key: key.to_lowercase(),
            condition: KeyCondition::Exists,
        }
    }

    /// A value of a key is one of these.
    pub(crate) fn is_in<'a>(key: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values = values.into_iter().map(str::to_lowercase).collect();
        Self::Key {
            key: key.to_lowercase(),
            condition: KeyCondition::In(values),
        }
    }

    /// Both this and another.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        if self.is_everything() {
            return other;
        }
        if other.is_everything() {
            return self;
        }
        Self::All(vec![self, other])
    }

    fn is_everything(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }
}
