//! The problems of the tree, and which stored ones they replace.

use crate::apply::entities::declarations::Found;
use crate::repo::{LocationEntityRow, ProblemState};

/// The rule of a kind that may not enter.
pub(crate) const NOT_ALLOWED: &str = "rules.not-allowed";
/// The rule of a required target that is not there.
pub(crate) const TARGET_MISSING: &str = "location.target-missing";
/// The rule of a target that cannot be read or understood.
pub(crate) const TARGET_UNREADABLE: &str = "location.target-unreadable";
/// The rule of a target of a type that is not allowed there.
pub(crate) const TARGET_REFUSED: &str = "location.type-not-allowed";

const OF_LOCATION_ENTITIES: [&str; 3] = [TARGET_MISSING, TARGET_UNREADABLE, TARGET_REFUSED];

/// The problems one location has now, within a scope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Review {
    pub(crate) location_id: i64,
    /// The source whose reading caused it.
    pub(crate) cause: i64,
    pub(crate) scope: Scope,
    pub(crate) found: Vec<Found>,
}

/// Which stored problems of the location are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// All: the location counts no more.
    All,
    /// What was found in the file itself.
    File,
    /// What `catalog.rules` keep out.
    Rules,
    /// What a Location entity of the file points to.
    Targets(String),
}

impl Scope {
    /// Whether a stored problem of the location is compared.
    pub(crate) fn covers(&self, problem: &ProblemState) -> bool {
        let rule = problem.rule.as_str();
        let is_of_targets = OF_LOCATION_ENTITIES.contains(&rule);
        match self {
            Self::All => true,
            Self::File => !is_of_targets && rule != NOT_ALLOWED,
            Self::Rules => rule == NOT_ALLOWED,
            Self::Targets(entity_ref) => is_of_targets && problem.entity_ref == *entity_ref,
        }
    }
}

/// A problem of a Location entity, where it is declared.
pub(crate) fn at(row: &LocationEntityRow, rule: &str, class: &str, message: String) -> Found {
    let hint = match rule {
        TARGET_MISSING => {
            "Create the file, correct the target, or set spec.presence to optional; until then nothing this Location points to is updated."
        }
        TARGET_REFUSED => "Use a type that is allowed here.",
        _ => {
            "Correct the target or make it readable; until then nothing this Location points to is updated."
        }
    };
    Found {
        rule: rule.to_owned(),
        message,
        hint: hint.to_owned(),
        line: u32::try_from(row.line).unwrap_or_default(),
        column: u32::try_from(row.column_number).unwrap_or_default(),
        entity_ref: freshet_model::EntityRef::parse(&row.entity_ref).ok(),
        class: class.to_owned(),
        status_of: vec![row.entity_ref.clone()],
        ..Found::default()
    }
}
