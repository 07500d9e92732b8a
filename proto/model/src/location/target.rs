//! Location entities: the ones the catalog makes, and what those of a file point at.

use serde_json::{Map, Value, json};
use url::Url;

use super::{LocationRef, ResolveError, generated_location_name, resolve};
use crate::ErrorClass;
use crate::entity_ref::DEFAULT_NAMESPACE;

/// Type of locations that are read over the network.
pub const URL: &str = "url";
/// Type of locations on the local file system.
pub const FILE: &str = "file";

/// The Location entity that stands for a registered, configured or discovered location, as it
/// would be declared.
///
/// It is named by what it points at, so that the same location has the same name in every
/// catalog. `presence` is left out where nothing is said about it.
#[must_use]
pub fn generated_location(location_type: &str, target: &str, presence: Option<&str>) -> Value {
    let mut spec = Map::new();
    if let Some(presence) = presence {
        spec.insert("presence".to_owned(), presence.into());
    }
    spec.insert("target".to_owned(), target.into());
    spec.insert("type".to_owned(), location_type.into());
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {
            "name": generated_location_name(location_type, target),
            "namespace": DEFAULT_NAMESPACE,
        },
        "spec": spec,
    })
}

/// What a Location entity asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationSpec {
    /// The type of its targets; `None` is that of the file it stands in.
    pub location_type: Option<String>,
    /// The targets as written, `target` before `targets`.
    pub targets: Vec<String>,
    /// Whether a target that does not exist is an error.
    pub is_required: bool,
}

impl LocationSpec {
    /// Reads a valid Location document; what is missing asks for nothing.
    #[must_use]
    pub fn read(document: &Value) -> Self {
        let text = |pointer| document.pointer(pointer).and_then(Value::as_str);
        let many = document.pointer("/spec/targets").and_then(Value::as_array);
        let many = many.into_iter().flatten().filter_map(Value::as_str);
        Self {
            location_type: text("/spec/type").map(str::to_owned),
            targets: text("/spec/target")
                .into_iter()
                .chain(many)
                .map(str::to_owned)
                .collect(),
            is_required: text("/spec/presence") != Some("optional"),
        }
    }
}

/// Where a target leads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// A file, or a pattern of files, of a repository on a GitHub host.
    Repository {
        /// The URL under which what is found there is known.
        url: String,
        /// Host and port.
        host: String,
        /// Owner as written.
        owner: String,
        /// Repository as written, without `.git`.
        name: String,
        /// Ref and path, not percent-encoded; a ref may hold slashes, so only who knows the
        /// repository can part them.
        rest: String,
    },
    /// Another URL.
    Url(String),
    /// A path or a pattern on the local file system.
    File(String),
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

impl Target {
    /// Where `target` leads when a Location entity of the file `own` names it with
    /// `location_type`. `hosts` are those of the GitHub integrations.
    ///
    /// # Errors
    /// If the type is not allowed there or the target cannot be resolved.
    pub fn of(
        own: &LocationRef,
        location_type: &str,
        target: &str,
        hosts: &[String],
    ) -> Result<Self, TargetError> {
        check_type(own, location_type)?;
        if location_type == FILE {
            return file(own, target);
        }
        let is_same_type = own.location_type() == location_type;
        let url = if is_same_type && host_of(own.target()).is_some_and(|it| hosts.contains(&it)) {
            resolve(own.target(), target)?
        } else if is_same_type {
            // No forge, no rewriting: what cannot be resolved is taken as it is.
            plain(own.target(), target)
        } else {
            target.to_owned()
        };
        match host_of(&url).filter(|host| hosts.contains(host)) {
            Some(host) => repository(url, host),
            None => Ok(Self::Url(url)),
        }
    }

    /// The name under which what is found there is known: the target of its managed-by-location.
    #[must_use]
    pub fn spelled(&self) -> &str {
        match self {
            Self::Repository { url, .. } => url,
            Self::Url(url) => url,
            Self::File(path) => path,
        }
    }
}

