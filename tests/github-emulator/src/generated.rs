//! Repositories that are in no folder: one commit with one file, which is made anew whenever it is asked for.
//!
//! For organisations of ten thousand repositories with gigabytes of text. Ids are made of a number and
//! not of the content, or all of it would be made and digested before the first question.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use gix::objs::tree::EntryKind;

use crate::git::{FileEntry, Oid, Snapshot};

/// Makes the text of a repository's file from the repository's number.
pub(super) type GeneratedText = dyn Fn(usize) -> String + Send + Sync;

/// The file of a generated repository.
pub(super) struct GeneratedFile {
    path: String,
    number: usize,
    text: Arc<GeneratedText>,
}

impl GeneratedFile {
    pub(super) fn new(path: &str, number: usize, text: Arc<GeneratedText>) -> Self {
        Self {
            path: path.to_owned(),
            number,
            text,
        }
    }

    pub(super) fn content(&self) -> Bytes {
        Bytes::from((self.text)(self.number))
    }

    pub(super) fn commit_id(&self) -> Oid {
        self.id("commit")
    }

    pub(super) fn blob_id(&self) -> Oid {
        self.id("blob")
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let entry = FileEntry {
            kind: EntryKind::Blob,
            oid: self.blob_id(),
        };
        Snapshot {
            root: Some(self.id("tree")),
            files: BTreeMap::from([(self.path.clone(), entry)]),
            directories: BTreeMap::new(),
        }
    }

    fn id(&self, what: &str) -> Oid {
        let named = format!("{what} {}", self.number);
        let (kind, digest) = (gix::objs::Kind::Blob, gix::hash::Kind::Sha1);
        gix::objs::compute_hash(digest, kind, named.as_bytes())
            .expect("a digest of a few bytes can be made")
    }
}
