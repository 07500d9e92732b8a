//! Numbers and times as people read them. Pure.

use std::time::Duration;

pub(super) const MICROS_PER_SECOND: f64 = 1_000_000.0;
const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: u64 = 24 * SECONDS_PER_HOUR;
/// Up to here the tenths of a second are worth saying.
const TENTHS_SAID_UP_TO: u64 = 10;
/// Up to here the seconds of a time in minutes are worth saying.
const SECONDS_SAID_UP_TO: u64 = 10 * SECONDS_PER_MINUTE;

/// A count in groups of three digits: `12,345`.
#[must_use]
pub fn spell_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `142/s`, `3.2/s`, or `7/min` where it is slow.
pub(super) fn spell_pace(per_second: f64) -> String {
    let per_minute = per_second * 60.0;
    if per_second >= 9.95 {
        format!("{}/s", spell_count(round_to_count(per_second)))
    } else if per_second >= 0.95 {
        format!("{per_second:.1}/s")
    } else {
        format!("{per_minute:.0}/min")
    }
}

/// `1.6 s`, `49 s`, `3 min 20 s`, `34 min`, `1 h 20 min`, `2 d 3 h`.
pub(super) fn spell_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / SECONDS_PER_MINUTE, seconds / SECONDS_PER_HOUR);
    let pair = |large: String, rest: u64, unit: &str| match rest {
        0 => large,
        rest => format!("{large} {rest} {unit}"),
    };
    match seconds {
        _ if seconds < TENTHS_SAID_UP_TO => spell_tenths(duration),
        _ if seconds < SECONDS_PER_MINUTE => format!("{seconds} s"),
        _ if seconds < SECONDS_SAID_UP_TO => {
            pair(format!("{minutes} min"), seconds % SECONDS_PER_MINUTE, "s")
        }
        _ if seconds < SECONDS_PER_HOUR => format!("{minutes} min"),
        _ if seconds < SECONDS_PER_DAY => pair(format!("{hours} h"), minutes % 60, "min"),
        _ => pair(format!("{} d", hours / 24), hours % 24, "h"),
    }
}

fn spell_tenths(duration: Duration) -> String {
    // Rounded as a whole number, so that 9.97 does not become `9.10`.
    let tenths = (duration.as_millis() + 50) / 100;
    match tenths % 10 {
        0 => format!("{} s", tenths / 10),
        tenth => format!("{}.{tenth} s", tenths / 10),
    }
}

/// The time of day of a time in microseconds since the epoch: `15:04:05 UTC`.
#[must_use]
pub fn spell_time_of_day(micros: i64) -> String {
    let seconds = u64::try_from(micros / 1_000_000).unwrap_or(0) % SECONDS_PER_DAY;
    let (hours, minutes) = (
        seconds / SECONDS_PER_HOUR,
        seconds / SECONDS_PER_MINUTE % 60,
    );
    format!(
        "{hours:02}:{minutes:02}:{:02} UTC",
        seconds % SECONDS_PER_MINUTE
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a pace is positive, and one beyond u64 would be shown as the largest number"
)]
fn round_to_count(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_groups_of_three() {
        for (count, expected) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(spell_count(count), expected);
        }
    }

    #[test]
    fn a_pace_has_as_many_digits_as_mean_something() {
        for (pace, expected) in [
            (0.0, "0/min"),
            (0.05, "3/min"),
            (0.94, "56/min"),
            (1.0, "1.0/s"),
            (9.94, "9.9/s"),
            (9.96, "10/s"),
            (141.6, "142/s"),
            (13_199.0, "13,199/s"),
        ] {
            assert_eq!(spell_pace(pace), expected);
        }
    }

    #[test]
    fn a_duration_has_two_units_at_most() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (0.26, "0.3 s"),
            (1.58, "1.6 s"),
            (7.0, "7 s"),
            (9.97, "10 s"),
            (10.9, "10 s"),
            (59.0, "59 s"),
            (60.0, "1 min"),
            (200.0, "3 min 20 s"),
            (2_045.0, "34 min"),
            (3_600.0, "1 h"),
            (4_800.0, "1 h 20 min"),
            (183_600.0, "2 d 3 h"),
        ] {
            let duration = Duration::from_secs_f64(seconds);
            assert_eq!(spell_duration(duration), expected);
        }
    }

    #[test]
    fn a_time_of_day_is_in_utc() {
        assert_eq!(spell_time_of_day(0), "00:00:00 UTC");
        assert_eq!(spell_time_of_day(1_700_000_645_000_000), "22:24:05 UTC");
        assert_eq!(spell_time_of_day(-5), "00:00:00 UTC");
    }
}
