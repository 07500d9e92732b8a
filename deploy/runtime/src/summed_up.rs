//! Log lines that an outage would repeat with every call, summed up.
//!
//! The first one is written at once, for that is when somebody looks. Those that follow from the same place in
//! the code are counted, and every thirty seconds the newest of them is written with how many were left out.
//! How often something happened is what the metrics say; a line is there to say what.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line is written once in this time.
pub const SUMMED_UP_EVERY: Duration = Duration::from_secs(30);

/// How often a line was left out since it was last written.
#[derive(Debug, Default)]
pub struct RepeatedLine(Mutex<Option<WrittenLine>>);

#[derive(Debug)]
struct WrittenLine {
    at: Instant,
    left_out: u64,
}

impl RepeatedLine {
    /// A line that was never written.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether to write the line `now`: how many were left out before it, or nothing if this one is left out too.
    pub fn admit(&self, now: Instant) -> Option<u64> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match written.as_mut() {
            Some(written) if now.saturating_duration_since(written.at) < SUMMED_UP_EVERY => {
                written.left_out += 1;
                None
            }
            Some(_) | None => {
                let left_out = written.as_ref().map_or(0, |written| written.left_out);
                *written = Some(WrittenLine {
                    at: now,
                    left_out: 0,
                });
                Some(left_out)
            }
        }
    }
}

/// Logs at `warn` or `error`, with the arguments of that macro, what may repeat with every call: the first at once,
/// then one every [`SUMMED_UP_EVERY`] with the field `left_out`.
///
/// ```
/// let error = "no answer";
/// freshet_runtime::summed_up!(warn, error, "GitHub could not be read");
/// ```
#[macro_export]
macro_rules! summed_up {
    ($level:ident, $($arguments:tt)+) => {{
        // One for each place in the code, as the log's own filters have it.
        static LINE: $crate::summed_up::RepeatedLine = $crate::summed_up::RepeatedLine::new();
        match LINE.admit(::std::time::Instant::now()) {
            Some(0) => ::tracing::$level!($($arguments)+),
            Some(left_out) => ::tracing::$level!(left_out, $($arguments)+),
            None => {}
        }
    }};
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_one_line_and_then_one_every_while_with_a_count() {
        let (line, begin) = (RepeatedLine::new(), Instant::now());
        let at = |seconds| line.admit(begin + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0), "the first is written at once");
        for second in 1..30 {
            assert_eq!(at(second), None);
        }
        assert_eq!(at(30), Some(29));
        assert_eq!(at(31), None);
        assert_eq!(at(65), Some(1));
        assert_eq!(at(3_600), Some(0), "the next outage is a new one");
    }
}
