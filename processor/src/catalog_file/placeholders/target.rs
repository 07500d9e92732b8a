//! What the value of a placeholder names.

use freshet_model::location::GithubFileUrl;
use freshet_model::{GitRef, RepositoryName, RuleId};
use url::Url;

use super::policy::ReadPolicy;
use crate::catalog_file::request::{FileOrigin, FileRequest, RepositoryFile};

/// Why a value names nothing that may be read.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::catalog_file) struct TargetRefusal {
    pub(in crate::catalog_file) rule: RuleId,
    pub(in crate::catalog_file) message: String,
    pub(in crate::catalog_file) hint: String,
}

/// Percent-encoded bytes that one reader takes for a step of a path and another does not:
/// dot, slash, backslash, NUL.
const AMBIGUOUS: [&str; 4] = ["%2e", "%2f", "%5c", "%00"];

/// What `value` names when written in the file at `base`.
pub(in crate::catalog_file) fn resolve_target(
    origin: &FileOrigin,
    value: &str,
    policy: &ReadPolicy,
) -> Result<FileRequest, TargetRefusal> {
    // As the URL parser of Backstage does: a folded block ends with a line break.
    let value = value.trim_matches(|c: char| c <= ' ');
    check_spelling(value)?;
    // As in every URL of the web, a backslash is a slash.
    let value = &value.replace('\\', "/");
    if let Ok(url) = Url::parse(value) {
        return resolve_absolute(origin, value, &url, policy);
    }
    match origin {
        FileOrigin::Repository(file) => resolve_relative(file, value).map(FileRequest::File),
        FileOrigin::Url(base) => {
            let joined = Url::parse(base).and_then(|base| base.join(value));
            let url = joined.map_err(|_| refuse_value(value, "is not a URL or a path"))?;
            // Not simply a plain URL: two slashes in front name another host.
            resolve_absolute(origin, value, &url, policy)
        }
        FileOrigin::File(_) => Err(refuse_value(
            value,
            "is relative, which a placeholder in a local file cannot be",
        )),
    }
}

fn check_spelling(value: &str) -> Result<(), TargetRefusal> {
    if value.chars().any(char::is_control) {
        return Err(refuse_value(value, "has a control character in it"));
    }
    // Backstage looks for the slash in front before it reads the URL: this is the root of the host.
    if value.starts_with('\\') {
        return Err(refuse_value(value, "has a backslash in front"));
    }
    let lower = value.to_ascii_lowercase();
    if AMBIGUOUS.iter().any(|escape| lower.contains(escape)) {
        return Err(refuse_value(
            value,
            "has a percent-encoded dot, slash or NUL in it",
        ));
    }
    Ok(())
}

fn resolve_absolute(
    origin: &FileOrigin,
    value: &str,
    url: &Url,
    policy: &ReadPolicy,
) -> Result<FileRequest, TargetRefusal> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse_value(value, "is neither a path nor an https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse_value(value, "has a user name in it"));
    }
    let own = match origin {
        FileOrigin::Repository(file) => Some(file),
        FileOrigin::Url(_) | FileOrigin::File(_) => None,
    };
    let Some(host) = find_github_host(own, url, policy) else {
        return allow_url(url, policy);
    };
    // Never as a plain URL, whatever hosts those may be read from: an archive or a page without a
    // file would be that of any repository.
    let file = find_github_file(own, &host, url)
        .ok_or_else(|| refuse_value(value, "names no file of a repository"))?;
    allow_repository_file(origin, file, policy)
}

/// The host of the URL, with its port, if it is a GitHub.
fn find_github_host(
    own: Option<&RepositoryFile>,
    url: &Url,
    policy: &ReadPolicy,
) -> Option<String> {
    let host = match (url.host_str()?, url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    };
    let is_own = own.is_some_and(|own| own.repository.host() == host);
    (is_own || policy.is_github(&host)).then_some(host)
}

/// The file that a page on a GitHub host shows.
fn find_github_file(own: Option<&RepositoryFile>, host: &str, url: &Url) -> Option<RepositoryFile> {
    // The branch of the base is the one whose slashes we know.
    let at_own_branch = own.and_then(|own| {
        let parts = GithubFileUrl::parse_at(url.as_str(), own.git_ref.as_str()).ok()?;
        let file = repository_file(host, &parts)?;
        (file.repository == own.repository).then_some(file)
    });
    at_own_branch.or_else(|| repository_file(host, &GithubFileUrl::parse(url.as_str()).ok()?))
}

