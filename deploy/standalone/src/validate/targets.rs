//! What a Location entity points at, as far as that can be said without a network.
//!
//! Files of the same repository and ref are read from the work tree. Of another repository, or
//! of a host that may be read, nothing is known: that is noted. What the catalog's reader would
//! refuse is an error here too, under the same rule. Each target stands on its own: what is wrong
//! with one says nothing of the Location entity's others, and what is wrong inside of a file is a
//! problem of that file.

use std::path::PathBuf;

use freshet_model::glob::{Pattern, PatternError, Work, unescape};
use freshet_model::location::{
    LocationRef, LocationSpec, ResolvedTarget, Target, TargetError, URL, check_type,
};
use freshet_model::{ErrorClass, Problem, RuleId};
use freshet_processor::catalog_file::FileEntity;
use freshet_processor::yaml::TextPosition;

use super::files::FileToCheck;
use super::settings::{CheckSettings, ReachLimits};
use super::work_tree::{DiskFile, WorkTree};

/// What came of the targets of one Location entity.
#[derive(Debug, Default)]
pub(super) struct CheckedTargets {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// What could not be looked at, where it is written and why.
    pub(super) unchecked: Vec<(TextPosition, String)>,
    /// Files of the work tree to check.
    pub(super) files: Vec<TargetFiles>,
}

/// The files of the work tree that one target leads to.
#[derive(Debug)]
pub(super) struct TargetFiles {
    /// Where the target is written.
    pub(super) at: TextPosition,
    pub(super) is_pattern: bool,
    /// At canonical paths, in order; of a pattern that matches too many not all of them.
    pub(super) paths: Vec<PathBuf>,
}

/// Looks at every target of a Location entity, with what looking for patterns may still take.
pub(super) fn check_targets(
    file: &FileToCheck,
    entity: &FileEntity,
    settings: &CheckSettings,
    work: &mut Work,
) -> CheckedTargets {
    let spec = LocationSpec::read(entity.entity.document());
    let places = entity.target_places.clone().unwrap_or_default();
    let location_type = spec.location_type.as_deref().unwrap_or(URL);
    let url = file.tree.url_of(&file.path);
    let own = LocationRef::new(URL, &url).expect("a URL is not empty and runs no script");
    let mut check = TargetCheck {
        file,
        settings,
        entity,
        is_required: spec.is_required,
        work,
        result: CheckedTargets::default(),
    };
    // All targets share the type, so it is refused once and not for each of them.
    if let Err(error) = check_type(&own, location_type) {
        check.refuse(&error, places.location_type.unwrap_or(entity.position));
        return check.result;
    }
    for (at, target) in places.targets.iter().copied().zip(&spec.targets) {
        match ResolvedTarget::resolve(&own, location_type, target, &settings.policy.hosts) {
            Ok(resolved) => check.check_target(resolved.target, at),
            // What is not there need not be.
            Err(error) if !spec.is_required && error.names_nothing() => {}
            Err(error) => check.refuse(&error, at),
        }
    }
    check.result
}

struct TargetCheck<'a> {
    file: &'a FileToCheck,
    settings: &'a CheckSettings,
    entity: &'a FileEntity,
    is_required: bool,
    work: &'a mut Work,
    result: CheckedTargets,
}

