//! Finds what looks like a secret, in one pass over a text.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::kind::SecretKind;

/// How a quotation ends that was cut off.
const CUT: &str = "\"…";

/// Longest token of a documented length that anybody issues.
const TOKEN_BYTES_MAX: usize = 512;
/// Longest part of a URL in front of its path that is looked at.
const AUTHORITY_BYTES_MAX: usize = 1024;
/// Shortest parts of a JSON Web Token: the smallest header, payload and signature.
const JWT_PART_BYTES_MIN: usize = 16;
/// A line such as `-----BEGIN OPENSSH PRIVATE KEY-----` is no longer than this.
const PEM_LINE_BYTES_MAX: usize = 80;

const PEM_BEGIN: &str = "-----BEGIN ";
const JWT_BEGIN: &str = "eyJ";
const PEM_END: &str = "-----END ";
pub(super) const SLACK_WEBHOOK: &str = "hooks.slack.com/services/";
/// `T…/B…/…` behind [`SLACK_WEBHOOK`].
const SLACK_WEBHOOK_PATH_BYTES_MIN: usize = 24;

/// A secret-looking part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSpan {
    /// What it looks like.
    pub kind: SecretKind,
    /// Where it is, in bytes.
    pub range: Range<usize>,
}

/// Every secret-looking part of a text, in order and apart from each other.
#[must_use]
pub fn secret_spans(text: &str) -> Vec<SecretSpan> {
    SecretScan::new(text).collect()
}

/// What may be the beginning of a secret where a quotation was cut off.
pub(super) fn find_cut_off(text: &str, from: usize) -> Option<SecretSpan> {
    let end = from + text[from..].rfind(CUT)?;
    let start = text[from..end]
        .rfind(char::is_whitespace)
        .map_or(from, |space| from + space + 1);
    let word = &text[start..end];
    let token = TOKENS.iter().flat_map(|token| {
        let prefixes = token.prefixes.iter();
        prefixes.filter_map(|prefix| Some((word.find(prefix)?, token.kind)))
    });
    let others = [
        ("eyJ", SecretKind::Jwt),
        (SLACK_WEBHOOK, SecretKind::SlackWebhook),
        ("://", SecretKind::UrlPassword),
    ];
    let other = others
        .into_iter()
        .filter_map(|(prefix, kind)| Some((word.find(prefix)?, kind)))
        // A host and its port, or a user and half a password.
        .filter(|(at, kind)| *kind != SecretKind::UrlPassword || word[at + 3..].contains(':'));
    let (at, kind) = token.chain(other).min_by_key(|(at, _)| *at)?;
    Some(SecretSpan {
        kind,
        range: start + at..end,
    })
}

/// A token that is a prefix and so many characters of an alphabet.
struct TokenRule {
    kind: SecretKind,
    prefixes: &'static [&'static str],
    alphabet: fn(u8) -> bool,
    lengths: std::ops::RangeInclusive<usize>,
}

