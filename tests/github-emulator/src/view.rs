//! What one API request sees of a repository: taken once, so that a head and the files below it agree.

use std::collections::HashSet;
use std::sync::Arc;

use gix::objs::tree::EntryKind;

use crate::git::{FileEntry, Oid, Snapshot};
use crate::repository::{Facts, Repository};

/// What one API request sees of a repository.
#[derive(Clone)]
pub(super) struct View {
    pub(super) repository: Arc<Repository>,
    pub(super) facts: Arc<Facts>,
    /// Commits of a push that is not shown yet.
    pub(super) hidden: HashSet<Oid>,
}

/// Something a revision and a path lead to.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Commit(Oid),
    /// An annotated tag, and the commit it is put on.
    Tag {
        oid: Oid,
        commit: Oid,
    },
    Tree {
        oid: Oid,
        path: String,
        snapshot: Arc<Snapshot>,
    },
    File {
        path: String,
        entry: FileEntry,
    },
}

impl View {
    /// Follows GitHub's `expression`: `HEAD`, `main`, `<sha>`, each also with `:path`.
    pub(super) fn resolve(&self, expression: &str) -> Option<Found> {
        let (revision, path) = match expression.split_once(':') {
            Some((revision, path)) => (revision, Some(path)),
            None => (expression, None),
        };
        let commit = self.commit(revision);
        if let (Some(tag), Some(commit), None) = (self.tag(revision), commit, path) {
            return Some(Found::Tag { oid: tag, commit });
        }
        match (commit, path) {
            (Some(commit), None) => Some(Found::Commit(commit)),
            (Some(commit), Some(path)) => self.entry(commit, path),
            (None, None) => self.object(revision),
            (None, Some(_)) => None,
        }
    }

    /// The commit a revision names.
    pub(super) fn commit(&self, revision: &str) -> Option<Oid> {
        if revision == "HEAD" {
            return self.facts.head();
        }
        if let Some(oid) = self.find_ref(revision) {
            return Some(self.repository.peel(oid));
        }
        let oid = full_oid(revision).or_else(|| self.repository.find_short(revision))?;
        (!self.hidden.contains(&oid) && self.repository.snapshot(oid).is_some()).then_some(oid)
    }

    fn find_ref(&self, revision: &str) -> Option<Oid> {
        let candidates = [
            revision.to_owned(),
            format!("refs/heads/{revision}"),
            format!("refs/tags/{revision}"),
        ];
        let found = candidates.iter().map(|name| self.facts.refs.get(name));
        found.flatten().next().copied()
    }

    /// The tag object a revision names, if the tag has one.
    fn tag(&self, revision: &str) -> Option<Oid> {
        let oid = self.find_ref(revision)?;
        (self.repository.peel(oid) != oid).then_some(oid)
    }

    /// A file or directory of a commit; the empty path is the root tree.
    pub(super) fn entry(&self, commit: Oid, path: &str) -> Option<Found> {
        let snapshot = self.repository.snapshot(commit)?;
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return snapshot.root.map(|oid| Found::Tree {
                oid,
                path: String::new(),
                snapshot,
            });
        }
        if let Some(entry) = snapshot.files.get(path) {
            // The commit of a submodule is in another repository.
            if entry.kind == EntryKind::Commit {
                return None;
            }
            return Some(Found::File {
                path: path.to_owned(),
                entry: *entry,
            });
        }
        let oid = *snapshot.directories.get(path)?;
        Some(Found::Tree {
            oid,
            path: path.to_owned(),
            snapshot,
        })
    }

    /// An object named by its own id: a blob, or the root tree of a commit we hold.
    fn object(&self, revision: &str) -> Option<Found> {
        let oid = full_oid(revision)?;
        self.repository.blob(oid)?;
        Some(Found::File {
            path: String::new(),
            entry: FileEntry {
                kind: EntryKind::Blob,
                oid,
            },
        })
    }
}

fn full_oid(revision: &str) -> Option<Oid> {
    (revision.len() == 40)
        .then(|| Oid::from_hex(revision.as_bytes()).ok())
        .flatten()
}
