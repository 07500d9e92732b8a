//! From what a job wants and what GitHub showed to what is true, or to the next question. Pure.
//!
//! Head and blobs must belong to one commit, for the ledger later skips pushes by comparing
//! heads: a head recorded with the blobs of its parent would hide a change for good. So a push is
//! read at the commit it names, and a reading by branch is final only if it shows nothing moved;
//! everything else is asked again, pinned to the head that was shown.
//!
//! A file is absent only if the same answer shows the repository and the commit, and no error
//! for the file. GitHub answers "not found" for what it will not show.

mod plan;
mod push;
mod question;
mod shown;
mod staleness;

use std::collections::BTreeMap;

use freshet_model::GitRef;
use freshet_proto::message::{Dependency, Repository, RepositoryTarget};

pub use self::plan::{DependencyState, ReadPlan, git_ref_of, repository_of};
pub use self::push::forget_old_push;
use self::push::{is_behind, is_null_commit};
use self::question::fill_in;
pub use self::question::{QuestionBase, RepositoryQuestion};
pub use self::shown::{ObjectShown, RefKind, RepositoryShown, TextShown};
use self::staleness::{find_obstacle, find_unread, find_worst, has_moved, is_stale};
use crate::failure::Failure;
use crate::source::fetched::Fetched;

/// What is missing if a repository does not have a ref.
pub fn describe_missing_ref(git_ref: &GitRef) -> String {
    match git_ref {
        GitRef::DefaultBranch => "the repository has no commits".to_owned(),
        GitRef::Named(name) => format!("the repository has no branch, tag or commit {name}"),
    }
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The state of the source.
    Read(RepositoryReading),
    /// Ask again, like this.
    AskAgain(RepositoryQuestion),
    /// GitHub still shows the head from before the push, or not yet the commit.
    Behind {
        /// The head it shows; empty if none.
        shown_head: String,
    },
    /// The answer proves nothing.
    Failed(Failure),
}

/// The state of one repository, files not parsed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryReading {
    /// Its identity and names now.
    pub repository: Repository,
    /// The commit that was read; empty if there is none.
    pub head: String,
    /// One per file of the reading list, in its order.
    pub locations: Vec<LocationRead>,
    /// What is at each other path that was asked for: what the files depend on.
    pub same_commit_objects: BTreeMap<String, ObjectShown>,
}

/// The state of one wanted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationRead {
    /// The path.
    pub path: String,
    /// What is there.
    pub found: FileFound,
}

/// What is at one wanted path, compared with what we hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileFound {
    /// All there is to know. Unchanged only if what it depends on is as well.
    Fetched(Fetched),
    /// Another blob, or one that depends on another, to be read raw.
    RawBlob {
        /// Its id.
        oid: String,
        /// Its size in bytes.
        size: u64,
    },
}

/// Most paths of one repository whose texts are asked for before it is known that they changed.
const TEXTS_AT_ONCE_MAX: usize = 20;

/// The first question about a repository.
///
/// A push that gets this far touched a wanted file or cannot prove that it did not, so its texts
/// are asked for at once. A sweep asks for the texts it does not hold, and for blob ids elsewhere.
#[must_use]
pub fn first_question(plan: &ReadPlan) -> RepositoryQuestion {
    let target = &plan.target;
    // Of a branch that was deleted there is no commit to be read at.
    let pushed = !target.after.is_empty()
        && !is_null_commit(&target.after)
        && target.after != target.held_head;
    // A push touches a file or two, so the texts of a long list would mostly be read for nothing.
    let few = target.wanted.len() <= TEXTS_AT_ONCE_MAX;
    let texts = target
        .wanted
        .iter()
        .map(|path| few && (pushed || path.held_blob.is_empty()))
        .collect();
    let base = if pushed {
        QuestionBase::Pushed(target.after.clone())
    } else {
        QuestionBase::Branch
    };
    RepositoryQuestion::new(base, texts)
}

/// Decides what an answer to `question` says about the plan's repository; `elsewhere` says of each of its
/// files what became of the dependencies that are not in the answer.
#[must_use]
pub fn evaluate_answer(
    plan: &ReadPlan,
    elsewhere: impl Fn(&Dependency) -> DependencyState,
    question: &RepositoryQuestion,
    mut shown: RepositoryShown,
) -> AnswerOutcome {
    let target = &plan.target;
    // Blob ids say the same text at any commit, so what an earlier answer showed need not be shown
    // again.
    fill_in(&mut shown.objects, &question.known);
    // First of all: a name that was given to another repository since must not move our files
    // there.
    if let Some(failure) = find_other_repository(target, &shown.repository) {
        return AnswerOutcome::Failed(failure);
    }
    let head = shown.head.as_deref().unwrap_or_default();
    if is_behind(target, head) {
        return AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        };
    }
    // An empty repository or a branch that is not there; both are answers and no errors.
    if head.is_empty() {
        return answer_without_head(plan, shown);
    }
    let elsewhere: Vec<DependencyState> = plan
        .files
        .iter()
        .map(|needs| find_worst(needs.elsewhere.iter().map(&elsewhere)))
        .collect();
    match &question.base {
        // Head and blobs of one answer need not be of one commit: GitHub does not promise a
        // snapshot.
        QuestionBase::Branch if has_moved(target, &shown, head) => {
            let unread = find_unread(plan, &elsewhere, &shown.objects);
            AnswerOutcome::AskAgain(RepositoryQuestion::ask_again(head, unread, shown.objects))
        }
        QuestionBase::Branch => read_at_commit(plan, &elsewhere, head.to_owned(), shown),
        // A commit that GitHub does not know yet: whatever head it shows is older.
        QuestionBase::Pushed(_) if !shown.commit_shown => AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        },
        // A later push, which probably changed the same files again.
        QuestionBase::Pushed(commit) if commit != head => AnswerOutcome::AskAgain(
            RepositoryQuestion::new(QuestionBase::Shown(head.to_owned()), question.texts.clone()),
        ),
        QuestionBase::Shown(_) if !shown.commit_shown => AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        },
        QuestionBase::Pushed(commit) | QuestionBase::Shown(commit) => {
            read_at_commit(plan, &elsewhere, commit.clone(), shown)
        }
    }
}

