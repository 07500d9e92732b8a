//! The pace of one credential: governor buckets for GitHub's per-minute ("secondary") limits.
//!
//! GitHub publishes those limits but no header tells how much of them is left, so they are kept by
//! a model. A server of one's own (GitHub Enterprise Server) has none unless its owner sets
//! them, and then its refusals say so; it is not paced.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::headers::Resource;

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// How many calls of one kind may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallPace {
    /// Calls at once after a pause.
    pub burst: NonZeroU32,
    /// Calls per minute in the long run. No minute sees more than this and `burst` together.
    pub per_minute: NonZeroU32,
}

impl CallPace {
    /// GraphQL on github.com: 2,000 points a minute, a query is one.
    pub const GITHUB_GRAPHQL: Self = Self {
        // Burst and minute together stay below the 2,000 that GitHub publishes, and leave room for
        // whoever else spends the same credential.
        burst: nonzero_calls(900),
        per_minute: nonzero_calls(1_000),
    };
    /// REST on github.com: 900 points a minute, a read is one.
    pub const GITHUB_REST: Self = Self {
        // Together below the 900 that GitHub publishes.
        burst: nonzero_calls(400),
        per_minute: nonzero_calls(450),
    };

    fn to_quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

const fn nonzero_calls(count: u32) -> NonZeroU32 {
    NonZeroU32::MIN.saturating_add(count.saturating_sub(1))
}

/// The two buckets of a credential.
pub struct Buckets<C: Clock = DefaultClock> {
    clock: C,
    graphql: Option<Limiter<C>>,
    rest: Option<Limiter<C>>,
}

impl Buckets {
    /// Buckets for the API at this host name: github.com and its data-residency hosts are paced.
    #[must_use]
    pub fn for_api_host(host: &str) -> Self {
        Self::with_clock(host, DefaultClock::default())
    }
}

impl<C: Clock + Clone> Buckets<C> {
    fn with_clock(host: &str, clock: C) -> Self {
        let paced =
            // Data-residency tenants live below ghe.com and share the limits of github.com.
            host == "github.com" || host.ends_with(".github.com") || host.ends_with(".ghe.com");
        let limiter = |pace: CallPace| {
            paced.then(|| RateLimiter::direct_with_clock(pace.to_quota(), clock.clone()))
        };
        Self {
            graphql: limiter(CallPace::GITHUB_GRAPHQL),
            rest: limiter(CallPace::GITHUB_REST),
            clock,
        }
    }

    /// Takes one call, or says how long to wait before asking again.
    ///
    /// # Errors
    /// The wait until the bucket has a call to give.
    pub fn take_call(&self, resource: Resource) -> Result<(), Duration> {
        let limiter = match resource {
            Resource::Core => self.rest.as_ref(),
            Resource::Graphql => self.graphql.as_ref(),
        };
        limiter.map_or(Ok(()), |limiter| {
            limiter
                .check()
                .map_err(|refused| refused.wait_time_from(self.clock.now()))
        })
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn taken(buckets: &Buckets<FakeRelativeClock>, tries: u32) -> u32 {
        (0..tries)
            .map(|_| u32::from(buckets.take_call(Resource::Graphql).is_ok()))
            .sum()
    }

    #[test]
    fn no_minute_on_github_com_sees_more_than_the_published_limit() {
        let clock = FakeRelativeClock::default();
        let buckets = Buckets::with_clock("api.github.com", clock.clone());
        let mut granted = taken(&buckets, 5_000);
        for _ in 0..60 {
            clock.advance(Duration::from_secs(1));
            granted += taken(&buckets, 5_000);
        }
        assert!((1_800..2_000).contains(&granted), "{granted}");
    }

    #[test]
    fn an_empty_bucket_says_how_long_to_wait() {
        let clock = FakeRelativeClock::default();
        let buckets = Buckets::with_clock("acme.ghe.com", clock.clone());
        taken(&buckets, 5_000);
        let wait = buckets
            .take_call(Resource::Graphql)
            .expect_err("the bucket is empty");
        clock.advance(wait);
        assert_eq!(buckets.take_call(Resource::Graphql), Ok(()));
    }

    #[test]
    fn a_server_of_ones_own_is_not_paced() {
        let buckets = Buckets::with_clock("github.acme.example", FakeRelativeClock::default());
        assert_eq!(taken(&buckets, 5_000), 5_000);
    }
}
