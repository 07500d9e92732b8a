//! The numbers the catalog gives to sources, locations and states of itself.
//!
//! They are all 64-bit integers in the database and in messages; as types of their own they
//! cannot be taken for each other.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! identifiers {
    ($($(#[doc = $doc:literal])+ $name:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(i64);

        impl $name {
            /// The identifier of this number.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number, as columns and messages hold it.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        // Lets the database layer name the type in its rows although only the model owns it.
        impl From<i64> for $name {
            fn from(number: i64) -> Self {
                Self(number)
            }
        }

        impl From<$name> for i64 {
            fn from(identifier: $name) -> Self {
                identifier.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

identifiers! {
    /// A source: what can be looked at in one go, such as one branch of a repository.
    SourceId;
    /// A location: one file or pattern of files inside a source.
    LocationId;
    /// A state of the catalog: contiguous, one per committed change; 0 before the first.
    Revision;
}

impl Revision {
    /// The one after it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The one before it.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_written_as_its_number() {
        let source = SourceId::new(7);
        assert_eq!(source.to_string(), "7");
        assert_eq!(serde_json::to_string(&source).expect("plain data"), "7");
        assert_eq!(
            serde_json::from_str::<LocationId>("8").expect("a number"),
            LocationId::from(8)
        );
        assert_eq!(i64::from(Revision::new(9)), Revision::new(9).get());
    }

    #[test]
    fn revisions_are_contiguous() {
        let first = Revision::default().next();
        assert_eq!(first, Revision::new(1));
        assert!(first.previous() < first);
        assert_eq!(first.previous(), Revision::default());
    }
}
