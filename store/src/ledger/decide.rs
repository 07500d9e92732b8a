//! What a signal asks for. Pure: rows in, rows out.

use std::collections::{BTreeSet, HashMap};

use freshet_model::glob::Pattern;
use freshet_proto::message::{Cause, Push, Repository, Signal, Tick, signal};

use super::dependents::Pushed;
use super::providers::Providers;
use crate::repo::dependencies::Dependent;
use crate::repo::sources::SourceKey;
use crate::repo::{
    DeliveryRow, GITHUB, HEAD, Lane, Location, Outcome, SourceKind, SourceRow, StoredCause,
};

/// Why a signal asks for nothing, as recorded with its delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The message has no body this version knows.
    Unknown,
    /// Nothing configured looks at what it names.
    NotConfigured,
    /// A tag, or another ref that is no branch.
    NotABranch,
    /// A branch nobody reads.
    OtherBranch,
    /// The branch was deleted; the sweep finds out what that means.
    BranchDeleted,
    /// The source it names does not exist.
    NoSuchSource,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::NotConfigured => "not-configured",
            Self::NotABranch => "not-a-branch",
            Self::OtherBranch => "other-branch",
            Self::BranchDeleted => "branch-deleted",
            Self::NoSuchSource => "no-such-source",
        }
    }
}

/// What a signal comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Ignored(String),
    /// Proved to change nothing we want.
    Unchanged(i64),
    /// A new generation of a source.
    Raised(i64),
}

impl From<Reason> for Verdict {
    fn from(reason: Reason) -> Self {
        Self::Ignored(reason.as_str().to_owned())
    }
}

const BRANCH_PREFIX: &str = "refs/heads/";

/// The sources a batch of signals is about, as they stand while it is decided.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) providers: &'a Providers,
    pub(super) fingerprint: &'a str,
    pub(super) now: i64,
    pub(super) sources: HashMap<SourceKey, SourceRow>,
    /// By source.
    pub(super) locations: HashMap<i64, Vec<Location>>,
    /// What reads files of the repositories that were pushed to.
    pub(super) dependents: Vec<Dependent>,
    pub(super) new_source_ids: std::vec::IntoIter<i64>,
    pub(super) new_location_ids: std::vec::IntoIter<i64>,
    pub(super) written: Written,
}

/// What deciding changed.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Ids of sources to write.
    pub(super) sources: BTreeSet<i64>,
    /// Ids of sources that get a job.
    pub(super) raised: BTreeSet<i64>,
    pub(super) locations: Vec<Location>,
    pub(super) deliveries: Vec<DeliveryRow>,
}

/// How the source a signal is about is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    Nothing,
    Key(SourceKey),
    Id(i64),
}

/// What a signal is about, before anything is read.
pub(super) fn about(signal: &Signal) -> About {
    let key = |kind, external_id, git_ref: &str| {
        About::Key(SourceKey {
            kind,
            host: signal.host.clone(),
            external_id,
            git_ref: git_ref.to_owned(),
        })
    };
    match &signal.body {
        Some(signal::Body::Push(
            push @ Push {
                repository: Some(repository),
                ..
            },
        )) => {
            let branch = push.r#ref.strip_prefix(BRANCH_PREFIX).unwrap_or_default();
            let git_ref = source_ref(repository, branch);
            key(SourceKind::Repository, repository.id.to_string(), git_ref)
        }
        Some(signal::Body::Tick(tick)) => key(SourceKind::Listing, tick.provider_id.clone(), ""),
        Some(signal::Body::Refresh(refresh)) => About::Id(refresh.source_id),
        Some(signal::Body::Push(_) | signal::Body::Ignored(_)) | None => About::Nothing,
    }
}

