//! How a predicate is written in JSON.

use freshet_model::javascript_text;
use serde_json::{Map, Value};

use super::{EntityPredicate, KeyCondition};
use crate::query::InvalidQuery;

const ALL: &str = "$all";
const ANY: &str = "$any";
const NOT: &str = "$not";
/// Operators of one value, in the order in which the first that is right wins.
const OPERATORS: [&str; 4] = ["$exists", "$in", "$hasPrefix", "$contains"];
/// The only key that `$contains` asks for objects in.
const RELATIONS: &str = "relations";

pub(super) fn read_predicate(predicate: &Value) -> Result<EntityPredicate, InvalidQuery> {
    let Value::Object(fields) = predicate else {
        return Err(invalid("a predicate is an object"));
    };
    match fields.keys().find(|key| key.starts_with('$')) {
        Some(operator) => read_operator(operator, fields),
        None => read_keys(fields),
    }
}

fn read_operator(
    operator: &str,
    fields: &Map<String, Value>,
) -> Result<EntityPredicate, InvalidQuery> {
    if fields.len() > 1 {
        return Err(invalid(&format!(
            "\"{operator}\" stands alone in its object"
        )));
    }
    let operand = &fields[operator];
    match operator {
        ALL => Ok(EntityPredicate::All(read_list(operator, operand)?)),
        ANY => Ok(EntityPredicate::Any(read_list(operator, operand)?)),
        NOT => Ok(EntityPredicate::Not(Box::new(read_predicate(operand)?))),
        _ => Err(invalid(&format!(
            "\"{operator}\" is no operator of a predicate"
        ))),
    }
}

fn read_list(operator: &str, operand: &Value) -> Result<Vec<EntityPredicate>, InvalidQuery> {
    let Value::Array(items) = operand else {
        return Err(invalid(&format!("\"{operator}\" takes an array")));
    };
    items.iter().map(read_predicate).collect()
}

/// Keys and their conditions, all of which hold.
fn read_keys(fields: &Map<String, Value>) -> Result<EntityPredicate, InvalidQuery> {
    let mut parts = Vec::with_capacity(fields.len());
    for (key, condition) in fields {
        parts.push(read_condition(key, condition)?);
    }
    if parts.len() == 1 {
        return Ok(parts.remove(0));
    }
    Ok(EntityPredicate::All(parts))
}

fn read_condition(key: &str, condition: &Value) -> Result<EntityPredicate, InvalidQuery> {
    if let Some(value) = scalar(condition) {
        return Ok(EntityPredicate::is_in(key, [value.as_str()]));
    }
    let Value::Object(operators) = condition else {
        return Err(invalid(&format!(
            "\"{key}\" is compared with null or a list"
        )));
    };
    // Backstage takes the first that it understands, and passes over the others without a word.
    let mut given = OPERATORS
        .iter()
        .filter_map(|operator| Some((*operator, operators.get(*operator)?)));
    let read = given.find_map(|(operator, operand)| read_comparison(key, operator, operand));
    read.unwrap_or_else(|| {
        Err(invalid(&format!(
            "\"{key}\" is compared with none of {} as it takes them",
            OPERATORS.join(", ")
        )))
    })
}

/// What one operator says of a key; `None` if its operand is not one of its own.
fn read_comparison(
    key: &str,
    operator: &str,
    operand: &Value,
) -> Option<Result<EntityPredicate, InvalidQuery>> {
    match (operator, operand) {
        ("$exists", Value::Bool(true)) => Some(Ok(EntityPredicate::exists(key))),
        ("$exists", Value::Bool(false)) => {
            let exists = EntityPredicate::exists(key);
            Some(Ok(EntityPredicate::Not(Box::new(exists))))
        }
        ("$in", Value::Array(values)) => {
            let values: Vec<String> = values.iter().map(scalar).collect::<Option<_>>()?;
            let values = values.iter().map(String::as_str);
            Some(Ok(EntityPredicate::is_in(key, values)))
        }
        ("$hasPrefix", Value::String(prefix)) => Some(Ok(EntityPredicate::Key {
            key: key.to_lowercase(),
            condition: KeyCondition::Prefix(prefix.to_lowercase()),
        })),
        ("$contains", operand) => Some(read_contains(key, operand)),
        (_, _) => None,
    }
}

fn read_contains(key: &str, operand: &Value) -> Result<EntityPredicate, InvalidQuery> {
    if let Some(value) = scalar(operand) {
        return Ok(EntityPredicate::is_in(key, [value.as_str()]));
    }
    match operand {
        Value::Object(relation) if key.eq_ignore_ascii_case(RELATIONS) => read_relation(relation),
        _ => Err(invalid(&format!(
            "\"$contains\" of \"{key}\" takes a text, a number or a boolean"
        ))),
    }
}

