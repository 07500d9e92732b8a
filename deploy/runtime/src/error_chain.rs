//! An error with all its causes, in one line.

use std::error::Error;
use std::fmt;

/// Displays an error as `what failed: why: why that`.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        // No error of ours repeats its source in its own text, so each cause is said once.
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the file")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn every_cause_is_named_once() {
        let error = Outer(Inner(std::io::Error::other("disk on fire")));
        assert_eq!(
            Chain(&error).to_string(),
            "cannot start: cannot open the file: disk on fire"
        );
    }
}
