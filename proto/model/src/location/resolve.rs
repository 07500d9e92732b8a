//! What a target means when written in a file at a base URL.
//!
//! The texts that come out stand in annotations, location keys and links, so they are those
//! of Backstage letter for letter, oddities included: files reached from a GitHub file are
//! spelled `tree`, and the query of the base replaces that of the target.

use url::Url;

use super::is_pinned;

/// The pages of a file.
const PAGES: [&str; 4] = ["blob", "tree", "edit", "raw"];
/// The pages that another one may take the place of.
const PAGES_REPLACED: [&str; 3] = ["blob", "tree", "edit"];

/// Why a target cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The base is no URL to resolve against.
    #[error("cannot resolve against \"{base}\": it is not a URL")]
    Base {
        /// The base.
        base: String,
    },
    /// The target is no relative or absolute URL.
    #[error("\"{target}\" is not a URL or a path")]
    Target {
        /// The target.
        target: String,
    },
    /// The target climbs out of the repository with `..`.
    #[error("\"{target}\" leaves the repository")]
    LeavesRepository {
        /// The target.
        target: String,
    },
    /// The target is a directory.
    #[error("\"{target}\" names no file")]
    NotAFile {
        /// The target.
        target: String,
    },
}

/// The URL a target names when written in the file at `base`, which is a page on a GitHub
/// host. A target that is a URL by itself stays as it is, except for the spelling `tree`.
///
/// # Errors
/// If base or target cannot be read, or the target is relative and leaves the repository of
/// the base.
pub fn resolve(base: &str, target: &str) -> Result<String, ResolveError> {
    // An absolute URL may lead anywhere; whether it is read is for the reader to decide.
    if Url::parse(target).is_ok() {
        return Ok(replace_page(target, "tree"));
    }
    let base_url = Url::parse(base).map_err(|_| ResolveError::Base {
        base: base.to_owned(),
    })?;
    let mut url = if target.starts_with('/') {
        let mut url = base_url.clone();
        url.set_path(&format!("{}{target}", repository_root(base_url.path())));
        url
    } else {
        base_url.join(target).map_err(|_| ResolveError::Target {
            target: target.to_owned(),
        })?
    };
    // Even where the target has a query of its own: what comes out stands in annotations and is
    // compared with that of Backstage letter by letter.
    url.set_query(base_url.query());
    if !find_fence(base_url.path()).is_none_or(|fence| url.path().starts_with(fence)) {
        return Err(ResolveError::LeavesRepository {
            target: target.to_owned(),
        });
    }
    Ok(replace_page(url.as_str(), "tree"))
}

/// Where a person can edit the file at this URL; `None` if the URL is pinned to a commit.
#[must_use]
pub fn edit_url(url: &str) -> Option<String> {
    (!is_pinned(url)).then(|| replace_page(url, "edit"))
}

/// The directory of the file at this URL, as the location reference that stands in the
/// source-location annotation.
#[must_use]
pub fn source_location(url: &str) -> Option<String> {
    resolve(url, "./")
        .ok()
        .map(|folder| format!("url:{folder}"))
}

/// Replaces the page in the first `//host/owner/repo/(blob|tree|edit)/` of a URL.
fn replace_page(url: &str, page: &str) -> String {
    let mut from = 0;
    while let Some(found) = url[from..].find("//") {
        let start = from + found + 2;
        if let Some((at, length)) = page_of(&url[start..], 3, &PAGES_REPLACED) {
            let (before, behind) = (&url[..start + at], &url[start + at + length..]);
            return format!("{before}{page}{behind}");
        }
        from = start - 1;
    }
    url.to_owned()
}

/// Where the page stands in a path whose page is step number `before`, and how long the
/// word is; `pages` are those that are meant.
fn page_of(rest: &str, before: usize, pages: &[&str]) -> Option<(usize, usize)> {
    let mut at = 0;
    for _ in 0..before {
        let length = rest[at..].find('/').filter(|length| *length > 0)?;
        at += length + 1;
    }
    let length = rest[at..].find('/')?;
    pages
        .contains(&&rest[at..at + length])
        .then_some((at, length))
}

/// What a relative target must stay behind: `/owner/repo/page/ref/` of a file, else
/// `/owner/repo/` if there is that much.
fn find_fence(path: &str) -> Option<&str> {
    file_root(path).or_else(|| through_slash(path, 2))
}

/// `/owner/repo/page/ref/` of the path of a file.
fn file_root(path: &str) -> Option<&str> {
    through_slash(path, 4).filter(|_| is_file(path))
}

/// The path up to and with its slash number `index`, counted from 0.
fn through_slash(path: &str, index: usize) -> Option<&str> {
    path.match_indices('/')
        .nth(index)
        .map(|(end, _)| &path[..=end])
}

/// Whether the path is that of a page: `/owner/repo/page/…`.
fn is_file(path: &str) -> bool {
    page_of(path.trim_start_matches('/'), 2, &PAGES).is_some()
}

/// The path up to and with the ref: what a target beginning with `/` is put behind. A path
/// that names no file is its own root.
fn repository_root(path: &str) -> &str {
    find_fence(path)
        .filter(|_| is_file(path))
        .unwrap_or(path)
        .trim_end_matches('/')
}
