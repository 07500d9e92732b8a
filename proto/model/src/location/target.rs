//! What the targets of a Location entity, and the locations of the configuration, name.

use url::Url;

use super::{LocationRef, ResolveError, resolve};
use crate::{ErrorClass, RepositoryName, RuleId};

/// Type of locations that are read over the network.
pub const URL: &str = "url";
/// Type of locations on the local file system.
pub const FILE: &str = "file";

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
    },
    /// Another URL.
    Url(String),
    /// A path or a pattern on the local file system.
    LocalFile(String),
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
    Folder {
        /// The target.
        target: String,
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
            Self::Folder { .. } | Self::Resolve(_) | Self::NoFile { .. } => {
                RuleId::LocationTargetUnreadable
            }
        }
    }

    /// The class Backstage reports it as.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Type { .. } | Self::Folder { .. } => ErrorClass::InputError,
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
            let path = resolve_path(own, target)?;
            return Ok(Self {
                target: Target::LocalFile(path.clone()),
                spelling: path,
            });
        }
        let is_same_type = own.location_type() == location_type;
        let url = if is_same_type && host_of(own.target()).is_some_and(|it| hosts.contains(&it)) {
            resolve(own.target(), target)?
        } else if is_same_type {
            join_leniently(own.target(), target)
        } else {
            target.to_owned()
        };
        let target = match host_of(&url).filter(|host| hosts.contains(host)) {
            Some(host) => read_repository_file(&url, &host)?,
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

fn read_repository_file(url: &str, host: &str) -> Result<Target, TargetError> {
    let path = Url::parse(url)
        .ok()
        .and_then(|url| super::github::decode_percent(url.path()));
    let steps = path
        .as_deref()
        .map(|path| path.trim_start_matches('/').splitn(4, '/'));
    let steps: Vec<&str> = steps.into_iter().flatten().collect();
    match steps.as_slice() {
        [owner, name, "blob" | "tree" | "raw", rest]
            if !owner.is_empty()
                && !name.is_empty()
                // A ref alone is a folder, and a Location points at files.
                && rest.contains('/')
                && !rest.ends_with('/') =>
        {
            let name = name.strip_suffix(".git").unwrap_or(name);
            Ok(Target::RepositoryFile {
                repository: RepositoryName::new(host, owner, name),
                rest: (*rest).to_owned(),
            })
        }
        _ => Err(TargetError::NoFile {
            url: url.to_owned(),
        }),
    }
}

fn resolve_path(own: &LocationRef, target: &str) -> Result<String, TargetError> {
    if target.ends_with(['/', '\\']) {
        return Err(TargetError::Folder {
            target: target.to_owned(),
        });
    }
    // Only a leading dot makes a path relative, as in Backstage.
    if own.location_type() != FILE || !target.starts_with('.') {
        return Ok(target.to_owned());
    }
    let folder = own
        .target()
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
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
    let root = if folder.starts_with('/') || own.target().starts_with('/') {
        "/"
    } else {
        ""
    };
    Ok(format!("{root}{}", steps.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(text: &str) -> LocationRef {
        LocationRef::parse(text).expect("a location")
    }

    fn hosts() -> Vec<String> {
        vec!["github.com".to_owned()]
    }

    const FILE_OF: &str = "url:https://github.com/o/r/blob/main/sub/c.yaml";

    #[track_caller]
    fn check(base: &str, location_type: &str, target: &str, expected: &str) {
        let shown = match ResolvedTarget::resolve(&own(base), location_type, target, &hosts()) {
            Ok(ResolvedTarget { target, spelling }) => match target {
                Target::RepositoryFile { repository, rest } => {
                    format!("{} {rest} {spelling}", repository.slug())
                }
                Target::Url(url) => format!("url {url}"),
                Target::LocalFile(path) => format!("file {path}"),
            },
            Err(error) => error.class().to_string(),
        };
        assert_eq!(shown, expected, "{target} in {base}");
    }

    #[test]
    fn targets_of_a_repository_are_spelled_tree() {
        let tree = "https://github.com/o/r/tree/main";
        for (target, rest, url) in [
            ("./a.yaml", "main/sub/a.yaml", format!("{tree}/sub/a.yaml")),
            (
                "x/*.yaml",
                "main/sub/x/*.yaml",
                format!("{tree}/sub/x/*.yaml"),
            ),
            ("/b.yaml", "main/b.yaml", format!("{tree}/b.yaml")),
        ] {
            check(FILE_OF, URL, target, &format!("o/r {rest} {url}"));
        }
        check(
            FILE_OF,
            URL,
            "https://github.com/o/r2/blob/main/c.yaml",
            "o/r2 main/c.yaml https://github.com/o/r2/tree/main/c.yaml",
        );
    }

    #[test]
    fn alternatives_in_a_relative_target_are_kept() {
        check(
            FILE_OF,
            URL,
            "./{a,b}.yaml",
            "o/r main/sub/{a,b}.yaml https://github.com/o/r/tree/main/sub/%7Ba,b%7D.yaml",
        );
    }

    #[test]
    fn a_branch_with_slashes_stays_whole_beside_its_files() {
        check(
            "url:https://github.com/o/r/tree/feature/x/sub/c.yaml",
            URL,
            "../a.yaml",
            "o/r feature/x/a.yaml https://github.com/o/r/tree/feature/x/a.yaml",
        );
    }

    #[test]
    fn a_url_location_points_at_urls_only() {
        check(FILE_OF, FILE, "/etc/passwd", "InputError");
        check(FILE_OF, "foo", "x", "InputError");
    }

    #[test]
    fn a_url_named_by_a_local_file_stays_as_it_is_written() {
        check(
            "file:/srv/c.yaml",
            URL,
            "https://github.com/o/r/blob/main/c.yaml",
            "o/r main/c.yaml https://github.com/o/r/blob/main/c.yaml",
        );
    }

    #[test]
    fn only_a_path_with_a_dot_is_relative() {
        check("file:/srv/a/c.yaml", FILE, "./x.yaml", "file /srv/a/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "../x.yaml", "file /srv/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "sub/x.yaml", "file sub/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "/x.yaml", "file /x.yaml");
    }

    #[test]
    fn a_local_folder_is_no_target() {
        check("file:/srv/c.yaml", FILE, "./sub/", "InputError");
    }

    #[test]
    fn a_target_that_leaves_the_repository_leads_nowhere() {
        check(FILE_OF, URL, "../../../../x.yaml", "Error");
        check(FILE_OF, URL, "https://github.com/o/r", "Error");
    }

    #[test]
    fn another_host_is_read_as_a_url() {
        check(
            FILE_OF,
            URL,
            "https://example.com/x.yaml",
            "url https://example.com/x.yaml",
        );
        check(
            "url:https://example.com/a/c.yaml?t=1",
            URL,
            "./x.yaml",
            "url https://example.com/a/x.yaml?t=1",
        );
    }
}