fn plain(base: &str, target: &str) -> String {
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

fn repository(url: String, host: String) -> Result<Target, TargetError> {
    let parsed = Url::parse(&url).ok();
    let path = parsed
        .as_ref()
        .and_then(|url| super::github::decode(url.path()));
    let steps = path
        .as_deref()
        .map(|path| path.trim_start_matches('/').splitn(4, '/'));
    let steps: Vec<&str> = steps.into_iter().flatten().collect();
    match steps.as_slice() {
        [owner, name, "blob" | "tree" | "raw", rest]
            if !owner.is_empty()
                && !name.is_empty()
                && rest.contains('/')
                && !rest.ends_with('/') =>
        {
            Ok(Target::Repository {
                host,
                owner: (*owner).to_owned(),
                name: name.strip_suffix(".git").unwrap_or(name).to_owned(),
                rest: (*rest).to_owned(),
                url,
            })
        }
        _ => Err(TargetError::NoFile { url }),
    }
}

fn file(own: &LocationRef, target: &str) -> Result<Target, TargetError> {
    if target.ends_with(['/', '\\']) {
        return Err(TargetError::Folder {
            target: target.to_owned(),
        });
    }
    if own.location_type() != FILE || !target.starts_with('.') {
        return Ok(Target::File(target.to_owned()));
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
    Ok(Target::File(format!("{root}{}", steps.join("/"))))
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
        let found = Target::of(&own(base), location_type, target, &hosts());
        let shown = match found {
            Ok(Target::Repository {
                url,
                owner,
                name,
                rest,
                ..
            }) => format!("{owner} {name} {rest} {url}"),
            Ok(Target::Url(url)) => format!("url {url}"),
            Ok(Target::File(path)) => format!("file {path}"),
            Err(error) => error.class().to_string(),
        };
        assert_eq!(shown, expected, "{target} in {base}");
    }

    #[test]
    fn case_084_a_location_without_targets_asks_for_nothing() {
        let spec = LocationSpec::read(&json!({"kind": "Location", "spec": {}}));
        assert_eq!(spec.targets, [""; 0]);
        assert_eq!(spec.location_type, None);
        assert!(spec.is_required);
    }

    #[test]
    fn case_155_targets_of_a_repository_are_spelled_tree() {
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
            check(FILE_OF, URL, target, &format!("o r {rest} {url}"));
        }
        check(
            FILE_OF,
            URL,
            "https://github.com/o/r2/blob/main/c.yaml",
            "o r2 main/c.yaml https://github.com/o/r2/tree/main/c.yaml",
        );
    }

    #[test]
    fn alternatives_in_a_relative_target_are_kept() {
        check(
            FILE_OF,
            URL,
            "./{a,b}.yaml",
            "o r main/sub/{a,b}.yaml https://github.com/o/r/tree/main/sub/%7Ba,b%7D.yaml",
        );
    }

    #[test]
    fn a_branch_with_slashes_stays_whole_beside_its_files() {
        check(
            "url:https://github.com/o/r/tree/feature/x/sub/c.yaml",
            URL,
            "../a.yaml",
            "o r feature/x/a.yaml https://github.com/o/r/tree/feature/x/a.yaml",
        );
    }

    #[test]
    fn case_159_a_url_location_points_at_urls_only() {
        check(FILE_OF, FILE, "/etc/passwd", "InputError");
        check(FILE_OF, "foo", "x", "InputError");
    }

    #[test]
    fn case_160_a_url_named_by_a_local_file_stays_as_it_is_written() {
        check(
            "file:/srv/c.yaml",
            URL,
            "https://github.com/o/r/blob/main/c.yaml",
            "o r main/c.yaml https://github.com/o/r/blob/main/c.yaml",
        );
    }

    #[test]
    fn case_161_only_a_path_with_a_dot_is_relative() {
        check("file:/srv/a/c.yaml", FILE, "./x.yaml", "file /srv/a/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "../x.yaml", "file /srv/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "sub/x.yaml", "file sub/x.yaml");
        check("file:/srv/a/c.yaml", FILE, "/x.yaml", "file /x.yaml");
    }

    #[test]
    fn case_162_a_local_folder_is_no_target() {
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

    #[test]
    fn case_152_a_generated_location_is_named_by_its_target() {
        let target = "https://github.com/o/r/blob/main/catalog-info.yaml";
        let document = generated_location(URL, target, Some("optional"));
        assert_eq!(
            document["metadata"]["name"],
            "generated-7c55750a4675b0187bd394fa668346a2ab626ab7"
        );
        let spec = LocationSpec::read(&document);
        assert_eq!(spec.targets, [target]);
        assert!(!spec.is_required);
        let bare = generated_location(URL, target, None);
        assert!(bare["spec"].get("presence").is_none());
        assert!(LocationSpec::read(&bare).is_required);
    }
}
