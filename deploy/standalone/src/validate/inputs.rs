//! Which files are checked: those that are named, and in a directory those that look as if
//! they were meant for the catalog.
//!
//! A directory holds other YAML too: manifests of Kubernetes, Helm charts that are no YAML
//! until rendered, the skeletons that software templates fill in. What git ignores, what has no
//! document of the catalog's API versions, what still has to be filled in and what a Template
//! copies is left out; a file that is named is always read.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use freshet_processor::limits::ReadLimits;

use super::content::walk_files;
use super::error::UsageError;
use super::settings::CheckSettings;
use super::unfilled::{find_unfilled, list_skeletons};

/// Where a file to check comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InputFile {
    /// What is piped into the process.
    Stdin,
    /// A file, canonical.
    OnDisk {
        /// Its canonical path.
        path: PathBuf,
        /// Its name as people know it.
        name: String,
        /// The directory that was given, canonical, if the file was found in one.
        given_directory: Option<PathBuf>,
    },
}

/// The path that stands for what is piped into the process.
const STDIN: &str = "-";
/// The name that a catalog file has unless somebody chose another.
const CATALOG_FILE: &str = "catalog-info.yaml";
const EXTENSIONS: [&str; 2] = ["yaml", "yml"];
/// The end of the group in every API version of Backstage.
const API_GROUP: &str = "backstage.io/";

/// The files that the paths name, in order, each once.
///
/// # Errors
/// The first path that is not there or cannot be listed.
pub(super) fn find_inputs(
    paths: &[PathBuf],
    settings: &CheckSettings,
) -> Result<Vec<InputFile>, UsageError> {
    let mut inputs = Vec::new();
    let mut seen = HashSet::new();
    for path in paths {
        // Once, however often it is named: a pipe can be read only once.
        if path.as_os_str() == STDIN {
            if !inputs.contains(&InputFile::Stdin) {
                inputs.push(InputFile::Stdin);
            }
            continue;
        }
        // Canonical, so that a file that is given by name and by its directory is checked once.
        let canonical = canonicalize(path)?;
        if canonical.is_dir() {
            let found = search_directory(path, &canonical, settings)?;
            inputs.extend(found.into_iter().filter(|input| is_new(&mut seen, input)));
        } else {
            let input = InputFile::OnDisk {
                path: canonical,
                name: name_of(path),
                given_directory: None,
            };
            inputs.extend(is_new(&mut seen, &input).then_some(input));
        }
    }
    Ok(inputs)
}

fn is_new(seen: &mut HashSet<PathBuf>, input: &InputFile) -> bool {
    match input {
        InputFile::Stdin => true,
        InputFile::OnDisk { path, .. } => seen.insert(path.clone()),
    }
}

fn canonicalize(path: &Path) -> Result<PathBuf, UsageError> {
    path.canonicalize().map_err(|source| UsageError::Path {
        path: path.to_owned(),
        source,
    })
}

/// A path as people write it.
fn name_of(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path);
    path.display().to_string()
}

fn search_directory(
    directory: &Path,
    given_directory: &Path,
    settings: &CheckSettings,
) -> Result<Vec<InputFile>, UsageError> {
    let mut inputs = Vec::new();
    let mut skeletons = Vec::new();
    for entry in walk_files(directory) {
        let entry = entry.map_err(|source| UsageError::Directory {
            path: directory.to_owned(),
            source,
        })?;
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        let extension = entry.path().extension().and_then(|it| it.to_str());
        let is_yaml = extension.is_some_and(|it| EXTENSIONS.contains(&it));
        if !is_file || !is_yaml {
            continue;
        }
        let Some(text) = read_meant(entry.path(), settings) else {
            continue;
        };
        let path = canonicalize(entry.path())?;
        skeletons.extend(find_skeletons(&path, &text, &settings.limits));
        inputs.push(InputFile::OnDisk {
            path,
            name: name_of(entry.path()),
            given_directory: Some(given_directory.to_owned()),
        });
    }
    // Only now: a Template may come behind what it copies.
    inputs.retain(|input| match input {
        InputFile::Stdin => true,
        InputFile::OnDisk { path, .. } => !skeletons.iter().any(|it| path.starts_with(it)),
    });
    Ok(inputs)
}

/// The folders that the templates of a file copy from.
fn find_skeletons(path: &Path, text: &str, limits: &ReadLimits) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(path);
    let skeletons = list_skeletons(text, limits).into_iter();
    skeletons
        .filter_map(|skeleton| folder.join(skeleton).canonicalize().ok())
        // A Template is not part of what it copies.
        .filter(|skeleton| !path.starts_with(skeleton))
        .collect()
}

/// The text of a file that is meant for the catalog.
fn read_meant(file: &Path, settings: &CheckSettings) -> Option<String> {
    let mut text = Vec::new();
    let opened = std::fs::File::open(file);
    let bytes_max = u64::try_from(settings.limits.file_bytes).unwrap_or(u64::MAX);
    let read = opened.and_then(|file| file.take(bytes_max).read_to_end(&mut text));
    let is_named = file.file_name().is_some_and(|name| name == CATALOG_FILE);
    // Lossy, because a file that is not UTF-8 is to be reported rather than left out in silence.
    let text = String::from_utf8_lossy(&text).into_owned();
    let is_own_version =
        |version: &str| settings.kinds.api_versions().any(|known| known == version);
    // What cannot be read is reported when it is checked.
    let is_meant = is_named || read.is_err() || is_for_catalog(&text, &is_own_version);
    (is_meant && find_unfilled(&text, &settings.limits).is_none()).then_some(text)
}

/// Whether a document at the margin of the text has an API version of the catalog. The text need
/// not be YAML: a broken catalog file is one too.
fn is_for_catalog(text: &str, api_versions: &dyn Fn(&str) -> bool) -> bool {
    text.lines().any(|line| {
        read_api_version(line)
            .is_some_and(|version| version.contains(API_GROUP) || api_versions(version))
    })
}

/// The API version that a line at the margin names.
fn read_api_version(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['\u{FEFF}', '{']);
    let (key, value) = line.split_once(':')?;
    let is_key = key.trim_end().trim_matches(['"', '\'']) == "apiVersion";
    let value = value.trim_start().trim_start_matches(['"', '\'']);
    is_key.then(|| value.split(['"', '\'', ' ', ',', '\r']).next())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        let is_own = |version: &str| version == "acme.example/v1";
        let is_meant = is_for_catalog(text, &is_own);
        assert_eq!(is_meant, expected, "{text}");
    }

    #[test]
    fn what_is_meant_for_the_catalog_is_told_by_its_api_version() {
        check("apiVersion: backstage.io/v1alpha1\nkind: Component\n", true);
        check(
            "# x\n---\napiVersion: 'scaffolder.backstage.io/v1beta3'\n",
            true,
        );
        check(
            "{\"apiVersion\": \"backstage.io/v1alpha1\", \"kind\": 1}",
            true,
        );
        check("apiVersion: acme.example/v1\nkind: Thing\n", true);
        check("\u{FEFF}apiVersion: backstage.io/v1alpha1\r\n", true);
        check(
            "apiVersion: backstage.io/v1alpha1\nmetadata: [broken\n",
            true,
        );
        check("apiVersion: apps/v1\nkind: Deployment\n", false);
        check(
            "data:\n  x: |\n    apiVersion: backstage.io/v1alpha1\n",
            false,
        );
        check("openapi: 3.0.0\n", false);
        check("", false);
    }
}
