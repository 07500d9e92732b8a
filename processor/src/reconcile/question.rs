//! What to ask about one repository, and what need not be asked again.

use std::collections::BTreeMap;

use super::shown::{ObjectShown, TextShown};

/// What to ask about one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryQuestion {
    /// Where to look.
    pub base: QuestionBase,
    /// For each path of the plan whether its text is asked for, or only its blob id.
    pub texts: Vec<bool>,
    /// Texts that earlier answers showed, by blob id; they are not asked for again.
    pub known: BTreeMap<String, TextShown>,
}

impl RepositoryQuestion {
    /// A question of which nothing is known yet.
    #[must_use]
    pub fn new(base: QuestionBase, texts: Vec<bool>) -> Self {
        Self {
            base,
            texts,
            known: BTreeMap::new(),
        }
    }

    /// Asks at `head` for the texts of these paths, unless the objects show them.
    pub(super) fn ask_again(head: &str, texts: Vec<bool>, objects: Vec<ObjectShown>) -> Self {
        let mut known = BTreeMap::new();
        let texts = texts
            .into_iter()
            .zip(objects)
            .map(|(wanted, object)| match object {
                ObjectShown::Blob {
                    text: TextShown::NotQueried,
                    ..
                } => wanted,
                ObjectShown::Blob { oid, text, .. } => {
                    // By blob id: the same file at the next commit has the same id unless it
                    // changed.
                    known.insert(oid, text);
                    false
                }
                ObjectShown::Absent | ObjectShown::NotAFile | ObjectShown::Unreadable(_) => wanted,
            })
            .collect();
        Self {
            base: QuestionBase::Shown(head.to_owned()),
            texts,
            known,
        }
    }
}

/// Where to look for the wanted paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuestionBase {
    /// At the branch, wherever it is now.
    Branch,
    /// At the commit a push brought; good only if the branch shows it as its head.
    Pushed(String),
    /// At a commit that was shown as the head of the branch.
    Shown(String),
}

impl QuestionBase {
    /// The commit, if the question is pinned to one.
    #[must_use]
    pub fn commit(&self) -> Option<&str> {
        match self {
            Self::Branch => None,
            Self::Pushed(commit) | Self::Shown(commit) => Some(commit),
        }
    }
}

/// Adds the texts that are known to objects that are shown without.
pub(super) fn fill_in(objects: &mut [ObjectShown], known: &BTreeMap<String, TextShown>) {
    for object in objects {
        if let ObjectShown::Blob { oid, text, .. } = object
            && *text == TextShown::NotQueried
            && let Some(known) = known.get(oid)
        {
            *text = known.clone();
        }
    }
}
