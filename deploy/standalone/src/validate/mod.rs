//! `freshet validate`: what the catalog would say of files that are not pushed yet.
//!
//! The same reader, model and rules as in the service, applied to a work tree, without a network
//! and without a catalog: quick enough for a hook that runs before each commit. It refuses to guess: what
//! lies in another repository is noted as unchecked, not taken for good or bad. A mistake has the id
//! under which the store shows it once the file is pushed.

mod check;
mod content;
mod cross_check;
mod error;
mod excerpt;
mod file_text;
mod files;
mod inputs;
mod output;
mod placeholders;
mod positions;
mod report;
mod settings;
mod targets;
#[cfg(test)]
mod tests;
mod unfilled;
mod work_tree;
mod work_trees;

use std::io::Read;
use std::path::PathBuf;

pub use error::UsageError;
pub use file_text::FileText;
pub use output::{Colours, ReportFormat, render};
pub use report::{ReportedFile, ReportedProblem, Severity, Strictness, ValidationReport};
pub use work_tree::BaseError;

use files::FileSet;
use inputs::{InputFile, find_inputs};
use settings::CheckSettings;
use work_trees::{GivenPlace, WorkTrees};

/// What to check, and against what.
#[derive(Clone, Debug)]
pub struct ValidateRequest {
    /// Files, directories, and `-` for piped text.
    pub paths: Vec<PathBuf>,
    /// Configuration files, later ones over earlier ones. None: every kind is allowed.
    pub config: Vec<PathBuf>,
    /// The URL under which the root of the work tree lies.
    pub location: Option<String>,
    /// The root of the work tree.
    pub root: Option<PathBuf>,
    /// Whether warnings count as errors.
    pub strictness: Strictness,
}

/// Checks what is asked for.
///
/// # Errors
/// If a path, the location or the configuration cannot be used at all.
pub fn validate_files(
    request: &ValidateRequest,
    stdin: &mut dyn Read,
) -> Result<ValidationReport, UsageError> {
    let mut settings = CheckSettings::read(&request.config)?;
    let bytes_max = settings.limits.file_bytes;
    let mut trees = WorkTrees::new(GivenPlace::read(request)?);
    let mut files = Vec::new();
    for input in find_inputs(&request.paths, &settings)? {
        let file = match input {
            InputFile::Stdin => trees.place_stdin(stdin, bytes_max)?,
            InputFile::OnDisk {
                path,
                name,
                given_directory,
            } => trees.place_file(path, name, given_directory.as_deref())?,
        };
        // A work tree of a GitHub Enterprise Server need not be told that its host is a GitHub.
        settings.add_host(file.tree.host());
        files.push(file);
    }
    let mut set = check::check_files(&settings, files)?;
    // Without a configuration all kinds pass: the default rules need not be this operator's.
    if let Some(rules) = &settings.rules {
        cross_check::report_kinds_not_allowed(&mut set, rules);
    }
    cross_check::report_conflicts(&mut set);
    cross_check::note_unknown_references(&mut set, &settings.limits);
    set.sum_up_notes();
    Ok(make_report(set, bytes_max).sorted(request.strictness))
}

fn make_report(set: FileSet, bytes_max: usize) -> ValidationReport {
    let mut files: Vec<ReportedFile> = set
        .files
        .iter()
        .map(|file| ReportedFile {
            name: file.name.clone(),
            path: file.path.clone(),
            text: None,
        })
        .collect();
    for problem in &set.problems {
        let file = &mut files[problem.file];
        if problem.severity != Severity::Note && file.text.is_none() {
            // Read once more rather than kept: most files have no problem, and there may be thousands.
            let bytes = set.files[problem.file].content.read(bytes_max);
            file.text = bytes.ok().map(|bytes| FileText::new(&bytes));
        }
    }
    ValidationReport {
        files,
        problems: set.problems,
        valid_entities: set.checked.iter().map(|it| it.valid.len()).sum(),
    }
}
