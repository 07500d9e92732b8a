//! Something the owner of a file must fix, in the one shape every stage hands on.

use serde::{Deserialize, Deserializer, Serialize};

use crate::{EntityRef, ErrorClass, Level, RuleId};

/// One broken rule, where it is broken and what to do about it.
///
/// Which file it is in, since when, and whose status shows it are known to who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The rule.
    pub rule: RuleId,
    /// How bad it is.
    // History from before there were levels, classes and owners is still read.
    #[serde(default)]
    pub level: Level,
    /// The class Backstage gives the error.
    #[serde(default)]
    pub class: ErrorClass,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// Line in the file, from 1; 0 if it has no place.
    pub line: u32,
    /// Character in the line, from 1; 0 if it has no place.
    pub column: u32,
    /// The entity it is about, if the document got far enough to have a ref.
    #[serde(default)]
    pub entity_ref: Option<EntityRef>,
    /// Whether it blames the whole file: nobody can tell which entity was meant, so nothing of
    /// the file is taken over.
    #[serde(default)]
    pub is_file: bool,
    /// `spec.owner` as the document says.
    #[serde(
        default,
        deserialize_with = "text_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    pub owner: Option<String>,
}

impl Problem {
    /// An error of this rule, without a place.
    #[must_use]
    pub fn error(rule: RuleId, class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            rule,
            level: Level::Error,
            class,
            message: message.into(),
            hint: String::new(),
            line: 0,
            column: 0,
            entity_ref: None,
            is_file: false,
            owner: None,
        }
    }

    /// A warning of this rule, without a place.
    #[must_use]
    pub fn warning(rule: RuleId, class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            level: Level::Warning,
            ..Self::error(rule, class, message)
        }
    }

    /// With what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// At this place, both counted from 1.
    #[must_use]
    pub fn at(mut self, line: u32, column: u32) -> Self {
        (self.line, self.column) = (line, column);
        self
    }

    /// About this entity.
    #[must_use]
    pub fn about(mut self, entity_ref: EntityRef) -> Self {
        self.entity_ref = Some(entity_ref);
        self
    }

    /// Blaming the whole file.
    #[must_use]
    pub fn of_file(mut self) -> Self {
        self.is_file = true;
        self
    }

    /// Whether something is held back because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

/// History has an empty text where there is no owner.
fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_is_written_with_everything_that_is_known() {
        let entity_ref = EntityRef::parse("component:a").expect("a ref");
        let problem = Problem::error(RuleId::YamlSyntax, ErrorClass::Error, "not YAML")
            .with_hint("Correct it.")
            .at(3, 7)
            .about(entity_ref)
            .of_file();
        let written = serde_json::to_value(&problem).expect("plain data");
        assert_eq!(
            written,
            json!({
                "rule": "yaml.syntax", "level": "error", "class": "Error", "message": "not YAML",
                "hint": "Correct it.", "line": 3, "column": 7,
                "entityRef": "component:default/a", "isFile": true,
            })
        );
        assert_eq!(
            serde_json::from_value::<Problem>(written).expect("the same"),
            problem
        );
        assert!(problem.is_error());
    }

    #[test]
    fn a_problem_of_old_history_is_an_error_of_the_general_class() {
        let written = json!({
            "rule": "old.rule", "message": "m", "hint": "", "line": 1, "column": 1, "owner": "",
        });
        let problem: Problem = serde_json::from_value(written).expect("a problem");
        let expected = Problem::error(RuleId::Unknown, ErrorClass::Error, "m").at(1, 1);
        assert_eq!(problem, expected);
        assert!(
            !Problem::warning(RuleId::ClaimConflict, ErrorClass::ConflictError, "m").is_error()
        );
    }
}
