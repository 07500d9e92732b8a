//! One verb per thing that can happen on GitHub.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::engine::{Moved, Onto};
use crate::generated::{GeneratedFile, GeneratedText};
use crate::handle::{CommitSha, GithubEmulator, PreparedPush};
use crate::payload::hex_or_zeros;
use crate::repository::RepoOptions;
use crate::world::{Member, Team};

/// What happens on GitHub. Methods fail if a repository or organisation they name does not exist.
impl GithubEmulator {
    /// Makes an organisation, if there is none of that name, and returns its id.
    pub fn create_org(&self, login: &str) -> u64 {
        self.engine.create_org(login).id
    }

    /// Makes an empty repository and returns its id. No event is sent.
    pub fn create_repo(&self, org: &str, name: &str, options: RepoOptions) -> Result<u64> {
        Ok(self.engine.create_repo(org, name, options)?.id)
    }

    /// Makes many repositories with one commit each. No event is sent.
    pub fn seed<Name, Path, Content>(
        &self,
        org: &str,
        repositories: Vec<(Name, Vec<(Path, Content)>)>,
    ) -> Result<()>
    where
        Name: AsRef<str>,
        Path: AsRef<str>,
        Content: AsRef<str>,
    {
        for (name, files) in repositories {
            self.engine
                .create_repo(org, name.as_ref(), RepoOptions::default())?;
            let files: Vec<_> = files
                .iter()
                .map(|(path, content)| (path.as_ref(), Some(content.as_ref())))
                .collect();
            self.commit_quietly(&format!("{org}/{}", name.as_ref()), &files, "Begin")?;
        }
        Ok(())
    }

    /// Makes many repositories with one commit of one file each, which is in no folder but made by `text` from the
    /// repository's number whenever it is asked for. They cannot be pushed to. No event is sent.
    pub fn seed_generated(
        &self,
        org: &str,
        names: impl IntoIterator<Item = String>,
        path: &str,
        text: impl Fn(usize) -> String + Send + Sync + 'static,
    ) -> Result<()> {
        let text: Arc<GeneratedText> = Arc::new(text);
        for (number, name) in names.into_iter().enumerate() {
            let file = GeneratedFile::new(path, number, Arc::clone(&text));
            self.engine.generate_repo(org, &name, file)?;
        }
        Ok(())
    }

    /// How often the text of a file was shown, by repository of an organisation in the order they were made.
    /// Counted by GraphQL's answers.
    #[must_use]
    pub fn count_readings(&self, org: &str) -> Vec<usize> {
        let held = self.engine.read(|world| world.repositories_of(org));
        held.iter()
            .map(|repository| repository.readings())
            .collect()
    }

    /// Commits to the default branch and sends the push event.
    pub fn commit(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved = self
            .engine
            .commit(full_name, None, &bytes(files), message, Onto::Head)?;
        Ok(self.announce(&moved))
    }

    /// Commits to a branch, made from the default branch if it is new, and sends the push event.
    pub fn commit_to(
        &self,
        full_name: &str,
        branch: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved =
            self.engine
                .commit(full_name, Some(branch), &bytes(files), message, Onto::Head)?;
        Ok(self.announce(&moved))
    }

    /// Commits to the default branch; no event is sent.
    pub fn commit_quietly(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        Ok(sha(&self.engine.commit(
            full_name,
            None,
            &bytes(files),
            message,
            Onto::Head,
        )?))
    }

