//! Predicates over registered locations, as clients of Backstage write them. Pure.
//!
//! They look like those over entities and mean other things: there are four columns and nothing else, an empty
//! `$all` matches nothing, and no column contains anything.

use serde_json::{Map, Value};

use super::InvalidQuery;
use super::predicate::read::{invalid, scalar};
use crate::repo::RegisteredLocation;

const ALL: &str = "$all";
const ANY: &str = "$any";
const NOT: &str = "$not";
const EXISTS: &str = "$exists";
const IN: &str = "$in";
const HAS_PREFIX: &str = "$hasPrefix";
const CONTAINS: &str = "$contains";

/// Which registered locations are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocationPredicate {
    /// All of these hold; of none, that is nothing.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// Each of these columns is so; of none, that is everything.
    Columns(Vec<(LocationColumn, ColumnCondition)>),
}

/// What is known of a registered location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocationColumn {
    Id,
    Type,
    Target,
    EntityRef,
}

/// What holds of a column; texts are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ColumnCondition {
    In(Vec<String>),
    Prefix(String),
    Always,
    Never,
}

impl Default for LocationPredicate {
    fn default() -> Self {
        Self::Columns(Vec::new())
    }
}

impl LocationPredicate {
    /// Reads a predicate.
    ///
    /// # Errors
    ///
    /// If it is none, with what is wrong.
    pub(crate) fn parse(predicate: &Value) -> Result<Self, InvalidQuery> {
        let Value::Object(fields) = predicate else {
            return Err(invalid("a predicate is an object"));
        };
        match fields.keys().find(|key| key.starts_with('$')) {
            Some(operator) => parse_operator(operator, fields),
            None => {
                let columns = fields.iter().map(|(key, condition)| {
                    Ok((parse_column(key)?, parse_condition(key, condition)?))
                });
                columns.collect::<Result<_, _>>().map(Self::Columns)
            }
        }
    }

    /// Whether a registered location is wanted.
    pub(crate) fn matches(&self, location: &RegisteredLocation) -> bool {
        match self {
            Self::All(parts) => {
                !parts.is_empty() && parts.iter().all(|part| part.matches(location))
            }
            Self::Any(parts) => parts.iter().any(|part| part.matches(location)),
            Self::Not(part) => !part.matches(location),
            Self::Columns(columns) => columns
                .iter()
                .all(|(column, condition)| condition.holds(&column.value_of(location))),
        }
    }
}

impl LocationColumn {
    fn value_of(self, location: &RegisteredLocation) -> String {
        match self {
            Self::Id => location.id.to_string(),
            Self::Type => location.location_type.to_lowercase(),
            Self::Target => location.target.to_lowercase(),
            Self::EntityRef => location.entity_ref.to_lowercase(),
        }
    }
}

impl ColumnCondition {
    fn holds(&self, value: &str) -> bool {
        match self {
            Self::In(values) => values.iter().any(|it| it == value),
            Self::Prefix(prefix) => value.starts_with(prefix.as_str()),
            Self::Always => true,
            Self::Never => false,
        }
    }
}

fn parse_operator(
    operator: &str,
    fields: &Map<String, Value>,
) -> Result<LocationPredicate, InvalidQuery> {
    if fields.len() > 1 {
        return Err(invalid(&format!(
            "\"{operator}\" stands alone in its object"
        )));
    }
    let operand = &fields[operator];
    match operator {
        ALL => parse_list(operator, operand).map(LocationPredicate::All),
        ANY => parse_list(operator, operand).map(LocationPredicate::Any),
        NOT => LocationPredicate::parse(operand).map(|it| LocationPredicate::Not(Box::new(it))),
        _ => Err(invalid(&format!(
            "\"{operator}\" is no operator of a predicate"
        ))),
    }
}

fn parse_list(operator: &str, operand: &Value) -> Result<Vec<LocationPredicate>, InvalidQuery> {
    let Value::Array(items) = operand else {
        return Err(invalid(&format!("\"{operator}\" takes an array")));
    };
    items.iter().map(LocationPredicate::parse).collect()
}

fn parse_column(key: &str) -> Result<LocationColumn, InvalidQuery> {
    match key {
        "id" => Ok(LocationColumn::Id),
        "type" => Ok(LocationColumn::Type),
        "target" => Ok(LocationColumn::Target),
        "entityRef" => Ok(LocationColumn::EntityRef),
        _ => Err(invalid(&format!(
            "a location has id, type, target and entityRef, and no \"{key}\""
        ))),
    }
}

