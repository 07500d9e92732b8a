//! What is wrong with a declared document, said so that its author can mend it.

use crate::{ErrorClass, RuleId};

/// One broken rule in one document, before anybody knows where in a file the document stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: RuleId,
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
    pub blast_radius: BlastRadius,
}

/// How much a violation costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlastRadius {
    /// The entity keeps its last good version; its siblings in the file are not touched.
    Entity,
    /// Nothing of the whole file is applied.
    File,
}