// A table and no regular expressions: repetitions such as {20,512} make automata of megabytes, and
// what stands before and behind a token would need looking around, which the crate lacks.
const TOKENS: [TokenRule; 8] = [
    TokenRule {
        kind: SecretKind::Github,
        prefixes: &["ghp_", "gho_", "ghs_", "ghu_", "ghr_"],
        alphabet: |byte| byte.is_ascii_alphanumeric(),
        lengths: 36..=251,
    },
    TokenRule {
        kind: SecretKind::Github,
        prefixes: &["github_pat_"],
        alphabet: is_word,
        lengths: 59..=244,
    },
    TokenRule {
        kind: SecretKind::Aws,
        prefixes: &["AKIA", "ASIA"],
        alphabet: |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        lengths: 16..=16,
    },
    TokenRule {
        kind: SecretKind::Google,
        prefixes: &["AIza"],
        alphabet: is_base64url,
        lengths: 35..=35,
    },
    TokenRule {
        kind: SecretKind::Slack,
        prefixes: &[
            "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-",
        ],
        alphabet: |byte| byte.is_ascii_alphanumeric() || byte == b'-',
        lengths: 20..=TOKEN_BYTES_MAX,
    },
    TokenRule {
        kind: SecretKind::Npm,
        prefixes: &["npm_"],
        alphabet: |byte| byte.is_ascii_alphanumeric(),
        lengths: 36..=36,
    },
    TokenRule {
        kind: SecretKind::Pypi,
        prefixes: &["pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw"],
        alphabet: is_base64url,
        lengths: 50..=TOKEN_BYTES_MAX,
    },
    TokenRule {
        kind: SecretKind::Gitlab,
        prefixes: &[
            "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-",
        ],
        alphabet: |byte| is_base64url(byte) || byte == b'.',
        lengths: 20..=TOKEN_BYTES_MAX,
    },
];

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_base64url(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

impl TokenRule {
    /// The length of the token at the start of `rest`.
    fn match_length(&self, rest: &[u8]) -> Option<usize> {
        let prefix = self
            .prefixes
            .iter()
            .find(|prefix| rest.starts_with(prefix.as_bytes()))?
            .len();
        // One more than is allowed, to see that it goes on.
        let bound = (prefix + self.lengths.end() + 1).min(rest.len());
        let length = count_leading(&rest[prefix..bound], self.alphabet);
        let body = &rest[prefix..prefix + length];
        // Too long is no token either: base64 of an icon may well begin like one.
        let is_whole = self.lengths.contains(&length) && !is_example(body);
        is_whole.then_some(prefix + length)
    }
}

/// Whether it is what examples write instead of a value, as in `ghp_xxxxxxxx`.
fn is_example(body: &[u8]) -> bool {
    body.iter().all(|byte| byte.eq_ignore_ascii_case(&b'x'))
}

fn count_leading(bytes: &[u8], alphabet: fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .position(|byte| !alphabet(*byte))
        .unwrap_or(bytes.len())
}

/// One pass over a text.
pub(super) struct SecretScan<'t> {
    text: &'t str,
    at: usize,
    /// Before it no JSON Web Token begins: the run of characters up to there has been measured.
    jwt_from: usize,
}

impl<'t> SecretScan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            jwt_from: 0,
        }
    }

    fn find_at(&mut self, at: usize) -> Option<SecretSpan> {
        let bytes = self.text.as_bytes();
        let span = |kind, length| SecretSpan {
            kind,
            range: at..at + length,
        };
        match bytes[at] {
            b':' => return self.find_url_password(at),
            b'-' => return self.find_private_key(at),
            b'A' | b'e' | b'g' | b'h' | b'n' | b'p' | b'x' => {}
            _ => return None,
        }
        let before = at.checked_sub(1).map(|before| bytes[before]);
        // A web token may stand behind the prefix of another token.
        let is_inside =
            |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' && bytes[at] != b'e';
        // In the middle of a word it is a piece of something longer, such as a digest.
        if before.is_some_and(is_inside) {
            return None;
        }
        let rest = &bytes[at..];
        match bytes[at] {
            b'e' => self
                .find_jwt(at)
                .map(|length| span(SecretKind::Jwt, length)),
            b'h' => match_slack_webhook(rest).map(|length| span(SecretKind::SlackWebhook, length)),
            _ => TOKENS
                .iter()
                .find_map(|token| Some(span(token.kind, token.match_length(rest)?))),
        }
    }

    /// Three runs of base64, the first two of which are JSON objects.
    fn find_jwt(&mut self, at: usize) -> Option<usize> {
        let rest = &self.text.as_bytes()[at..];
        if at < self.jwt_from || !rest.starts_with(JWT_BEGIN.as_bytes()) {
            return None;
        }
        let header = count_leading(rest, is_base64url);
        // Else a text of nothing but `eyJeyJ…` would be measured from every one of them to its
        // end.
        self.jwt_from = at + header;
        let payload =
            part_behind(rest, header).filter(|part| part.starts_with(JWT_BEGIN.as_bytes()))?;
        let payload_end = header + 1 + count_leading(payload, is_base64url);
        let signature = count_leading(part_behind(rest, payload_end)?, is_base64url);
        let long_enough = [header, payload_end - header - 1, signature]
            .iter()
            .all(|length| *length >= JWT_PART_BYTES_MIN);
        long_enough.then_some(payload_end + 1 + signature)
    }

    /// `user:password@` behind a `://`.
    fn find_url_password(&self, at: usize) -> Option<SecretSpan> {
        let bytes = self.text.as_bytes();
        let rest = bytes[at..].strip_prefix(b"://")?;
        if at == 0 || !bytes[at - 1].is_ascii_alphanumeric() {
            return None;
        }
        // A megabyte without a slash behind every `://` must not be looked through each time.
        let bound = rest.len().min(AUTHORITY_BYTES_MAX);
        let length = count_leading(&rest[..bound], is_authority);
        // From the last at sign, for a password may hold one.
        let user_info = rest[..length].rsplitn(2, |byte| *byte == b'@').nth(1)?;
        let colon = user_info.iter().position(|byte| *byte == b':')?;
        let (user, password) = (&user_info[..colon], &user_info[colon + 1..]);
        let start = at + 3 + colon + 1;
        (!user.is_empty() && is_password(password)).then(|| SecretSpan {
            kind: SecretKind::UrlPassword,
            range: start..start + password.len(),
        })
    }

    /// From `-----BEGIN … PRIVATE KEY-----` to the line that ends it, or to the end of the text.
    fn find_private_key(&self, at: usize) -> Option<SecretSpan> {
        let rest = self.text[at..].strip_prefix(PEM_BEGIN)?;
        let bound = rest.len().min(PEM_LINE_BYTES_MAX);
        let label = count_leading(&rest.as_bytes()[..bound], |byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' '
        });
        if !rest[..label].contains("PRIVATE KEY") || !rest[label..].starts_with("-----") {
            return None;
        }
        let end = match rest.find(PEM_END) {
            Some(end) => end + PEM_END.len() + label + "-----".len(),
            // A key that was cut off is as secret as a whole one.
            None => rest.len(),
        };
        let end = ceil_char_boundary(self.text, at + PEM_BEGIN.len() + end);
        Some(SecretSpan {
            kind: SecretKind::PrivateKey,
            range: at..end,
        })
    }
}

