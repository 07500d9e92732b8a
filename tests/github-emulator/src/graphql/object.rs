//! Git objects and refs of a repository.

use async_graphql::{Context, ID, Interface, Object};
use bytes::Bytes;
use gix::objs::tree::EntryKind;

use super::engine;
use super::scalar::{DateTime, GitObjectId, Uri};
use crate::git::{CommitRecord, FileEntry, Oid};
use crate::payload::text_time;
use crate::view::{Found, View};

/// Text beyond this many bytes is cut and the blob is marked as truncated.
const TEXT_BYTES_MAX: usize = 512_000;
/// A NUL within this many bytes makes a blob binary, as in git.
const BINARY_LOOK_BYTES: usize = 8000;
const SHORT_OID: usize = 7;

/// A commit, a tree or a blob.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The global id."),
    field(name = "oid", ty = "GitObjectId", desc = "The id of the git object."),
    field(
        name = "abbreviated_oid",
        ty = "String",
        desc = "The first digits of the id."
    ),
    field(name = "commit_url", ty = "Uri", desc = "The HTML page.")
)]
pub(super) enum GitObject {
    Commit(CommitNode),
    Tag(TagNode),
    Tree(TreeNode),
    Blob(BlobNode),
}

impl GitObject {
    pub(super) fn of(view: &View, found: Found) -> Self {
        let view = view.clone();
        match found {
            Found::Commit(oid) => Self::Commit(CommitNode { view, oid }),
            Found::Tag { oid, commit } => Self::Tag(TagNode { view, oid, commit }),
            Found::Tree {
                oid,
                path,
                snapshot,
            } => Self::Tree(TreeNode {
                view,
                oid,
                path,
                snapshot,
            }),
            Found::File { entry, .. } => Self::Blob(BlobNode {
                view,
                oid: entry.oid,
            }),
        }
    }
}

fn global_id(view: &View, prefix: &str, oid: Oid) -> ID {
    ID(format!("{prefix}_{}:{oid}", view.repository.node_id))
}

fn page_of(context: &Context<'_>, view: &View, oid: Oid) -> Uri {
    Uri(format!(
        "{}/{}/commit/{oid}",
        engine(context).web,
        view.facts.full_name()
    ))
}

/// A branch or tag.
pub(super) struct RefNode {
    view: View,
    name: String,
    target: Oid,
}

impl RefNode {
    pub(super) fn find(view: &View, name: &str) -> Option<Self> {
        let target = *view.facts.refs.get(name)?;
        Some(Self {
            view: view.clone(),
            name: name.to_owned(),
            target,
        })
    }
}

#[Object(name = "Ref")]
impl RefNode {
    async fn id(&self) -> ID {
        ID(format!(
            "REF_{}:{}",
            self.view.repository.node_id, self.name
        ))
    }

    async fn name(&self) -> &str {
        self.name.splitn(3, '/').nth(2).unwrap_or(&self.name)
    }

    async fn prefix(&self) -> &str {
        if self.name.starts_with("refs/tags/") {
            "refs/tags/"
        } else {
            "refs/heads/"
        }
    }

    async fn target(&self) -> Option<GitObject> {
        Some(GitObject::Commit(CommitNode {
            view: self.view.clone(),
            oid: self.target,
        }))
    }
}

/// A commit.
pub(super) struct CommitNode {
    view: View,
    oid: Oid,
}

impl CommitNode {
    fn record(&self) -> async_graphql::Result<CommitRecord> {
        self.view
            .repository
            .commit_record(self.oid)
            .ok_or_else(|| "Something went wrong while executing your query.".into())
    }
}

#[Object(name = "Commit")]
impl CommitNode {
    async fn id(&self) -> ID {
        global_id(&self.view, "C", self.oid)
    }

    async fn oid(&self) -> GitObjectId {
        GitObjectId(self.oid.to_string())
    }

    async fn abbreviated_oid(&self) -> String {
        self.oid.to_hex_with_len(SHORT_OID).to_string()
    }

    async fn commit_url(&self, context: &Context<'_>) -> Uri {
        page_of(context, &self.view, self.oid)
    }

    async fn url(&self, context: &Context<'_>) -> Uri {
        page_of(context, &self.view, self.oid)
    }

    async fn message(&self) -> async_graphql::Result<String> {
        Ok(self.record()?.message)
    }

    async fn message_headline(&self) -> async_graphql::Result<String> {
        Ok(self
            .record()?
            .message
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned())
    }

    async fn committed_date(&self) -> async_graphql::Result<DateTime> {
        Ok(DateTime(text_time(self.record()?.time)))
    }

    async fn authored_date(&self) -> async_graphql::Result<DateTime> {
        Ok(DateTime(text_time(self.record()?.time)))
    }

    async fn tree(&self) -> async_graphql::Result<TreeNode> {
        let found = self.view.entry(self.oid, "");
        match found {
            Some(Found::Tree {
                oid,
                path,
                snapshot,
            }) => Ok(TreeNode {
                view: self.view.clone(),
                oid,
                path,
                snapshot,
            }),
            Some(Found::Commit(_) | Found::Tag { .. } | Found::File { .. }) | None => {
                Err("Something went wrong while executing your query.".into())
            }
        }
    }

