//! What is wrong with a declared document, said so that its author can mend it.

use std::fmt;

/// One broken rule in one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Stable id of the rule, such as `metadata.name.format`.
    pub rule: &'static str,
    /// JSON pointer of the offending value in the document as written; of its parent if
    /// the value is missing.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// The error class Backstage reports for it.
    pub class: ErrorClass,
    /// How much is lost because of it.
    pub blast: Blast,
}

/// The class Backstage gives an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// The input of one entity is wrong.
    InputError,
    /// A value is not even of the right type.
    TypeError,
    /// Any other failure, such as a syntax error.
    Error,
    /// A location target does not exist.
    NotFoundError,
    /// The kind is not allowed for the location.
    NotAllowedError,
    /// Two claims contradict each other.
    ConflictError,
}

impl ErrorClass {
    /// The class as it stands in `status.items[].error.name`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InputError => "InputError",
            Self::TypeError => "TypeError",
            Self::Error => "Error",
            Self::NotFoundError => "NotFoundError",
            Self::NotAllowedError => "NotAllowedError",
            Self::ConflictError => "ConflictError",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much a violation costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Blast {
    /// The entity keeps its last good version; its siblings in the file are not touched.
    Entity,
    /// Nothing of the whole file is applied.
    File,
}
