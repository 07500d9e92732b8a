//! What one credential may still ask of GitHub.
//!
//! [`window`] follows the limits the headers tell, [`bucket`] the per-minute ones they do not, and a
//! semaphore bounds the calls in flight. A [`RateBudget`] puts them together for the worker (which asks
//! before it pulls a job) and for the client (which asks before each call). It is exact for one
//! process; several processors with one credential still obey every header, but may split a
//! window unevenly.

pub mod bucket;
pub mod headers;
pub mod window;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use freshet_proto::message::Lane;
use freshet_runtime::clock::Clock;
use freshet_runtime::progress::ProgressBoard;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use self::bucket::Buckets;
use self::headers::{RateHeaders, RateLimit, Resource};
use self::window::{Admission, RateWindows};

/// Longest time a worker sleeps before it looks at the budget again: the wall clock may be set.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(30);

/// A call that must not be made yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetClosed {
    /// Until when, microseconds UTC.
    pub until: i64,
}

/// A call in flight.
#[derive(Debug)]
#[must_use = "another call is made in its place when this is dropped"]
pub struct CallSlot {
    _call: OwnedSemaphorePermit,
    _sweep: Option<OwnedSemaphorePermit>,
}

/// Sweeps may fill half of the places, so that a webhook always finds one.
#[must_use]
pub fn sweeps_max(concurrent_calls_max: usize) -> usize {
    (concurrent_calls_max / 2).max(1)
}

async fn acquire_slot(places: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(places)
        .acquire_owned()
        .await
        .expect("the semaphore is never closed")
}

/// Whom to tell that a budget is closed, and whose it is.
#[derive(Clone)]
pub struct ClosingNotice {
    /// What people call the credential: the name of its host.
    pub host: String,
    /// Where whoever waits finds it.
    pub board: ProgressBoard,
}

impl ClosingNotice {
    fn tell(&self, until: i64) {
        self.board.note_holdup(&self.host, until);
    }
}

/// The budget of one credential.
pub struct RateBudget {
    clock: Clock,
    windows: Mutex<RateWindows>,
    buckets: Buckets,
    calls: Arc<Semaphore>,
    /// Places a sweep needs before it asks for one of `calls`.
    sweeps: Arc<Semaphore>,
    /// Counts closings, so that a worker waiting for jobs notices one.
    closings: watch::Sender<u64>,
    notice: ClosingNotice,
}

impl RateBudget {
    /// A budget for the API at `api_host`, with at most `concurrent_calls_max` calls in flight.
    #[must_use]
    pub fn new(
        api_host: &str,
        concurrent_calls_max: usize,
        clock: Clock,
        notice: ClosingNotice,
    ) -> Self {
        Self {
            clock,
            windows: Mutex::default(),
            buckets: Buckets::for_api_host(api_host),
            calls: Arc::new(Semaphore::new(concurrent_calls_max)),
            sweeps: Arc::new(Semaphore::new(sweeps_max(concurrent_calls_max))),
            closings: watch::Sender::new(0),
            notice,
        }
    }

    /// Waits for a free place and the pace, then spends one call. Hold the place until the answer is read.
    ///
    /// # Errors
    /// [`BudgetClosed`] if a limit forbids the call; waiting that out is the caller's decision.
    pub async fn admit_call(
        &self,
        lane: Lane,
        resource: Resource,
    ) -> Result<CallSlot, BudgetClosed> {
        // The sweep's own slot first: a sweep that held one of the common slots while it waits for
        // its own would take it from a webhook.
        let sweep = match lane {
            Lane::Hi => None,
            Lane::Lo | Lane::Unspecified => Some(acquire_slot(&self.sweeps).await),
        };
        let call = self.take_paced_slot(resource).await;
        // The window is asked last: between place and pace another call may have been limited.
        match self
            .lock_windows()
            .admit_call(lane, resource, self.clock.now_micros())
        {
            Admission::Granted => Ok(CallSlot {
                _call: call,
                _sweep: sweep,
            }),
            Admission::Closed { until } => Err(BudgetClosed { until }),
        }
    }

