//! Reads the given files, and what their Location entities reach in the work tree, each once,
//! with the reader that the service has.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use freshet_model::location::LocationRef;
use freshet_model::{EntityRef, Problem};
use freshet_processor::catalog_file::{
    CatalogFile, DeclaredKind, FileOrigin, FileRequest, PendingFile, Supply, SupplyError,
};
use freshet_processor::failure::Failure;
use freshet_processor::source::fetched::Fetched;
use freshet_processor::yaml::TextPosition;

use super::finding::{Finding, Level};
use super::places::Places;
use super::settings::Settings;
use super::target::{self, Link, Reached};
use super::work_tree::{OnDisk, WorkTree};
use super::{UsageError, bytes};

/// Most files that are checked besides the given ones.
const REACHED_FILES_MAX: usize = 10_000;

/// A file to check.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    /// Its name as people know it.
    pub(super) name: String,
    /// Its path from the root of the work tree.
    pub(super) path: String,
    /// The work tree.
    pub(super) tree: Rc<WorkTree>,
    /// What to read.
    pub(super) content: Content,
    /// The location under which the whole run began: what `catalog.rules` judge by.
    pub(super) origin: Option<LocationRef>,
}

/// Where the bytes of a subject are.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// In a file, given canonically.
    File(PathBuf),
    /// Here.
    Bytes(Arc<[u8]>),
}

/// What is known of a file once it was read.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Whether nothing of it may be applied.
    pub(super) poisoned: bool,
    /// The documents that say which entity they are about.
    pub(super) emitted: Vec<DeclaredKind>,
    /// Valid entities.
    pub(super) entities: usize,
    /// Which entity refers to which, in file order.
    pub(super) mentions: Vec<Mention>,
    /// What its Location entities point at.
    pub(super) runs: Vec<Run>,
}

/// One entity refers to another.
#[derive(Debug)]
pub(super) struct Mention {
    /// Where the document of the one starts.
    pub(super) document: TextPosition,
    /// The other.
    pub(super) target: EntityRef,
}

/// What one Location entity points at.
#[derive(Debug)]
pub(super) struct Run {
    /// The entity.
    pub(super) entity_ref: EntityRef,
    /// Its targets that are files of this work tree.
    pub(super) links: Vec<Link>,
}

/// All files and what was found in each of them by itself.
pub(super) struct Checker<'a> {
    /// What is allowed.
    pub(super) settings: &'a Settings,
    /// The files, in the order in which they were come upon.
    pub(super) subjects: Vec<Subject>,
    /// What is known of each.
    pub(super) checked: Vec<Checked>,
    /// What was found.
    pub(super) findings: Vec<Finding>,
    indexes: HashMap<PathBuf, usize>,
    waiting: VecDeque<usize>,
    given: usize,
}

impl<'a> Checker<'a> {
    /// Nothing checked yet.
    pub(super) fn new(settings: &'a Settings, given: Vec<Subject>) -> Self {
        let mut checker = Self {
            settings,
            given: given.len(),
            subjects: Vec::new(),
            checked: Vec::new(),
            findings: Vec::new(),
            indexes: HashMap::new(),
            waiting: VecDeque::new(),
        };
        for subject in given {
            checker.add(subject);
        }
        checker
    }

    fn add(&mut self, subject: Subject) -> usize {
        let index = self.subjects.len();
        if let Content::File(path) = &subject.content {
            self.indexes.insert(path.clone(), index);
        }
        self.subjects.push(subject);
        self.checked.push(Checked::default());
        self.waiting.push_back(index);
        index
    }