    async fn file(&self, path: String) -> Option<TreeEntryNode> {
        match self.view.entry(self.oid, &path)? {
            Found::File { path, entry } => Some(TreeEntryNode {
                view: self.view.clone(),
                path,
                entry,
            }),
            Found::Tree { oid, path, .. } => Some(TreeEntryNode {
                view: self.view.clone(),
                path,
                entry: FileEntry {
                    kind: EntryKind::Tree,
                    oid,
                },
            }),
            Found::Commit(_) | Found::Tag { .. } => None,
        }
    }
}

/// An annotated tag.
pub(super) struct TagNode {
    view: View,
    oid: Oid,
    commit: Oid,
}

#[Object(name = "Tag")]
impl TagNode {
    async fn id(&self) -> ID {
        global_id(&self.view, "TA", self.oid)
    }

    async fn oid(&self) -> GitObjectId {
        GitObjectId(self.oid.to_string())
    }

    async fn abbreviated_oid(&self) -> String {
        self.oid.to_hex_with_len(SHORT_OID).to_string()
    }

    async fn commit_url(&self, context: &Context<'_>) -> Uri {
        page_of(context, &self.view, self.commit)
    }

    async fn target(&self) -> GitObject {
        GitObject::Commit(CommitNode {
            view: self.view.clone(),
            oid: self.commit,
        })
    }
}

/// A directory.
pub(super) struct TreeNode {
    view: View,
    oid: Oid,
    path: String,
    snapshot: std::sync::Arc<crate::git::Snapshot>,
}

#[Object(name = "Tree")]
impl TreeNode {
    async fn id(&self) -> ID {
        global_id(&self.view, "T", self.oid)
    }

    async fn oid(&self) -> GitObjectId {
        GitObjectId(self.oid.to_string())
    }

    async fn abbreviated_oid(&self) -> String {
        self.oid.to_hex_with_len(SHORT_OID).to_string()
    }

    async fn commit_url(&self, context: &Context<'_>) -> Uri {
        page_of(context, &self.view, self.oid)
    }

    async fn entries(&self) -> Option<Vec<TreeEntryNode>> {
        let prefix = if self.path.is_empty() {
            String::new()
        } else {
            format!("{}/", self.path)
        };
        let inside = |path: &str| {
            path.strip_prefix(&prefix)
                .is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        };
        let directories = self.snapshot.directories.iter().map(|(path, oid)| {
            (
                path,
                FileEntry {
                    kind: EntryKind::Tree,
                    oid: *oid,
                },
            )
        });
        let files = self
            .snapshot
            .files
            .iter()
            .map(|(path, entry)| (path, *entry));
        let mut entries: Vec<TreeEntryNode> = directories
            .chain(files)
            .filter(|(path, _)| inside(path))
            .map(|(path, entry)| TreeEntryNode {
                view: self.view.clone(),
                path: path.clone(),
                entry,
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Some(entries)
    }
}

/// A file.
pub(super) struct BlobNode {
    view: View,
    oid: Oid,
}

impl BlobNode {
    fn content(&self) -> Bytes {
        self.view.repository.blob(self.oid).unwrap_or_default()
    }
}

#[Object(name = "Blob")]
impl BlobNode {
    async fn id(&self) -> ID {
        global_id(&self.view, "B", self.oid)
    }

    async fn oid(&self) -> GitObjectId {
        GitObjectId(self.oid.to_string())
    }

    async fn abbreviated_oid(&self) -> String {
        self.oid.to_hex_with_len(SHORT_OID).to_string()
    }

    async fn commit_url(&self, context: &Context<'_>) -> Uri {
        page_of(context, &self.view, self.oid)
    }

    async fn byte_size(&self) -> usize {
        self.content().len()
    }

    async fn is_binary(&self) -> Option<bool> {
        Some(is_binary(&self.content()))
    }

    async fn is_truncated(&self) -> bool {
        self.content().len() > TEXT_BYTES_MAX
    }

    async fn text(&self) -> Option<String> {
        self.view.repository.note_reading();
        let content = self.content();
        let shown = &content[..content.len().min(TEXT_BYTES_MAX)];
        (!is_binary(&content)).then(|| String::from_utf8_lossy(shown).into_owned())
    }
}

fn is_binary(content: &[u8]) -> bool {
    content[..content.len().min(BINARY_LOOK_BYTES)].contains(&0)
}

/// A line of a directory.
pub(super) struct TreeEntryNode {
    view: View,
    path: String,
    entry: FileEntry,
}

#[Object(name = "TreeEntry")]
impl TreeEntryNode {
    async fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    async fn path(&self) -> Option<&str> {
        Some(&self.path)
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> &str {
        match self.entry.kind {
            EntryKind::Tree => "tree",
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => "blob",
            EntryKind::Commit => "commit",
        }
    }

    async fn mode(&self) -> i32 {
        i32::from(self.entry.kind as u16)
    }

    async fn oid(&self) -> GitObjectId {
        GitObjectId(self.entry.oid.to_string())
    }

    async fn size(&self) -> usize {
        self.view
            .repository
            .blob(self.entry.oid)
            .map_or(0, |content| content.len())
    }

    async fn object(&self) -> Option<GitObject> {
        match self.entry.kind {
            EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link => {
                Some(GitObject::Blob(BlobNode {
                    view: self.view.clone(),
                    oid: self.entry.oid,
                }))
            }
            EntryKind::Tree | EntryKind::Commit => self
                .view
                .resolve(&format!("HEAD:{}", self.path))
                .map(|found| GitObject::of(&self.view, found)),
        }
    }
}
