//! The formats of names, keys, values and versions.
//!
//! Each function answers for exactly one format of the Backstage model. They are written by
//! hand over bytes instead of as regular expressions because every document passes dozens of
//! them; everything they accept is ASCII, so lengths in bytes are lengths in characters.

/// Longest name, namespace, kind, tag, label value, and part of a key or version.
pub const NAME_LENGTH_MAX: usize = 63;

/// Longest prefix of a key or an API version.
pub const SUBDOMAIN_LENGTH_MAX: usize = 253;

/// `metadata.name`, the last part of a key, a label value: letters and digits, with `-`, `_`
/// and `.` in any number between them.
#[must_use]
pub fn is_object_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    is_within(bytes, NAME_LENGTH_MAX)
        && bytes[0].is_ascii_alphanumeric()
        && bytes[bytes.len() - 1].is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// `metadata.namespace` and each part of a DNS subdomain: lower-case letters and digits,
/// with `-` in any number between them.
#[must_use]
pub fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    is_within(bytes, NAME_LENGTH_MAX)
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
        && bytes
            .iter()
            .all(|byte| is_lower_or_digit(*byte) || *byte == b'-')
}

/// Several DNS labels joined by dots: the prefix of a key or an API version.
#[must_use]
pub fn is_dns_subdomain(text: &str) -> bool {
    is_within(text.as_bytes(), SUBDOMAIN_LENGTH_MAX) && text.split('.').all(is_dns_label)
}

/// `kind`: letters and digits, a letter first.
#[must_use]
pub fn is_kind(text: &str) -> bool {
    is_alphanumeric_word(text) && text.as_bytes()[0].is_ascii_alphabetic()
}

/// `apiVersion`: letters and digits, optionally behind a DNS subdomain and a slash.
#[must_use]
pub fn is_api_version(text: &str) -> bool {
    match text.split_once('/') {
        None => is_alphanumeric_word(text),
        // A second slash ends up in the version, where Backstage allows none either.
        Some((prefix, version)) => is_dns_subdomain(prefix) && is_alphanumeric_word(version),
    }
}

/// The key of a label or an annotation: an object name, optionally behind a DNS subdomain
/// and a slash.
#[must_use]
pub fn is_key(text: &str) -> bool {
    match text.split_once('/') {
        None => is_object_name(text),
        // Split at the first slash: a second one is then part of the name, where no slash may
        // stand.
        Some((prefix, name)) => is_dns_subdomain(prefix) && is_object_name(name),
    }
}

/// The value of a label: nothing, or an object name.
#[must_use]
pub fn is_label_value(text: &str) -> bool {
    text.is_empty() || is_object_name(text)
}

/// A tag: lower-case letters, digits, `:`, `+`, `#`, with single dashes between them.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    is_within(text.as_bytes(), NAME_LENGTH_MAX)
        // Backstage refuses two dashes in a row in tags, though not in names or namespaces.
        && text.split('-').all(|run| {
            !run.is_empty()
                && run
                    .bytes()
                    .all(|byte| is_lower_or_digit(byte) || matches!(byte, b':' | b'+' | b'#'))
        })
}

/// The name of a relation: letters, digits and underscores.
#[must_use]
pub fn is_relation_type(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The URL of a link: absolute by itself. `javascript:` passes here as it does in Backstage;
/// whoever renders links has to refuse it.
#[must_use]
pub fn is_link_url(text: &str) -> bool {
    url::Url::parse(text).is_ok()
}

fn is_within(bytes: &[u8], length_max: usize) -> bool {
    (1..=length_max).contains(&bytes.len())
}

fn is_lower_or_digit(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_alphanumeric_word(text: &str) -> bool {
    is_within(text.as_bytes(), NAME_LENGTH_MAX)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    /// One format as Backstage documents it: an expression for the whole text or for its
    /// part behind the slash, and the greatest length.
    fn documented(pattern: &str, length_max: usize, text: &str) -> bool {
        let pattern = Regex::new(pattern).expect("the pattern is valid");
        (1..=length_max).contains(&text.encode_utf16().count()) && pattern.is_match(text)
    }

    fn object_name(text: &str) -> bool {
        documented(r"\A([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]\z", 63, text)
    }

    fn subdomain(text: &str) -> bool {
        let label = |part| documented(r"\A[a-z0-9]+(?:\-+[a-z0-9]+)*\z", 63, part);
        (1..=253).contains(&text.encode_utf16().count()) && text.split('.').all(label)
    }

    fn behind_subdomain(text: &str, rest: impl Fn(&str) -> bool) -> bool {
        match *text.split('/').collect::<Vec<_>>() {
            [name] => rest(name),
            [prefix, name] => subdomain(prefix) && rest(name),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        #[test]
        fn formats_are_those_of_the_documented_expressions(
            text in prop_oneof![
                "[aZ0._:+#/\\-]{0,6}",
                "[a0-]{0,3}[aZ0._\\-]{58,66}",
                "([a0]{1,62}\\.){3,5}[a0]{0,62}/?[aZ\\-]{0,3}",
                "[aä\n \u{212a}/]{0,4}",
            ]
        ) {
            let text = text.as_str();
            let version = |part: &str| documented(r"\A[a-z0-9A-Z]+\z", 63, part);
            prop_assert_eq!(is_object_name(text), object_name(text));
            prop_assert_eq!(is_dns_subdomain(text), subdomain(text));
            prop_assert_eq!(is_dns_label(text), !text.contains('.') && subdomain(text));
            prop_assert_eq!(is_kind(text), documented(r"\A[a-zA-Z][a-z0-9A-Z]*\z", 63, text));
            prop_assert_eq!(is_api_version(text), behind_subdomain(text, version));
            prop_assert_eq!(is_key(text), behind_subdomain(text, object_name));
            prop_assert_eq!(is_label_value(text), text.is_empty() || object_name(text));
            prop_assert_eq!(
                is_tag(text),
                documented(r"\A[a-z0-9:+#]+(\-[a-z0-9:+#]+)*\z", 63, text)
            );
            prop_assert_eq!(is_relation_type(text), documented(r"\A[0-9A-Za-z_]+\z", usize::MAX, text));
        }
    }
}
