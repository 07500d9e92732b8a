//! An error with everything that caused it, on one line.

use std::error::Error;
use std::fmt;

/// Shows an error and its sources as `a: b: c`.
pub struct Chain<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(formatter, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_is_shown_once() {
        let outer = Outer(std::io::Error::other("port taken"));
        assert_eq!(Chain(&outer).to_string(), "cannot start: port taken");
    }
}
