//! What a scalar can mean, and what both versions of YAML read alike.

use serde_json::Value;

/// The meaning of one scalar.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScalarValue {
    Null,
    Bool(bool),
    Number(f64),
    /// The text as it stands.
    Text,
    /// A value that only a tag or YAML 1.1 can make: bytes or a date.
    Made(Value),
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Infinities and not-a-number, the same in both versions.
pub(super) fn parse_special_float(text: &str) -> Option<f64> {
    match text {
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ if matches!(without_sign(text), ".inf" | ".Inf" | ".INF") => {
            let negative = text.starts_with('-');
            Some(if negative {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            })
        }
        _ => None,
    }
}

/// `text` without one leading sign.
pub(super) fn without_sign(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}
