//! The text that some value of an entity has somewhere in it.
//!
//! In Backstage `%` and `_` are wildcards here, because nobody took them out of a `like`; here they are what was typed.

use super::InvalidQuery;

/// Where and what; the default is nothing to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FullTextFilter {
    /// In lower case; empty finds everything.
    pub(crate) term: String,
    /// Keys to look in, in lower case. Empty means the key that the list is sorted by, or the uid.
    pub(crate) fields: Vec<String>,
}

/// Keys looked in at most: each is a walk over all its values.
pub(crate) const FULL_TEXT_FIELDS_MAX: usize = 100;

impl FullTextFilter {
    /// A term in these keys.
    ///
    /// # Errors
    ///
    /// If there are too many keys.
    pub(crate) fn new<'a>(
        term: &str,
        fields: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidQuery> {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|field| field.trim().to_lowercase())
            .filter(|field| !field.is_empty())
            .collect();
        if fields.len() > FULL_TEXT_FIELDS_MAX {
            return Err(InvalidQuery(format!(
                "A text is looked for in {} fields, at most {FULL_TEXT_FIELDS_MAX} are allowed",
                fields.len()
            )));
        }
        let term = term.trim().to_lowercase();
        Ok(Self { term, fields })
    }

    /// Whether it restricts anything.
    pub(crate) fn is_given(&self) -> bool {
        !self.term.is_empty()
    }
}
