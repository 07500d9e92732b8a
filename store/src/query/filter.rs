//! The `filter` parameter.
//!
//! Repeated parameters are alternatives. Inside one, comma-separated statements must all hold, but
//! several values of the same key are alternatives again. `key` alone asks for presence.

use super::InvalidQuery;
use super::predicate::{EntityPredicate, KeyCondition};

/// What must hold for one key.
struct FilterCondition<'a> {
    /// As it was written.
    key: &'a str,
    /// Any of these; empty asks for presence.
    values: Vec<String>,
}

/// Reads the values of all `filter` parameters.
///
/// # Errors
///
/// If a statement has no key.
pub(crate) fn parse_filters<'a>(
    parameters: impl IntoIterator<Item = &'a str>,
) -> Result<EntityPredicate, InvalidQuery> {
    let alternatives = parameters
        .into_iter()
        .map(parse_conditions)
        .collect::<Result<Vec<_>, _>>()?;
    // A parameter without any statement restricts nothing, as if it were not there.
    let mut alternatives: Vec<EntityPredicate> = alternatives
        .into_iter()
        .filter(|conditions| !conditions.is_empty())
        .map(all_of)
        .collect();
    Ok(match alternatives.len() {
        0 => EntityPredicate::default(),
        1 => alternatives.remove(0),
        _ => EntityPredicate::Any(alternatives),
    })
}

fn all_of(conditions: Vec<FilterCondition<'_>>) -> EntityPredicate {
    let mut parts: Vec<EntityPredicate> = conditions
        .into_iter()
        .map(|FilterCondition { key, values }| {
            let condition = if values.is_empty() {
                KeyCondition::Exists
            } else {
                KeyCondition::In(values)
            };
            // Keys of the index are lower-case, as in Backstage.
            let key = key.to_lowercase();
            EntityPredicate::Key { key, condition }
        })
        .collect();
    if parts.len() == 1 {
        return parts.remove(0);
    }
    EntityPredicate::All(parts)
}

fn parse_conditions(parameter: &str) -> Result<Vec<FilterCondition<'_>>, InvalidQuery> {
    let mut conditions: Vec<FilterCondition<'_>> = Vec::new();
    for statement in parameter.split(',').map(str::trim) {
        if statement.is_empty() {
            continue;
        }
        let (key, value) = match statement.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim().to_lowercase())),
            None => (statement, None),
        };
        if key.is_empty() {
            return Err(InvalidQuery(format!(
                "Invalid filter, '{statement}' is not a valid statement (expected a string on the form a=b or a= or a)"
            )));
        }
        // Two spellings of a key are two conditions, as in Backstage: only the index knows that they are one.
        match conditions.iter_mut().find(|condition| condition.key == key) {
            // `a=1,a=2` is either, although a comma means both everywhere else.
            Some(condition) => condition.values.extend(value),
            None => conditions.push(FilterCondition {
                key,
                values: value.into_iter().collect(),
            }),
        }
    }
    Ok(conditions)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(filters: &[&str], expected: &Value) {
        let filter = parse_filters(filters.iter().copied()).expect("a valid filter");
        assert_eq!(
            filter.to_json().unwrap_or(json!({})),
            *expected,
            "{filters:?}"
        );
    }

    #[test]
    fn no_filter_wants_everything() {
        check(&[], &json!({}));
        check(&[" , "], &json!({}));
    }

    #[test]
    fn statements_must_all_hold() {
        check(
            &["kind=component,spec.type=service"],
            &json!({"$all": [{"kind": "component"}, {"spec.type": "service"}]}),
        );
    }

    #[test]
    fn repeated_parameters_and_repeated_keys_are_alternatives() {
        check(
            &["kind=api", "spec.type=service"],
            &json!({"$any": [{"kind": "api"}, {"spec.type": "service"}]}),
        );
        check(
            &["kind=api,kind=component"],
            &json!({"kind": {"$in": ["api", "component"]}}),
        );
    }

    #[test]
    fn two_spellings_of_a_key_must_both_hold() {
        check(
            &["Kind=api,kind=component"],
            &json!({"$all": [{"kind": "api"}, {"kind": "component"}]}),
        );
    }

    #[test]
    fn a_key_alone_asks_for_presence_unless_values_are_given_too() {
        check(&["a"], &json!({"a": {"$exists": true}}));
        check(&["a,a=x"], &json!({"a": "x"}));
    }

    #[test]
    fn comparison_ignores_case_and_surrounding_space() {
        check(
            &[" KIND = COMPONENT , a = Gold "],
            &json!({"$all": [{"kind": "component"}, {"a": "gold"}]}),
        );
    }

    #[test]
    fn an_empty_value_is_one() {
        check(&["a="], &json!({"a": ""}));
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        check(&["spec.type=ser=vice"], &json!({"spec.type": "ser=vice"}));
        assert!(parse_filters(["=x"]).is_err());
    }

    #[test]
    fn long_lists_of_values_cost_what_they_are_long() {
        let values: Vec<String> = (0..1_000).map(|number| format!("k{number}=v")).collect();
        let EntityPredicate::All(parts) =
            parse_filters([values.join(",").as_str()]).expect("valid")
        else {
            panic!("all of them must hold");
        };
        assert_eq!(parts.len(), 1_000);
    }
}