    /// Reads everything there is to read.
    ///
    /// # Errors
    /// If a given file cannot be read.
    pub(super) fn run(&mut self) -> Result<(), UsageError> {
        while let Some(index) = self.waiting.pop_front() {
            let subject = self.subjects[index].clone();
            match bytes::of(&subject.content, self.settings.limits.file_bytes) {
                Ok(bytes) => self.file(index, &subject, &bytes),
                Err(source) if index < self.given => {
                    let path = PathBuf::from(&subject.name);
                    return Err(UsageError::Path { path, source });
                }
                Err(error) => self.unreadable(index, &error),
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, index: usize, error: &std::io::Error) {
        self.checked[index].poisoned = true;
        self.findings.push(Finding {
            message: format!("the file cannot be read: {error}"),
            ..finding(index, Level::Error, "file.unreadable", TextPosition::START)
        });
    }

    fn file(&mut self, index: usize, subject: &Subject, bytes: &[u8]) {
        let Settings {
            kinds,
            limits,
            policy,
            ..
        } = self.settings;
        let mut policy = policy.clone();
        if subject.tree.is_stand_in() {
            // Any page of a repository may turn out to be in this one.
            policy.repositories.push("*/*/*".to_owned());
        }
        let base = FileOrigin::Repository(subject.tree.in_repository(&subject.path));
        let draft = PendingFile::parse(bytes, limits);
        let asked = draft.requests(&base, &policy, limits);
        let fetched = self.fetch_files(index, &subject.tree, asked, bytes);
        let file = draft.finish(&base, &policy, &fetched, kinds, limits);
        let runs = self.runs(index, subject, &file, bytes);
        self.note(index, file, runs);
    }

    fn note(&mut self, index: usize, file: CatalogFile, runs: Vec<Run>) {
        let problems = file.problems.into_iter();
        self.findings
            .extend(problems.map(|problem| finding_of(index, problem)));
        let mentions = file.entities.iter().flat_map(|entity| {
            entity.relations.iter().map(|relation| Mention {
                document: entity.position,
                target: relation.target.clone(),
            })
        });
        self.checked[index] = Checked {
            poisoned: file.is_invalid,
            entities: file.entities.len(),
            mentions: mentions.collect(),
            emitted: file.emitted,
            runs,
        };
    }

    /// What placeholders ask for, as far as it is in this work tree; the rest stays unknown.
    fn fetch_files(
        &mut self,
        index: usize,
        tree: &WorkTree,
        asked: BTreeSet<FileRequest>,
        bytes: &[u8],
    ) -> HashMap<FileRequest, Fetched> {
        let bytes_max = self.settings.limits.placeholder_bytes;
        let mut fetched = HashMap::new();
        for asked in asked {
            let here = match &asked {
                FileRequest::File(file) if tree.holds(file) => match tree.on_disk(&file.path) {
                    OnDisk::File(path) => Some(fetch_file(&path, bytes_max)),
                    OnDisk::Missing => Some(Fetched::Absent {
                        evidence: "it is not in the work tree".to_owned(),
                    }),
                    OnDisk::Outside if tree.below_root(&file.path).is_none() => None,
                    OnDisk::Outside => Some(Fetched::Failed(Failure::denied(
                        "it is outside of the work tree",
                    ))),
                },
                FileRequest::File(_) | FileRequest::Url(_) => None,
            };
            match here {
                Some(file) => {
                    fetched.insert(asked, file);
                }
                None => self
                    .findings
                    .push(unchecked_placeholder(index, &asked, bytes)),
            }
        }
        fetched
    }

    /// What the Location entities of a file point at. Files of the work tree are checked too.
    fn runs(
        &mut self,
        index: usize,
        subject: &Subject,
        file: &CatalogFile,
        bytes: &[u8],
    ) -> Vec<Run> {
        let is_location =
            |kind: Option<&serde_json::Value>| kind.is_some_and(|it| it == "Location");
        let mut runs = Vec::new();
        let mut places = None;
        for entity in &file.entities {
            if !is_location(entity.entity.document().get("kind")) {
                continue;
            }
            let places = places.get_or_insert_with(|| Places::of(bytes, &self.settings.limits));
            let found = target::targets(subject, entity, self.settings, places);
            self.findings
                .extend(found.findings.into_iter().map(|found| Finding {
                    file: index,
                    ..found
                }));
            let links = found.reached.into_iter();
            runs.push(Run {
                entity_ref: entity.entity.entity_ref().clone(),
                links: links.map(|reached| self.link(subject, reached)).collect(),
            });
        }
        runs
    }

    fn link(&mut self, from: &Subject, reached: Reached) -> Link {
        let files = reached
            .files
            .iter()
            .filter_map(|path| self.reach(from, path))
            .collect();
        Link {
            at: reached.at,
            target: reached.target,
            files,
        }
    }

    /// The index of a file of the work tree. `None` if too many were reached already.
    fn reach(&mut self, from: &Subject, path: &Path) -> Option<usize> {
        if let Some(index) = self.indexes.get(path) {
            return Some(*index);
        }
        if self.subjects.len() >= self.given + REACHED_FILES_MAX {
            return None;
        }
        let subject = Subject {
            name: bytes::shown(path),
            path: from.tree.path_of(path)?,
            content: Content::File(path.to_owned()),
            ..from.clone()
        };
        Some(self.add(subject))
    }
}

fn fetch_file(path: &Path, bytes_max: usize) -> Fetched {
    match bytes::of(&Content::File(path.to_owned()), bytes_max) {
        Ok(bytes) if bytes.len() > bytes_max => Fetched::TooLarge {
            version: String::new(),
            bytes: std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            bytes_max,
        },
        Ok(bytes) => Fetched::Content {
            version: String::new(),
            bytes: bytes.to_vec().into(),
        },
        Err(error) => Fetched::Failed(Failure::unreachable(error.to_string())),
    }
}

/// Nothing is known about a placeholder whose file is elsewhere.
fn unchecked_placeholder(index: usize, asked: &FileRequest, bytes: &[u8]) -> Finding {
    let last_step = match asked {
        FileRequest::File(file) => file.path.rsplit('/').next(),
        FileRequest::Url(url) => url.rsplit('/').next(),
    };
    let text = String::from_utf8_lossy(bytes);
    let is_it = |line: &str| line.contains('$') && last_step.is_some_and(|it| line.contains(it));
    let line = text.lines().position(is_it);
    let line = line.and_then(|line| u32::try_from(line).ok());
    let line = line.map_or(1, |line| line + 1);
    let at = TextPosition { line, column: 1 };
    Finding {
        message: format!(
            "the placeholder's file {asked} is not in this work tree, so its content is not checked"
        ),
        ..finding(index, Level::Note, "placeholder.unchecked", at)
    }
}

/// A finding in want of words.
pub(super) fn finding(file: usize, level: Level, rule: &str, at: TextPosition) -> Finding {
    Finding {
        file,
        line: at.line,
        column: at.column,
        level,
        rule: rule.to_owned(),
        message: String::new(),
        hint: String::new(),
        entity: None,
    }
}

fn finding_of(file: usize, problem: Problem) -> Finding {
    let Problem {
        rule,
        message,
        hint,
        line,
        column,
        entity_ref,
        level,
        ..
    } = problem;
    let level = match level {
        freshet_model::Level::Warning => Level::Warning,
        freshet_model::Level::Error => Level::Error,
    };
    Finding {
        message,
        hint,
        entity: entity_ref.map(|entity_ref| entity_ref.to_string()),
        ..finding(file, level, rule.as_str(), TextPosition { line, column })
    }
}