impl TargetCheck<'_> {
    fn add_problem(&mut self, at: TextPosition, problem: Problem) {
        let entity_ref = self.entity.entity.entity_ref().clone();
        self.result
            .problems
            .push(problem.at(at.line, at.column).about(entity_ref));
    }

    fn add_unreadable(&mut self, at: TextPosition, class: ErrorClass, message: String, hint: &str) {
        let problem = Problem::error(RuleId::LocationTargetUnreadable, class, message);
        self.add_problem(at, problem.with_hint(hint));
    }

    fn refuse(&mut self, error: &TargetError, at: TextPosition) {
        let hint = match error {
            TargetError::Type { .. } => "Remove the type, or write `type: url`.",
            TargetError::LocalFolder { .. }
            | TargetError::NotAbsolute { .. }
            | TargetError::Folder { .. }
            | TargetError::Resolve(_)
            | TargetError::NoFile { .. } => {
                "Write a path such as ./other.yaml, or the URL of a file."
            }
        };
        let problem = Problem::error(error.rule(), error.class(), error.to_string());
        self.add_problem(at, problem.with_hint(hint));
    }

    fn check_target(&mut self, target: Target, at: TextPosition) {
        let tree = &self.file.tree;
        match target {
            Target::RepositoryFile {
                repository,
                rest,
                is_pattern,
            } => {
                let is_own = tree.is_in(&repository);
                // A ref may hold slashes, so only who knows the ref can tell where the path begins.
                match tree.behind_ref(&rest).filter(|_| is_own) {
                    Some(path) => self.check_in_tree(path, is_pattern, at),
                    None => self.note_elsewhere(at, repository.written_slug(), &rest),
                }
            }
            Target::Url(url) => self.check_url(&url, at),
            // Only a local file leads to local files, and there is none here.
            Target::LocalFile { path, .. } => {
                self.note_elsewhere(at, "the local file system", &path);
            }
        }
    }

    fn note_elsewhere(&mut self, at: TextPosition, repository: &str, rest: &str) {
        let message = format!(
            "the target is in {repository} ({rest}), not in this work tree, so it is not checked"
        );
        self.result.unchecked.push((at, message));
    }

    fn check_url(&mut self, url: &str, at: TextPosition) {
        if self.settings.may_read(url) {
            let message = "the target is on another host, so it is not checked".to_owned();
            self.result.unchecked.push((at, message));
            return;
        }
        let message = format!(
            "{url} may not be read: its host is neither an integration nor in backend.reading.allow"
        );
        let hint = "Correct the URL, or have its host allowed in the catalog's configuration.";
        self.add_unreadable(at, ErrorClass::NotAllowedError, message, hint);
    }

    fn check_in_tree(&mut self, path: &str, is_pattern: bool, at: TextPosition) {
        let tree = &self.file.tree;
        if tree.below_root(path).is_none() {
            let message =
                format!("{path} is above the folder that is checked, so it is not checked");
            self.result.unchecked.push((at, message));
            return;
        }
        // It is being checked; piped text need not be on the disk.
        if path == tree.in_repository(&self.file.path).path {
            return;
        }
        let reach = self.settings.reach;
        let paths = match find_files(tree, path, is_pattern, reach, self.work) {
            Ok(paths) => paths,
            Err(error) => {
                let hint = "Write a simpler pattern.";
                self.add_unreadable(at, ErrorClass::InputError, error.to_string(), hint);
                return;
            }
        };
        // Only a pattern has had the files listed.
        let is_all_known = !is_pattern || tree.files(reach.tree_files).is_complete;
        if !is_all_known {
            let message = format!(
                "the work tree has more than {} files; the pattern was looked for in the first of them only",
                reach.tree_files
            );
            self.result.unchecked.push((at, message));
        }
        if paths.is_empty() && self.is_required && is_all_known {
            let message = format!("no file of the repository matches {path}");
            let hint =
                "Correct the target, or write `presence: optional` if the file may be missing.";
            let problem = Problem::error(
                RuleId::LocationTargetMissing,
                ErrorClass::NotFoundError,
                message,
            );
            self.add_problem(at, problem.with_hint(hint));
        }
        self.result.files.push(TargetFiles {
            at,
            is_pattern,
            paths,
        });
    }
}

/// The files of the work tree that a path or a pattern names, in order.
fn find_files(
    tree: &WorkTree,
    path: &str,
    is_pattern: bool,
    reach: ReachLimits,
    work: &mut Work,
) -> Result<Vec<PathBuf>, PatternError> {
    let find_file = |path: &str| match tree.on_disk(path) {
        DiskFile::Found(file) => Some(file),
        DiskFile::Missing | DiskFile::Outside => None,
    };
    if !is_pattern {
        return Ok(find_file(path).into_iter().collect());
    }
    let pattern = Pattern::new(path)?;
    // As the service does: people name folders `[id]`, and copy the URL of a file in one.
    if let Some(file) = find_file(&unescape(path)) {
        return Ok(vec![file]);
    }
    let mut files = Vec::new();
    for path in &tree.files(reach.tree_files).paths {
        let path = tree.in_repository(path).path;
        if pattern.match_within(&path, work)? {
            files.extend(find_file(&path));
        }
        // One more than allowed is enough to tell that there are too many.
        if files.len() > reach.pattern_matches {
            break;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_share_what_looking_for_them_may_take() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        for name in 0..100 {
            std::fs::write(root.join(format!("{name}.yaml")), "").expect("a file");
        }
        let tree = WorkTree::new(root, None, None);
        // Once through the files takes some thousand characters.
        let mut work = Work::new(10_000);
        let reach = ReachLimits::default();
        let mut find = |pattern: &str| find_files(&tree, pattern, true, reach, &mut work);
        assert_eq!(find("*.yaml").map(|files| files.len()), Ok(100));
        let later: Vec<_> = (0..10).map(|_| find("*.yaml")).collect();
        assert_eq!(later.last(), Some(&Err(PatternError::TakesTooLong)));
    }
}
