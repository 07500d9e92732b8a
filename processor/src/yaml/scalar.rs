//! What a scalar means: text, number, boolean, null.
//!
//! Without a directive that is the core schema of YAML 1.2, where `yes` is a text and `010` is
//! ten. A document that asks for YAML 1.1 gets its booleans, octals, sexagesimals and dates.
//! The patterns are those of the npm package `yaml`, which is what Backstage reads with.

use super::number;
use super::scalar_value::{ScalarValue, is_null, parse_special_float, without_sign};
use super::yaml11;

/// The rules by which a plain scalar becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScalarSchema {
    /// YAML 1.2, core schema.
    Core,
    /// YAML 1.1, on request by directive.
    Yaml11,
}

/// A tag that cannot be applied to the text it stands at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TagMismatch(pub &'static str);

/// The prefix that `!!` stands for.
pub(super) const YAML_TAGS: &str = "tag:yaml.org,2002:";

/// The name of the tag of bytes in base 64.
pub(super) const BINARY: &str = "binary";

/// The meaning of `text`; `plain` says that it stands without quotes.
pub(super) fn resolve_scalar(
    text: &str,
    style: Quoting,
    tag: Option<&str>,
    schema: ScalarSchema,
) -> Result<ScalarValue, TagMismatch> {
    match tag {
        Some(tag) => resolve_tagged(text, tag, schema),
        None if style == Quoting::Plain => Ok(resolve_plain(text, schema)),
        // Quotes make a text of anything, unless a tag says otherwise.
        None => Ok(ScalarValue::Text),
    }
}

/// Whether a scalar may be anything but text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    Plain,
    Quoted,
}

/// The part of a tag after `tag:yaml.org,2002:`, if it is one of those.
pub(super) fn yaml_tag_name(tag: &str) -> Option<&str> {
    tag.strip_prefix(YAML_TAGS)
}

fn resolve_plain(text: &str, schema: ScalarSchema) -> ScalarValue {
    match schema {
        ScalarSchema::Core => resolve_core(text),
        ScalarSchema::Yaml11 => yaml11::resolve_plain(text),
    }
}

/// A tag chooses among the meanings that the text can have; if it has none of them the tag is
/// ignored and the text stays text.
fn resolve_tagged(text: &str, tag: &str, schema: ScalarSchema) -> Result<ScalarValue, TagMismatch> {
    let Some(name) = yaml_tag_name(tag) else {
        return Ok(ScalarValue::Text);
    };
    match name {
        "null" => Ok(keep_if(resolve_null(text), |_| true)),
        "bool" => Ok(keep_if(resolve_plain(text, schema), |s| {
            matches!(s, ScalarValue::Bool(_))
        })),
        "int" => Ok(keep_if(resolve_number(text, schema), |_| {
            is_integer(text, schema)
        })),
        "float" => Ok(keep_if(resolve_number(text, schema), |_| {
            !is_integer(text, schema)
        })),
        BINARY => Ok(ScalarValue::Made(yaml11::decode_buffer(text))),
        "timestamp" => yaml11::parse_timestamp(text)
            .map(ScalarValue::Made)
            .ok_or(TagMismatch(
                "!!timestamp needs a date that starts with yyyy-mm-dd",
            )),
        _ => Ok(ScalarValue::Text),
    }
}

fn keep_if(scalar: ScalarValue, fits: impl FnOnce(&ScalarValue) -> bool) -> ScalarValue {
    if fits(&scalar) {
        scalar
    } else {
        ScalarValue::Text
    }
}

fn resolve_number(text: &str, schema: ScalarSchema) -> ScalarValue {
    keep_if(resolve_plain(text, schema), |s| {
        matches!(s, ScalarValue::Number(_))
    })
}

fn is_integer(text: &str, schema: ScalarSchema) -> bool {
    match schema {
        ScalarSchema::Core => parse_core_integer(text).is_some(),
        ScalarSchema::Yaml11 => yaml11::parse_integer(text).is_some(),
    }
}

fn resolve_null(text: &str) -> ScalarValue {
    if is_null(text) {
        ScalarValue::Null
    } else {
        ScalarValue::Text
    }
}

/// Most scalars begin with a letter that no number, boolean or null begins with.
fn resolve_core(text: &str) -> ScalarValue {
    match text.bytes().next() {
        None | Some(b'~' | b'n' | b'N') => resolve_null(text),
        Some(b't' | b'T' | b'f' | b'F') => match text {
            "true" | "True" | "TRUE" => ScalarValue::Bool(true),
            "false" | "False" | "FALSE" => ScalarValue::Bool(false),
            _ => ScalarValue::Text,
        },
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => parse_core_integer(text)
            .or_else(|| parse_special_float(text))
            .or_else(|| parse_core_float(text))
            .map_or(ScalarValue::Text, ScalarValue::Number),
        Some(_) => ScalarValue::Text,
    }
}

