//! Points in time as text: integer microseconds since 1970 (UTC) inside, RFC 3339 outside.

use time::OffsetDateTime;
use time::macros::format_description;

/// RFC 3339 in UTC with microseconds, such as `2026-11-21T09:14:03.412000Z`.
///
/// Times outside the years 0 to 9999 are shown as the nearest of those bounds' epoch, 1970.
#[must_use]
pub fn rfc3339(micros: i64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000)
        // A time out of range comes from a broken clock; an event with an odd time is worth more
        // than none.
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .format(format)
        .expect("the format has only components every time has")
}

/// The same, or `None` for 0, which stands for "not known".
#[must_use]
pub fn rfc3339_if_known(micros: i64) -> Option<String> {
    (micros != 0).then(|| rfc3339(micros))
}

/// Microseconds of an RFC 3339 text; `None` if it is none.
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let parsed =
        OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339).ok()?;
    i64::try_from(parsed.unix_timestamp_nanos() / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn microseconds_survive_the_round_trip() {
        let micros = 1_795_252_443_412_001;
        assert_eq!(rfc3339(micros), "2026-11-21T09:14:03.412001Z");
        assert_eq!(parse_rfc3339(&rfc3339(micros)), Some(micros));
        assert_eq!(
            parse_rfc3339("2026-11-21T10:14:03+01:00"),
            Some(1_795_252_443_000_000)
        );
    }
}
