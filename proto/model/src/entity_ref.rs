//! The name of one entity, `kind:namespace/name`.
//!
//! A reference is compared, ordered and hashed as its canonical text, so that a map, a
//! database column and a subject all agree on what "the same entity" means. Only what
//! would break that agreement is refused: a missing part, a part that could not be read
//! back out of the text, a NUL, a text too long for a column. The characters of a name are
//! not judged here: relations may point at anything (`group:default/team a`).

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The namespace of an entity that names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Longest canonical text of a reference, in characters; longer ones would not fit the
/// columns of a catalog database and are refused where they are written.
pub const REF_CHARACTERS_MAX: usize = 255;

/// The canonical name of one entity: `kind:namespace/name` in lower case.
///
/// Invariant: all three parts are non-empty and lower-case, kind has neither `:` nor `/`
/// and namespace no `/`, so the text reads back as the same three parts, and equality of
/// the text is the catalog's equality. Cloning costs one reference count.
#[derive(Clone)]
pub struct EntityRef {
    text: Arc<str>,
    // Offsets into one text instead of three texts: a large catalog holds a ref per relation, and
    // nearly all of them are only compared and printed.
    namespace_at: u16,
    name_at: u16,
}

/// Why a text or three parts do not name an entity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefError {
    /// There is no text at all.
    #[error("an entity reference must not be empty")]
    Empty,
    /// A part is present but has no characters, as in `user:` or `/x`.
    #[error("the {part} of entity reference \"{text}\" is empty")]
    EmptyPart {
        /// Which part.
        part: RefPart,
        /// The reference as written.
        text: String,
    },
    /// No kind is written and the context has no default.
    #[error("entity reference \"{text}\" names no kind, and there is no default here")]
    MissingKind {
        /// The reference as written.
        text: String,
    },
    /// A part holds a separator or a NUL and could not be read back.
    #[error("the {part} of entity reference \"{text}\" holds a character that cannot stand there")]
    Unreadable {
        /// Which part.
        part: RefPart,
        /// The reference as written.
        text: String,
    },
    /// The canonical text has more than [`REF_CHARACTERS_MAX`] characters.
    #[error(
        "an entity reference has {characters} characters, at most {REF_CHARACTERS_MAX} are allowed"
    )]
    TooLong {
        /// How many it has.
        characters: usize,
    },
}

/// One of the three parts of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefPart {
    /// The text before the first `:`.
    Kind,
    /// The text before the first `/`.
    Namespace,
    /// The rest.
    Name,
}

impl fmt::Display for RefPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "kind",
            Self::Namespace => "namespace",
            Self::Name => "name",
        })
    }
}

impl EntityRef {
    /// The reference with these three parts, put in canonical form.
    ///
    /// # Errors
    /// If a part is empty or cannot be read back, or the whole is too long.
    pub fn new(kind: &str, namespace: &str, name: &str) -> Result<Self, RefError> {
        // Made only for an error: nearly all references are fine, and each of them passes here.
        let written = || format!("{kind}:{namespace}/{name}");
        for (part, value, separators) in [
            (RefPart::Kind, kind, &[':', '/', '\0'][..]),
            (RefPart::Namespace, namespace, &['/', '\0'][..]),
            (RefPart::Name, name, &['\0'][..]),
        ] {
            if value.is_empty() {
                return Err(RefError::EmptyPart {
                    part,
                    text: written(),
                });
            }
            if value.contains(separators) {
                return Err(RefError::Unreadable {
                    part,
                    text: written(),
                });
            }
        }
        Self::join_parts(kind, namespace, name)
    }

