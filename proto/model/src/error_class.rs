//! The class Backstage gives an error.

use crate::word::word_enum;

word_enum! {
    /// The class Backstage gives an error, as it stands in `status.items[].error.name`.
    #[derive(Default)]
    ErrorClass, "error class" {
        /// The input of one entity is wrong.
        InputError = "InputError",
        /// A value is not even of the right type.
        TypeError = "TypeError",
        /// Any other failure, such as a syntax error.
        #[default]
        Error = "Error",
        /// A location target does not exist.
        NotFoundError = "NotFoundError",
        /// The kind is not allowed for the location.
        NotAllowedError = "NotAllowedError",
        /// Two claims contradict each other.
        ConflictError = "ConflictError",
    }
}

impl ErrorClass {
    /// Reads a class that another version wrote: what is not known here is the general one.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Self {
        // While versions are exchanged one by one, a store may read what a newer processor found. A
        // class it does not know must not cost the owner the whole problem.
        text.parse().unwrap_or_default()
    }
}
