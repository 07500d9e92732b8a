//! Log lines that an outage would repeat with every call, summed up.
//!
//! The first one is written at once, for that is when somebody looks. Those that follow from the same place in
//! the code, and are about the same thing where that place serves several, are counted, and every thirty seconds
//! the newest of them is written with how many were left out.
//! How often something happened is what the metrics say; a line is there to say what.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A line is written once in this time.
pub const SUMMED_UP_EVERY: Duration = Duration::from_secs(30);

/// How often a line was left out since it was last written, for each thing that it is about.
// By words of the program: what others name is without bound, and would be kept for ever.
#[derive(Debug, Default)]
pub struct RepeatedLine(Mutex<BTreeMap<&'static str, WrittenLine>>);

#[derive(Debug)]
struct WrittenLine {
    at: Instant,
    left_out: u64,
}

impl RepeatedLine {
    /// A line that was never written.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Whether to write the line about `subject` `now`: how many were left out before it, or nothing if this one is
    /// left out too.
    pub fn admit(&self, subject: &'static str, now: Instant) -> Option<u64> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lines.get_mut(subject) {
            Some(written) if now.saturating_duration_since(written.at) < SUMMED_UP_EVERY => {
                written.left_out += 1;
                None
            }
            before => {
                let left_out = before.map_or(0, |written| written.left_out);
                let written = WrittenLine {
                    at: now,
                    left_out: 0,
                };
                lines.insert(subject, written);
                Some(left_out)
            }
        }
    }
}

/// Logs at `warn` or `error`, with the arguments of that macro, what may repeat with every call: the first at once,
/// then one every [`SUMMED_UP_EVERY`] with the field `left_out`. Code that several share says which of them a line is
/// about, so that the trouble of one is not hidden behind another's.
///
/// ```
/// let (error, stage) = ("no answer", "ledger");
/// freshet_runtime::summed_up!(warn, error, "GitHub could not be read");
/// freshet_runtime::summed_up!(of stage; warn, error, stage, "a batch could not be handled");
/// ```
#[macro_export]
macro_rules! summed_up {
    ($level:ident, $($arguments:tt)+) => {
        $crate::summed_up!(of ""; $level, $($arguments)+)
    };
    (of $subject:expr; $level:ident, $($arguments:tt)+) => {{
        // One for each place in the code, as the log's own filters have it. Generic code is one place,
        // whatever it is made for.
        static LINE: $crate::summed_up::RepeatedLine = $crate::summed_up::RepeatedLine::new();
        match LINE.admit($subject, ::std::time::Instant::now()) {
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
        let at = |seconds| line.admit("", begin + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0), "the first is written at once");
        for second in 1..30 {
            assert_eq!(at(second), None);
        }
        assert_eq!(at(30), Some(29));
        assert_eq!(at(31), None);
        assert_eq!(at(65), Some(1));
        assert_eq!(at(3_600), Some(0), "the next outage is a new one");
    }

    #[test]
    fn what_is_left_out_is_counted_for_each_thing_alone() {
        let (line, begin) = (RepeatedLine::new(), Instant::now());
        let at = |subject, seconds| line.admit(subject, begin + Duration::from_secs(seconds));
        assert_eq!(at("ledger", 0), Some(0));
        assert_eq!(at("apply", 1), Some(0), "nobody has heard of it yet");
        assert_eq!(at("ledger", 2), None);
        assert_eq!(at("apply", 3), None);
        assert_eq!(at("apply", 4), None);
        assert_eq!((at("ledger", 40), at("apply", 40)), (Some(1), Some(2)));
    }
}