fn parse_condition(key: &str, condition: &Value) -> Result<ColumnCondition, InvalidQuery> {
    if let Some(value) = read_scalar(condition) {
        return Ok(ColumnCondition::In(vec![value]));
    }
    let refused = || {
        invalid(&format!(
            "\"{key}\" is compared with none of {EXISTS}, {IN}, {HAS_PREFIX}, {CONTAINS} as it takes them"
        ))
    };
    let Value::Object(operators) = condition else {
        return Err(refused());
    };
    // Backstage takes the first it knows, and passes over the others without a word.
    let mut given = [EXISTS, IN, HAS_PREFIX, CONTAINS]
        .into_iter()
        .filter_map(|operator| parse_comparison(operator, operators.get(operator)?));
    given.next().ok_or_else(refused)
}

/// What one operator says; `None` if it does not take that.
fn parse_comparison(operator: &str, operand: &Value) -> Option<ColumnCondition> {
    match (operator, operand) {
        // No column is ever empty.
        (EXISTS, Value::Bool(true)) => Some(ColumnCondition::Always),
        (EXISTS, Value::Bool(false)) => Some(ColumnCondition::Never),
        (IN, Value::Array(values)) => {
            let values: Option<Vec<String>> = values.iter().map(read_scalar).collect();
            values.map(ColumnCondition::In)
        }
        (HAS_PREFIX, Value::String(prefix)) => Some(ColumnCondition::Prefix(prefix.to_lowercase())),
        (CONTAINS, Value::Null | Value::Array(_)) => None,
        (CONTAINS, _) => Some(ColumnCondition::Never),
        (_, _) => None,
    }
}

/// A value that is compared, in lower case.
fn read_scalar(value: &Value) -> Option<String> {
    scalar(value).map(|value| value.to_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn location() -> RegisteredLocation {
        RegisteredLocation {
            id: Uuid::from_u128(0xab),
            location_type: "url".to_owned(),
            target: "https://github.com/Acme/pay_1/blob/main/a.yaml".to_owned(),
            entity_ref: "location:default/generated-1".to_owned(),
            is_required: true,
            registered_at: 1,
            changed_at: 1,
        }
    }

    #[track_caller]
    fn check(predicate: &Value, expected: bool) {
        let read = LocationPredicate::parse(predicate).expect("a predicate");
        assert_eq!(read.matches(&location()), expected, "{predicate}");
    }

    #[test]
    fn columns_are_compared_whatever_their_case() {
        check(&json!({"id": "00000000-0000-0000-0000-0000000000AB"}), true);
        check(
            &json!({"type": "URL", "entityRef": "Location:default/generated-1"}),
            true,
        );
        check(&json!({"type": "url", "target": "other"}), false);
        check(&json!({"type": {"$in": ["file", "Url"]}}), true);
        check(&json!({"type": 1}), false);
    }

    #[test]
    fn a_prefix_is_no_pattern() {
        check(
            &json!({"target": {"$hasPrefix": "HTTPS://GITHUB.com/acme/PAY_"}}),
            true,
        );
        check(
            &json!({"target": {"$hasPrefix": "https://github.com/acme/pay%"}}),
            false,
        );
        check(
            &json!({"target": {"$hasPrefix": "https://github.com/acme/p_y"}}),
            false,
        );
    }

    #[test]
    fn lists_of_nothing_match_nothing_and_no_columns_everything() {
        check(&json!({}), true);
        check(&json!({"$all": []}), false);
        check(&json!({"$any": []}), false);
        check(&json!({"type": {"$in": []}}), false);
        check(&json!({"$not": {"$all": []}}), true);
    }

    #[test]
    fn predicates_are_put_together() {
        check(
            &json!({"$all": [{"type": "url"}, {"$not": {"target": "x"}}]}),
            true,
        );
        check(&json!({"$any": [{"type": "file"}, {"type": "url"}]}), true);
        check(&json!({"$all": [{"type": "url"}, {"type": "file"}]}), false);
    }

    #[test]
    fn every_column_exists_and_none_contains_anything() {
        check(&json!({"target": {"$exists": true}}), true);
        check(&json!({"target": {"$exists": false}}), false);
        check(&json!({"type": {"$contains": "url"}}), false);
        check(
            &json!({"type": {"$hasPrefix": "u", "$in": ["file"]}}),
            false,
        );
    }

    #[test]
    fn what_is_no_predicate_is_refused() {
        for predicate in [
            json!("url"),
            json!(null),
            json!([]),
            json!({"foo": "x"}),
            json!({"Target": "x"}),
            json!({"type": null}),
            json!({"type": ["url"]}),
            json!({"type": {}}),
            json!({"type": {"$foo": 1}}),
            json!({"type": {"$in": [null]}}),
            json!({"$foo": []}),
            json!({"$all": {"type": "url"}}),
            json!({"$any": "x"}),
            json!({"$not": 1}),
            json!({"$all": ["url"]}),
            json!({"$not": {"type": "url"}, "type": "url"}),
        ] {
            let read = LocationPredicate::parse(&predicate);
            assert!(read.is_err(), "{predicate}");
        }
    }
}
