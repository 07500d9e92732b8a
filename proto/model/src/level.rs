//! How bad a problem is.

use crate::word::word_enum;

word_enum! {
    /// How bad a problem is.
    #[derive(Default)]
    Level, "level" {
        /// The entity or file is not taken over as it is.
        #[default]
        Error = "error",
        /// It is valid all the same; the owner should know.
        Warning = "warning",
    }
}

impl Level {
    /// Reads a level as messages and history hold it; before there were levels, all were errors.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Self {
        // When in doubt it is the worse one: an error shown as a warning would be passed over.
        text.parse().unwrap_or_default()
    }
}