impl Iterator for SecretScan<'_> {
    type Item = SecretSpan;

    fn next(&mut self) -> Option<SecretSpan> {
        // Nearly all of a text is no beginning of anything, and is passed over many bytes at once.
        while let Some(begun) = BEGINNINGS.find(Input::new(self.text).range(self.at..)) {
            if let Some(span) = self.find_at(begun.start()) {
                self.at = span.range.end;
                return Some(span);
            }
            self.at = begun.start() + 1;
        }
        self.at = self.text.len();
        None
    }
}

/// What a secret begins with, at the place where [`SecretScan::found_at`] looks at it.
static BEGINNINGS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let tokens = TOKENS
        .iter()
        .flat_map(|token| token.prefixes.iter().copied());
    let others = ["://", PEM_BEGIN, JWT_BEGIN, SLACK_WEBHOOK];
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(tokens.chain(others))
        .expect("a few short literals make an automaton")
});

/// What stands behind the dot that ends a part.
fn part_behind(bytes: &[u8], end: usize) -> Option<&[u8]> {
    bytes.get(end..)?.strip_prefix(b".")
}

fn match_slack_webhook(rest: &[u8]) -> Option<usize> {
    let path = rest.strip_prefix(SLACK_WEBHOOK.as_bytes())?;
    let bound = path.len().min(TOKEN_BYTES_MAX);
    let length = count_leading(&path[..bound], |byte| is_word(byte) || byte == b'/');
    let is_whole = path.first() == Some(&b'T') && length >= SLACK_WEBHOOK_PATH_BYTES_MIN;
    is_whole.then_some(SLACK_WEBHOOK.len() + length)
}

fn is_authority(byte: u8) -> bool {
    !(byte <= b' ' || b"/?#\\\"'`<>,;|()[]".contains(&byte))
}

/// Not what stands for a password in a template or an example: `${PASSWORD}`, `{{ … }}`, `***`.
fn is_password(password: &[u8]) -> bool {
    !password.is_empty()
        && !is_example(password)
        && !password.iter().any(|byte| b"${}*".contains(byte))
}

fn ceil_char_boundary(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}
