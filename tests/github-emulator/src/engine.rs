//! What happens when something is created, committed, pushed or renamed.
//!
//! Commits made in process and commits received from a real `git push` end in the same two steps:
//! the repository's facts move, and an event is made of the move. It never waits for a receiver.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use gix::objs::tree::EntryKind;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Options;
use crate::git::{self, Changes, FileEntry, NewCommit, Oid, Person, Snapshot};
use crate::hooks::{Event, Hook, Hooks};
use crate::ids::node_id;
use crate::knobs::Knobs;
use crate::payload::{self, Push, PushedCommit, Scene};
use crate::rate::{Rates, now_seconds};
use crate::repository::{Facts, Repository};
use crate::requests::RequestLog;
use crate::world::{Named, Organization, People, World};

/// First id of a repository; far from those of organisations, so that mixing them up shows.
const REPOSITORY_ID_FIRST: u64 = 100_001;
/// First id of an organisation.
const ORGANIZATION_ID_FIRST: u64 = 1_001;

/// Files to write (`Some`) or to delete (`None`).
pub(super) type FileChanges<'a> = [(&'a str, Option<&'a [u8]>)];

/// Everything the emulator knows, shared by its doors.
pub(super) struct Engine {
    /// Where it listens.
    pub(super) base: String,
    /// What addresses of pages begin with.
    pub(super) web: String,
    pub(super) options: Options,
    pub(super) world: RwLock<World>,
    pub(super) knobs: Knobs,
    pub(super) rates: Rates,
    pub(super) requests: RequestLog,
    pub(super) hooks: Arc<Hooks>,
    pub(super) directory: PathBuf,
    pub(super) repository_ids: AtomicU64,
    organization_ids: AtomicU64,
    commits_listed_max: AtomicUsize,
    committing: Mutex<()>,
}

/// A new head that nobody has been told about yet.
pub(super) struct Moved {
    pub(super) repository: Arc<Repository>,
    pub(super) facts: Arc<Facts>,
    pub(super) push: Push,
}

/// On top of what a commit is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Onto {
    /// The branch's head.
    Head,
    /// The head's parent, so that the head is dropped: a force push.
    Parent,
}

impl Engine {
    pub(super) fn new(base: String, options: Options, directory: PathBuf) -> Self {
        Self {
            web: options.web.clone().unwrap_or_else(|| base.clone()),
            base,
            world: RwLock::default(),
            knobs: Knobs::default(),
            rates: Rates::new(options.rate_limit),
            requests: RequestLog::default(),
            hooks: Arc::new(Hooks::new(options.hook_concurrency)),
            options,
            directory,
            repository_ids: AtomicU64::new(REPOSITORY_ID_FIRST),
            organization_ids: AtomicU64::new(ORGANIZATION_ID_FIRST),
            commits_listed_max: AtomicUsize::new(payload::PUSHED_COMMITS_MAX),
            committing: Mutex::new(()),
        }
    }

