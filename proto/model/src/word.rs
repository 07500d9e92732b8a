//! Enums that are words in columns, messages and answers.

/// A text that is none of the words of its enum.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no {expected}")]
pub struct UnknownWordError {
    /// What a word was expected to name, such as `level`.
    pub expected: &'static str,
    /// The text.
    pub text: String,
}

/// Declares an enum each of whose variants is one word, with everything that follows from the
/// words: `ALL`, `as_str`, `FromStr`, `Display`, and an order that is that of the words.
macro_rules! word_enum {
    (
        $(#[$attribute:meta])*
        $enum:ident, $expected:literal {
            $($(#[$variant_attribute:meta])+ $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $enum {
            $($(#[$variant_attribute])+ $variant,)+
        }

        impl $enum {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::str::FromStr for $enum {
            type Err = $crate::UnknownWordError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWordError {
                        expected: $expected,
                        text: text.to_owned(),
                    }),
                }
            }
        }

        // As the database orders the column that holds the word.
        impl Ord for $enum {
            fn cmp(&self, other: &Self) -> std::cmp::Ordering {
                self.as_str().cmp(other.as_str())
            }
        }

        impl PartialOrd for $enum {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $enum {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Ok(Self::parse_lenient(&text))
            }
        }
    };
}
pub(crate) use word_enum;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::{ErrorClass, Level, RuleId};

    macro_rules! check_words {
        ($enum:ident) => {
            let words: BTreeSet<&str> = $enum::ALL.iter().map(|it| it.as_str()).collect();
            assert_eq!(
                words.len(),
                $enum::ALL.len(),
                "no word stands for two things"
            );
            for it in $enum::ALL {
                assert_eq!(it.as_str().parse(), Ok(*it));
                let json = serde_json::to_string(it).expect("a word");
                assert_eq!(json, format!("\"{it}\""));
                assert_eq!(serde_json::from_str::<$enum>(&json).expect("a word"), *it);
            }
        };
    }

    #[test]
    fn words_read_back_as_what_was_written() {
        check_words!(ErrorClass);
        check_words!(Level);
        check_words!(RuleId);
        let error = "fatal".parse::<Level>().expect_err("no level");
        assert_eq!(error.to_string(), "\"fatal\" is no level");
    }

    #[test]
    fn words_of_another_version_do_not_stop_the_reader() {
        let read = |json: &str| serde_json::from_str::<RuleId>(json).expect("a rule");
        assert_eq!(read("\"yaml.of-tomorrow\""), RuleId::Unknown);
        assert_eq!(Level::parse_lenient(""), Level::Error);
        assert_eq!(ErrorClass::parse_lenient("NewError"), ErrorClass::Error);
    }
}
