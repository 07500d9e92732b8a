//! Subjects: where a message goes, built from typed parts only.
//!
//! Names come from outside (repositories, entities), and NATS accepts `*`, `>` and spaces in a
//! published subject. So every name is encoded into one token, and there is no way to make a
//! [`Subject`] from a plain string.

use std::fmt;

use freshet_model::EntityRef;
use sha2::{Digest, Sha256};

use crate::message::Lane;
use crate::message::change::Verb;

/// A token longer than this many bytes is replaced by a digest of the name.
pub const TOKEN_BYTES_MAX: usize = 120;

// Neither can begin an escape of a byte, which has two hexadecimal digits.
const EMPTY_TOKEN: &str = "=0";
const DIGEST_MARK: &str = "=h";

/// Encodes any text as one subject token: lower-cased, every byte outside `[a-z0-9_-]` as `=XX`.
///
/// Distinct (lower-cased) names have distinct tokens. A name whose token would exceed
/// [`TOKEN_BYTES_MAX`] becomes `=h` and the hex SHA-256 of the name, which cannot be decoded.
#[must_use]
pub fn token(raw: &str) -> String {
    use fmt::Write as _;

    if raw.is_empty() {
        return EMPTY_TOKEN.to_owned();
    }
    // `=` escapes and not `%`: the keys of a bucket may hold the one and not the other, and a key
    // is made of the same tokens as the subject.
    let lower = raw.to_lowercase();
    let mut encoded = String::with_capacity(lower.len());
    for byte in lower.bytes() {
        if is_plain(byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "={byte:02X}").expect("writing to a string cannot fail");
        }
    }
    if encoded.len() <= TOKEN_BYTES_MAX {
        return encoded;
    }
    format!(
        "{DIGEST_MARK}{}",
        hex::encode(Sha256::digest(lower.as_bytes()))
    )
}

/// The (lower-cased) name behind a token; `None` if it is no token or holds only a digest.
#[must_use]
pub fn decode_token(token: &str) -> Option<String> {
    if token == EMPTY_TOKEN {
        return Some(String::new());
    }
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'=' {
            // Not a `=h` digest, and not an escape that was cut off.
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            is_plain(first).then(|| bytes.push(first))?;
            rest = tail;
        }
    }
    (!bytes.is_empty()).then(|| String::from_utf8(bytes).ok())?
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
}

/// Where one message goes. Only [`Subjects`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The subject as NATS spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A pattern that matches subjects: whole tokens, `*`, or a final `>`. Only [`Subjects`] makes one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SubjectFilter(String);

impl SubjectFilter {
    /// The filter as NATS spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `subject` matches, by NATS's rules.
    #[must_use]
    pub fn matches(&self, subject: &str) -> bool {
        let mut wanted = self.0.split('.');
        let mut given = subject.split('.');
        loop {
            match (wanted.next(), given.next()) {
                (Some(">"), Some(_)) | (None, None) => return true,
                (Some("*"), Some(_)) => {}
                (Some(left), Some(right)) if left == right => {}
                _ => return false,
            }
        }
    }
}

/// Which stage of the pipeline gave up on a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The ledger could not record a signal.
    Ledger,
    /// A processor could not handle a job.
    Processor,
    /// The store could not apply an observation.
    Apply,
}

impl Stage {
    /// The stage as a subject token.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Processor => "processor",
            Self::Apply => "apply",
        }
    }
}

/// Builds every subject and filter of one installation of Freshet, which share a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subjects {
    prefix: String,
}

/// The prefix unless configured otherwise.
pub const DEFAULT_PREFIX: &str = "catalog";

impl Default for Subjects {
    fn default() -> Self {
        Self::new(DEFAULT_PREFIX)
    }
}

