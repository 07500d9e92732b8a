//! What a test can break while the emulator runs: the API's answers and their delay.
//!
//! Each fault is one way GitHub is known to refuse. Hooks have their own knobs, see
//! [`HookMode`](super::HookMode); stale refs are a property of a repository.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// One way an API call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// GitHub itself is ill: 500, 502 or 503.
    Server(u16),
    /// Secondary limit with `retry-after`; 403 or 429.
    RetryAfter {
        /// HTTP status.
        status: u16,
        /// Value of the header.
        seconds: u64,
    },
    /// Primary limit: `x-ratelimit-remaining: 0` and the time of the reset; 403 or 429.
    Exhausted {
        /// HTTP status.
        status: u16,
        /// Seconds until the reset.
        resets_in: u64,
    },
    /// Secondary limit of which only the message tells; 403 or 429.
    SecondaryWithoutHeaders {
        /// HTTP status.
        status: u16,
    },
    /// A 403 that is no rate limit: the credential may not do this.
    Forbidden,
    /// GraphQL's primary limit: HTTP 200 with an error of type `RATE_LIMITED`. REST answers 403.
    GraphqlRateLimit {
        /// Seconds until the reset.
        resets_in: u64,
    },
    /// GraphQL answers 200 with nothing but an error, as when a query takes too long.
    GraphqlInternal,
    /// A page for people, with status 200, as a proxy or a login in between makes it.
    Page,
    /// An answer that breaks off.
    Broken,
    /// A redirect to another host, as from something that poses as GitHub.
    Misleading,
}

#[derive(Default)]
struct State {
    latency: Duration,
    next: VecDeque<Fault>,
    all: Option<Fault>,
}

/// The API's knobs.
#[derive(Default)]
pub(super) struct Knobs {
    state: Mutex<State>,
}

impl Knobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the knobs panics")
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    pub(super) fn latency(&self) -> Duration {
        self.state().latency
    }

    pub(super) fn fail_next(&self, calls: usize, fault: Fault) {
        self.state().next.extend(std::iter::repeat_n(fault, calls));
    }

    pub(super) fn fail_all(&self, fault: Fault) {
        self.state().all = Some(fault);
    }

    pub(super) fn heal(&self) {
        let mut state = self.state();
        state.next.clear();
        state.all = None;
    }

    /// The fault the next API call meets, used up by asking.
    pub(super) fn take_fault(&self) -> Option<Fault> {
        let mut state = self.state();
        let next = state.next.pop_front();
        next.or(state.all)
    }
}
