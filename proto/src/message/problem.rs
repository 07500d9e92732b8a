//! Problems on their way from the processor that found them to the store that keeps them.

use freshet_model::{EntityRef, ErrorClass, Level, Problem, RuleId};

use super::ProblemObserved;

impl From<Problem> for ProblemObserved {
    fn from(problem: Problem) -> Self {
        let is_warning = !problem.is_error();
        let entity_ref = problem.entity_ref.as_ref().map(EntityRef::to_string);
        Self {
            rule: problem.rule.as_str().to_owned(),
            message: problem.message,
            hint: problem.hint,
            line: problem.line,
            column: problem.column,
            entity_ref: entity_ref.unwrap_or_default(),
            class: problem.class.as_str().to_owned(),
            is_file: problem.is_file,
            is_warning,
            owner: problem.owner.unwrap_or_default(),
        }
    }
}

impl From<ProblemObserved> for Problem {
    // Lenient throughout: a processor of the next version may find what this one has no word for,
    // and its owner is still to be told.
    fn from(observed: ProblemObserved) -> Self {
        Self {
            rule: RuleId::parse_lenient(&observed.rule),
            level: if observed.is_warning {
                Level::Warning
            } else {
                Level::Error
            },
            class: ErrorClass::parse_lenient(&observed.class),
            message: observed.message,
            hint: observed.hint,
            line: observed.line,
            column: observed.column,
            entity_ref: EntityRef::parse(&observed.entity_ref).ok(),
            is_file: observed.is_file,
            owner: Some(observed.owner).filter(|owner| !owner.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_arrives_as_it_was_found() {
        let bare = Problem::warning(RuleId::SecretValue, ErrorClass::InputError, "a secret");
        let full = Problem {
            owner: Some("team-a".to_owned()),
            ..Problem::error(RuleId::YamlSyntax, ErrorClass::Error, "not YAML")
                .with_hint("Correct it.")
                .at(3, 7)
                .about("component:default/a".parse().expect("a ref"))
                .of_file()
        };
        for problem in [bare, full] {
            let observed = ProblemObserved::from(problem.clone());
            assert_eq!(Problem::from(observed), problem);
        }
    }
}
