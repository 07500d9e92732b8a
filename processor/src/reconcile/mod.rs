//! From what a job wants and what GitHub showed to what is true, or to the next question. Pure.
//!
//! Head and blobs must belong to one commit, for the ledger later skips pushes by comparing
//! heads: a head recorded with the blobs of its parent would hide a change for good. So a push is
//! read at the commit it names, and a reading by branch is final only if it shows nothing moved;
//! everything else is asked again, pinned to the head that was shown.
//!
//! A file is gone only if the same answer shows the repository and the commit, and no error
//! for the file. GitHub answers "not found" for what it will not show.

mod plan;
mod question;

use std::collections::BTreeMap;
use std::time::Duration;

use freshet_proto::message::{Cause, Dependency, Repository, RepositoryTarget};

pub use self::plan::{DependencyState, ReadPlan};
use self::question::fill_in;
pub use self::question::{QuestionBase, RepositoryQuestion};
use crate::failure::Failure;

/// How a `ref` says "the default branch".
pub const DEFAULT_BRANCH: &str = "HEAD";

/// What GitHub showed of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryShown {
    /// Its identity and names now.
    pub repository: Repository,
    /// Whether it has no commits at all.
    pub is_empty: bool,
    /// Head of the wanted branch; `None` if the branch does not exist.
    pub head: Option<String>,
    /// Whether the commit of a pinned question could be read; true for a question by branch.
    pub commit_shown: bool,
    /// For each wanted path what is there.
    pub objects: Vec<ObjectShown>,
}

/// What is at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectShown {
    /// Nothing, and no error said otherwise.
    Absent,
    /// A folder or a submodule.
    NotAFile,
    /// A file.
    Blob {
        /// Its blob id.
        oid: String,
        /// Its size in bytes.
        size: u64,
        /// Its text.
        text: TextShown,
    },
    /// An error instead of an answer.
    Unreadable(String),
}

/// The text of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextShown {
    /// Was not asked for.
    NotAsked,
    /// Complete.
    Text(String),
    /// Binary or too long for GraphQL: to be read as a raw blob.
    OnlyRaw,
}

/// What follows from an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// The state of the source.
    Read(RepositoryReading),
    /// Ask again, like this.
    Again(RepositoryQuestion),
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
    pub beside: BTreeMap<String, ObjectShown>,
}

/// The state of one wanted path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationRead {
    /// The path.
    pub path: String,
    /// What is there.
    pub outcome: LocationOutcome,
}

/// What is at one wanted path, compared with what we hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationOutcome {
    /// The blob we hold, and so is everything it depends on.
    Unchanged {
        /// Its id.
        blob: String,
    },
    /// Another blob, or one that depends on another, with its text.
    Text {
        /// Its id.
        blob: String,
        /// Its text.
        text: String,
    },
    /// The same, to be read raw.
    Raw {
        /// Its id.
        blob: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Proven absent.
    Gone {
        /// What proves it.
        evidence: String,
    },
    /// Not proven either way.
    Failed(Failure),
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
    let pushed = !target.after.is_empty() && target.after != target.held_head;
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
pub fn judge(
    plan: &ReadPlan,
    elsewhere: impl Fn(&Dependency) -> DependencyState,
    question: &RepositoryQuestion,
    mut shown: RepositoryShown,
) -> AnswerOutcome {
    let target = &plan.target;
    fill_in(&mut shown.objects, &question.known);
    if let Some(failure) = other_repository(target, &shown.repository) {
        return AnswerOutcome::Failed(failure);
    }
    let head = shown.head.as_deref().unwrap_or_default();
    if is_behind(target, head) {
        return AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        };
    }
    if head.is_empty() {
        return without_head(plan, shown);
    }
    let elsewhere: Vec<DependencyState> = plan
        .files
        .iter()
        .map(|needs| worst(needs.elsewhere.iter().map(&elsewhere)))
        .collect();
    match &question.base {
        QuestionBase::Branch if moved(target, &shown, head) => {
            let unread = unread(plan, &elsewhere, &shown.objects);
            AnswerOutcome::Again(RepositoryQuestion::again(head, unread, shown.objects))
        }
        QuestionBase::Branch => read_at(plan, &elsewhere, head.to_owned(), shown),
        // A commit that GitHub does not know yet: whatever head it shows is older.
        QuestionBase::Pushed(_) if !shown.commit_shown => AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        },
        // A later push, which probably changed the same files again.
        QuestionBase::Pushed(commit) if commit != head => AnswerOutcome::Again(
            RepositoryQuestion::new(QuestionBase::Shown(head.to_owned()), question.texts.clone()),
        ),
        QuestionBase::Shown(_) if !shown.commit_shown => AnswerOutcome::Behind {
            shown_head: head.to_owned(),
        },
        QuestionBase::Pushed(commit) | QuestionBase::Shown(commit) => {
            read_at(plan, &elsewhere, commit.clone(), shown)
        }
    }
}

