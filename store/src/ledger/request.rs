//! Asking for a source to be read again, and why. Pure.

use freshet_proto::message::{Cause, Push, Repository, Signal};

use crate::repo::sources::SourceNames;
use crate::repo::{GITHUB, Lane, SourceRow};

/// Asks for a new generation of a source.
pub(crate) fn request_refresh(source: &mut SourceRow, lane: Lane, trigger: Cause, now: i64) {
    // Somebody already waits: a sweep must neither slow that down nor take the credit.
    let keeps_lane = source.is_outstanding() && source.lane == Lane::Hi && lane == Lane::Lo;
    if !keeps_lane {
        source.lane = lane;
        source.trigger = trigger;
    }
    // What failed for the sweep says little about somebody's push.
    if lane == Lane::Hi {
        source.fail_count = 0;
    }
    source.wanted += 1;
    // A back-off is over: whatever failed before, there is news now.
    source.next_due_at = 0;
    source.enqueued_at = now;
}

/// The trigger of a generation that a signal asks for.
pub(super) fn trigger_of(signal: &Signal, mechanism: &str, actor: &str) -> Cause {
    Cause {
        signal_id: signal.id.clone(),
        provider: GITHUB.to_owned(),
        mechanism: mechanism.to_owned(),
        actor: actor.to_owned(),
        received_at: signal.received_at,
        ..Cause::default()
    }
}

/// The same for a push, with the commit it leads to.
pub(super) fn trigger_of_push(signal: &Signal, push: &Push) -> Cause {
    Cause {
        commit: push.after.clone(),
        pushed_at: push.pushed_at,
        ..trigger_of(signal, "push", &push.actor)
    }
}

impl SourceRow {
    /// Whether the provider now names a repository we have read differently.
    pub(crate) fn is_renamed(&self, repository: &Repository) -> bool {
        !self.names.url.is_empty()
            && (self.names.url != repository.html_url
                || self.names.default_branch != repository.default_branch)
    }

    /// The repository by its names today. What a provider filters it by besides is not kept.
    pub(crate) fn repository(&self) -> Repository {
        let names = &self.names;
        Repository {
            id: self.repository_id(),
            node_id: names.node_id.clone(),
            owner: names.owner.clone(),
            name: names.name.clone(),
            html_url: names.url.clone(),
            default_branch: names.default_branch.clone(),
            archived: names.archived,
            // Not stored: what a repository is filtered by is asked of it with every look.
            traits: None,
        }
    }

    /// Takes over how the provider names the repository now. After a rename everything in it must
    /// be read again, for the entities carry its address.
    pub(crate) fn adopt(&mut self, repository: &Repository) {
        if self.is_renamed(repository) {
            // A reading list without blob ids is what makes the processor read every file.
            self.fingerprint = None;
        }
        self.names = SourceNames {
            node_id: repository.node_id.clone(),
            owner: repository.owner.clone(),
            name: repository.name.clone(),
            url: repository.html_url.clone(),
            default_branch: repository.default_branch.clone(),
            archived: repository.archived,
        };
    }
}
