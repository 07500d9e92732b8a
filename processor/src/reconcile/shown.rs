//! What GitHub shows of a repository, in words of our own.

use freshet_proto::message::Repository;

/// What GitHub showed of one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryShown {
    /// Its identity and names now.
    pub repository: Repository,
    /// Whether it has no commits at all.
    pub is_empty: bool,
    /// Head of the wanted branch; `None` if the branch does not exist.
    pub head: Option<String>,
    /// As what the wanted ref was found.
    pub at_ref: RefKind,
    /// Whether the commit of a pinned question could be read; true for a question by branch.
    pub commit_shown: bool,
    /// For each wanted path what is there.
    pub objects: Vec<ObjectShown>,
}

/// As what a ref was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefKind {
    /// As what it was asked for with its files.
    Expected,
    /// As a tag or the beginning of a commit's id: its files were not asked for there.
    Other,
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
    NotQueried,
    /// Complete.
    Text(String),
    /// Binary or too long for GraphQL: to be read as a raw blob.
    OnlyRaw,
}