/// Drops the memory of a push that is too old to be waited for.
///
/// A branch that still shows the head from before a push may have been set back since, or the hooks
/// came in the wrong order. GitHub's replicas lag by seconds, so after `age_max` the head is the truth.
/// The pushed commit is forgotten with it: when the branch was set back, GitHub collects it some day, and
/// a commit that is not shown would be waited for without end.
pub fn forget_old_push(
    target: &mut RepositoryTarget,
    cause: Option<&Cause>,
    now: i64,
    age_max: Duration,
) {
    let received_at = cause.map_or(0, |cause| cause.received_at);
    let age = u64::try_from(now.saturating_sub(received_at)).unwrap_or(0);
    if received_at > 0 && Duration::from_micros(age) > age_max {
        target.before.clear();
        target.after.clear();
    }
}

fn other_repository(target: &RepositoryTarget, shown: &Repository) -> Option<Failure> {
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

/// Only the head from before the push is behind; any other head is a later push, and as good as ours.
fn is_behind(target: &RepositoryTarget, head: &str) -> bool {
    let before = if is_null_commit(&target.before) {
        ""
    } else {
        &target.before
    };
    !target.after.is_empty()
        && !target.before.is_empty()
        && target.after != before
        && head == before
}

/// GitHub writes the commit before the first and after the last as zeros.
fn is_null_commit(oid: &str) -> bool {
    oid.bytes().all(|byte| byte == b'0')
}

/// What is known of all dependencies of a file: nothing, if nothing is known of one.
fn worst(all: impl Iterator<Item = DependencyState>) -> DependencyState {
    all.fold(DependencyState::Same, |worst, next| match (worst, next) {
        (unknown @ DependencyState::Unknown(_), _) | (_, unknown @ DependencyState::Unknown(_)) => {
            unknown
        }
        (DependencyState::Same, DependencyState::Same) => DependencyState::Same,
        (DependencyState::Differs, _) | (_, DependencyState::Differs) => DependencyState::Differs,
    })
}

fn without_head(plan: &ReadPlan, shown: RepositoryShown) -> AnswerOutcome {
    let target = &plan.target;
    let evidence = if shown.is_empty {
        "the repository has no commits".to_owned()
    } else if target.r#ref == DEFAULT_BRANCH {
        return AnswerOutcome::Failed(Failure::unreadable(
            "the repository shows no default branch",
        ));
    } else {
        format!("the repository has no branch {}", target.r#ref)
    };
    let gone = |path: &str| LocationRead {
        path: path.to_owned(),
        outcome: LocationOutcome::Gone {
            evidence: evidence.clone(),
        },
    };
    AnswerOutcome::Read(RepositoryReading {
        repository: shown.repository,
        head: String::new(),
        locations: target
            .wanted
            .iter()
            .take(plan.files.len())
            .map(|wanted| gone(&wanted.path))
            .collect(),
        beside: BTreeMap::new(),
    })
}

/// Whether a reading by branch shows that something we hold may have moved.
fn moved(target: &RepositoryTarget, shown: &RepositoryShown, head: &str) -> bool {
    let holds_any = target
        .wanted
        .iter()
        .any(|wanted| !wanted.held_blob.is_empty());
    let differs = changed(target, &shown.objects)
        .into_iter()
        .zip(&target.wanted);
    (holds_any && head != target.held_head)
        || differs
            .into_iter()
            .any(|(changed, wanted)| changed && !wanted.held_blob.is_empty())
}

/// For each path whether something else than the held blob is there.
fn changed(target: &RepositoryTarget, objects: &[ObjectShown]) -> Vec<bool> {
    target
        .wanted
        .iter()
        .zip(objects)
        .map(|(wanted, object)| differs(&wanted.held_blob, object))
        .collect()
}

fn differs(held_blob: &str, object: &ObjectShown) -> bool {
    match object {
        ObjectShown::Blob { oid, .. } => oid != held_blob,
        ObjectShown::Absent | ObjectShown::NotAFile => !held_blob.is_empty(),
        ObjectShown::Unreadable(_) => false,
    }
}

/// For each path whether its text is needed: a file that changed or depends on something that did is read
/// again, with all that it depends on.
fn unread(plan: &ReadPlan, elsewhere: &[DependencyState], objects: &[ObjectShown]) -> Vec<bool> {
    let mut unread = vec![false; plan.target.wanted.len()];
    for (index, (needs, elsewhere)) in plan.files.iter().zip(elsewhere).enumerate() {
        if is_stale(plan, index, elsewhere, objects) {
            unread[index] = true;
            for (at, _) in &needs.here {
                unread[*at] = true;
            }
        }
    }
    unread
}

/// Whether a file or anything it depends on is not what it was.
fn is_stale(
    plan: &ReadPlan,
    index: usize,
    elsewhere: &DependencyState,
    objects: &[ObjectShown],
) -> bool {
    let differs_at = |at: usize, held_blob: &str| {
        objects
            .get(at)
            .is_some_and(|object| differs(held_blob, object))
    };
    differs_at(index, &plan.target.wanted[index].held_blob)
        || *elsewhere == DependencyState::Differs
        || plan.files[index]
            .here
            .iter()
            .any(|(at, held_blob)| differs_at(*at, held_blob))
}

fn read_at(
    plan: &ReadPlan,
    elsewhere: &[DependencyState],
    head: String,
    shown: RepositoryShown,
) -> AnswerOutcome {
    let unread = unread(plan, elsewhere, &shown.objects);
    let is_missing = |(unread, object): (&bool, &ObjectShown)| {
        *unread
            && matches!(
                object,
                ObjectShown::Blob {
                    text: TextShown::NotAsked,
                    ..
                }
            )
    };
    if unread.iter().zip(&shown.objects).any(is_missing) {
        return AnswerOutcome::Again(RepositoryQuestion::again(&head, unread, shown.objects));
    }
    let outcomes: Vec<Option<LocationOutcome>> = elsewhere
        .iter()
        .enumerate()
        .map(|(index, elsewhere)| hindered(plan, index, elsewhere, &shown.objects))
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
        .zip(outcomes)
        .zip(stale)
        .map(|(((wanted, object), hindered), stale)| LocationRead {
            path: wanted.path.clone(),
            outcome: hindered.unwrap_or_else(|| outcome_of(stale, object, &head)),
        })
        .collect();
    let beside = objects
        .map(|(wanted, object)| (wanted.path.clone(), object))
        .collect();
    AnswerOutcome::Read(RepositoryReading {
        repository: shown.repository,
        head,
        locations,
        beside,
    })
}

/// Why nothing can be said of a file that is there: something it depends on could not be looked at.
fn hindered(
    plan: &ReadPlan,
    index: usize,
    elsewhere: &DependencyState,
    objects: &[ObjectShown],
) -> Option<LocationOutcome> {
    if !matches!(objects.get(index), Some(ObjectShown::Blob { .. })) {
        return None;
    }
    if let DependencyState::Unknown(failure) = elsewhere {
        return Some(LocationOutcome::Failed(failure.clone()));
    }
    plan.files[index]
        .here
        .iter()
        .find_map(|(at, _)| match objects.get(*at) {
            Some(ObjectShown::Unreadable(message)) => Some(LocationOutcome::Failed(
                Failure::unreadable(message.clone()),
            )),
            _ => None,
        })
}

fn outcome_of(stale: bool, object: ObjectShown, head: &str) -> LocationOutcome {
    match object {
        ObjectShown::Absent => LocationOutcome::Gone {
            evidence: format!("not at commit {head}"),
        },
        ObjectShown::NotAFile => LocationOutcome::Gone {
            evidence: format!("no file at commit {head}"),
        },
        ObjectShown::Unreadable(message) => LocationOutcome::Failed(Failure::unreadable(message)),
        ObjectShown::Blob { oid, .. } if !stale => LocationOutcome::Unchanged { blob: oid },
        ObjectShown::Blob {
            oid,
            text: TextShown::Text(text),
            ..
        } => LocationOutcome::Text { blob: oid, text },
        ObjectShown::Blob {
            oid,
            size,
            text: TextShown::OnlyRaw | TextShown::NotAsked,
        } => LocationOutcome::Raw { blob: oid, size },
    }
}

#[cfg(test)]
mod dependency_tests;
#[cfg(test)]
mod tests;
