//! What a check finds, and all of it together.

use std::borrow::Cow;

use freshet_processor::catalog_file::secrets;

use super::excerpt::Source;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The catalog would refuse it.
    Error,
    /// The catalog would take it, yet somebody should look.
    Warning,
    /// Nothing is wrong that can be seen from here.
    Note,
}

impl Level {
    /// The level in words, the same in every format but where the format has its own.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing worth telling the owner of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Index of the file in the report.
    pub file: usize,
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
    /// How bad it is.
    pub level: Level,
    /// The rule, a stable name.
    pub rule: String,
    /// What it is, in a sentence.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// The entity it is about, as far as that is known.
    pub entity: Option<String>,
}

/// A file that was checked.
#[derive(Clone, Debug)]
pub struct ReportedFile {
    /// Its name as people know it: as given, or relative to where they stand.
    pub name: String,
    /// Its path from the root of the work tree.
    pub path: String,
    /// Its text, if anything was found in it.
    pub source: Option<Source>,
}

/// Everything a check found, in the order of files, lines and columns.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The files, in the order they were given, then those that Location entities reach.
    pub files: Vec<ReportedFile>,
    /// The findings.
    pub findings: Vec<Finding>,
    /// Valid entities in all files.
    pub entities: usize,
}

/// Whether warnings count as errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// They are warnings.
    Lenient,
    /// They are errors.
    Strict,
}

impl Report {
    /// Puts the findings in order, each once, at the level that counts, without any secret.
    pub fn settle(&mut self, strictness: Strictness) {
        for finding in &mut self.findings {
            let entity = finding.entity.iter_mut();
            for text in entity.chain([&mut finding.message, &mut finding.hint]) {
                if let Cow::Owned(blanked) = secrets::blank_secrets(text) {
                    *text = blanked;
                }
            }
        }
        if strictness == Strictness::Strict {
            let warnings = self.findings.iter_mut();
            for finding in warnings.filter(|finding| finding.level == Level::Warning) {
                finding.level = Level::Error;
            }
        }
        self.findings.sort_by(|a, b| {
            (a.file, a.line, a.column, a.level)
                .cmp(&(b.file, b.line, b.column, b.level))
                .then_with(|| a.rule.cmp(&b.rule))
                .then_with(|| a.message.cmp(&b.message))
        });
        self.findings.dedup();
    }

    /// How many findings have this level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level == level)
            .count()
    }

    /// Whether the catalog would take everything.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.count(Level::Error) == 0
    }

    /// The file of a finding.
    #[must_use]
    pub fn file_of(&self, finding: &Finding) -> &ReportedFile {
        &self.files[finding.file]
    }
}