/// `{"type": …, "targetRef": …}`, of which the type must be given.
fn read_relation(relation: &Map<String, Value>) -> Result<EntityPredicate, InvalidQuery> {
    let refused = || {
        invalid(
            "\"$contains\" of \"relations\" takes a \"type\" and, if it is to be compared, a \"targetRef\"",
        )
    };
    let is_known = |key: &String| key == "type" || key == "targetRef";
    let Some(Value::String(name)) = relation.get("type") else {
        return Err(refused());
    };
    if !relation.keys().all(is_known) {
        return Err(refused());
    }
    let key = format!("{RELATIONS}.{name}");
    match relation.get("targetRef") {
        None => Ok(EntityPredicate::exists(&key)),
        Some(Value::String(target)) => Ok(EntityPredicate::is_in(&key, [target.as_str()])),
        Some(Value::Object(operators)) => {
            let Some(Value::Array(targets)) = operators.get("$in") else {
                return Err(refused());
            };
            let targets: Option<Vec<&str>> = targets.iter().map(Value::as_str).collect();
            match targets {
                Some(targets) if !targets.is_empty() => Ok(EntityPredicate::is_in(&key, targets)),
                Some(_) | None => Err(refused()),
            }
        }
        Some(_) => Err(refused()),
    }
}

/// A value that can be compared, as JavaScript writes it.
pub(in crate::query) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        Value::Number(number) => number.as_f64().map(javascript_text),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

pub(in crate::query) fn invalid(reason: &str) -> InvalidQuery {
    InvalidQuery(format!("Invalid query: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(predicate: &Value, expected: &Value) {
        let read = EntityPredicate::parse(predicate).expect("a predicate");
        assert_eq!(
            read.to_json().unwrap_or(json!({})),
            *expected,
            "{predicate}"
        );
        let again = EntityPredicate::parse(expected).expect("what we write, we read");
        assert_eq!(read, again);
    }

    #[test]
    fn predicates_are_read_and_written() {
        check(&json!({}), &json!({}));
        check(&json!({"$all": []}), &json!({}));
        check(&json!({"$any": []}), &json!({"$any": []}));
        check(&json!({"kind": "Component"}), &json!({"kind": "component"}));
        check(
            &json!({"kind": "Api", "spec.count": 7.0}),
            &json!({"$all": [{"kind": "api"}, {"spec.count": "7"}]}),
        );
        check(
            &json!({"$not": {"$any": [{"a": {"$exists": false}}, {"b": {"$in": [1, true, "X"]}}]}}),
            &json!({"$not": {"$any": [{"$not": {"a": {"$exists": true}}}, {"b": {"$in": ["1", "true", "x"]}}]}}),
        );
        check(
            &json!({"a": {"$hasPrefix": "X%"}}),
            &json!({"a": {"$hasPrefix": "x%"}}),
        );
        check(&json!({"a": {"$contains": "X"}}), &json!({"a": "x"}));
        check(&json!({"a": {"$in": []}}), &json!({"a": {"$in": []}}));
        check(
            &json!({"relations": {"$contains": {"type": "ownedBy", "targetRef": {"$in": ["group:default/A"]}}}}),
            &json!({"relations.ownedby": "group:default/a"}),
        );
        check(
            &json!({"relations": {"$contains": {"type": "ownedBy"}}}),
            &json!({"relations.ownedby": {"$exists": true}}),
        );
    }

    #[test]
    fn of_several_operators_the_first_that_is_right_counts() {
        check(
            &json!({"a": {"$in": ["x"], "$exists": true}}),
            &json!({"a": {"$exists": true}}),
        );
        check(
            &json!({"a": {"$in": ["x"], "$exists": "y"}}),
            &json!({"a": "x"}),
        );
    }

    #[test]
    fn what_is_no_predicate_is_refused() {
        for predicate in [
            json!("a"),
            json!(null),
            json!([]),
            json!({"a": null}),
            json!({"a": ["x"]}),
            json!({"a": {"$foo": 1}}),
            json!({"a": {}}),
            json!({"a": {"$exists": "yes"}}),
            json!({"a": {"$in": [null]}}),
            json!({"a": {"$hasPrefix": 1}}),
            json!({"$foo": []}),
            json!({"$all": {"a": 1}}),
            json!({"$any": "a"}),
            json!({"$all": ["a"]}),
            json!({"$not": 1}),
            json!({"$not": {"a": 1}, "b": 2}),
            json!({"a": {"$contains": {"type": "x"}}}),
            json!({"relations": {"$contains": {"targetRef": "a"}}}),
            json!({"relations": {"$contains": {"type": "a", "other": 1}}}),
            json!({"relations": {"$contains": {"type": "a", "targetRef": {"$in": []}}}}),
        ] {
            let refused = EntityPredicate::parse(&predicate);
            assert!(refused.is_err(), "{predicate}: {refused:?}");
        }
    }
}