    // A place is not kept while the pace is waited for, since a call of the other kind may use it. The pace
    // is taken with a place in hand, or calls that have it could gather and then be made all at once.
    async fn take_paced_slot(&self, resource: Resource) -> OwnedSemaphorePermit {
        loop {
            let place = acquire_slot(&self.calls).await;
            let Err(wait) = self.buckets.take_call(resource) else {
                return place;
            };
            drop(place);
            tokio::time::sleep(wait).await;
        }
    }

    /// How long no job of this lane may be pulled; zero if one may.
    #[must_use]
    pub fn wait_for_jobs(&self, lane: Lane) -> Duration {
        let now = self.clock.now_micros();
        match self.lock_windows().check_call(lane, Resource::Graphql, now) {
            Admission::Granted => Duration::ZERO,
            Admission::Closed { until } => micros_between(now, until),
        }
    }

    /// Waits until a job of this lane may be pulled.
    pub async fn wait_until_open(&self, lane: Lane) {
        loop {
            let wait = self.wait_for_jobs(lane);
            if wait.is_zero() {
                return;
            }
            // Another answer may have closed it for longer meanwhile, or a clock was set.
            tokio::time::sleep(wait.min(LOOK_AGAIN_MAX)).await;
        }
    }

    /// A receiver that sees a change whenever the budget closes.
    #[must_use]
    pub fn watch_closings(&self) -> watch::Receiver<u64> {
        self.closings.subscribe()
    }

    /// Learns from an answer that was not limited.
    pub fn learn_headers(&self, resource: Resource, headers: &RateHeaders) {
        let admission = {
            let mut windows = self.lock_windows();
            windows.learn_headers(resource, headers);
            // An answer that was not limited shows that the unexplained refusals before it are
            // over.
            windows.note_unlimited();
            windows.check_call(Lane::Lo, resource, self.clock.now_micros())
        };
        // Whoever waits for jobs would otherwise go on taking some, only to give them back.
        if let Admission::Closed { until } = admission {
            self.notice.tell(until);
            self.closings.send_modify(|count| *count += 1);
        }
    }

    /// Closes the budget after a limit was reported.
    pub fn close_after(
        &self,
        resource: Resource,
        headers: &RateHeaders,
        limit: RateLimit,
    ) -> BudgetClosed {
        let until = {
            let mut windows = self.lock_windows();
            windows.learn_headers(resource, headers);
            windows.close_after(resource, limit, self.clock.now_micros())
        };
        self.notice.tell(until);
        self.closings.send_modify(|count| *count += 1);
        BudgetClosed { until }
    }

    /// How long from now until `closed` ends.
    #[must_use]
    pub fn remaining_wait(&self, closed: BudgetClosed) -> Duration {
        micros_between(self.clock.now_micros(), closed.until)
    }

    /// Points left, as far as answers have told.
    #[must_use]
    pub fn remaining(&self, resource: Resource) -> Option<u64> {
        self.lock_windows().remaining(resource)
    }

