//! What an answer says about GitHub's limits, read into numbers. Pure.
//!
//! GitHub has three ways to say "slow down": an exhausted primary window (`x-ratelimit-remaining: 0`
//! with a reset time), a secondary limit (`retry-after`, with whatever status), and a bare refusal
//! whose text names the limit. A 403 that says none of these is a permission, not a limit: pausing a whole installation
//! for one private repository would be worse than the refusal itself.

use std::time::Duration;

use http::HeaderMap;

/// Shortest wait one answer may impose: "retry after 0" must not become a busy loop.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// Longest wait one answer may impose; a longer one is a broken clock on one of the two sides.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);
const MICROS_PER_SECOND: i64 = 1_000_000;
/// Phrases by which the text of a refusal names a limit.
const LIMIT_PHRASES: [&str; 3] = ["rate limit", "abuse detection", "too many requests"];

/// Which of GitHub's separate windows a call spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// REST.
    Core,
    /// GraphQL.
    Graphql,
}

/// The limit headers of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateHeaders {
    /// Points of one window.
    pub limit: Option<u64>,
    /// Points left in the window.
    pub remaining: Option<u64>,
    /// When the window ends, microseconds UTC.
    pub reset_at: Option<i64>,
    /// How long to stay away.
    pub retry_after: Option<Duration>,
}

impl RateHeaders {
    /// Reads the headers of an answer; anything that is no number counts as absent.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        Self {
            limit: parse_number(headers, "x-ratelimit-limit"),
            remaining: parse_number(headers, "x-ratelimit-remaining"),
            reset_at: parse_number(headers, "x-ratelimit-reset")
                .and_then(|seconds| i64::try_from(seconds).ok())
                .and_then(|seconds| seconds.checked_mul(MICROS_PER_SECOND)),
            // GitHub sends seconds; the date form of HTTP counts as absent, like any nonsense.
            retry_after: parse_number(headers, "retry-after")
                .map(|seconds| Duration::from_secs(seconds).clamp(WAIT_MIN, WAIT_MAX)),
        }
    }
}

fn parse_number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// A limit an answer reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// The window is spent; it ends at this time, microseconds UTC.
    WindowSpent {
        /// End of the window.
        reset_at: i64,
    },
    /// Stay away for this long.
    StayAway {
        /// As GitHub said.
        wait: Duration,
    },
    /// A limit without any number.
    Unspecified,
}

/// What a refusal's status, headers and text say about limits; `None` if nothing.
///
/// A refusal is an answer with a status from 400 on or with a GraphQL error; `text` is its message.
#[must_use]
pub fn limit_of(status: u16, headers: &RateHeaders, text: &str) -> Option<RateLimit> {
    let says_so = match status {
        // A 429 is a limit even if no header says how long.
        429 => true,
        // A 403 alone is a missing permission: pausing an installation for one private repository
        // would be worse than the refusal.
        403 => headers.remaining == Some(0) || names_a_limit(text),
        // The text of a server in trouble is that of some proxy in between.
        500.. => false,
        _ => names_a_limit(text),
    };
    (says_so || headers.retry_after.is_some()).then(|| numbers_of(headers))
}

fn numbers_of(headers: &RateHeaders) -> RateLimit {
    match (headers.retry_after, headers.remaining, headers.reset_at) {
        // A secondary limit may come while the window still has points, so its wait goes first.
        (Some(wait), _, _) => RateLimit::StayAway { wait },
        (None, Some(0), Some(reset_at)) => RateLimit::WindowSpent { reset_at },
        (None, _, _) => RateLimit::Unspecified,
    }
}

fn names_a_limit(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    LIMIT_PHRASES.iter().any(|phrase| text.contains(phrase))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> RateHeaders {
        let map = pairs
            .iter()
            .map(|(name, value)| {
                (
                    (*name).parse().expect("a name"),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        RateHeaders::parse(&map)
    }

    #[track_caller]
    fn check(
        status: u16,
        pairs: &[(&'static str, &'static str)],
        text: &str,
        expected: Option<RateLimit>,
    ) {
        assert_eq!(limit_of(status, &headers(pairs), text), expected);
    }

    #[test]
    fn a_refusal_is_a_limit_only_if_it_says_so() {
        let minute = RateLimit::StayAway {
            wait: Duration::from_secs(60),
        };
        let spent = RateLimit::WindowSpent {
            reset_at: 1_700_000_000_000_000,
        };
        check(200, &[("x-ratelimit-remaining", "0")], "", None);
        check(403, &[], "Resource not accessible by integration", None);
        check(
            403,
            &[("x-ratelimit-remaining", "4999")],
            "Must have admin rights",
            None,
        );
        check(403, &[("retry-after", "60")], "", Some(minute));
        check(
            403,
            &[
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1700000000"),
            ],
            "",
            Some(spent),
        );
        check(
            403,
            &[],
            "You have exceeded a secondary rate limit",
            Some(RateLimit::Unspecified),
        );
        check(
            403,
            &[],
            "You have triggered an abuse detection mechanism",
            Some(RateLimit::Unspecified),
        );
        check(429, &[], "", Some(RateLimit::Unspecified));
        check(429, &[("retry-after", "60")], "", Some(minute));
        check(500, &[], "", None);
        check(502, &[], "too many requests upstream", None);
        check(503, &[("retry-after", "60")], "", Some(minute));
        check(
            200,
            &[("retry-after", "60")],
            "Something else",
            Some(minute),
        );
    }

    #[test]
    fn a_graphql_limit_comes_with_status_200() {
        let pairs = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000000"),
        ];
        let spent = RateLimit::WindowSpent {
            reset_at: 1_700_000_000_000_000,
        };
        check(
            200,
            &pairs,
            "API rate limit exceeded for installation ID 1",
            Some(spent),
        );
    }

    #[test]
    fn retry_after_beats_the_window() {
        let pairs = [
            ("retry-after", "5"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000000"),
        ];
        check(
            429,
            &pairs,
            "",
            Some(RateLimit::StayAway {
                wait: Duration::from_secs(5),
            }),
        );
    }

    #[test]
    fn nonsense_in_a_header_counts_as_absent() {
        assert_eq!(
            headers(&[("retry-after", "soon"), ("x-ratelimit-limit", "-1")]),
            RateHeaders::default()
        );
        let absurd = headers(&[
            ("retry-after", "99999999999"),
            ("x-ratelimit-reset", "18446744073709551615"),
        ]);
        assert_eq!(absurd.retry_after, Some(WAIT_MAX));
        let hasty = headers(&[("retry-after", "0")]);
        assert_eq!(hasty.retry_after, Some(WAIT_MIN));
        assert_eq!(absurd.reset_at, None);
    }
}
