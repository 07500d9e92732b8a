//! What a batch of signals asks for. Pure: rows in, rows out.

use std::collections::{BTreeSet, HashMap};

use freshet_model::glob::Pattern;
use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{Push, Signal, Tick, signal};

use super::decision::{IgnoreReason, SignalDecision};
use super::dependents::PushedRevision;
use super::providers::{Provider, Providers};
use super::request::{request_refresh, trigger_of, trigger_of_push};
use super::subject::{PushedRef, SignalSubject, key_by_other_name, pushed_ref};
use crate::repo::dependencies::Dependent;
use crate::repo::sources::{PushRange, SourceKey};
use crate::repo::{DeliveryRow, Lane, Location, Outcome, SourceRow};

/// The sources a batch of signals is about, as they stand while it is decided.
#[derive(Debug)]
pub(super) struct SignalBatch<'a> {
    pub(super) providers: &'a Providers,
    pub(super) fingerprint: &'a str,
    pub(super) now: i64,
    pub(super) sources: HashMap<SourceKey, SourceRow>,
    /// By source.
    pub(super) locations: HashMap<SourceId, Vec<Location>>,
    /// What reads files of the repositories that were pushed to.
    pub(super) dependents: Vec<Dependent>,
    pub(super) new_source_ids: std::vec::IntoIter<SourceId>,
    pub(super) new_location_ids: std::vec::IntoIter<LocationId>,
    pub(super) writes: LedgerWrites,
}

/// What deciding changed.
#[derive(Debug, Default)]
pub(super) struct LedgerWrites {
    /// Sources to write.
    pub(super) source_ids: BTreeSet<SourceId>,
    /// Sources that get a job.
    pub(super) requested_ids: BTreeSet<SourceId>,
    pub(super) locations: Vec<Location>,
    pub(super) deliveries: Vec<DeliveryRow>,
}