    // The state is plain numbers, valid at every step, so a poisoned lock is still good.
    fn lock_windows(&self) -> std::sync::MutexGuard<'_, RateWindows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros_between(now: i64, until: i64) -> Duration {
    Duration::from_micros(u64::try_from(until.saturating_sub(now)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use freshet_runtime::clock::ManualClock;
    use futures::FutureExt;

    use super::*;

    const NOW: i64 = 1_000_000_000;
    const MINUTE: Duration = Duration::from_secs(60);

    fn budget(concurrent_calls_max: usize) -> (RateBudget, ManualClock) {
        let (clock, hand) = Clock::manual(NOW);
        let budget = budget_of("ghe.acme.example", concurrent_calls_max, clock);
        (budget, hand)
    }

    fn budget_of(host: &str, concurrent_calls_max: usize, clock: Clock) -> RateBudget {
        let notice = ClosingNotice {
            host: host.to_owned(),
            board: ProgressBoard::new(clock.clone()),
        };
        RateBudget::new(host, concurrent_calls_max, clock, notice)
    }

    #[tokio::test]
    async fn no_more_calls_are_in_flight_than_allowed() {
        let (budget, _) = budget(2);
        let one = budget.admit_call(Lane::Hi, Resource::Graphql).await;
        let _two = budget.admit_call(Lane::Lo, Resource::Core).await;
        assert!(
            budget
                .admit_call(Lane::Hi, Resource::Core)
                .now_or_never()
                .is_none()
        );
        drop(one);
        assert!(
            budget
                .admit_call(Lane::Hi, Resource::Core)
                .now_or_never()
                .is_some()
        );
    }

    #[tokio::test]
    async fn sweeps_leave_half_of_the_places_to_webhooks() {
        let (budget, _) = budget(4);
        let _one = budget.admit_call(Lane::Lo, Resource::Core).await;
        let _two = budget.admit_call(Lane::Lo, Resource::Graphql).await;
        let sweep = budget.admit_call(Lane::Lo, Resource::Core);
        assert!(sweep.now_or_never().is_none());
        let push = budget.admit_call(Lane::Hi, Resource::Graphql);
        assert!(push.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_call_that_waits_for_its_pace_holds_no_place() {
        let (clock, _hand) = Clock::manual(NOW);
        let budget = budget_of("github.com", 1, clock);
        let sweeping = async {
            loop {
                drop(budget.admit_call(Lane::Lo, Resource::Core).await);
            }
        };
        let mut sweeping = std::pin::pin!(tokio::task::unconstrained(sweeping));
        assert!(futures::poll!(sweeping.as_mut()).is_pending());
        let push = budget.admit_call(Lane::Hi, Resource::Graphql);
        assert!(push.now_or_never().is_some());
    }

    #[tokio::test]
    async fn no_call_is_made_while_github_asks_to_stay_away() {
        let (budget, hand) = budget(2);
        let limit = RateLimit::StayAway { wait: MINUTE };
        let closed = budget.close_after(Resource::Graphql, &RateHeaders::default(), limit);
        assert_eq!(budget.remaining_wait(closed), MINUTE);
        for resource in [Resource::Graphql, Resource::Core] {
            assert_eq!(
                budget.admit_call(Lane::Hi, resource).await.err(),
                Some(closed)
            );
        }
        let told = budget.notice.board.holdup().expect("whoever waits is told");
        assert_eq!(told.reason, "the rate limit of ghe.acme.example");
        assert_eq!(told.until, Some(closed.until));
        hand.advance(MINUTE);
        assert!(budget.admit_call(Lane::Hi, Resource::Graphql).await.is_ok());
        assert_eq!(budget.notice.board.holdup(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_waits_until_the_budget_opens() {
        let (budget, hand) = budget(2);
        budget.close_after(
            Resource::Graphql,
            &RateHeaders::default(),
            RateLimit::StayAway { wait: MINUTE },
        );
        let moving = async {
            tokio::time::sleep(MINUTE).await;
            hand.advance(MINUTE);
            futures::future::pending::<()>().await;
        };
        tokio::select! {
            () = budget.wait_until_open(Lane::Hi) => {}
            () = moving => {}
        }
        assert_eq!(budget.wait_for_jobs(Lane::Hi), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_worker_that_waits_for_jobs_notices_that_the_budget_closed() {
        let (budget, _) = budget(2);
        let mut closings = budget.watch_closings();
        assert!(closings.changed().now_or_never().is_none());
        budget.close_after(
            Resource::Core,
            &RateHeaders::default(),
            RateLimit::Unspecified,
        );
        assert!(closings.changed().now_or_never().is_some());
        let spent = RateHeaders {
            limit: Some(100),
            remaining: Some(10),
            reset_at: Some(NOW * 2),
            retry_after: None,
        };
        budget.learn_headers(Resource::Graphql, &spent);
        assert!(
            closings.changed().now_or_never().is_some(),
            "sweeps must stop"
        );
    }
}
