//! What a test breaks and what it can see.

use std::time::Duration;

use anyhow::Result;

use crate::handle::GithubEmulator;
use crate::hooks::{DeliveryRecord, HookMode, ReleaseOrder};
use crate::knobs::Fault;
use crate::repository::StaleUntil;
use crate::requests::{RequestKind, RequestRecord};

/// What a test breaks.
impl GithubEmulator {
    /// Delays every API answer.
    pub fn set_latency(&self, latency: Duration) {
        self.engine.knobs.set_latency(latency);
    }

    /// The next API calls meet this fault.
    pub fn fail_next(&self, calls: usize, fault: Fault) {
        self.engine.knobs.fail_next(calls, fault);
    }

    /// Every API call meets this fault until [`heal`](Self::heal).
    pub fn fail_all(&self, fault: Fault) {
        self.engine.knobs.fail_all(fault);
    }

    /// No API call meets a fault any more.
    pub fn heal(&self) {
        self.engine.knobs.heal();
    }

    /// Sets both rate buckets: points per hour, points used, seconds until the reset.
    pub fn set_rate_limit(&self, limit: u64, used: u64, resets_in: u64) {
        self.engine.rates.set(limit, used, resets_in);
    }

    /// From the next push on, the API shows the repository as it was before it.
    pub fn stale_after_next_push(&self, full_name: &str, until: StaleUntil) -> Result<()> {
        self.engine
            .repository(full_name)?
            .stale_after_next_push(until);
        Ok(())
    }

    /// The API shows the repository as it is.
    pub fn release_stale(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.release_stale();
        Ok(())
    }

    /// The API answers "not found" for a repository that exists, as without access to it.
    pub fn conceal(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.conceal(true);
        Ok(())
    }

    /// Ends [`conceal`](Self::conceal).
    pub fn reveal(&self, full_name: &str) -> Result<()> {
        self.engine.repository(full_name)?.conceal(false);
        Ok(())
    }

    /// What becomes of hooks from now on.
    pub fn set_hook_mode(&self, mode: HookMode) {
        self.engine.hooks.set_mode(mode);
    }

    /// What becomes of the next hooks, whatever the standing mode.
    pub fn set_hook_mode_of_next(&self, events: usize, mode: HookMode) {
        self.engine.hooks.set_mode_of_next(events, mode);
    }

    /// Sends held hooks one after another and returns how many there were.
    pub fn release_hooks(&self, order: ReleaseOrder) -> usize {
        self.engine.hooks.release(order)
    }

    /// Push events list at most this many commits, the oldest ones.
    pub fn list_commits_up_to(&self, commits: usize) {
        self.engine.list_commits_up_to(commits);
    }
}

/// What a test can see.
impl GithubEmulator {
    /// Every attempt to deliver an event, oldest first.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryRecord> {
        self.engine
            .hooks
            .attempts()
            .into_iter()
            .map(|attempt| attempt.record)
            .collect()
    }

    /// Sends a logged event again under its GUID. `false`: no such attempt.
    pub fn redeliver(&self, attempt_id: u64) -> bool {
        self.engine.hooks.redeliver(attempt_id)
    }

    /// Every answered request, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.engine.requests.all()
    }

    /// How many requests of any kind have begun, answered or not.
    #[must_use]
    pub fn requests_begun(&self) -> u64 {
        self.engine.requests.begun()
    }

    /// How many REST and GraphQL calls were answered.
    #[must_use]
    pub fn count_api_calls(&self) -> usize {
        self.engine
            .requests
            .count(|record| record.kind != RequestKind::Git)
    }

    /// Forgets requests and deliveries.
    pub fn clear_log(&self) {
        self.engine.requests.clear();
        self.engine.hooks.clear();
    }
}
