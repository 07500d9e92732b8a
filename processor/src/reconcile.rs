//! From what a job wants and what GitHub showed to what is true, or to the next question. Pure.
//!
//! Head and blobs must belong to one commit, for the ledger later skips pushes by comparing
//! heads: a head recorded with the blobs of its parent would hide a change for good. So a push is
//! read at the commit it names, and a reading by branch is final only if it shows nothing moved;
//! everything else is asked again, pinned to the head that was shown.
//!
//! A file is gone only if the same answer shows the repository and the commit, and no error
//! for the file. GitHub answers "not found" for what it will not show.

use std::time::Duration;

use freshet_proto::message::{Cause, Repository, RepositoryTarget};

use crate::outcome::Failure;

/// How a `ref` says "the default branch".
pub const DEFAULT_BRANCH: &str = "HEAD";

/// What to ask about one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Where to look.
    pub base: Base,
    /// For each wanted path whether its text is asked for, or only its blob id.
    pub texts: Vec<bool>,
}

/// Where to look for the wanted paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// At the branch, wherever it is now.
    Branch,
    /// At the commit a push brought; good only if the branch shows it as its head.
    Pushed(String),
    /// At a commit that was shown as the head of the branch.
    Shown(String),
}

impl Base {
    /// The commit, if the question is pinned to one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Branch => None,
            Self::Pushed(commit) | Self::Shown(commit) => Some(commit),
        }
    }
}

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
pub enum Verdict {
    /// The state of the source.
    Read(Reading),
    /// Ask again, like this.
    Again(Question),
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
pub struct Reading {
    /// Its identity and names now.
    pub repository: Repository,
    /// The commit that was read; empty if there is none.
    pub head: String,
    /// One per wanted path, in its order.
    pub locations: Vec<LocationRead>,
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
    /// The blob we hold.
    Unchanged {
        /// Its id.
        blob: String,
    },
    /// Another blob, with its text.
    Text {
        /// Its id.
        blob: String,
        /// Its text.
        text: String,
    },
    /// Another blob, to be read raw.
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
pub fn first_question(target: &RepositoryTarget) -> Question {
    let pushed = !target.after.is_empty() && target.after != target.held_head;
    let few = target.wanted.len() <= TEXTS_AT_ONCE_MAX;
    let texts = target
        .wanted
        .iter()
        .map(|path| few && (pushed || path.held_blob.is_empty()))
        .collect();
    let base = if pushed {
        Base::Pushed(target.after.clone())
    } else {
        Base::Branch
    };
    Question { base, texts }
}

/// Decides what an answer to `question` says about `target`.
#[must_use]
pub fn judge(target: &RepositoryTarget, question: &Question, shown: RepositoryShown) -> Verdict {
    if let Some(failure) = other_repository(target, &shown.repository) {
        return Verdict::Failed(failure);
    }
    let head = shown.head.as_deref().unwrap_or_default();
    if is_behind(target, head) {
        return Verdict::Behind {
            shown_head: head.to_owned(),
        };
    }
    if head.is_empty() {
        return without_head(target, shown);
    }
    match &question.base {
        Base::Branch if moved(target, &shown, head) => Verdict::Again(Question {
            base: Base::Shown(head.to_owned()),
            texts: changed(target, &shown.objects),
        }),
        Base::Branch => read_at(target, question, head.to_owned(), shown),
        // A commit that GitHub does not know yet: whatever head it shows is older.
        Base::Pushed(_) if !shown.commit_shown => Verdict::Behind {
            shown_head: head.to_owned(),
        },
        Base::Pushed(commit) if commit != head => Verdict::Again(Question {
            base: Base::Shown(head.to_owned()),
            texts: question.texts.clone(),
        }),
        Base::Shown(_) if !shown.commit_shown => Verdict::Behind {
            shown_head: head.to_owned(),
        },
        Base::Pushed(commit) | Base::Shown(commit) => {
            read_at(target, question, commit.clone(), shown)
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

fn without_head(target: &RepositoryTarget, shown: RepositoryShown) -> Verdict {
    let evidence = if shown.is_empty {
        "the repository has no commits".to_owned()
    } else if target.r#ref == DEFAULT_BRANCH {
        return Verdict::Failed(Failure::unreadable(
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
    Verdict::Read(Reading {
        repository: shown.repository,
        head: String::new(),
        locations: target
            .wanted
            .iter()
            .map(|wanted| gone(&wanted.path))
            .collect(),
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

/// For each wanted path whether something else than the held blob is there.
fn changed(target: &RepositoryTarget, objects: &[ObjectShown]) -> Vec<bool> {
    target
        .wanted
        .iter()
        .zip(objects)
        .map(|(wanted, object)| match object {
            ObjectShown::Blob { oid, .. } => *oid != wanted.held_blob,
            ObjectShown::Absent | ObjectShown::NotAFile => !wanted.held_blob.is_empty(),
            ObjectShown::Unreadable(_) => false,
        })
        .collect()
}

fn read_at(
    target: &RepositoryTarget,
    question: &Question,
    head: String,
    shown: RepositoryShown,
) -> Verdict {
    let missing: Vec<bool> = target
        .wanted
        .iter()
        .zip(&shown.objects)
        .map(|(wanted, object)| {
            matches!(object, ObjectShown::Blob { oid, text: TextShown::NotAsked, .. } if *oid != wanted.held_blob)
        })
        .collect();
    if missing.contains(&true) {
        let texts = missing
            .iter()
            .zip(&question.texts)
            .map(|(missing, asked)| *missing || *asked)
            .collect();
        return Verdict::Again(Question {
            base: Base::Shown(head),
            texts,
        });
    }
    let locations = target
        .wanted
        .iter()
        .zip(shown.objects)
        .map(|(wanted, object)| LocationRead {
            path: wanted.path.clone(),
            outcome: outcome_of(&wanted.held_blob, object, &head),
        })
        .collect();
    Verdict::Read(Reading {
        repository: shown.repository,
        head,
        locations,
    })
}

fn outcome_of(held_blob: &str, object: ObjectShown, head: &str) -> LocationOutcome {
    match object {
        ObjectShown::Absent => LocationOutcome::Gone {
            evidence: format!("not at commit {head}"),
        },
        ObjectShown::NotAFile => LocationOutcome::Gone {
            evidence: format!("no file at commit {head}"),
        },
        ObjectShown::Unreadable(message) => LocationOutcome::Failed(Failure::unreadable(message)),
        ObjectShown::Blob { oid, .. } if oid == held_blob => {
            LocationOutcome::Unchanged { blob: oid }
        }
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
mod tests;