/// The source that has the default branch by its name, which a push to it is about as well: such a
/// source is left when the default branch was another one before.
pub(super) fn also_about(signal: &Signal) -> Option<SourceKey> {
    let About::Key(key) = about(signal) else {
        return None;
    };
    match &signal.body {
        Some(signal::Body::Push(push)) if key.git_ref == HEAD => Some(SourceKey {
            git_ref: push.r#ref.strip_prefix(BRANCH_PREFIX)?.to_owned(),
            ..key
        }),
        _ => None,
    }
}

/// How the source of a branch is called: the default branch goes by what it is, not by its name.
pub(crate) fn source_ref<'a>(repository: &Repository, branch: &'a str) -> &'a str {
    if branch == repository.default_branch {
        HEAD
    } else {
        branch
    }
}

/// Asks for a new generation of a source.
pub(crate) fn raise(source: &mut SourceRow, lane: Lane, cause: Cause, now: i64) {
    // Somebody already waits: a sweep must neither slow that down nor take the credit.
    let keeps_lane = source.is_outstanding() && source.lane == Lane::Hi && lane == Lane::Lo;
    if !keeps_lane {
        source.lane = lane;
        source.cause = StoredCause(cause);
    }
    // What failed for the sweep says little about somebody's push.
    if lane == Lane::Hi {
        source.fail_count = 0;
    }
    source.wanted += 1;
    source.next_due_at = 0;
    source.enqueued_at = now;
}