    pub(super) fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.world.read().expect("no writer of the world panics"))
    }

    pub(super) fn write<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(&mut self.world.write().expect("no writer of the world panics"))
    }

    pub(super) fn create_org(&self, login: &str) -> Arc<Organization> {
        if let Some(held) = self.read(|world| world.organization(login)) {
            return held;
        }
        let id = self.organization_ids.fetch_add(1, Ordering::Relaxed);
        let organization = Organization {
            id,
            node_id: node_id("O", id),
            login: login.to_owned(),
            hook: Mutex::default(),
            people: Mutex::new(People::default()),
        };
        self.write(|world| world.add_organization(organization))
    }

    /// The repository a current or former name leads to.
    pub(super) fn repository(&self, full_name: &str) -> Result<Arc<Repository>> {
        match self.read(|world| world.repository(full_name)) {
            Named::Current(repository) | Named::Former(repository) => Ok(repository),
            Named::Nothing => bail!("no repository {full_name}"),
        }
    }

    /// Makes a commit and moves the branch to it. Nobody is told.
    pub(super) fn commit(
        &self,
        full_name: &str,
        branch: Option<&str>,
        files: &FileChanges<'_>,
        message: &str,
        onto: Onto,
    ) -> Result<Moved> {
        self.commit_entries(full_name, branch, files, EntryKind::Blob, message, onto)
    }

    /// As [`commit`](Self::commit), for entries of this kind: of a submodule the content is a commit's id.
    pub(super) fn commit_entries(
        &self,
        full_name: &str,
        branch: Option<&str>,
        files: &FileChanges<'_>,
        kind: EntryKind,
        message: &str,
        onto: Onto,
    ) -> Result<Moved> {
        let _one_at_a_time = self.committing.lock().expect("no committer panics");
        let repository = self.repository(full_name)?;
        let facts = repository.facts();
        let ref_name = branch.map_or_else(
            || facts.default_ref(),
            |branch| format!("refs/heads/{branch}"),
        );
        let held = facts.refs.get(&ref_name).copied();
        let start = held.or_else(|| facts.head());
        let parents = match (onto, start) {
            (_, None) => Vec::new(),
            (Onto::Head, Some(head)) => vec![head],
            (Onto::Parent, Some(head)) => {
                repository
                    .commit_record(head)
                    .with_context(|| format!("read {head}"))?
                    .parents
            }
        };
        let before = match parents.first() {
            Some(parent) => repository
                .snapshot(*parent)
                .with_context(|| format!("read the tree of {parent}"))?,
            None => Arc::default(),
        };
        let (after, blobs) = apply(&repository, &before, files, kind)?;
        let tree = after.root.context("a written tree has an id")?;
        let record = repository.bare()?.write_commit(&NewCommit {
            tree,
            parents: &parents,
            author: &author(),
            message,
            time: now_signed(),
        })?;
        repository.bare()?.set_ref(&ref_name, record.id)?;
        let changes = Changes::between(&before, &after);
        repository.remember(record.id, Arc::new(after), blobs);
        let facts = repository.pushed(
            &[(ref_name.clone(), Some(record.id))],
            &[record.id],
            record.time,
        );
        let after = Some(record.id);
        let commits = vec![PushedCommit {
            record,
            changes,
            distinct: true,
        }];
        let forced = onto == Onto::Parent && held.is_some();
        Ok(Moved {
            repository,
            facts,
            push: Push {
                ref_name,
                before: held,
                after,
                forced,
                commits,
            },
        })
    }

    /// Points a ref at a commit, or removes it. Nobody is told.
    pub(super) fn move_ref(
        &self,
        full_name: &str,
        ref_name: &str,
        after: Option<Oid>,
    ) -> Result<Moved> {
        let repository = self.repository(full_name)?;
        let before = repository.facts().refs.get(ref_name).copied();
        match after {
            Some(oid) => repository.bare()?.set_ref(ref_name, oid)?,
            None => repository.bare()?.remove_ref(ref_name)?,
        }
        let facts = repository.pushed(&[(ref_name.to_owned(), after)], &[], now_signed());
        Ok(Moved {
            repository,
            facts,
            push: Push {
                ref_name: ref_name.to_owned(),
                before,
                after,
                forced: false,
                commits: Vec::new(),
            },
        })
    }

    /// Puts an annotated tag on the head of the default branch. Nobody is told yet.
    pub(super) fn annotate_tag(&self, full_name: &str, name: &str) -> Result<Moved> {
        let repository = self.repository(full_name)?;
        let head = repository.facts().head().context("there is a commit")?;
        let tag = repository.bare()?.write_tag(name, head, &author())?;
        self.move_ref(full_name, &format!("refs/tags/{name}"), Some(tag))
    }

    /// Takes over a ref that real git has moved. `None`: nothing moved.
    pub(super) fn received(
        &self,
        repository: &Arc<Repository>,
        ref_name: &str,
        before: Option<Oid>,
        after: Option<Oid>,
    ) -> Result<Option<Moved>> {
        let opened = repository.bare()?.open()?;
        if before == after || repository.bare()?.refs()?.get(ref_name).copied() != after {
            return Ok(None);
        }
        let facts = repository.facts();
        let others: Vec<Oid> = facts
            .refs
            .iter()
            .filter(|(name, _)| *name != ref_name)
            .map(|(_, oid)| *oid)
            .collect();
        let mut commits = Vec::new();
        let mut forced = false;
        if let Some(after) = after {
            let known: Vec<Oid> = before.map_or_else(|| others.clone(), |before| vec![before]);
            let fresh: HashSet<Oid> = match others.is_empty() {
                true => HashSet::new(),
                false => git::walk(&opened, after, &others)?.into_iter().collect(),
            };
            for id in git::walk(&opened, after, &known)?.into_iter().rev() {
                let distinct = others.is_empty() || fresh.contains(&id);
                commits.push(pushed_commit(&opened, repository, id, distinct)?);
            }
            forced = before.is_some_and(|before| {
                git::walk(&opened, before, &[after]).is_ok_and(|lost| !lost.is_empty())
            });
        }
        let ids: Vec<Oid> = commits.iter().map(|commit| commit.record.id).collect();
        let facts = repository.pushed(&[(ref_name.to_owned(), after)], &ids, now_signed());
        let push = Push {
            ref_name: ref_name.to_owned(),
            before,
            after,
            forced,
            commits,
        };
        Ok(Some(Moved {
            repository: Arc::clone(repository),
            facts,
            push,
        }))
    }

    /// The event of a move, if its organisation has a hook.
    pub(super) fn push_event(&self, moved: &Moved) -> Option<Arc<Event>> {
        let listed_max = self.commits_listed_max.load(Ordering::Relaxed);
        let body = |scene: &Scene<'_>| payload::push(&moved.push, listed_max, scene);
        self.event("push", None, &moved.repository, &moved.facts, body)
    }

    pub(super) fn list_commits_up_to(&self, commits: usize) {
        self.commits_listed_max.store(commits, Ordering::Relaxed);
    }

    pub(super) fn rename(&self, full_name: &str, to: &str) -> Result<()> {
        let repository = self.repository(full_name)?;
        let from = repository.facts();
        let facts = repository.update(|facts| to.clone_into(&mut facts.name));
        self.write(|world| {
            world.rename_repository(repository.id, &from.full_name(), &facts.full_name());
        });
        let changes = json!({ "repository": { "name": { "from": from.name } } });
        self.fire_repository_event("renamed", Some(changes), &repository, &facts);
        Ok(())
    }

    pub(super) fn delete(&self, full_name: &str) -> Result<()> {
        let repository = self.repository(full_name)?;
        self.write(|world| world.remove_repository(repository.id));
        self.fire_repository_event("deleted", None, &repository, &repository.facts());
        Ok(())
    }

    fn fire_repository_event(
        &self,
        action: &'static str,
        changes: Option<Value>,
        repository: &Repository,
        facts: &Facts,
    ) {
        let body = |scene: &Scene<'_>| payload::repository_event(action, changes, scene);
        if let Some(event) = self.event("repository", Some(action), repository, facts, body) {
            self.hooks.fire(event);
        }
    }

    fn event(
        &self,
        name: &'static str,
        action: Option<&'static str>,
        repository: &Repository,
        facts: &Facts,
        body: impl FnOnce(&Scene<'_>) -> Value,
    ) -> Option<Arc<Event>> {
        let organization = self.read(|world| world.organization(&facts.owner))?;
        let hook = organization
            .hook
            .lock()
            .expect("no holder of a hook panics")
            .clone()?;
        let body = self.scene(&organization, repository, facts, body);
        Some(Arc::new(Event {
            guid: Uuid::new_v4().to_string(),
            name,
            action,
            repository: Some((repository.id, facts.full_name())),
            body: Bytes::from(body.to_string()),
            hook,
        }))
    }

    /// Lets `show` describe a repository of an organisation.
    pub(super) fn scene<R>(
        &self,
        organization: &Organization,
        repository: &Repository,
        facts: &Facts,
        show: impl FnOnce(&Scene<'_>) -> R,
    ) -> R {
        show(&Scene {
            base: &self.base,
            web: &self.web,
            organization_id: organization.id,
            organization_node_id: &organization.node_id,
            repository_id: repository.id,
            repository_node_id: &repository.node_id,
            facts,
            installation: self.options.installation,
        })
    }

    pub(super) fn set_hook(&self, organization: &Organization, url: &str, secret: &str) -> u64 {
        let id = self.hooks.next_hook_id();
        let hook = Hook {
            id,
            organization_id: organization.id,
            url: url.to_owned(),
            secret: secret.to_owned(),
        };
        *organization
            .hook
            .lock()
            .expect("no holder of a hook panics") = Some(hook);
        id
    }
}

fn author() -> Person {
    Person {
        name: "Ada Example".to_owned(),
        email: "ada@example.com".to_owned(),
    }
}

pub(super) fn now_signed() -> i64 {
    i64::try_from(now_seconds()).unwrap_or(i64::MAX)
}

fn pushed_commit(
    opened: &gix::Repository,
    repository: &Repository,
    id: Oid,
    distinct: bool,
) -> Result<PushedCommit> {
    let record = git::commit_record(opened, id)?;
    let after = repository
        .snapshot(id)
        .with_context(|| format!("read the tree of {id}"))?;
    let before = record
        .parents
        .first()
        .and_then(|parent| repository.snapshot(*parent))
        .unwrap_or_default();
    Ok(PushedCommit {
        record,
        changes: Changes::between(&before, &after),
        distinct,
    })
}

/// Writes the changed blobs and the resulting trees.
fn apply(
    repository: &Repository,
    before: &Snapshot,
    files: &FileChanges<'_>,
    kind: EntryKind,
) -> Result<(Snapshot, Vec<(Oid, Bytes)>)> {
    let mut listing = before.files.clone();
    let mut blobs = Vec::new();
    for (path, content) in files {
        let Some(content) = content else {
            listing.remove(*path);
            continue;
        };
        let oid = match kind {
            EntryKind::Commit => Oid::from_hex(content).context("read the id of a commit")?,
            _ => repository.bare()?.write_blob(content)?,
        };
        listing.insert((*path).to_owned(), FileEntry { kind, oid });
        blobs.push((oid, Bytes::copy_from_slice(content)));
    }
    Ok((repository.bare()?.write_trees(listing)?, blobs))
}
