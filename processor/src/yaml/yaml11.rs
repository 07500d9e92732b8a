//! YAML 1.1 scalars, for documents that ask for them with `%YAML 1.1`, and the two tags
//! (`!!binary`, `!!timestamp`) that make values JSON has no syntax for.

use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::yaml::number;
use crate::yaml::scalar_value::{ScalarValue, is_null, parse_special_float, without_sign};

/// The meaning of a plain scalar in YAML 1.1.
pub(super) fn resolve_plain(text: &str) -> ScalarValue {
    if is_null(text) {
        return ScalarValue::Null;
    }
    if let Some(truth) = parse_boolean(text) {
        return ScalarValue::Bool(truth);
    }
    if !matches!(
        text.bytes().next(),
        Some(b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')
    ) {
        return ScalarValue::Text;
    }
    // The order of the package: an integer is not tried as a float, nor a float as a time.
    let found = parse_integer(text)
        .or_else(|| parse_special_float(text))
        .or_else(|| parse_float(text))
        .or_else(|| parse_sexagesimal(text));
    match found {
        Some(number) => ScalarValue::Number(number),
        None => parse_timestamp(text).map_or(ScalarValue::Text, ScalarValue::Made),
    }
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text {
        "Y" | "y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(true)
        }
        "N" | "n" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(false)
        }
        _ => None,
    }
}

/// Binary, octal (`010`), decimal and hexadecimal, each with `_` between digits.
pub(super) fn parse_integer(text: &str) -> Option<f64> {
    let digits = without_sign(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let all =
        |part: &str, radix| !part.is_empty() && part.chars().all(|c| c == '_' || c.is_digit(radix));
    let without_separators = |part: &str| part.bytes().filter(|b| *b != b'_').collect::<Vec<_>>();
    let radix = |part: &str, bits| {
        let digits = without_separators(part);
        // Nothing but separators is no number in JavaScript.
        if digits.is_empty() {
            f64::NAN
        } else {
            sign * number::from_radix(digits.into_iter(), bits)
        }
    };
    if let Some(part) = digits.strip_prefix("0b").filter(|part| all(part, 2)) {
        return Some(radix(part, 1));
    }
    if let Some(part) = digits.strip_prefix("0x").filter(|part| all(part, 16)) {
        return Some(radix(part, 4));
    }
    if let Some(part) = digits.strip_prefix('0').filter(|part| all(part, 8)) {
        return Some(radix(part, 3));
    }
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit()) && all(digits, 10);
    let digits = String::from_utf8(without_separators(digits)).ok()?;
    decimal
        .then(|| digits.parse::<f64>().ok().map(|n| sign * n))
        .flatten()
}

fn parse_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(without_sign(&text[at + 1..]))),
        None => (text, None),
    };
    let (whole, fraction) = match without_sign(mantissa).split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (without_sign(mantissa), None),
    };
    let loose = |part: &str| part.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    let fits = !whole.starts_with('_')
        && loose(whole)
        && fraction.is_none_or(loose)
        && exponent.is_none_or(|e| !e.is_empty() && e.bytes().all(|b| b.is_ascii_digit()))
        && (fraction.is_some() || exponent.is_some());
    fits.then(|| text.replace('_', "").parse().unwrap_or(f64::NAN))
}

/// `12:30:45` and `1:30.5`: each part counts sixty of the next.
fn parse_sexagesimal(text: &str) -> Option<f64> {
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    let (head, rest) = without_sign(text).split_once(':')?;
    let head_fits = head.starts_with(|c: char| c.is_ascii_digit())
        && head.bytes().all(|b| b == b'_' || b.is_ascii_digit());
    let mut total = head_fits
        .then(|| head.replace('_', "").parse::<f64>().ok())
        .flatten()?;
    let mut parts = rest.split(':').peekable();
    while let Some(part) = parts.next() {
        let (digits, fraction) = match part.split_once('.') {
            Some((digits, fraction)) if parts.peek().is_none() => (digits, fraction),
            Some(_) => return None,
            None => (part, ""),
        };
        let fits = matches!(
            digits.as_bytes(),
            [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']
        ) && fraction.bytes().all(|b| b == b'_' || b.is_ascii_digit());
        if !fits {
            return None;
        }
        let fraction = fraction.replace('_', "");
        total = total * 60.0 + format!("{digits}.{fraction}").parse::<f64>().ok()?;
    }
    Some(sign * total)
}

/// A date with or without time, as `Date.toJSON` writes it; null if there is no such time.
pub(super) fn parse_timestamp(text: &str) -> Option<Value> {
    let (date, time) = match text.find(['t', 'T', ' ', '\t']) {
        Some(at) => (&text[..at], Some(&text[at..])),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = parse_digits(parts.next()?, 4, 4)?;
    let month = parse_digits(parts.next()?, 1, 2)?;
    let day = parse_digits(parts.next()?, 1, 2)?;
    if parts.next().is_some() {
        return None;
    }
    let milliseconds = time.map_or(Some(0), parse_time_of_day)?;
    // Years before 100 mean the last century, as in `Date.UTC`.
    let year = if year < 100 { year + 1900 } else { year };
    Some(format_iso(
        days_since_epoch(year, month, day) * 86_400_000 + milliseconds,
    ))
}

/// Milliseconds since midnight UTC.
fn parse_time_of_day(text: &str) -> Option<i64> {
    let text = match text.strip_prefix(['t', 'T']) {
        Some(rest) => rest,
        None => text.trim_start_matches([' ', '\t']),
    };
    let clock_end = text
        .find(|c: char| !(c.is_ascii_digit() || c == ':' || c == '.'))
        .unwrap_or(text.len());
    let zone = text[clock_end..].trim_start_matches([' ', '\t']);
    if zone.is_empty() && clock_end != text.len() {
        return None;
    }
    let mut parts = text[..clock_end].split(':');
    let hour = parse_digits(parts.next()?, 1, 2)?;
    let minute = parse_digits(parts.next()?, 1, 2)?;
    let seconds = parts.next()?;
    let (second, fraction) = match seconds.split_once('.') {
        Some((second, fraction)) => (second, Some(fraction)),
        None => (seconds, None),
    };
    let second = parse_digits(second, 1, 2)?;
    let fraction_fits =
        fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()));
    if parts.next().is_some() || !fraction_fits {
        return None;
    }
    let milli: String = fraction
        .unwrap_or("")
        .chars()
        .chain("000".chars())
        .take(3)
        .collect();
    let milli = parse_digits(&milli, 3, 3)?;
    let local = ((hour * 60 + minute) * 60 + second) * 1000 + milli;
    Some(local - parse_zone_minutes(zone)? * 60_000)
}