fn parse_core_integer(text: &str) -> Option<f64> {
    let digits_of = |prefix: &str, radix: u32| {
        let digits = text.strip_prefix(prefix)?;
        let all = digits.chars().all(|c| c.is_digit(radix));
        (all && !digits.is_empty()).then_some(digits)
    };
    if let Some(digits) = digits_of("0o", 8) {
        return Some(number::from_radix(digits.bytes(), 3));
    }
    if let Some(digits) = digits_of("0x", 16) {
        return Some(number::from_radix(digits.bytes(), 4));
    }
    let digits = without_sign(text);
    let all = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

fn parse_core_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let exponent_fits =
        exponent.is_none_or(|e| !without_sign(e).is_empty() && digits(without_sign(e)));
    let mantissa_fits = match without_sign(mantissa).split_once('.') {
        Some((whole, fraction)) => {
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
        }
        None => {
            exponent.is_some()
                && !without_sign(mantissa).is_empty()
                && digits(without_sign(mantissa))
        }
    };
    (exponent_fits && mantissa_fits)
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &ScalarValue) {
        assert_eq!(&resolve_core(text), expected, "{text}");
    }

    #[test]
    fn the_core_schema_knows_few_words() {
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, &ScalarValue::Null);
        }
        for text in ["true", "True", "TRUE"] {
            check(text, &ScalarValue::Bool(true));
        }
        for text in ["false", "False", "FALSE"] {
            check(text, &ScalarValue::Bool(false));
        }
        let texts = [
            "yes",
            "no",
            "on",
            "off",
            "y",
            "n",
            "tRUE",
            "nULL",
            "nil",
            "-",
            "+",
            ".",
            "-.",
            "2020-01-01",
            "1_000",
            "12:30:45",
            "0b11",
            "0o8",
            "0x",
            "0xg",
            "+0x1",
            "1e",
            "e1",
            "1e+",
            ".e1",
            "1.2.3",
            "++1",
            "1 2",
            "\u{0661}",
            ".infinity",
            "+.nan",
            ".Nan",
            "inf",
            "NaN",
            "infinity",
        ];
        for text in texts {
            check(text, &ScalarValue::Text);
        }
    }

    #[test]
    fn the_core_schema_knows_these_numbers() {
        let rows = [
            ("010", 10.0),
            ("0o10", 8.0),
            ("0x1F", 31.0),
            ("1.10", 1.1),
            ("5.", 5.0),
            (".5", 0.5),
            ("+1", 1.0),
            ("-0", -0.0),
            ("1e3", 1000.0),
            ("0755", 755.0),
            ("-1.5E-2", -0.015),
            ("+.5e1", 5.0),
            ("1.e2", 100.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            (".inf", f64::INFINITY),
            ("-.Inf", f64::NEG_INFINITY),
            ("+.INF", f64::INFINITY),
        ];
        for (text, number) in rows {
            check(text, &ScalarValue::Number(number));
        }
        assert!(matches!(resolve_core(".nan"), ScalarValue::Number(n) if n.is_nan()));
        assert!(matches!(resolve_core("1e999"), ScalarValue::Number(n) if n.is_infinite()));
    }

    #[track_caller]
    fn check_tag(suffix: &str, text: &str, expected: &Result<ScalarValue, TagMismatch>) {
        let tag = format!("{YAML_TAGS}{suffix}");
        assert_eq!(
            &resolve_scalar(text, Quoting::Quoted, Some(&tag), ScalarSchema::Core),
            expected,
            "!!{suffix} {text}"
        );
    }

    #[test]
    fn a_tag_chooses_a_meaning_that_the_text_has() {
        check_tag("str", "12", &Ok(ScalarValue::Text));
        check_tag("int", "7", &Ok(ScalarValue::Number(7.0)));
        check_tag("int", "x", &Ok(ScalarValue::Text));
        check_tag("int", "1.5", &Ok(ScalarValue::Text));
        check_tag("float", "1.5", &Ok(ScalarValue::Number(1.5)));
        check_tag("float", "1", &Ok(ScalarValue::Text));
        check_tag("bool", "true", &Ok(ScalarValue::Bool(true)));
        check_tag("bool", "yes", &Ok(ScalarValue::Text));
        check_tag("null", "~", &Ok(ScalarValue::Null));
        check_tag("null", "x", &Ok(ScalarValue::Text));
        check_tag("set", "x", &Ok(ScalarValue::Text));
        check_tag(
            "timestamp",
            "x",
            &Err(TagMismatch(
                "!!timestamp needs a date that starts with yyyy-mm-dd",
            )),
        );
    }

    #[test]
    fn an_unknown_tag_leaves_the_text() {
        assert_eq!(
            resolve_scalar("12", Quoting::Plain, Some("!custom"), ScalarSchema::Core),
            Ok(ScalarValue::Text)
        );
    }
}
