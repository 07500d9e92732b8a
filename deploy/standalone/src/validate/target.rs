//! What a Location entity points at, as far as that can be said without a network.
//!
//! Files of the same repository and ref are read from the work tree. Of another repository, or
//! of a host that may be read, nothing is known: that is noted. What the catalog's reader would
//! refuse is an error here too.

use std::path::PathBuf;
use std::rc::Rc;

use freshet_model::glob::{self, Pattern};
use freshet_model::location::{
    LocationRef, LocationSpec, ResolvedTarget, Target, TargetError, check_type,
};
use freshet_processor::catalog_file::FileEntity;
use freshet_processor::yaml::TextPosition;
use serde_json::Value;

use super::check::{Subject, finding};
use super::finding::{Finding, Level};
use super::places::Places;
use super::settings::Settings;
use super::work_tree::{OnDisk, WorkTree};

/// The type of locations that every catalog reads, wherever it finds them.
const URL: &str = "url";
/// Most files that one pattern matches.
const MATCHES_MAX: usize = 10_000;

/// The names of the rules a Location entity can break.
pub(super) mod rule {
    /// A type that may not be read from here.
    pub(in crate::validate) const TYPE: &str = "location.type";
    /// A target that names nothing.
    pub(in crate::validate) const TARGET: &str = "location.target";
    /// A host that nobody may read.
    pub(in crate::validate) const REFUSED: &str = "location.target.refused";
    /// No such file.
    pub(in crate::validate) const NOT_FOUND: &str = "location.target.not-found";
    /// A file of which nothing may be applied.
    pub(in crate::validate) const POISONED: &str = "location.target.spoiled";
    /// A file that is elsewhere.
    pub(in crate::validate) const UNCHECKED: &str = "location.target.unchecked";
}

/// A target that is in this work tree.
#[derive(Debug)]
pub(super) struct Link {
    /// Where the target is written.
    pub(super) at: TextPosition,
    /// The target as written.
    pub(super) target: String,
    /// Indexes of the files that it names.
    pub(super) files: Vec<usize>,
}

/// A target and the files of this work tree that it names.
#[derive(Debug)]
pub(super) struct Reached {
    /// Where the target is written.
    pub(super) at: TextPosition,
    /// The target as written.
    pub(super) target: String,
    /// Canonical paths.
    pub(super) files: Vec<PathBuf>,
}

/// What came of the targets of one Location entity.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What is to be told; the file is not filled in.
    pub(super) findings: Vec<Finding>,
    /// What is to be read.
    pub(super) reached: Vec<Reached>,
}

/// Looks at every target of a Location entity.
pub(super) fn targets(
    subject: &Subject,
    entity: &FileEntity,
    settings: &Settings,
    places: &Places,
) -> Found {
    let document = entity.entity.document();
    let spec = LocationSpec::read(document);
    let location_type = spec.location_type.as_deref().unwrap_or(URL);
    let url = subject.tree.url_of(&subject.path);
    let mut looking = Looking {
        own: LocationRef::new(URL, &url).expect("a URL is not empty and runs no script"),
        subject,
        settings,
        entity: entity.entity.entity_ref().to_string(),
        is_required: spec.is_required,
        found: Found::default(),
    };
    if let Err(error) = check_type(&looking.own, location_type) {
        let at = places.of_pointer(entity.position, "/spec/type");
        looking.refuse(&error, at);
        return looking.found;
    }
    for (pointer, target) in pointers(document).into_iter().zip(&spec.targets) {
        let at = places.of_pointer(entity.position, &pointer);
        looking.target(location_type, target, at);
    }
    looking.found
}

/// Where the targets stand, in their order: the single one first.
fn pointers(document: &Value) -> Vec<String> {
    let targets = document.pointer("/spec/targets").and_then(Value::as_array);
    let single = document.pointer("/spec/target").and_then(Value::as_str);
    let single = single.map(|_| "/spec/target".to_owned());
    let many = (0..targets.map_or(0, Vec::len)).map(|index| format!("/spec/targets/{index}"));
    single.into_iter().chain(many).collect()
}

struct Looking<'a> {
    own: LocationRef,
    subject: &'a Subject,
    settings: &'a Settings,
    entity: String,
    is_required: bool,
    found: Found,
}

