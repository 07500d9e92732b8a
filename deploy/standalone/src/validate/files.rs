//! The files on their way through the check.

use std::collections::BTreeMap;
use std::rc::Rc;

use freshet_model::location::LocationRef;
use freshet_model::{EntityRef, Problem, RuleId};
use freshet_processor::catalog_file::DeclaredKind;
use freshet_processor::yaml::TextPosition;

use super::content::FileContent;
use super::report::ReportedProblem;
use super::work_tree::WorkTree;

/// Most notes of one kind about one file; the rest of them is counted.
const NOTES_OF_A_KIND_MAX: usize = 10;

/// A file to check.
#[derive(Clone, Debug)]
pub(super) struct FileToCheck {
    /// Its name as people know it.
    pub(super) name: String,
    /// Its path from the root of the work tree.
    pub(super) path: String,
    /// The work tree.
    // Shared, because a tree lists its files once, and all files of it match patterns against that.
    pub(super) tree: Rc<WorkTree>,
    /// What to read.
    pub(super) content: FileContent,
    /// The given file that led here: `catalog.rules` judge by the root, not by the file.
    pub(super) origin: Option<LocationRef>,
}

/// What is known of a file once it was read.
#[derive(Debug, Default)]
pub(super) struct CheckedFile {
    /// The documents that say which entity they are about, valid or not.
    pub(super) declared: Vec<DeclaredKind>,
    /// The valid entities, each with where its document starts.
    pub(super) valid: Vec<(EntityRef, TextPosition)>,
    /// Whether the catalog takes nothing of the file: it is invalid as a whole, or a kind in it is not allowed.
    pub(super) is_refused: bool,
    /// Which entity refers to which, in file order.
    pub(super) references: Vec<EntityReference>,
}

/// One entity refers to another.
#[derive(Debug)]
pub(super) struct EntityReference {
    /// Where the document of the one starts.
    pub(super) document: TextPosition,
    /// The other.
    pub(super) target: EntityRef,
}

/// All files with what was found in them. An index is that of a file in all of it.
#[derive(Default)]
pub(super) struct FileSet {
    /// The files, in the order in which they were come upon.
    pub(super) files: Vec<FileToCheck>,
    /// What is known of each, as far as they were read.
    pub(super) checked: Vec<CheckedFile>,
    /// What was found.
    pub(super) problems: Vec<ReportedProblem>,
    /// How many notes of a kind there are about a file, and where the last one is that was kept.
    notes: BTreeMap<(usize, RuleId), (usize, TextPosition)>,
}

impl FileSet {
    /// Files with what is known of them.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&FileToCheck, &CheckedFile)> {
        // A file is in the list before it was read, because Location entities add to the end of it.
        self.files.iter().zip(&self.checked)
    }

    /// Reports what the owners of files must mend, each with the index of its file.
    pub(super) fn add_problems(&mut self, problems: Vec<(usize, Problem)>) {
        for (file, problem) in problems {
            self.add_problem(file, problem);
        }
    }

    /// Reports what the owner of a file must mend.
    pub(super) fn add_problem(&mut self, file: usize, problem: Problem) {
        self.problems.push(ReportedProblem::new(file, problem));
    }

    /// Reports what could not be looked at. Where that is, and what to say, is asked only if it is
    /// not one of very many.
    pub(super) fn add_note(
        &mut self,
        file: usize,
        rule: RuleId,
        note: impl FnOnce() -> (TextPosition, String),
    ) {
        let (count, last) = self
            .notes
            .entry((file, rule))
            .or_insert((0, TextPosition::START));
        *count += 1;
        if *count > NOTES_OF_A_KIND_MAX {
            return;
        }
        let (at, message) = note();
        *last = at;
        self.problems
            .push(ReportedProblem::note(file, rule, at, message));
    }

    /// Says once how many notes there would have been besides those that were kept.
    pub(super) fn sum_up_notes(&mut self) {
        for ((file, rule), (count, last)) in std::mem::take(&mut self.notes) {
            let left_out = count.saturating_sub(NOTES_OF_A_KIND_MAX);
            if left_out > 0 {
                let message = format!("there are {left_out} more notes of this kind in the file");
                self.problems
                    .push(ReportedProblem::note(file, rule, last, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_very_many_notes_only_those_that_are_kept_are_work() {
        let mut set = FileSet::default();
        let mut looked_for = 0;
        // As many as one entity with so many references to nobody has.
        for _ in 0..8_000 {
            set.add_note(0, RuleId::ReferenceUnknown, || {
                looked_for += 1;
                (TextPosition::START, "nobody declares it".to_owned())
            });
        }
        set.sum_up_notes();
        assert_eq!(looked_for, NOTES_OF_A_KIND_MAX);
        assert_eq!(set.problems.len(), NOTES_OF_A_KIND_MAX + 1);
    }
}
