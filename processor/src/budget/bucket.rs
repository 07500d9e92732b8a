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
        burst: calls(900),
        per_minute: calls(1_000),
    };
    /// REST on github.com: 900 points a minute, a read is one.
    pub const GITHUB_REST: Self = Self {
        burst: calls(400),
        per_minute: calls(450),
    };

    fn quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

const fn calls(count: u32) -> NonZeroU32 {
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
            host == "github.com" || host.ends_with(".github.com") || host.ends_with(".ghe.com");
        let limiter = |pace: CallPace| {
            paced.then(|| RateLimiter::direct_with_clock(pace.quota(), clock.clone()))
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
    pub fn take(&self, resource: Resource) -> Result<(), Duration> {
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
            .map(|_| u32::from(buckets.take(Resource::Graphql).is_ok()))
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
            .take(Resource::Graphql)
            .expect_err("the bucket is empty");
        clock.advance(wait);
        assert_eq!(buckets.take(Resource::Graphql), Ok(()));
    }

    #[test]
    fn a_server_of_ones_own_is_not_paced() {
        let buckets = Buckets::with_clock("github.acme.example", FakeRelativeClock::default());
        assert_eq!(taken(&buckets, 5_000), 5_000);
    }
}
