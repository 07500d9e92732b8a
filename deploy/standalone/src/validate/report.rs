//! What a check finds, and all of it together.

use freshet_model::{ErrorClass, Level, Problem, RuleId};
use freshet_processor::catalog_file::secrets;
use freshet_processor::yaml::TextPosition;

use super::file_text::FileText;

/// How much weight something found has: a [`Level`], or less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The catalog would refuse it.
    Error,
    /// The catalog would take it, yet somebody should look.
    Warning,
    /// Nothing is wrong that can be seen from here.
    Note,
}

impl Severity {
    /// The severity in words, the same in every format but where the format has its own.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing worth telling the owner of a file. No secret is in its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedProblem {
    /// Index of the file in the report.
    pub file: usize,
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// How bad it is.
    pub severity: Severity,
    /// The rule: the id under which the store and its API know the same mistake.
    pub rule: RuleId,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The entity it is about, as far as that is known.
    pub entity_ref: Option<String>,
}

impl ReportedProblem {
    /// A problem of the file with this index.
    #[must_use]
    pub fn new(file: usize, problem: Problem) -> Self {
        // A name may be a secret that was pasted into the wrong line, and then messages repeat it.
        let blank = |text: String| secrets::blank_secrets(&text).into_owned();
        let entity_ref = problem.entity_ref.map(|it| it.to_string());
        Self {
            file,
            line: problem.line,
            column: problem.column,
            severity: match problem.level {
                Level::Error => Severity::Error,
                Level::Warning => Severity::Warning,
            },
            rule: problem.rule,
            message: blank(problem.message),
            hint: blank(problem.hint),
            entity_ref: entity_ref.map(blank),
        }
    }

    /// Something that may well be right, but that nobody could look at from here.
    pub(super) fn note(file: usize, rule: RuleId, at: TextPosition, message: String) -> Self {
        // By way of a problem, so that secrets are taken out of its texts too.
        let problem = Problem::warning(rule, ErrorClass::Error, message).at(at.line, at.column);
        Self {
            severity: Severity::Note,
            ..Self::new(file, problem)
        }
    }
}

/// A file that was checked.
#[derive(Clone, Debug)]
pub struct ReportedFile {
    /// Its name as people know it: as given, or relative to where they stand.
    pub name: String,
    /// Its path from the root of the work tree.
    pub path: String,
    /// Its text, if an excerpt of it is to be shown.
    pub text: Option<FileText>,
}

/// Everything a check found, in the order of files, lines and columns.
#[derive(Clone, Debug, Default)]
pub struct ValidationReport {
    /// The files, in the order they were given, then those that Location entities reach.
    pub files: Vec<ReportedFile>,
    /// What was found.
    pub problems: Vec<ReportedProblem>,
    /// Valid entities in all files.
    pub valid_entities: usize,
}

/// Whether warnings count as errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They are warnings.
    Lenient,
    /// They are errors.
    Strict,
}

impl ValidationReport {
    /// Puts the problems in order, each once, at the severity that counts.
    #[must_use]
    pub fn sorted(mut self, strictness: Strictness) -> Self {
        // Before sorting, which goes by severity. Notes stay notes: what lies in another repository
        // cannot be mended here, however strict the check is.
        if strictness == Strictness::Strict {
            let warnings = self.problems.iter_mut();
            for problem in warnings.filter(|it| it.severity == Severity::Warning) {
                problem.severity = Severity::Error;
            }
        }
        self.problems.sort_by(|a, b| {
            (a.file, a.line, a.column, a.severity, a.rule)
                .cmp(&(b.file, b.line, b.column, b.severity, b.rule))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.problems.dedup();
        self
    }

    /// How many problems have this severity.
    #[must_use]
    pub fn count_problems(&self, severity: Severity) -> usize {
        let problems = self.problems.iter();
        problems.filter(|it| it.severity == severity).count()
    }

    /// Whether the catalog would take everything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.count_problems(Severity::Error) == 0
    }

    /// The file of a problem.
    #[must_use]
    pub fn file_of(&self, problem: &ReportedProblem) -> &ReportedFile {
        &self.files[problem.file]
    }
}
