//! What the targets of a Location entity, and the locations of the configuration, name.

use url::Url;

use super::url_path::{UrlPath, encode_wildcards};
use super::{LocationRef, ResolveError, resolve};
use crate::glob;
use crate::{ErrorClass, RepositoryName, RuleId};

/// Type of locations that are read over the network.
pub const URL: &str = "url";
/// Type of locations on the local file system.
pub const FILE: &str = "file";

/// Steps of the path of a page on a GitHub host before the ref: owner, repository, page.
const STEPS_BEFORE_REF: usize = 3;

/// Where a target leads.
///
/// Equal targets are the same place, however a Location entity spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// A file, or a pattern of files, of a repository on a GitHub host.
    RepositoryFile {
        /// The repository.
        repository: RepositoryName,
        /// `<ref>/<path>`, not percent-encoded; a ref may hold slashes, so only who knows the
        /// repository can part them.
        rest: String,
        /// Whether it is a pattern, in which the names of folders are escaped; else a name, whatever
        /// characters it has.
        is_pattern: bool,
    },
    /// Another URL.
    Url(String),
    /// A file, or a pattern of files, on the local file system.
    LocalFile {
        /// Its path.
        path: String,
        /// As in a repository.
        is_pattern: bool,
    },
}

/// A target and the name under which what is found there is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedTarget {
    /// Where it leads.
    pub target: Target,
    /// The target of the managed-by-location of what is found there: the URL with the word
    /// between repository and ref that Backstage gives it, or the path.
    pub spelling: String,
}

/// Why a target leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Locations of this type may not be read from there.
    #[error("a location of type {own} may not point at one of type {location_type}")]
    Type {
        /// The type of the file the Location entity stands in.
        own: String,
        /// The type it asks for.
        location_type: String,
    },
    /// A local path ends like a folder.
    #[error("\"{target}\" names a folder, not a file")]
    LocalFolder {
        /// The target.
        target: String,
    },
    /// A local path says neither by a slash nor by a dot where it begins.
    #[error("\"{target}\" is not an absolute path; write ./{target} if it is beside this file")]
    NotAbsolute {
        /// The target.
        target: String,
    },
    /// A URL ends like a folder, so that no file can be there.
    #[error("{url} names a folder, not a file")]
    Folder {
        /// The URL.
        url: String,
    },
    /// It cannot be resolved.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// It is on a GitHub host and names no file of a repository.
    #[error("{url} names no file of a repository (…/owner/repository/blob/branch/path)")]
    NoFile {
        /// The URL.
        url: String,
    },
}

impl TargetError {
    /// The rule it breaks.
    #[must_use]
    pub fn rule(&self) -> RuleId {
        match self {
            Self::Type { .. } => RuleId::LocationTypeNotAllowed,
            Self::Folder { .. } | Self::NotAbsolute { .. } => RuleId::LocationTargetMissing,
            Self::LocalFolder { .. } | Self::Resolve(_) | Self::NoFile { .. } => {
                RuleId::LocationTargetUnreadable
            }
        }
    }

    /// Whether no file can be there, so that nothing is wrong where none need be.
    #[must_use]
    pub fn names_nothing(&self) -> bool {
        match self {
            Self::Folder { .. } | Self::LocalFolder { .. } | Self::NotAbsolute { .. } => true,
            Self::Type { .. } | Self::Resolve(_) | Self::NoFile { .. } => false,
        }
    }

    /// The class Backstage reports it as.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Type { .. } | Self::LocalFolder { .. } => ErrorClass::InputError,
            Self::Folder { .. } | Self::NotAbsolute { .. } => ErrorClass::NotFoundError,
            Self::Resolve(_) | Self::NoFile { .. } => ErrorClass::Error,
        }
    }
}

/// Whether a Location entity in a file of type `own` may ask for `location_type`.
///
/// # Errors
/// If it may not. Its own type is always allowed, and `url` from everywhere.
pub fn check_type(own: &LocationRef, location_type: &str) -> Result<(), TargetError> {
    if location_type == own.location_type() || location_type == URL {
        return Ok(());
    }
    Err(TargetError::Type {
        own: own.location_type().to_owned(),
        location_type: location_type.to_owned(),
    })
}