impl Subjects {
    /// Subjects under `prefix`, which is encoded as one token.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: token(prefix),
        }
    }

    /// The encoded prefix.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// A signal about one source, such as a repository's provider id.
    #[must_use]
    pub fn signal(&self, provider: &str, event: &str, installation: &str, source: &str) -> Subject {
        self.build_subject("signal", &[provider, event, installation, source])
    }

    /// The job of one source in one lane. Two jobs with this subject replace each other.
    #[must_use]
    pub fn job(&self, lane: Lane, installation: &str, source_id: i64) -> Subject {
        self.build_subject(
            "job",
            &[lane_token(lane), installation, &source_id.to_string()],
        )
    }

    /// What a processor saw at one source.
    #[must_use]
    pub fn observation(&self, lane: Lane, installation: &str, source_id: i64) -> Subject {
        self.build_subject(
            "observation",
            &[lane_token(lane), installation, &source_id.to_string()],
        )
    }

    /// A change of one entity.
    #[must_use]
    pub fn change(&self, entity: &EntityRef, verb: Verb) -> Subject {
        self.build_subject(
            "change",
            &[
                entity.kind(),
                entity.namespace(),
                entity.name(),
                verb.as_str(),
            ],
        )
    }

    /// A change of one source's problems.
    #[must_use]
    pub fn problem(&self, provider: &str, source_id: i64, verb: Verb) -> Subject {
        self.build_subject(
            "problem",
            &[provider, &source_id.to_string(), verb.as_str()],
        )
    }

    /// A message one stage could not handle.
    #[must_use]
    pub fn dead(&self, stage: Stage, reason: &str, installation: &str, source: &str) -> Subject {
        self.build_subject("dead", &[stage.as_str(), reason, installation, source])
    }

    /// All signals.
    #[must_use]
    pub fn signals_all(&self) -> SubjectFilter {
        self.build_filter("signal.>")
    }

    /// All jobs, of every lane and installation.
    #[must_use]
    pub fn jobs_all(&self) -> SubjectFilter {
        self.build_filter("job.>")
    }

    /// Jobs of one lane and installation.
    #[must_use]
    pub fn jobs(&self, lane: Lane, installation: &str) -> SubjectFilter {
        self.build_filter(&format!(
            "job.{}.{}.>",
            lane_token(lane),
            token(installation)
        ))
    }

    /// All observations.
    #[must_use]
    pub fn observations_all(&self) -> SubjectFilter {
        self.build_filter("observation.>")
    }

    /// Observations of one lane.
    #[must_use]
    pub fn observations(&self, lane: Lane) -> SubjectFilter {
        self.build_filter(&format!("observation.{}.>", lane_token(lane)))
    }

    /// All changes of entities.
    #[must_use]
    pub fn changes_all(&self) -> SubjectFilter {
        self.build_filter("change.>")
    }

    /// Changes of entities with one verb, with the three name tokens as wildcards.
    #[must_use]
    pub fn changes_with(&self, verb: Verb) -> SubjectFilter {
        self.build_filter(&format!("change.*.*.*.{}", verb.as_str()))
    }

    /// All changes of problems.
    #[must_use]
    pub fn problems_all(&self) -> SubjectFilter {
        self.build_filter("problem.>")
    }

    /// All dead letters.
    #[must_use]
    pub fn dead_all(&self) -> SubjectFilter {
        self.build_filter("dead.>")
    }

    fn build_subject(&self, family: &str, names: &[&str]) -> Subject {
        let mut text = format!("{}.{family}", self.prefix);
        for name in names {
            text.push('.');
            text.push_str(&token(name));
        }
        Subject(text)
    }

    fn build_filter(&self, pattern: &str) -> SubjectFilter {
        SubjectFilter(format!("{}.{pattern}", self.prefix))
    }
}

/// The lane as a subject token and metric label; a message without a lane is in the low one.
#[must_use]
pub fn lane_token(lane: Lane) -> &'static str {
    match lane {
        Lane::Hi => "hi",
        Lane::Lo | Lane::Unspecified => "lo",
    }
}

/// The source that the subject of a job or an observation names.
#[must_use]
pub fn source_id_of(subject: &str) -> Option<i64> {
    subject.rsplit('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(raw: &str, expected: &str) {
        assert_eq!(token(raw), expected);
        assert_eq!(
            decode_token(expected).as_deref(),
            Some(raw.to_lowercase().as_str())
        );
    }

    #[test]
    fn names_become_single_tokens() {
        check("payments", "payments");
        check("Pay.Ments", "pay=2Ements");
        check("*", "=2A");
        check(">", "=3E");
        check("a b", "a=20b");
        check("a=b", "a=3Db");
        check("é", "=C3=A9");
        check("", "=0");
        check("$JS", "=24js");
    }

    #[test]
    fn a_name_too_long_for_a_token_becomes_a_digest() {
        let long = "x".repeat(TOKEN_BYTES_MAX + 1);
        let encoded = token(&long);
        assert!(encoded.starts_with(DIGEST_MARK));
        assert_eq!(decode_token(&encoded), None);
        assert_ne!(encoded, token(&"x".repeat(TOKEN_BYTES_MAX + 2)));
    }

    #[test]
    fn filters_match_as_nats_does() {
        let subjects = Subjects::default();
        let job = subjects.job(Lane::Hi, "github.com", 7);
        assert_eq!(job.as_str(), "catalog.job.hi.github=2Ecom.7");
        assert!(subjects.jobs(Lane::Hi, "github.com").matches(job.as_str()));
        assert!(!subjects.jobs(Lane::Lo, "github.com").matches(job.as_str()));
        assert!(!subjects.jobs(Lane::Hi, "github").matches(job.as_str()));
        assert!(
            subjects
                .changes_with(Verb::Deleted)
                .matches("catalog.change.component.default.a.deleted")
        );
        assert!(
            !subjects
                .changes_with(Verb::Deleted)
                .matches("catalog.change.component.default.a.updated")
        );
        assert!(!subjects.jobs_all().matches("catalog.job"));
    }

    proptest! {
        #[test]
        fn no_name_can_inject_a_token_or_wildcard(name in any::<String>()) {
            let encoded = token(&name);
            prop_assert!(!encoded.is_empty());
            prop_assert!(encoded.len() <= TOKEN_BYTES_MAX);
            prop_assert!(encoded.bytes().all(|byte| is_plain(byte) || byte == b'=' || byte.is_ascii_uppercase()));
            let subject = Subjects::default().signal("github", "push", &name, &name);
            prop_assert_eq!(subject.as_str().split('.').count(), 6);
        }

        #[test]
        fn a_short_name_survives_the_round_trip(name in "[ -~]{0,40}|\\PC{0,12}") {
            let encoded = token(&name);
            if !encoded.starts_with(DIGEST_MARK) {
                prop_assert_eq!(decode_token(&encoded), Some(name.to_lowercase()));
            }
        }
    }
}
