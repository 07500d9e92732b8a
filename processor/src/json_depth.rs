//! How deep the collections of a value are nested.

use serde_json::Value;

/// Levels of mappings and lists within each other: none of a scalar, one of an empty list.
pub(crate) fn count_levels(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(count_levels).max(),
        Value::Object(members) => members.values().map(count_levels).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    inner.unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_mapping_and_list_is_a_level() {
        for (value, levels) in [
            (json!("x"), 0),
            (json!([]), 1),
            (json!({"a": 1}), 1),
            (json!([1, {"a": 1, "b": [[]]}, []]), 4),
        ] {
            assert_eq!(count_levels(&value), levels, "{value}");
        }
    }
}
