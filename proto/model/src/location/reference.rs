//! `<type>:<target>`, the name of a location.

use std::fmt;
use std::str::FromStr;

use sha1::{Digest as _, Sha1};

/// Hexadecimal digits in a row that mark a URL as pinned to one commit.
pub const PINNED_COMMIT_DIGITS: usize = 40;

/// A location: a type, such as `url`, and a target whose meaning the type decides.
///
/// Invariant: both are non-empty and trimmed, and the target runs no script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocationRef {
    kind: String,
    target: String,
}

/// Why a text is no location reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationRefError {
    /// There is no colon, or nothing on one side of it.
    #[error("\"{text}\" is not a location reference of the form <type>:<target>")]
    Malformed {
        /// The text.
        text: String,
    },
    /// The type was left out before a URL.
    #[error("\"{text}\" lacks its type; write url:{text}")]
    BareUrl {
        /// The text.
        text: String,
    },
    /// The target is a `javascript:` URL.
    #[error("the target of a location reference must not run a script")]
    Script,
}

impl LocationRef {
    /// The location of this type and target, both trimmed.
    ///
    /// # Errors
    /// If one is empty or the target runs a script.
    pub fn new(kind: &str, target: &str) -> Result<Self, LocationRefError> {
        let (kind, target) = (kind.trim(), target.trim());
        if kind.is_empty() || target.is_empty() {
            return Err(LocationRefError::Malformed {
                text: format!("{kind}:{target}"),
            });
        }
        if is_script_url(target) {
            return Err(LocationRefError::Script);
        }
        Ok(Self {
            kind: kind.to_owned(),
            target: target.to_owned(),
        })
    }

    /// Reads `<type>:<target>`, split at the first colon.
    ///
    /// # Errors
    /// If it has no such form, or is a bare `http:` or `https:` URL.
    pub fn parse(text: &str) -> Result<Self, LocationRefError> {
        let Some((kind, target)) = text.split_once(':') else {
            return Err(LocationRefError::Malformed {
                text: text.to_owned(),
            });
        };
        // The most frequent mistake, and split at the first colon it would pass as a location of
        // type `https`.
        if matches!(kind.trim(), "http" | "https") {
            return Err(LocationRefError::BareUrl {
                text: text.to_owned(),
            });
        }
        Self::new(kind, target)
    }

    /// The type, such as `url`.
    #[must_use]
    pub fn location_type(&self) -> &str {
        &self.kind
    }

    /// The target, such as a URL.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl fmt::Display for LocationRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.target)
    }
}

impl FromStr for LocationRef {
    type Err = LocationRefError;

    fn from_str(text: &str) -> Result<Self, LocationRefError> {
        Self::parse(text)
    }
}

/// The name of the Location entity that stands for a registered or discovered location:
/// the same as in Backstage, so that links to it keep working.
#[must_use]
pub fn generated_location_name(location_type: &str, target: &str) -> String {
    format!(
        "generated-{}",
        hex::encode(Sha1::digest(format!("{location_type}:{target}")))
    )
}

/// Whether a browser would run this URL as a script: `javascript:` in any case, behind
/// controls and spaces, with line breaks and tabs anywhere in it.
#[must_use]
pub fn is_script_url(url: &str) -> bool {
    // A browser drops these characters before it reads the scheme, so `java\nscript:` runs; what
    // runs must not pass here as a path.
    let mut significant = url
        .trim_start_matches(|c: char| c <= ' ')
        .chars()
        .filter(|c| !matches!(c, '\r' | '\n' | '\t'));
    "javascript:".chars().all(|expected| {
        significant
            .next()
            .is_some_and(|c| c.eq_ignore_ascii_case(&expected))
    })
}

/// Whether a URL names one commit, whose files nobody can edit: a word of
/// [`PINNED_COMMIT_DIGITS`] or more hexadecimal digits in lower case.
#[must_use]
pub fn is_pinned(url: &str) -> bool {
    url.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .any(|word| {
            word.len() >= PINNED_COMMIT_DIGITS
                && word
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
}