fn repository_file(host: &str, parts: &GithubFileUrl) -> Option<RepositoryFile> {
    let path = resolve_steps(Vec::new(), &parts.path)?;
    Some(RepositoryFile {
        repository: RepositoryName::new(host, &parts.owner, &parts.repository),
        git_ref: GitRef::parse(&parts.git_ref).ok()?,
        path,
    })
}

fn allow_repository_file(
    origin: &FileOrigin,
    file: RepositoryFile,
    policy: &ReadPolicy,
) -> Result<FileRequest, TargetRefusal> {
    let allowed = match origin {
        FileOrigin::Repository(own) => {
            file.repository == own.repository || policy.allows_repository(&file)
        }
        FileOrigin::Url(_) => policy.allows_repository(&file),
        // Whoever can write local files could put the text itself there.
        FileOrigin::File(_) => true,
    };
    if allowed {
        return Ok(FileRequest::File(file));
    }
    Err(TargetRefusal {
        rule: RuleId::PlaceholderRepository,
        message: format!(
            "the placeholder reads from another repository, {}",
            file.repository.written_slug()
        ),
        hint: format!(
            "Keep the file in the repository of the entity, or have {}/{} added to freshet.placeholders.repositories.",
            file.repository.host(),
            file.repository.written_slug()
        ),
    })
}

fn allow_url(url: &Url, policy: &ReadPolicy) -> Result<FileRequest, TargetRefusal> {
    // Decided on the parsed URL: text could mean one host here and another to whoever connects.
    policy.allows_url(url).map_err(|reason| TargetRefusal {
        rule: RuleId::PlaceholderUrl,
        message: format!("the placeholder may not read {url}: {reason}"),
        hint: "Keep the file in the repository of the entity, or have its host added to backend.reading.allow.".to_owned(),
    })?;
    let mut url = url.clone();
    url.set_fragment(None);
    Ok(FileRequest::Url(url.into()))
}

/// A path from the folder of the file, or from the root of the repository if it begins with a slash.
fn resolve_relative(base: &RepositoryFile, value: &str) -> Result<RepositoryFile, TargetRefusal> {
    // A URL may have a query and a fragment, and a relative one may too.
    // Backstage resolves the value as a URL, so what is behind a question mark never was part of
    // the path.
    let path = value.split(['?', '#']).next().unwrap_or_default();
    // What adds nothing to the URL of the file is that URL.
    if path.is_empty() {
        return Ok(base.clone());
    }
    let folder: Vec<&str> = match (path.strip_prefix('/'), base.path.rsplit_once('/')) {
        (None, Some((folder, _))) => folder.split('/').collect(),
        // A path with a slash in front starts at the root of the repository and not of the disk.
        (Some(_), _) | (None, None) => Vec::new(),
    };
    let decoded = percent_decode(path);
    if decoded.is_empty() || decoded.ends_with('/') {
        return Err(refuse_value(value, "names no file"));
    }
    let path = resolve_steps(folder, &decoded)
        .ok_or_else(|| refuse_value(value, "names no file of the repository"))?;
    Ok(RepositoryFile {
        path,
        ..base.clone()
    })
}

/// `path` from `folder` on. `None` if it leaves the root or names no file.
fn resolve_steps(folder: Vec<&str>, path: &str) -> Option<String> {
    let mut steps = folder;
    for step in path.split('/') {
        match step {
            // Two slashes in a row are one to GitHub as well.
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    (!steps.is_empty() && !path.ends_with('/')).then(|| steps.join("/"))
}

/// The path behind percent-encoding; what is no escape of a text stays as it is.
fn percent_decode(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some(first) = rest.as_bytes().first() {
        let escaped = rest
            .strip_prefix('%')
            .and_then(|rest| rest.get(..2))
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(*first);
                // Only whole characters follow an ASCII one; within others nothing is skipped.
                let length = rest.chars().next().map_or(1, char::len_utf8);
                bytes.extend_from_slice(&rest.as_bytes()[1..length]);
                rest = &rest[length..];
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

fn refuse_value(value: &str, what: &str) -> TargetRefusal {
    const QUOTED_CHARACTERS_MAX: usize = 80;
    let shown: String = value.chars().take(QUOTED_CHARACTERS_MAX).collect();
    TargetRefusal {
        rule: RuleId::PlaceholderTarget,
        message: format!("{shown:?} {what}"),
        hint: "Write a path to a file of this repository: relative to this file, or with a slash in front from the root."
            .to_owned(),
    }
}