    /// As [`commit_quietly`](Self::commit_quietly), for files that need not be text.
    pub fn commit_bytes_quietly(
        &self,
        full_name: &str,
        files: &[(&str, &[u8])],
        message: &str,
    ) -> Result<CommitSha> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, content)| (*path, Some(*content)))
            .collect();
        let moved = self
            .engine
            .commit(full_name, None, &files, message, Onto::Head)?;
        Ok(sha(&moved))
    }

    /// Replaces the head of the default branch by a commit on its parent and sends the push event.
    pub fn force_push(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<CommitSha> {
        let moved = self
            .engine
            .commit(full_name, None, &bytes(files), message, Onto::Parent)?;
        Ok(self.announce(&moved))
    }

    /// Commits to the default branch now; the event waits for [`fire`](Self::fire). The organisation must have a hook.
    pub fn prepare_push(
        &self,
        full_name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Result<PreparedPush> {
        let moved = self
            .engine
            .commit(full_name, None, &bytes(files), message, Onto::Head)?;
        let event = self
            .engine
            .push_event(&moved)
            .with_context(|| format!("the owner of {full_name} has no hook"))?;
        Ok(PreparedPush {
            event,
            commit: sha(&moved),
        })
    }

    /// Starts delivering a prepared push, as the hook mode says.
    pub fn fire(&self, prepared: &PreparedPush) {
        self.engine.hooks.fire(Arc::clone(&prepared.event));
    }

    /// Delivers a prepared push, whatever the hook mode, and returns the receiver's status.
    pub async fn fire_and_wait(&self, prepared: &PreparedPush) -> Option<u16> {
        self.engine.hooks.deliver(Arc::clone(&prepared.event)).await
    }

    /// Head of the default branch. `None`: nothing was committed yet.
    pub fn head(&self, full_name: &str) -> Result<Option<CommitSha>> {
        Ok(self
            .engine
            .repository(full_name)?
            .facts()
            .head()
            .map(|oid| CommitSha(oid.to_string())))
    }

    /// Content of a file at the head of the default branch.
    pub fn file(&self, full_name: &str, path: &str) -> Result<Option<String>> {
        let content = self.engine.repository(full_name)?.file_at_head(path)?;
        Ok(content.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Full names of an organisation's repositories, in the order they were made.
    #[must_use]
    pub fn repositories(&self, org: &str) -> Vec<String> {
        let held = self.engine.read(|world| world.repositories_of(org));
        held.iter()
            .map(|repository| repository.facts().full_name())
            .collect()
    }

    /// Numeric id of a repository.
    pub fn repository_id(&self, full_name: &str) -> Result<u64> {
        Ok(self.engine.repository(full_name)?.id)
    }

    /// Deletes a repository; its owner's hook hears of it.
    pub fn delete_repo(&self, full_name: &str) -> Result<()> {
        self.engine.delete(full_name)
    }

    /// Gives a repository another name; its ids stay, its old name leads to it, the hook hears of it.
    pub fn rename_repo(&self, full_name: &str, to: &str) -> Result<()> {
        self.engine.rename(full_name, to)
    }

    /// Changes what a repository is (archived, topics, default branch …). No event is sent.
    pub fn change_repo(
        &self,
        full_name: &str,
        change: impl FnOnce(&mut RepoOptions),
    ) -> Result<()> {
        let repository = self.engine.repository(full_name)?;
        let facts = repository.update(|facts| change(&mut facts.options));
        repository.bare()?.set_head(&facts.options.default_branch)
    }

    /// Sets the organisation's webhook and returns its id. No ping is sent.
    pub fn set_hook(&self, org: &str, url: &str, secret: &str) -> u64 {
        let organization = self.engine.create_org(org);
        self.engine.set_hook(&organization, url, secret)
    }

    /// Replaces an organisation's members and teams.
    pub fn set_people(&self, org: &str, members: Vec<Member>, teams: Vec<Team>) {
        let organization = self.engine.create_org(org);
        let mut people = organization
            .people
            .lock()
            .expect("no holder of people panics");
        people.members = members;
        people.teams = teams;
    }

    pub(super) fn announce(&self, moved: &Moved) -> CommitSha {
        if let Some(event) = self.engine.push_event(moved) {
            self.engine.hooks.fire(event);
        }
        sha(moved)
    }
}

fn bytes<'a>(files: &[(&'a str, Option<&'a str>)]) -> Vec<(&'a str, Option<&'a [u8]>)> {
    files
        .iter()
        .map(|(path, content)| (*path, content.map(str::as_bytes)))
        .collect()
}

fn sha(moved: &Moved) -> CommitSha {
    CommitSha(hex_or_zeros(moved.push.after))
}
