//! The page of a file on a GitHub host, `https://host/owner/repo/blob/ref/path`.
//!
//! Catalogs name files by the URL of their page. In the text nothing marks where a branch
//! name with slashes ends and the path begins; whoever knows the ref says so
//! ([`GithubFileUrl::parse_at`]), and the parts are kept apart from there on.

use std::fmt;

use url::Url;

use super::ResolveError;
use super::target::{shorten_ref, split_ref};

/// A file of a repository on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GithubFileUrl {
    /// Scheme and host, such as `https://github.com`, without a slash at the end.
    pub base: String,
    /// The owner of the repository.
    pub owner: String,
    /// The repository.
    pub repository: String,
    /// Branch, tag or commit.
    pub git_ref: String,
    /// Path of the file in the repository, without a slash in front; not percent-encoded.
    pub path: String,
    /// The word between repository and ref.
    pub spelling: Spelling,
}

/// Which page of a file a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Spelling {
    /// The page people copy; registered and discovered locations have it.
    Blob,
    /// What files reached through another location are called.
    Tree,
    /// The editor.
    Edit,
    /// The raw content.
    Raw,
}

/// Why a URL names no file on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GithubUrlError {
    /// It is no absolute URL.
    #[error("\"{url}\" is not a URL")]
    NotAUrl {
        /// The text.
        url: String,
    },
    /// It lacks owner, repository, page, ref or path.
    #[error("{url} does not name a file of a repository (…/owner/repository/blob/ref/path)")]
    NotAFile {
        /// The URL.
        url: String,
    },
}

impl Spelling {
    /// The word in the URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Edit => "edit",
            Self::Raw => "raw",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Blob, Self::Tree, Self::Edit, Self::Raw]
            .into_iter()
            .find(|spelling| spelling.as_str() == word)
    }
}

impl GithubFileUrl {
    /// Reads the URL, taking the shortest ref that may stand behind the page.
    ///
    /// # Errors
    /// If it names no file.
    pub fn parse(url: &str) -> Result<Self, GithubUrlError> {
        let (parts, rest) = Self::parse_front(url)?;
        let split = split_ref(&rest).map(|(git_ref, path)| (git_ref.to_owned(), path.to_owned()));
        parts.with_split(split, url)
    }

    /// Reads the URL of a file at a ref that is known, which may hold slashes.
    ///
    /// # Errors
    /// If it names no file at that ref.
    pub fn parse_at(url: &str, git_ref: &str) -> Result<Self, GithubUrlError> {
        let (parts, rest) = Self::parse_front(url)?;
        let path = rest
            .strip_prefix(git_ref)
            .and_then(|path| path.strip_prefix('/'));
        parts.with_split(path.map(|path| (git_ref.to_owned(), path.to_owned())), url)
    }

