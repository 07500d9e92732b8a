//! Spans of time as Backstage's configuration writes them.

use std::time::Duration;

use serde_json::Value;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;
/// Calendar units are only sensible as rough schedules, so they have a fixed length.
const MONTH: f64 = 30.0 * DAY;
const YEAR: f64 = 365.0 * DAY;

const WANTED: &str = "must be a duration such as `5m`, `PT5M` or `{minutes: 5}`";

/// Reads `{minutes: 5}`, an ISO 8601 duration, or a number with a unit.
///
/// The error is the end of a sentence that begins with the setting's name.
pub(super) fn parse_duration(value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::Object(parts) if !parts.is_empty() => parts
            .iter()
            .map(|(unit, amount)| parse_part(unit, amount))
            .sum::<Result<f64, String>>()?,
        Value::String(text) => parse_text(text.trim()).ok_or(WANTED)?,
        Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err(WANTED.to_owned());
        }
    };
    // Refused and not clamped: a negative delay is a typing error somebody wants to hear of.
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| "must be a duration that is neither negative nor endless".to_owned())
}

fn parse_part(unit: &str, amount: &Value) -> Result<f64, String> {
    let amount = match amount {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => parse_number(text.trim()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let amount = amount.ok_or_else(|| format!("needs a number of {unit}"))?;
    let length = match unit {
        "years" => YEAR,
        "months" => MONTH,
        "weeks" => WEEK,
        "days" => DAY,
        "hours" => HOUR,
        "minutes" => MINUTE,
        "seconds" => 1.0,
        "milliseconds" => 0.001,
        other => {
            return Err(format!(
                "has `{other}`, which is not a unit of time (years … milliseconds)"
            ));
        }
    };
    Ok(amount * length)
}

fn parse_text(text: &str) -> Option<f64> {
    match text.strip_prefix('P') {
        Some(iso) => parse_iso(iso),
        None => parse_unit(text),
    }
}

/// `5m`, `30 seconds`.
fn parse_unit(text: &str) -> Option<f64> {
    let (amount, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    // No month and no year here: `m` is a minute, and who means months should have to spell them.
    let length = match unit.to_ascii_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => MINUTE,
        "h" | "hr" | "hrs" | "hour" | "hours" => HOUR,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => WEEK,
        _ => return None,
    };
    Some(parse_number(amount.trim())? * length)
}

/// What follows the `P` of an ISO 8601 duration.
fn parse_iso(text: &str) -> Option<f64> {
    let (date, time) = match text.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let date = parse_designated(date, &[('Y', YEAR), ('M', MONTH), ('W', WEEK), ('D', DAY)])?;
    let time = parse_designated(time, &[('H', HOUR), ('M', MINUTE), ('S', 1.0)])?;
    Some(date + time)
}

/// Sums amounts that each end in one of `units`, which may occur once and in their order.
fn parse_designated(text: &str, units: &[(char, f64)]) -> Option<f64> {
    // In the order of the standard and once each; anything else is more likely a mistake than a
    // duration.
    let mut rest = text;
    let mut seconds = 0.0;
    for (unit, length) in units {
        if let Some((amount, after)) = rest.split_once(*unit) {
            seconds += parse_number(&amount.replace(',', "."))? * length;
            rest = after;
        }
    }
    rest.is_empty().then_some(seconds)
}

/// Plain decimal digits; not the infinities and exponents that floats also parse from.
fn parse_number(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(value: &Value, milliseconds: u64) {
        assert_eq!(
            parse_duration(value),
            Ok(Duration::from_millis(milliseconds)),
            "{value}"
        );
    }

    #[track_caller]
    fn check_refused(value: &Value, message: &str) {
        assert_eq!(parse_duration(value), Err(message.to_owned()), "{value}");
    }

    #[test]
    fn objects_sum_their_units() {
        check(&json!({"minutes": 5}), 300_000);
        check(&json!({"hours": 1, "seconds": "1.5"}), 3_601_500);
        check(&json!({"seconds": 0}), 0);
    }

    #[test]
    fn iso_durations_are_read() {
        check(&json!("PT5M"), 300_000);
        check(&json!("P1DT2H0.5S"), 93_600_500);
        check(&json!("P1M"), 2_592_000_000);
        check(&json!("P2W"), 1_209_600_000);
    }

    #[test]
    fn numbers_with_a_unit_are_read() {
        check(&json!("5m"), 300_000);
        check(&json!("30 seconds"), 30_000);
        check(&json!("250ms"), 250);
        check(&json!("1.5h"), 5_400_000);
    }

    #[test]
    fn anything_else_says_what_is_wanted() {
        for value in [
            json!(5),
            json!("5"),
            json!("P"),
            json!("PT"),
            json!("PT5D"),
            json!("soon"),
            json!("m"),
            json!("infs"),
            json!({}),
            json!(null),
        ] {
            check_refused(&value, WANTED);
        }
        check_refused(&json!({"cron": "* * * * *"}), "needs a number of cron");
        check_refused(
            &json!({"minute": 5}),
            "has `minute`, which is not a unit of time (years … milliseconds)",
        );
        check_refused(
            &json!({"minutes": -5}),
            "must be a duration that is neither negative nor endless",
        );
    }
}
