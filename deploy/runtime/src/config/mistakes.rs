//! What is wrong with a configuration.

use std::fmt;
use std::path::{Path, PathBuf};

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// Where, such as `catalog.providers.github.acme.organization`; empty for a whole file.
    pub path: String,
    /// In which file, where that is known.
    pub file: Option<PathBuf>,
    /// What is wrong.
    pub message: String,
}

/// Everything that is wrong, sorted by path. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    pub(super) fn none_or(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() {
            Ok(())
        } else {
            Err(Self(mistakes))
        }
    }

    pub(super) fn of_file(file: &Path, message: String) -> Self {
        Self(vec![Mistake {
            path: String::new(),
            file: Some(file.to_owned()),
            message,
        }])
    }

    pub(super) fn in_file(mut self, file: &Path) -> Self {
        for mistake in &mut self.0 {
            mistake.file.get_or_insert_with(|| file.to_owned());
        }
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the configuration has {} mistake(s)",
            self.0.len()
        )?;
        for mistake in &self.0 {
            write!(formatter, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.path.is_empty()) {
            (Some(file), true) => write!(formatter, "{} {}", file.display(), self.message),
            (Some(file), false) => write!(
                formatter,
                "{}: {} (in {})",
                self.path,
                self.message,
                file.display()
            ),
            (None, _) => write!(formatter, "{}: {}", self.path, self.message),
        }
    }
}