    /// Everything before the ref, and the decoded rest.
    fn parse_front(url: &str) -> Result<(Self, String), GithubUrlError> {
        let parsed = Url::parse(url).map_err(|_| GithubUrlError::NotAUrl {
            url: url.to_owned(),
        })?;
        let not_a_file = || GithubUrlError::NotAFile {
            url: url.to_owned(),
        };
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(not_a_file());
        }
        let path = decode_percent(parsed.path()).ok_or_else(not_a_file)?;
        // The fourth piece is ref and path together: nothing in the text says where a branch such
        // as `feature/x` ends.
        let mut steps = path.trim_start_matches('/').splitn(4, '/');
        let mut step = || {
            steps
                .next()
                .filter(|step| !step.is_empty())
                .ok_or_else(not_a_file)
        };
        let (owner, repository) = (step()?.to_owned(), step()?);
        let repository = repository
            .strip_suffix(".git")
            .unwrap_or(repository)
            .to_owned();
        let spelling = Spelling::parse(step()?).ok_or_else(not_a_file)?;
        let rest = shorten_ref(step()?).to_owned();
        let base = parsed.origin().ascii_serialization();
        let parts = Self {
            base,
            owner,
            repository,
            git_ref: String::new(),
            path: String::new(),
            spelling,
        };
        Ok((parts, rest))
    }

    fn with_split(
        self,
        split: Option<(String, String)>,
        url: &str,
    ) -> Result<Self, GithubUrlError> {
        match split {
            Some((git_ref, path)) if !git_ref.is_empty() && !path.is_empty() => Ok(Self {
                git_ref,
                path,
                ..self
            }),
            _ => Err(GithubUrlError::NotAFile {
                url: url.to_owned(),
            }),
        }
    }

    /// Host and port, such as `github.com`.
    #[must_use]
    pub fn host(&self) -> &str {
        self.base
            .split_once("://")
            .map_or(&*self.base, |(_, host)| host)
    }

    /// The same file under another spelling.
    #[must_use]
    pub fn spelled(&self, spelling: Spelling) -> Self {
        Self {
            spelling,
            ..self.clone()
        }
    }

    /// The file of the same repository and ref that a relative target names from here: from
    /// the directory of this file, or from the root of the repository if it begins with `/`.
    /// Spelled `tree`.
    ///
    /// # Errors
    /// If the target leaves the repository or names no file.
    pub fn join(&self, target: &str) -> Result<Self, ResolveError> {
        let mut steps: Vec<&str> = match target.strip_prefix('/') {
            Some(_) => Vec::new(),
            None => self
                .path
                .rsplit_once('/')
                .map_or(Vec::new(), |(folder, _)| folder.split('/').collect()),
        };
        let escapes = || ResolveError::LeavesRepository {
            target: target.to_owned(),
        };
        for step in target.split('/') {
            match step {
                "" | "." => {}
                ".." => {
                    steps.pop().ok_or_else(escapes)?;
                }
                step => steps.push(step),
            }
        }
        if steps.is_empty() || target.ends_with('/') {
            return Err(ResolveError::NotAFile {
                target: target.to_owned(),
            });
        }
        Ok(Self {
            path: steps.join("/"),
            spelling: Spelling::Tree,
            ..self.clone()
        })
    }
}

impl fmt::Display for GithubFileUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}/{}/{}/{}",
            self.base,
            Encoded(&self.owner),
            Encoded(&self.repository),
            self.spelling.as_str(),
            Encoded(&self.git_ref),
            Encoded(&self.path)
        )
    }
}

/// The URL of a file that a pattern matched, from the URL of the pattern and its path.
///
/// # Errors
/// If the first is no URL.
pub fn matched_url(pattern_url: &str, pattern: &str, path: &str) -> Result<String, GithubUrlError> {
    let url = Url::parse(pattern_url).map_err(|_| GithubUrlError::NotAUrl {
        url: pattern_url.to_owned(),
    })?;
    let count = |path: &str| path.split('/').filter(|step| !step.is_empty()).count();
    let steps = url.path().split('/').filter(|step| !step.is_empty());
    // A branch may have slashes, so what stands in front of the pattern is counted from its end.
    let front: Vec<&str> = steps
        .take(count(url.path()).saturating_sub(count(pattern)))
        .collect();
    let base = url.origin().ascii_serialization();
    Ok(format!("{base}/{}/{}", front.join("/"), Encoded(path)))
}

/// A path, written so that the URL parser reads the same path back.
struct Encoded<'a>(&'a str);

/// Bytes that would end the path or be rewritten in it.
const RESERVED: &[u8] = b"%?#\"<>`{}\\^";

impl fmt::Display for Encoded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.bytes() {
            // Only what the URL parser would change or end at: an escaped slash or `@` would be
            // another spelling of the same file, and locations are compared by their text.
            if byte.is_ascii_graphic() && !RESERVED.contains(&byte) {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

/// The text behind percent-encoding, if it is text.
pub(super) fn decode_percent(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|two| {
                let text = std::str::from_utf8(two)
                    .ok()
                    // The parser of integers takes a sign, and `%+1` is no escape.
                    .filter(|two| !two.starts_with('+'))?;
                u8::from_str_radix(text, 16).ok()
            });
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8(bytes).ok()
}