impl Desk<'_> {
    /// Decides one signal, after those before it.
    pub(super) fn decide(&mut self, signal: &Signal) -> Outcome {
        let verdict = match &signal.body {
            None => Reason::Unknown.into(),
            Some(signal::Body::Ignored(ignored)) => Verdict::Ignored(ignored.reason.clone()),
            Some(signal::Body::Push(push)) => {
                self.raise_dependents(signal, push);
                self.push(signal, push)
            }
            Some(signal::Body::Tick(tick)) => self.tick(signal, tick),
            Some(signal::Body::Refresh(refresh)) => {
                self.refresh(signal, refresh.source_id, &refresh.actor)
            }
        };
        self.record(signal, verdict)
    }

    fn push(&mut self, signal: &Signal, push: &Push) -> Verdict {
        let Some(repository) = &push.repository else {
            return Reason::Unknown.into();
        };
        let About::Key(key) = about(signal) else {
            return Reason::Unknown.into();
        };
        let mut known: Vec<SourceKey> = std::iter::once(key.clone())
            .chain(also_about(signal))
            .filter(|key| self.sources.contains_key(key))
            .collect();
        let providers = self.providers;
        let provider = providers.wanting(&signal.host, repository);
        if provider.is_none() && known.is_empty() {
            return Reason::NotConfigured.into();
        }
        let Some(branch) = push.r#ref.strip_prefix(BRANCH_PREFIX) else {
            return Reason::NotABranch.into();
        };
        let provider = provider.filter(|provider| branch == provider.branch(repository));
        if provider.is_none() && known.is_empty() {
            return Reason::OtherBranch.into();
        }
        if push.deleted {
            return Reason::BranchDeleted.into();
        }
        if let Some(provider) = provider {
            let id = self.ensure_source(&key);
            self.ensure_location(id, &provider.catalog_path);
            if !known.contains(&key) {
                known.insert(0, key);
            }
        }
        let verdicts: Vec<Verdict> = known
            .iter()
            .map(|key| self.push_to(key, signal, push))
            .collect();
        // The delivery waits for the first of them that must be read.
        let awaited = verdicts
            .iter()
            .position(|verdict| matches!(verdict, Verdict::Raised(_)))
            .unwrap_or_default();
        verdicts
            .into_iter()
            .nth(awaited)
            .unwrap_or_else(|| Reason::NotConfigured.into())
    }

    fn push_to(&mut self, key: &SourceKey, signal: &Signal, push: &Push) -> Verdict {
        let untouched = self.is_untouched(key, push);
        let (now, cause) = (self.now, cause_of_push(signal, push));
        let source = self.source_mut(key);
        let id = source.id;
        if let Some(repository) = &push.repository {
            source.adopt(repository);
        }
        if untouched {
            source.head.clone_from(&push.after);
            // The push is a proof of when it was received, and may have waited long for us.
            source.verified_at = source.verified_at.max(signal.received_at);
            "push".clone_into(&mut source.mechanism);
            self.written.sources.insert(id);
            return Verdict::Unchanged(id);
        }
        // Of several outstanding pushes the first starts at the commit we hold: a reading that still
        // shows it has seen none of them. The newest names where they lead.
        let is_first = !source.is_outstanding() || source.push_before != source.head;
        if is_first {
            source.push_before.clone_from(&push.before);
        }
        source.push_after.clone_from(&push.after);
        raise(source, Lane::Hi, cause, now);
        self.written.sources.insert(id);
        self.written.raised.insert(id);
        Verdict::Raised(id)
    }

    /// Whether the push provably changes no file we want: we hold the commit it starts from, the
    /// list of touched paths is complete, and none of them is wanted.
    fn is_untouched(&self, key: &SourceKey, push: &Push) -> bool {
        let source = &self.sources[key];
        let renamed = push
            .repository
            .as_ref()
            .is_some_and(|repository| source.is_renamed(repository));
        let proves = push.complete && !push.forced && push.before == source.head;
        let holds = !source.is_outstanding()
            && source.done > 0
            && source.fingerprint == self.fingerprint
            && !renamed;
        let wanted = self
            .locations
            .get(&source.id)
            .map_or(&[][..], Vec::as_slice);
        proves
            && holds
            && !push
                .touched
                .iter()
                .any(|path| self.touches(source, wanted, path))
    }

    /// Whether what we want of a source may differ when this path of it does.
    fn touches(&self, source: &SourceRow, wanted: &[Location], path: &str) -> bool {
        let named = wanted.iter().any(|location| {
            if !location.is_pattern {
                location.path == path
            } else {
                Pattern::new(&location.path).is_ok_and(|pattern| pattern.is_match(path))
            }
        });
        named
            || self
                .dependents
                .iter()
                .any(|it| it.source_id == source.id && it.is_touched_in(source, path))
    }

    /// Asks again for every source elsewhere that reads a file this push touched.
    fn raise_dependents(&mut self, signal: &Signal, push: &Push) {
        let Some(repository) = &push.repository else {
            return;
        };
        let branch = push.r#ref.strip_prefix(BRANCH_PREFIX).unwrap_or_default();
        let pushed = Pushed::of(&signal.host, repository, branch);
        let raised: BTreeSet<i64> = self
            .dependents
            .iter()
            .filter(|it| pushed.touches(it, push))
            .map(|it| it.source_id)
            .collect();
        let (now, cause) = (self.now, cause_of_push(signal, push));
        let concerned = self
            .sources
            .values_mut()
            .filter(|source| raised.contains(&source.id));
        for source in concerned {
            // Its own push says what it wants for itself.
            let is_own_branch =
                source.git_ref == source_ref(repository, branch) || source.git_ref == branch;
            let is_own = source.host == signal.host && source.repository_id() == repository.id;
            if is_own && is_own_branch {
                continue;
            }
            raise(source, Lane::Hi, cause.clone(), now);
            self.written.sources.insert(source.id);
            self.written.raised.insert(source.id);
        }
    }

    fn tick(&mut self, signal: &Signal, tick: &Tick) -> Verdict {
        if self.providers.by_id(&tick.provider_id).is_none() {
            return Reason::NotConfigured.into();
        }
        let About::Key(key) = about(signal) else {
            return Reason::Unknown.into();
        };
        self.ensure_source(&key);
        let now = self.now;
        let source = self.source_mut(&key);
        source.owner.clone_from(&tick.organization);
        source.name.clone_from(&tick.provider_id);
        source.url = format!("https://{}/{}", signal.host, tick.organization);
        raise(source, Lane::Lo, cause_of(signal, "tick", ""), now);
        Verdict::Raised(source.id)
    }

    fn refresh(&mut self, signal: &Signal, source_id: i64, actor: &str) -> Verdict {
        let now = self.now;
        let Some(source) = self
            .sources
            .values_mut()
            .find(|source| source.id == source_id)
        else {
            return Reason::NoSuchSource.into();
        };
        raise(source, Lane::Hi, cause_of(signal, "refresh", actor), now);
        Verdict::Raised(source_id)
    }

    fn source_mut(&mut self, key: &SourceKey) -> &mut SourceRow {
        self.sources
            .get_mut(key)
            .expect("every source of the batch is on the desk")
    }

    fn ensure_source(&mut self, key: &SourceKey) -> i64 {
        if let Some(source) = self.sources.get(key) {
            return source.id;
        }
        let id = self
            .new_source_ids
            .next()
            .expect("an id was taken for every unknown source");
        let mut source = SourceRow::new(id, key.kind, &key.host, &key.external_id);
        source.git_ref.clone_from(&key.git_ref);
        self.sources.insert(key.clone(), source);
        id
    }

    fn ensure_location(&mut self, source_id: i64, path: &str) {
        let held = self.locations.entry(source_id).or_default();
        if held.iter().any(|location| location.path == path) {
            return;
        }
        let id = self
            .new_location_ids
            .next()
            .expect("an id was taken for every missing location");
        let location = Location::new(id, source_id, path);
        held.push(location.clone());
        self.written.locations.push(location);
    }

    fn record(&mut self, signal: &Signal, verdict: Verdict) -> Outcome {
        let (outcome, source_id, reason) = match verdict {
            Verdict::Ignored(reason) => (Outcome::Ignored, None, reason),
            Verdict::Unchanged(id) => (Outcome::Unchanged, Some(id), String::new()),
            Verdict::Raised(id) => (Outcome::Waiting, Some(id), String::new()),
        };
        if let Some(id) = source_id {
            self.written.sources.insert(id);
        }
        let generation = source_id
            .filter(|_| outcome == Outcome::Waiting)
            .and_then(|id| self.sources.values().find(|source| source.id == id))
            .map_or(0, |source| source.wanted);
        if outcome == Outcome::Waiting {
            self.written.raised.extend(source_id);
        }
        self.written.deliveries.push(DeliveryRow {
            guid: signal.id.clone(),
            event: signal.event.clone(),
            received_at: signal.received_at,
            source_id,
            generation,
            outcome,
            reason,
            covered_at: (outcome != Outcome::Waiting).then_some(self.now),
        });
        outcome
    }
}

