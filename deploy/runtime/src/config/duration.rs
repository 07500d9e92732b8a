//! Durations as Backstage spells them.

use std::time::Duration;

use serde_json::{Map, Value};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;
const WEEK: f64 = 7.0 * DAY;

/// Reads `{minutes: 5}`, ISO 8601 such as `PT5M`, or `5m`, `1h 30m`, `500ms`. Calendar units are refused, as their length varies.
pub(super) fn parse(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Object(parts) => from_parts(parts)?,
        Value::String(text) if text.starts_with('P') => from_iso(text)?,
        Value::String(text) => from_short(text)?,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

fn from_parts(parts: &Map<String, Value>) -> Option<f64> {
    parts.iter().try_fold(0.0, |sum, (unit, amount)| {
        Some(sum + amount.as_f64()? * unit_seconds(unit)?)
    })
}

fn unit_seconds(unit: &str) -> Option<f64> {
    match unit {
        "milliseconds" | "millisecond" | "ms" => Some(0.001),
        "seconds" | "second" | "s" => Some(1.0),
        "minutes" | "minute" | "m" => Some(MINUTE),
        "hours" | "hour" | "h" => Some(HOUR),
        "days" | "day" | "d" => Some(DAY),
        "weeks" | "week" | "w" => Some(WEEK),
        _ => None,
    }
}

fn from_short(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .trim_start()
            .find(|c: char| c.is_ascii_digit() || c == ' ');
        let unit = rest[digits..].trim_start();
        let end = unit_end.unwrap_or(unit.len());
        sum += amount * unit_seconds(&unit[..end])?;
        rest = unit[end..].trim_start();
    }
    (!text.trim().is_empty()).then_some(sum)
}

fn from_iso(text: &str) -> Option<f64> {
    let (date, time) = match text[1..].split_once('T') {
        Some((date, time)) => (date, time),
        None => (&text[1..], ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    Some(
        iso_part(date, &[('W', WEEK), ('D', DAY)])?
            + iso_part(time, &[('H', HOUR), ('M', MINUTE), ('S', 1.0)])?,
    )
}

fn iso_part(mut text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut sum = 0.0;
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_ascii_alphabetic())?;
        let unit = text[end..].chars().next()?;
        let (_, seconds) = units.iter().find(|(known, _)| *known == unit)?;
        sum += text[..end].parse::<f64>().ok()? * seconds;
        text = &text[end + 1..];
    }
    Some(sum)
}
