//! Reads the given files, and what their Location entities reach in the work tree, each once,
//! with the reader that the service has.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use freshet_model::glob::{TREE_WORK_MAX, Work};
use freshet_model::{EntityRef, ErrorClass, Level, Problem, RuleId};
use freshet_processor::catalog_file::{CatalogFile, FileEntity, FileOrigin, PendingFile};
use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::TextPosition;

use super::content::{FileContent, display_path};
use super::error::UsageError;
use super::files::{CheckedFile, EntityReference, FileSet, FileToCheck};
use super::placeholders::{describe_unchecked, fetch_from_tree};
use super::settings::CheckSettings;
use super::targets::{TargetFiles, check_targets};
use super::unfilled::find_unfilled;

/// The ending of catalog files that discovery looks for, and the one that it does not.
const USUAL_ENDING: &str = ".yaml";
const OTHER_ENDING: &str = ".yml";

/// The kind of entities that point at files, as documents spell it.
const LOCATION_KIND: &str = "Location";

/// Reads everything there is to read; what only all files together show is not looked at.
///
/// # Errors
/// If a given file cannot be read.
pub(super) fn check_files(
    settings: &CheckSettings,
    given: Vec<FileToCheck>,
) -> Result<FileSet, UsageError> {
    let mut checker = FileChecker {
        settings,
        given: given.len(),
        known: HashSet::new(),
        pattern_work: Work::new(TREE_WORK_MAX),
        patterns: BTreeMap::new(),
        set: FileSet::default(),
    };
    for file in given {
        checker.add_file(file);
    }
    // No plain loop over the list: a Location entity adds files to it while it is read.
    while let Some(file) = checker.set.files.get(checker.set.checked.len()).cloned() {
        let checked = checker.read_next(&file)?;
        checker.set.checked.push(checked);
    }
    checker.report_too_many_matches();
    Ok(checker.set)
}

/// Why a file has problems, if it is because something still has to be filled in.
fn find_why_unfilled(file: &CatalogFile, bytes: &[u8], limits: &ReadLimits) -> Option<Problem> {
    if file.problems.iter().all(|it| it.level != Level::Error) {
        return None;
    }
    let at = find_unfilled(&String::from_utf8_lossy(bytes), limits)?;
    let message = "this looks like an unfilled template: something still has to be filled in here";
    let problem = Problem::error(RuleId::FileUnfilled, ErrorClass::Error, message);
    let hint =
        "Check what comes out of the template instead; in a directory such files are left out.";
    Some(problem.with_hint(hint).at(at.line, at.column))
}

struct FileChecker<'a> {
    settings: &'a CheckSettings,
    given: usize,
    /// Files on the disk that were come upon already: Location entities may point in circles.
    known: HashSet<PathBuf>,
    /// What looking for patterns may still take, of all Location entities together.
    pattern_work: Work,
    /// The patterns of each work tree, by its root.
    patterns: BTreeMap<PathBuf, TreePatterns>,
    set: FileSet,
}

/// The patterns of one work tree, and what they match. The service counts all of a repository together, too.
#[derive(Default)]
struct TreePatterns {
    matched: BTreeSet<PathBuf>,
    written: Vec<WrittenPattern>,
}

/// Where a pattern is written.
struct WrittenPattern {
    /// The index of the file.
    file: usize,
    entity_ref: EntityRef,
    at: TextPosition,
}

/// What becomes of a file that a target leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// It is checked, because of this target or anyhow.
    Checked,
    /// There are too many already.
    LeftOut,
}

