//! What happens to branches and tags, and to what in a repository is no ordinary file.

use anyhow::{Context, Result};
use gix::objs::tree::EntryKind;

use crate::engine::Onto;
use crate::handle::{CommitSha, GithubEmulator};

impl GithubEmulator {
    /// Tags the head of the default branch. No event is sent.
    pub fn tag(&self, full_name: &str, name: &str) -> Result<()> {
        let facts = self.engine.repository(full_name)?.facts();
        let head = facts.head().context("there is a commit to be tagged")?;
        let ref_name = format!("refs/tags/{name}");
        self.engine.move_ref(full_name, &ref_name, Some(head))?;
        Ok(())
    }

    /// Puts an annotated tag on the head of the default branch. No event is sent.
    pub fn annotate_tag(&self, full_name: &str, name: &str) -> Result<()> {
        self.engine.annotate_tag(full_name, name)?;
        Ok(())
    }

    /// Tags the head of the default branch, whatever the tag was on before, and sends the push event.
    pub fn push_tag(&self, full_name: &str, name: &str) -> Result<()> {
        let facts = self.engine.repository(full_name)?.facts();
        let head = facts.head().context("there is a commit to be tagged")?;
        let ref_name = format!("refs/tags/{name}");
        let moved = self.engine.move_ref(full_name, &ref_name, Some(head))?;
        self.announce(&moved);
        Ok(())
    }

    /// The same with an annotated tag, which is an object of its own.
    pub fn push_annotated_tag(&self, full_name: &str, name: &str) -> Result<()> {
        let moved = self.engine.annotate_tag(full_name, name)?;
        self.announce(&moved);
        Ok(())
    }

    /// Deletes a branch and sends the push event.
    pub fn delete_branch(&self, full_name: &str, branch: &str) -> Result<()> {
        let ref_name = format!("refs/heads/{branch}");
        let moved = self.engine.move_ref(full_name, &ref_name, None)?;
        self.announce(&moved);
        Ok(())
    }

    /// Commits a symbolic link to the default branch and sends the push event.
    pub fn link(&self, full_name: &str, path: &str, target: &str) -> Result<CommitSha> {
        self.commit_entry(full_name, path, target, EntryKind::Link)
    }

    /// Commits a submodule to the default branch and sends the push event.
    pub fn add_submodule(&self, full_name: &str, path: &str) -> Result<CommitSha> {
        // Of another repository, so it is no commit of this one.
        const ELSEWHERE: &str = "0123456789abcdef0123456789abcdef01234567";
        self.commit_entry(full_name, path, ELSEWHERE, EntryKind::Commit)
    }

    fn commit_entry(
        &self,
        full_name: &str,
        path: &str,
        content: &str,
        kind: EntryKind,
    ) -> Result<CommitSha> {
        let files = [(path, Some(content.as_bytes()))];
        let message = format!("Add {path}");
        let moved =
            self.engine
                .commit_entries(full_name, None, &files, kind, &message, Onto::Head)?;
        Ok(self.announce(&moved))
    }
}