impl ResolvedTarget {
    /// Where `target` leads when a Location entity of the file `own` names it with
    /// `location_type`. `hosts` are those of the GitHub integrations.
    ///
    /// # Errors
    /// If the type is not allowed there or the target cannot be resolved.
    pub fn resolve(
        own: &LocationRef,
        location_type: &str,
        target: &str,
        hosts: &[String],
    ) -> Result<Self, TargetError> {
        check_type(own, location_type)?;
        if location_type == FILE {
            return resolve_path(own, target);
        }
        let is_same_type = own.location_type() == location_type;
        let is_beside = is_same_type && host_of(own.target()).is_some_and(|it| hosts.contains(&it));
        let url = if is_beside {
            resolve(own.target(), &encode_wildcards(target))?
        } else if is_same_type {
            join_leniently(own.target(), target)
        } else {
            target.to_owned()
        };
        let target = match host_of(&url).filter(|host| hosts.contains(host)) {
            Some(host) => {
                // Not the URL, in which the braces of a pattern are encoded as those of a name are.
                let path = if is_beside && Url::parse(target).is_err() {
                    let here = UrlPath::of_file(own.target());
                    here.and_then(|here| here.join(target, STEPS_BEFORE_REF + 1))
                } else {
                    UrlPath::parse(&url)
                };
                read_repository_file(path, &url, &host)?
            }
            None => Target::Url(url.clone()),
        };
        Ok(Self {
            target,
            spelling: url,
        })
    }
}

// No forge, no rewriting: what cannot be resolved is taken as it is, as Backstage does.
fn join_leniently(base: &str, target: &str) -> String {
    if Url::parse(target).is_ok() {
        return target.to_owned();
    }
    let joined = Url::parse(base).and_then(|base| {
        let mut url = base.join(target)?;
        url.set_query(base.query());
        Ok(url)
    });
    joined.map_or_else(|_| target.to_owned(), |url| url.to_string())
}

/// Host and port as integrations are configured.
fn host_of(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let host = url.host_str()?;
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

fn read_repository_file(
    path: Option<UrlPath>,
    url: &str,
    host: &str,
) -> Result<Target, TargetError> {
    let no_file = || TargetError::NoFile {
        url: url.to_owned(),
    };
    let path = path.ok_or_else(no_file)?;
    let names: Vec<&str> = path.names().collect();
    match names.as_slice() {
        [_, _, "blob" | "tree" | "raw", _, ..] if path.is_folder() => Err(TargetError::Folder {
            url: url.to_owned(),
        }),
        // A ref alone is a folder, and a Location points at files.
        [owner, name, "blob" | "tree" | "raw", _, _, ..] => {
            let name = name.strip_suffix(".git").unwrap_or(name);
            let (rest, is_pattern) = path.behind(STEPS_BEFORE_REF);
            let rest = shorten_ref(&rest).to_owned();
            split_ref(&rest).ok_or_else(no_file)?;
            Ok(Target::RepositoryFile {
                repository: RepositoryName::new(host, owner, name),
                rest,
                is_pattern,
            })
        }
        _ => Err(no_file()),
    }
}

/// `<ref>/<path>` without what GitHub puts in front of a branch where a tag could be meant as well.
pub(super) fn shorten_ref(rest: &str) -> &str {
    rest.strip_prefix("refs/heads/").unwrap_or(rest)
}

/// Parts `<ref>/<path>` behind the shortest ref that it may begin with.
#[must_use]
pub fn split_ref(rest: &str) -> Option<(&str, &str)> {
    // In `refs/tags/v1` no slash ends the ref but the last.
    let slashes = if rest.starts_with("refs/") { 2 } else { 0 };
    let (end, _) = rest.match_indices('/').nth(slashes)?;
    Some((&rest[..end], &rest[end + 1..]))
}

fn resolve_path(own: &LocationRef, target: &str) -> Result<ResolvedTarget, TargetError> {
    // As Backstage reads it, so that who writes on Windows writes for all.
    let target = target.replace('\\', "/");
    if target.ends_with('/') {
        return Err(TargetError::LocalFolder { target });
    }
    let is_pattern = glob::has_magic(&target);
    // Only a leading dot makes a path relative, as in Backstage.
    if own.location_type() != FILE || !target.starts_with('.') {
        // Backstage looks in the folder it was started in, which says nothing of a catalog.
        if !target.starts_with('/') {
            return Err(TargetError::NotAbsolute { target });
        }
        return Ok(ResolvedTarget {
            spelling: target.clone(),
            target: Target::LocalFile {
                path: target,
                is_pattern,
            },
        });
    }
    let path = join_path(own.target(), &target);
    let target = if is_pattern {
        // The folder is a name, whatever it is called.
        join_path(&glob::escape(own.target()), &target)
    } else {
        path.clone()
    };
    Ok(ResolvedTarget {
        target: Target::LocalFile {
            path: target,
            is_pattern,
        },
        spelling: path,
    })
}

/// A relative path from the folder of a file.
fn join_path(file: &str, target: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                // Above the root is the root, as in any file system.
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    let root = if file.starts_with('/') { "/" } else { "" };
    format!("{root}{}", steps.join("/"))
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