impl FileChecker<'_> {
    fn add_file(&mut self, file: FileToCheck) {
        if let FileContent::OnDisk(path) = &file.content {
            self.known.insert(path.clone());
        }
        self.set.files.push(file);
    }

    fn read_next(&mut self, file: &FileToCheck) -> Result<CheckedFile, UsageError> {
        let index = self.set.checked.len();
        match file.content.read(self.settings.limits.file_bytes) {
            Ok(bytes) => Ok(self.check_bytes(index, file, &bytes)),
            // Whoever names a file wants it read; one that a Location entity reaches is a problem like others.
            Err(source) if index < self.given => Err(UsageError::Path {
                path: PathBuf::from(&file.name),
                source,
            }),
            Err(error) => {
                let message = format!("the file cannot be read: {error}");
                let problem = Problem::error(RuleId::FileUnreadable, ErrorClass::Error, message);
                let TextPosition { line, column } = TextPosition::START;
                self.set.add_problem(index, problem.at(line, column));
                Ok(CheckedFile::default())
            }
        }
    }

    fn check_bytes(&mut self, index: usize, file: &FileToCheck, bytes: &[u8]) -> CheckedFile {
        let limits = &self.settings.limits;
        let mut policy = self.settings.policy.clone();
        if file.tree.is_stand_in() {
            // Any page of a repository may turn out to be in this one.
            policy.repositories.push("*/*/*".to_owned());
        }
        let base = FileOrigin::Repository(file.tree.in_repository(&file.path));
        // Two steps as in the service: what placeholders ask for is known only once the file was read.
        let pending = PendingFile::parse(bytes, limits);
        let asked = pending.requests(&base, &policy, limits);
        let fetched = fetch_from_tree(&file.tree, asked, limits.placeholder_bytes);
        for asked in fetched.unchecked {
            self.set.add_note(index, RuleId::PlaceholderUnchecked, || {
                describe_unchecked(&asked, bytes)
            });
        }
        let parsed = pending.finish(&base, &policy, &fetched.files, &self.settings.kinds, limits);
        if let Some(problem) = find_why_unfilled(&parsed, bytes, limits) {
            self.set.add_problem(index, problem);
            return CheckedFile::default();
        }
        self.note_name(index, file);
        self.follow_locations(index, file, &parsed);
        self.note_parsed(index, parsed)
    }

    /// A given file that discovery would read if it had the other ending.
    fn note_name(&mut self, index: usize, file: &FileToCheck) {
        let path = file.tree.in_repository(&file.path).path;
        let Some(stem) = path
            .strip_suffix(OTHER_ENDING)
            .filter(|_| index < self.given)
        else {
            return;
        };
        let usual = format!("{stem}{USUAL_ENDING}");
        if self.settings.is_discovered(&path) || !self.settings.is_discovered(&usual) {
            return;
        }
        self.set.add_note(index, RuleId::FileName, || {
            let message = format!(
                "discovery reads {usual} and not {path}, so that nothing reads this file unless a Location points at it; rename it"
            );
            (TextPosition::START, message)
        });
    }

    fn note_parsed(&mut self, index: usize, file: CatalogFile) -> CheckedFile {
        for problem in file.problems {
            self.set.add_problem(index, problem);
        }
        let references = file.entities.iter().flat_map(|entity| {
            entity.relations.iter().map(|relation| EntityReference {
                document: entity.position,
                target: relation.target.clone(),
            })
        });
        CheckedFile {
            references: references.collect(),
            valid: file
                .entities
                .iter()
                .map(|it| (it.entity.entity_ref().clone(), it.position))
                .collect(),
            is_refused: file.is_invalid,
            declared: file.emitted,
        }
    }

    /// Checks what the Location entities of a file point at, and adds the files of the work tree among it.
    fn follow_locations(&mut self, index: usize, file: &FileToCheck, parsed: &CatalogFile) {
        for entity in &parsed.entities {
            let kind = entity.entity.document().get("kind");
            if kind.is_none_or(|kind| kind != LOCATION_KIND) {
                continue;
            }
            let targets = check_targets(file, entity, self.settings, &mut self.pattern_work);
            for problem in targets.problems {
                self.set.add_problem(index, problem);
            }
            for (at, message) in targets.unchecked {
                self.set
                    .add_note(index, RuleId::LocationTargetUnchecked, || (at, message));
            }
            for target in targets.files {
                self.follow_target(index, file, entity, &target);
            }
        }
    }

    fn follow_target(
        &mut self,
        index: usize,
        file: &FileToCheck,
        entity: &FileEntity,
        target: &TargetFiles,
    ) {
        if target.is_pattern && !self.admit_pattern(index, file, entity, target) {
            return;
        }
        let reached = target.paths.iter();
        let reached = reached.map(|path| self.add_reached(file, path));
        let left_out = reached.filter(|it| *it == Reached::LeftOut).count();
        if left_out > 0 {
            self.set.add_note(index, RuleId::LocationTargetUnchecked, || {
                let message = format!(
                    "{left_out} files that this leads to are not checked: besides the given files at most {} are",
                    self.settings.reach.reached_files
                );
                (target.at, message)
            });
        }
    }

    /// Whether what a pattern matches is read. If not, that is told of all patterns at the end.
    fn admit_pattern(
        &mut self,
        index: usize,
        file: &FileToCheck,
        entity: &FileEntity,
        target: &TargetFiles,
    ) -> bool {
        let root = file.tree.root().to_owned();
        let patterns = self.patterns.entry(root).or_default();
        patterns.matched.extend(target.paths.iter().cloned());
        patterns.written.push(WrittenPattern {
            file: index,
            entity_ref: entity.entity.entity_ref().clone(),
            at: target.at,
        });
        patterns.matched.len() <= self.settings.reach.pattern_matches
    }

    /// Where the patterns of a work tree match too many files together, each of them matches nothing.
    fn report_too_many_matches(&mut self) {
        let matches_max = self.settings.reach.pattern_matches;
        for patterns in std::mem::take(&mut self.patterns).into_values() {
            if patterns.matched.len() <= matches_max {
                continue;
            }
            for WrittenPattern {
                file,
                entity_ref,
                at,
            } in patterns.written
            {
                let message = format!(
                    "the patterns of the repository match more than {matches_max} files together"
                );
                let rule = RuleId::LocationTargetUnreadable;
                let problem = Problem::error(rule, ErrorClass::Error, message)
                    .with_hint("Write narrower patterns.")
                    .at(at.line, at.column)
                    .about(entity_ref);
                self.set.add_problem(file, problem);
            }
        }
    }

    fn add_reached(&mut self, from: &FileToCheck, path: &Path) -> Reached {
        let Some(path_in_tree) = from.tree.path_of(path) else {
            return Reached::Checked;
        };
        if self.known.contains(path) {
            return Reached::Checked;
        }
        if self.set.files.len() >= self.given + self.settings.reach.reached_files {
            return Reached::LeftOut;
        }
        self.add_file(FileToCheck {
            name: display_path(path),
            path: path_in_tree,
            content: FileContent::OnDisk(path.to_owned()),
            ..from.clone()
        });
        Reached::Checked
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