impl SignalBatch<'_> {
    /// Decides one signal, after those before it.
    pub(super) fn decide_signal(&mut self, signal: &Signal) -> Outcome {
        let decision = match &signal.body {
            None => IgnoreReason::Unknown.into(),
            Some(signal::Body::Ignored(ignored)) => SignalDecision::Ignored(ignored.reason.clone()),
            Some(signal::Body::Push(push)) => {
                // Whoever reads a file of this repository reads it on his own, whatever is decided
                // about the repository itself.
                self.request_dependents(signal, push);
                self.decide_push(signal, push)
            }
            Some(signal::Body::Tick(tick)) => self.decide_tick(signal, tick),
            Some(signal::Body::Refresh(refresh)) => {
                self.decide_refresh(signal, SourceId::new(refresh.source_id), &refresh.actor)
            }
        };
        self.record_delivery(signal, decision)
    }

    fn decide_push(&mut self, signal: &Signal, push: &Push) -> SignalDecision {
        let Some(repository) = &push.repository else {
            return IgnoreReason::Unknown.into();
        };
        let Some(key) = SignalSubject::of(signal).into_key() else {
            return IgnoreReason::Unknown.into();
        };
        let mut known: Vec<SourceKey> = std::iter::once(key.clone())
            .chain(key_by_other_name(signal))
            .filter(|key| self.sources.contains_key(key))
            .collect();
        let providers = self.providers;
        // A location may have been registered by URL, so that there is a source which no provider
        // wants; and a provider may want a repository that has no source yet, because nobody listed
        // it since it was made.
        let provider = providers.wanting(&signal.host, repository);
        if provider.is_none() && known.is_empty() {
            return IgnoreReason::NotConfigured.into();
        }
        let branch = match pushed_ref(push) {
            Some(PushedRef::Branch(branch)) => Some(branch),
            // Discovery reads branches; a tag is read by whoever names it in a target.
            Some(PushedRef::Tag(_)) if !known.is_empty() => None,
            // Asked only now: that nobody reads the repository says more than that this was a tag.
            Some(PushedRef::Tag(_)) | None => return IgnoreReason::NotABranch.into(),
        };
        let provider = provider
            .filter(|provider| branch.is_some_and(|branch| branch == provider.branch(repository)));
        if provider.is_none() && known.is_empty() {
            return IgnoreReason::OtherBranch.into();
        }
        // There is nothing here that could go with the branch.
        if push.deleted && known.is_empty() {
            return IgnoreReason::BranchDeleted.into();
        }
        // Whether a deleted branch is gone for good, or was pushed anew a moment later, is for a
        // read to find out, at once. A webhook alone never takes anything away.
        if let Some(provider) = provider.filter(|_| !push.deleted) {
            // A repository made a minute ago must not wait for the next sweep.
            let id = self.ensure_source(&key);
            self.ensure_location(id, provider);
            if !known.contains(&key) {
                known.insert(0, key);
            }
        }
        let decisions: Vec<SignalDecision> = known
            .iter()
            .map(|key| self.decide_push_to(key, signal, push))
            .collect();
        // The delivery waits for the first of them that must be read.
        let awaited = decisions
            .iter()
            .position(|decision| matches!(decision, SignalDecision::Requested(_)))
            .unwrap_or_default();
        decisions
            .into_iter()
            .nth(awaited)
            .unwrap_or_else(|| IgnoreReason::NotConfigured.into())
    }

    fn decide_push_to(&mut self, key: &SourceKey, signal: &Signal, push: &Push) -> SignalDecision {
        // Where a tag was and is says nothing of the commits in between.
        let is_branch = matches!(pushed_ref(push), Some(PushedRef::Branch(_)));
        let untouched = is_branch && !push.deleted && self.is_untouched(key, push);
        let (now, trigger) = (self.now, trigger_of_push(signal, push));
        let source = self.source_mut(key);
        let id = source.id;
        if let Some(repository) = &push.repository {
            source.adopt(repository);
        }
        if untouched {
            source.set_head(&push.after);
            // The push is a proof of when it was received, and may have waited long for us.
            let verified_at = source.verified_at.unwrap_or_default();
            source.mark_verified(verified_at.max(signal.received_at), "push");
            self.writes.source_ids.insert(id);
            return SignalDecision::Unchanged(id);
        }
        if is_branch {
            note_range(source, push);
        } else {
            // An annotated tag is an object of its own. Waited for as a commit, it would never be shown.
            source.push = PushRange::default();
        }
        request_refresh(source, Lane::Hi, trigger, now);
        self.writes.source_ids.insert(id);
        self.writes.requested_ids.insert(id);
        SignalDecision::Requested(id)
    }

    /// Whether the push provably changes no file we want: we hold the commit it starts from, the
    /// list of touched paths is complete, and none of them is wanted.
    fn is_untouched(&self, key: &SourceKey, push: &Push) -> bool {
        let source = &self.sources[key];
        // The URL and the default branch are written into every entity of the repository.
        let renamed = push
            .repository
            .as_ref()
            .is_some_and(|repository| source.is_renamed(repository));
        let proves = push.complete && !push.forced && source.is_at(&push.before);
        // While a generation is outstanding, the head we hold is one that somebody has reason to
        // doubt.
        let holds = !source.is_outstanding()
            && source.done > 0
            && source.is_read_as(self.fingerprint)
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
                .any(|path| self.may_touch(source, wanted, path))
    }

    /// Whether what we want of a source may differ when this path of it does.
    fn may_touch(&self, source: &SourceRow, wanted: &[Location], path: &str) -> bool {
        let named = wanted.iter().any(|location| {
            if !location.is_pattern {
                location.path == path
            } else {
                // What takes too long to tell is read again, where somebody is told so.
                Pattern::new(&location.path).is_ok_and(|pattern| {
                    pattern.is_name_of(path) || pattern.try_match(path).unwrap_or(true)
                })
            }
        });
        named
            || self
                .dependents
                .iter()
                .any(|it| it.source_id == source.id && it.reads_path_of(source, path))
    }

    /// Asks again for every source elsewhere that reads a file this push touched.
    fn request_dependents(&mut self, signal: &Signal, push: &Push) {
        let Some(repository) = &push.repository else {
            return;
        };
        let Some(pushed_to) = pushed_ref(push) else {
            return;
        };
        let pushed = PushedRevision::new(&signal.host, repository, pushed_to);
        let dependent_ids: BTreeSet<SourceId> = self
            .dependents
            .iter()
            .filter(|it| pushed.may_change(it, push))
            .map(|it| it.source_id)
            .collect();
        let (now, trigger) = (self.now, trigger_of_push(signal, push));
        let concerned = self
            .sources
            .values_mut()
            .filter(|source| dependent_ids.contains(&source.id));
        for source in concerned {
            // Its own push says what it wants for itself.
            let is_own = source.host == signal.host && source.repository_id() == repository.id;
            if is_own && pushed.is_at(source.git_ref.as_ref()) {
                continue;
            }
            request_refresh(source, Lane::Hi, trigger.clone(), now);
            self.writes.source_ids.insert(source.id);
            self.writes.requested_ids.insert(source.id);
        }
    }

    fn decide_tick(&mut self, signal: &Signal, tick: &Tick) -> SignalDecision {
        if self.providers.by_id(&tick.provider_id).is_none() {
            return IgnoreReason::NotConfigured.into();
        }
        let Some(key) = SignalSubject::of(signal).into_key() else {
            return IgnoreReason::Unknown.into();
        };
        self.ensure_source(&key);
        let now = self.now;
        let source = self.source_mut(&key);
        // The schedule is configured, so what it says of the organisation is newer than what the
        // row says.
        source.names.owner.clone_from(&tick.organization);
        source.names.name.clone_from(&tick.provider_id);
        source.names.url = format!("https://{}/{}", signal.host, tick.organization);
        request_refresh(source, Lane::Lo, trigger_of(signal, "tick", ""), now);
        SignalDecision::Requested(source.id)
    }

    fn decide_refresh(
        &mut self,
        signal: &Signal,
        source_id: SourceId,
        actor: &str,
    ) -> SignalDecision {
        let now = self.now;
        let Some(source) = self
            .sources
            .values_mut()
            .find(|source| source.id == source_id)
        else {
            return IgnoreReason::NoSuchSource.into();
        };
        request_refresh(source, Lane::Hi, trigger_of(signal, "refresh", actor), now);
        SignalDecision::Requested(source_id)
    }

    fn source_mut(&mut self, key: &SourceKey) -> &mut SourceRow {
        self.sources
            .get_mut(key)
            .expect("every source of the batch was loaded")
    }

    fn ensure_source(&mut self, key: &SourceKey) -> SourceId {
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

    fn ensure_location(&mut self, source_id: SourceId, provider: &Provider) {
        let held = self.locations.entry(source_id).or_default();
        if held
            .iter()
            .any(|location| location.path == provider.catalog_path)
        {
            return;
        }
        let id = self
            .new_location_ids
            .next()
            .expect("an id was taken for every missing location");
        let location = provider.location_in(id, source_id);
        held.push(location.clone());
        self.writes.locations.push(location);
    }

    fn record_delivery(&mut self, signal: &Signal, decision: SignalDecision) -> Outcome {
        let (outcome, source_id, reason) = match decision {
            SignalDecision::Ignored(reason) => (Outcome::Ignored, None, reason),
            SignalDecision::Unchanged(id) => (Outcome::Unchanged, Some(id), String::new()),
            SignalDecision::Requested(id) => (Outcome::Waiting, Some(id), String::new()),
        };
        if let Some(id) = source_id {
            self.writes.source_ids.insert(id);
        }
        // A delivery that waits is covered when its generation is proved. Any other has ended here
        // and now, and has none.
        let generation = source_id
            .filter(|_| outcome == Outcome::Waiting)
            .and_then(|id| self.sources.values().find(|source| source.id == id))
            .map_or(0, |source| source.wanted);
        if outcome == Outcome::Waiting {
            self.writes.requested_ids.extend(source_id);
        }
        self.writes.deliveries.push(DeliveryRow {
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

/// Notes from where to where the outstanding pushes lead. The first of several starts at the commit we hold: a
/// reading that still shows it has seen none of them. The newest names the end.
fn note_range(source: &mut SourceRow, push: &Push) {
    let is_first = !source.is_outstanding() || !source.is_at(&source.push.before);
    if is_first {
        source.push.before.clone_from(&push.before);
    }
    source.push.after.clone_from(&push.after);
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