    /// Joins parts already known to be readable.
    fn join_parts(kind: &str, namespace: &str, name: &str) -> Result<Self, RefError> {
        let mut text = String::with_capacity(kind.len() + namespace.len() + name.len() + 2);
        push_lower(&mut text, kind);
        text.push(':');
        let namespace_at = text.len();
        push_lower(&mut text, namespace);
        text.push('/');
        let name_at = text.len();
        push_lower(&mut text, name);
        // Counted after lower-casing, which may lengthen a text: this is what a column has to hold.
        let characters = text.chars().count();
        if characters > REF_CHARACTERS_MAX {
            return Err(RefError::TooLong { characters });
        }
        let offset = |at: usize| u16::try_from(at).expect("255 characters fit in 1,020 bytes");
        Ok(Self {
            namespace_at: offset(namespace_at),
            name_at: offset(name_at),
            text: text.into(),
        })
    }

    /// Reads a reference whose kind is written; a missing namespace is `default`.
    ///
    /// # Errors
    /// If the kind is missing or the text is no reference.
    pub fn parse(text: &str) -> Result<Self, RefError> {
        Self::parse_with(text, None, DEFAULT_NAMESPACE)
    }

    /// Reads `[kind:][namespace/]name`, filling in what is not written. An empty default
    /// namespace stands for `default`. Nothing is trimmed.
    ///
    /// # Errors
    /// If a part that is written is empty, or the kind is neither written nor given.
    pub fn parse_with(
        text: &str,
        default_kind: Option<&str>,
        default_namespace: &str,
    ) -> Result<Self, RefError> {
        if text.is_empty() {
            return Err(RefError::Empty);
        }
        // Backstage splits at the first of each, so that a name may hold further colons and
        // slashes; the characters of a name are judged where an entity is declared.
        let slash = text.find('/');
        // A colon behind the slash belongs to the name: `ns/a:b`.
        let colon = text
            .find(':')
            .filter(|colon| slash.is_none_or(|slash| *colon < slash));
        let kind = colon.map(|colon| &text[..colon]);
        let namespace = slash.map(|slash| &text[colon.map_or(0, |colon| colon + 1)..slash]);
        let name = &text[slash.or(colon).map_or(0, |separator| separator + 1)..];
        let empty = |part| RefError::EmptyPart {
            part,
            text: text.to_owned(),
        };
        if kind == Some("") {
            return Err(empty(RefPart::Kind));
        }
        if namespace == Some("") {
            return Err(empty(RefPart::Namespace));
        }
        if name.is_empty() {
            return Err(empty(RefPart::Name));
        }
        let kind = kind.or(default_kind).ok_or_else(|| RefError::MissingKind {
            text: text.to_owned(),
        })?;
        let default_namespace = if default_namespace.is_empty() {
            DEFAULT_NAMESPACE
        } else {
            default_namespace
        };
        Self::new(kind, namespace.unwrap_or(default_namespace), name)
    }

    /// The kind, in lower case.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.text[..usize::from(self.namespace_at) - 1]
    }

    /// The namespace, in lower case.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.text[usize::from(self.namespace_at)..usize::from(self.name_at) - 1]
    }

    /// The name, in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[usize::from(self.name_at)..]
    }

    /// The canonical text, `kind:namespace/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Lower-cases as Backstage does: the full Unicode mapping, independent of locale.
fn push_lower(text: &mut String, part: &str) {
    // The mapping of all of Unicode allocates; nearly every ref is ASCII and passes here once per
    // relation of every document.
    if part.is_ascii() {
        text.extend(part.chars().map(|c| c.to_ascii_lowercase()));
    } else {
        text.push_str(&part.to_lowercase());
    }
}

impl FromStr for EntityRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        Self::parse(text)
    }
}

impl fmt::Display for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Padded, because tables of the command line print refs in columns.
        f.pad(&self.text)
    }
}

impl fmt::Debug for EntityRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityRef({})", self.text)
    }
}

impl PartialEq for EntityRef {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for EntityRef {}

impl Hash for EntityRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The same hash as of the plain text, or a map asked with a text would not find its key.
        self.text.hash(state);
    }
}

impl PartialOrd for EntityRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for EntityRef {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// Lets a map keyed by references be asked with canonical text.
impl Borrow<str> for EntityRef {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl Serialize for EntityRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for EntityRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