impl SourceRow {
    /// Whether the provider now names a repository we have read differently.
    pub(crate) fn is_renamed(&self, repository: &Repository) -> bool {
        !self.url.is_empty()
            && (self.url != repository.html_url || self.default_branch != repository.default_branch)
    }

    /// Takes over how the provider names the repository now. After a rename everything in it must
    /// be read again, for the entities carry its address.
    pub(crate) fn adopt(&mut self, repository: &Repository) {
        if self.is_renamed(repository) {
            self.fingerprint.clear();
        }
        self.node_id.clone_from(&repository.node_id);
        self.owner.clone_from(&repository.owner);
        self.name.clone_from(&repository.name);
        self.url.clone_from(&repository.html_url);
        self.default_branch.clone_from(&repository.default_branch);
        self.archived = i64::from(repository.archived);
    }
}

fn cause_of(signal: &Signal, mechanism: &str, actor: &str) -> Cause {
    Cause {
        signal_id: signal.id.clone(),
        provider: GITHUB.to_owned(),
        mechanism: mechanism.to_owned(),
        actor: actor.to_owned(),
        received_at: signal.received_at,
        ..Cause::default()
    }
}

fn cause_of_push(signal: &Signal, push: &Push) -> Cause {
    Cause {
        commit: push.after.clone(),
        pushed_at: push.pushed_at,
        ..cause_of(signal, "push", &push.actor)
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