impl Looking<'_> {
    fn say(&mut self, level: Level, rule: &str, at: TextPosition, message: String, hint: &str) {
        self.found.findings.push(Finding {
            message,
            hint: hint.to_owned(),
            entity: Some(self.entity.clone()),
            ..finding(0, level, rule, at)
        });
    }

    fn refuse(&mut self, error: &TargetError, at: TextPosition) {
        let (rule, hint) = match error {
            TargetError::Type { .. } => (rule::TYPE, "Remove the type, or write `type: url`."),
            TargetError::Folder { .. } | TargetError::Resolve(_) | TargetError::NoFile { .. } => (
                rule::TARGET,
                "Write a path such as ./other.yaml, or the URL of a file.",
            ),
        };
        self.say(Level::Error, rule, at, error.to_string(), hint);
    }

    fn target(&mut self, location_type: &str, target: &str, at: TextPosition) {
        let hosts = &self.settings.policy.hosts;
        let resolved = ResolvedTarget::resolve(&self.own, location_type, target, hosts);
        match resolved.map(|resolved| resolved.target) {
            Ok(Target::RepositoryFile { repository, rest }) => {
                let tree = Rc::clone(&self.subject.tree);
                let is_own = repository == tree.repository_name();
                match tree.behind_ref(&rest).filter(|_| is_own) {
                    Some(path) => self.in_tree(target, path, at),
                    None => self.elsewhere(at, repository.written_slug(), &rest),
                }
            }
            Ok(Target::Url(url)) => self.url(&url, at),
            // Only a local file leads to local files, and there is none here.
            Ok(Target::LocalFile(path)) => self.elsewhere(at, "the local file system", &path),
            Err(error) => self.refuse(&error, at),
        }
    }

    fn elsewhere(&mut self, at: TextPosition, repository: &str, rest: &str) {
        let message = format!(
            "the target is in {repository} ({rest}), not in this work tree, so it is not checked"
        );
        self.say(Level::Note, rule::UNCHECKED, at, message, "");
    }

    fn url(&mut self, url: &str, at: TextPosition) {
        if self.settings.may_read(url) {
            let message = "the target is on another host, so it is not checked".to_owned();
            self.say(Level::Note, rule::UNCHECKED, at, message, "");
        } else {
            self.say(
                Level::Error,
                rule::REFUSED,
                at,
                format!("{url} may not be read: its host is neither an integration nor in backend.reading.allow"),
                "Correct the URL, or have its host allowed in the catalog's configuration.",
            );
        }
    }

    fn in_tree(&mut self, target: &str, path: &str, at: TextPosition) {
        let tree = &self.subject.tree;
        if tree.below_root(path).is_none() {
            let message =
                format!("{path} is above the folder that is checked, so it is not checked");
            self.say(Level::Note, rule::UNCHECKED, at, message, "");
            return;
        }
        if path == tree.in_repository(&self.subject.path).path {
            // It is being checked; piped text need not be on the disk.
            return;
        }
        let files = if glob::has_magic(path) {
            match Pattern::new(path) {
                Ok(pattern) => matching(tree, &pattern),
                Err(error) => {
                    let hint = "Write a simpler pattern.";
                    self.say(Level::Error, rule::TARGET, at, error.to_string(), hint);
                    return;
                }
            }
        } else {
            match tree.on_disk(path) {
                OnDisk::File(file) => vec![file],
                OnDisk::Missing | OnDisk::Outside => Vec::new(),
            }
        };
        if files.is_empty() && self.is_required {
            self.say(
                Level::Error,
                rule::NOT_FOUND,
                at,
                format!("no file of the repository matches {path}"),
                "Correct the target, or write `presence: optional` if the file may be missing.",
            );
        }
        self.found.reached.push(Reached {
            at,
            target: target.to_owned(),
            files,
        });
    }
}

/// The files of the work tree that a pattern matches, in order.
fn matching(tree: &WorkTree, pattern: &Pattern) -> Vec<PathBuf> {
    tree.files()
        .iter()
        .map(|path| tree.in_repository(path).path)
        .filter(|path| pattern.is_match(path))
        .filter_map(|path| match tree.on_disk(&path) {
            OnDisk::File(file) => Some(file),
            OnDisk::Missing | OnDisk::Outside => None,
        })
        .take(MATCHES_MAX)
        .collect()
}