fn find_other_repository(target: &RepositoryTarget, shown: &Repository) -> Option<Failure> {
    let wanted = target
        .repository
        .as_ref()
        .map_or(0, |repository| repository.id);
    (wanted != 0 && wanted != shown.id).then(|| {
        Failure::not_visible(format!(
            "{}/{} is another repository now",
            shown.owner, shown.name
        ))
    })
}

fn answer_without_head(plan: &ReadPlan, shown: RepositoryShown) -> AnswerOutcome {
    let target = &plan.target;
    let reason = if shown.is_empty {
        "the repository has no commits".to_owned()
    } else if git_ref_of(&target.r#ref).is_default_branch() {
        return AnswerOutcome::Failed(Failure::unreadable(
            "the repository shows no default branch",
        ));
    } else {
        describe_missing_ref(&git_ref_of(&target.r#ref))
    };
    let absent = |path: &str| LocationRead {
        path: path.to_owned(),
        found: FileFound::Fetched(Fetched::absent_because(reason.clone())),
    };
    AnswerOutcome::Read(RepositoryReading {
        repository: shown.repository,
        head: String::new(),
        locations: target
            .wanted
            .iter()
            .take(plan.files.len())
            .map(|wanted| absent(&wanted.path))
            .collect(),
        same_commit_objects: BTreeMap::new(),
    })
}

fn read_at_commit(
    plan: &ReadPlan,
    elsewhere: &[DependencyState],
    head: String,
    shown: RepositoryShown,
) -> AnswerOutcome {
    let unread = find_unread(plan, elsewhere, &shown.objects);
    let is_missing = |(unread, object): (&bool, &ObjectShown)| {
        *unread
            && matches!(
                object,
                ObjectShown::Blob {
                    text: TextShown::NotQueried,
                    ..
                }
            )
    };
    if unread.iter().zip(&shown.objects).any(is_missing) {
        return AnswerOutcome::AskAgain(RepositoryQuestion::ask_again(
            &head,
            unread,
            shown.objects,
        ));
    }
    let failures: Vec<Option<Failure>> = elsewhere
        .iter()
        .enumerate()
        .map(|(index, elsewhere)| find_obstacle(plan, index, elsewhere, &shown.objects))
        .collect();
    let stale: Vec<bool> = elsewhere
        .iter()
        .enumerate()
        .map(|(index, elsewhere)| is_stale(plan, index, elsewhere, &shown.objects))
        .collect();
    let mut objects = plan.target.wanted.iter().zip(shown.objects);
    let locations = objects
        .by_ref()
        .take(plan.files.len())
        .zip(failures)
        .zip(stale)
        .map(|(((wanted, object), failure), stale)| LocationRead {
            path: wanted.path.clone(),
            found: match failure {
                Some(failure) => FileFound::Fetched(Fetched::Failed(failure)),
                None => find_file(stale, object, &head),
            },
        })
        .collect();
    let same_commit_objects = objects
        .map(|(wanted, object)| (wanted.path.clone(), object))
        .collect();
    AnswerOutcome::Read(RepositoryReading {
        repository: shown.repository,
        head,
        locations,
        same_commit_objects,
    })
}

fn find_file(stale: bool, object: ObjectShown, head: &str) -> FileFound {
    let fetched = match object {
        ObjectShown::Absent => Fetched::absent(format!("not at commit {head}")),
        ObjectShown::NotAFile => Fetched::absent(format!("no file at commit {head}")),
        ObjectShown::Unreadable(message) => Fetched::Failed(Failure::unreadable(message)),
        ObjectShown::Blob { oid, .. } if !stale => Fetched::Unchanged { version: oid },
        ObjectShown::Blob {
            oid,
            text: TextShown::Text(text),
            ..
        } => Fetched::Content {
            version: oid,
            bytes: text.into(),
        },
        ObjectShown::Blob {
            oid,
            size,
            text: TextShown::OnlyRaw | TextShown::NotQueried,
        } => return FileFound::RawBlob { oid, size },
    };
    FileFound::Fetched(fetched)
}

#[cfg(test)]
mod dependency_tests;
#[cfg(test)]
mod tests;