fn parse_zone_minutes(zone: &str) -> Option<i64> {
    if matches!(zone, "" | "Z") {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = match zone.strip_prefix(['-', '+'])?.split_once(':') {
        Some((hours, minutes)) => (hours, Some(parse_digits(minutes, 2, 2)?)),
        None => (&zone[1..], None),
    };
    if hours.len() == 2 && !hours.starts_with(['0', '1', '2']) {
        return None;
    }
    let hours = parse_digits(hours, 1, 2)?;
    // Without minutes, below thirty it is hours; above, minutes.
    let total = match minutes {
        Some(minutes) => hours * 60 + minutes,
        None => hours,
    };
    Some(sign * if total < 30 { total * 60 } else { total })
}

fn parse_digits(text: &str, least: usize, most: usize) -> Option<i64> {
    let fits = (least..=most).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; months and days may overflow.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    // Counted from March, the leap day is the last day of a year.
    let year_from_march = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5;
    let leap_days = year_from_march.div_euclid(4) - year_from_march.div_euclid(100)
        + year_from_march.div_euclid(400);
    year_from_march * 365 + leap_days + day_of_year + day - 1 - 719_468
}

fn format_iso(milliseconds: i64) -> Value {
    let Ok(at) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000)
    else {
        return Value::Null;
    };
    Value::String(format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    ))
}

/// The bytes of base 64 text as Node.js writes a buffer to JSON. As lenient as Node.js: what
/// is not base 64 is skipped, and `=` ends it.
pub(super) fn decode_buffer(text: &str) -> Value {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.bytes().take_while(|b| *b != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => continue,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(bits >> held);
            bits &= (1 << held) - 1;
        }
    }
    json!({ "type": "Buffer", "data": bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &ScalarValue) {
        assert_eq!(&resolve_plain(text), expected, "{text}");
    }

    #[test]
    fn yaml_1_1_has_more_booleans() {
        for text in ["y", "Yes", "ON", "true"] {
            check(text, &ScalarValue::Bool(true));
        }
        for text in ["n", "No", "OFF", "False"] {
            check(text, &ScalarValue::Bool(false));
        }
        check("yEs", &ScalarValue::Text);
        check("null", &ScalarValue::Null);
    }

    #[test]
    fn yaml_1_1_has_more_numbers() {
        let rows = [
            ("010", 8.0),
            ("0b11", 3.0),
            ("-0x_F", -15.0),
            ("1_000", 1000.0),
            ("089", 89.0),
            ("1_0.5_0", 10.5),
            ("190:20:30", 685_230.0),
            ("-1:30", -90.0),
            ("1:30.5", 90.5),
            ("1e3", 1000.0),
            (".5", 0.5),
        ];
        for (text, number) in rows {
            check(text, &ScalarValue::Number(number));
        }
        for text in ["1:60", "_1", "0o10", "1:", "a:1", "1:2:3:x"] {
            check(text, &ScalarValue::Text);
        }
    }

    #[test]
    fn yaml_1_1_has_dates() {
        let rows = [
            ("2020-01-01", "2020-01-01T00:00:00.000Z"),
            ("2001-12-14t21:59:43.10-05:00", "2001-12-15T02:59:43.100Z"),
            ("2001-12-14 21:59:43.1234 +1", "2001-12-14T20:59:43.123Z"),
            ("2020-02-31", "2020-03-02T00:00:00.000Z"),
            ("1969-7-20", "1969-07-20T00:00:00.000Z"),
            ("0050-01-01", "1950-01-01T00:00:00.000Z"),
            ("2000-02-29 00:00:00Z", "2000-02-29T00:00:00.000Z"),
        ];
        for (text, date) in rows {
            check(text, &ScalarValue::Made(json!(date)));
        }
        for text in [
            "2020-01",
            "2020-01-01x",
            "2020-01-01 10:00",
            "20-01-01",
            "2020-01-01 10:00:00 +",
            "2020-1-1-1",
        ] {
            check(text, &ScalarValue::Text);
        }
    }

    #[test]
    fn binary_becomes_a_buffer() {
        assert_eq!(
            decode_buffer("aGk="),
            json!({"type": "Buffer", "data": [104, 105]})
        );
        assert_eq!(
            decode_buffer("a G\nk"),
            json!({"type": "Buffer", "data": [104, 105]})
        );
        assert_eq!(decode_buffer(""), json!({"type": "Buffer", "data": []}));
    }
}
