//! What matching may take.

use super::PatternError;

/// How much work is left, in characters compared.
#[derive(Debug)]
pub struct Work {
    left: u64,
}

impl Work {
    /// So much.
    #[must_use]
    pub fn new(characters: u64) -> Self {
        Self { left: characters }
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Takes so much away.
    pub(super) fn spend(&mut self, characters: usize) -> Result<(), PatternError> {
        let characters = u64::try_from(characters).unwrap_or(u64::MAX);
        let left = self.left.checked_sub(characters);
        self.left = left.unwrap_or_default();
        left.map(drop).ok_or(PatternError::TakesTooLong)
    }

    /// Does something with at most so much of what is left, and takes away what it took.
    pub(super) fn lend<T>(&mut self, most: u64, act: impl FnOnce(&mut Self) -> T) -> T {
        let lent = self.left.min(most);
        let mut work = Self::new(lent);
        let done = act(&mut work);
        self.left -= lent - work.left;
        done
    }
}
