//! The primary rate limit, one bucket per resource, as the `x-ratelimit-*` headers tell it.

use std::sync::{Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};

/// GitHub's window: one hour.
const WINDOW_SECONDS: u64 = 3600;

/// Which bucket a call is charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Core,
    Graphql,
}

impl Resource {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Graphql => "graphql",
        }
    }
}

/// One bucket at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: u64,
    pub(super) used: u64,
    /// Seconds since the epoch.
    pub(super) reset: u64,
}

impl Standing {
    pub(super) fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// Both buckets.
pub(super) struct Rates {
    buckets: Mutex<[Standing; 2]>,
}

/// Seconds since the epoch.
pub(super) fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

impl Rates {
    pub(super) fn new(limit: u64) -> Self {
        let fresh = Standing {
            limit,
            used: 0,
            reset: now_seconds() + WINDOW_SECONDS,
        };
        Self {
            buckets: Mutex::new([fresh; 2]),
        }
    }

    fn buckets(&self) -> MutexGuard<'_, [Standing; 2]> {
        self.buckets
            .lock()
            .expect("no holder of the buckets panics")
    }

    pub(super) fn set(&self, limit: u64, used: u64, resets_in: u64) {
        *self.buckets() = [Standing {
            limit,
            used,
            reset: now_seconds() + resets_in,
        }; 2];
    }

    pub(super) fn standing(&self, resource: Resource) -> Standing {
        let mut buckets = self.buckets();
        let bucket = &mut buckets[resource as usize];
        let now = now_seconds();
        if bucket.reset <= now {
            *bucket = Standing {
                used: 0,
                reset: now + WINDOW_SECONDS,
                ..*bucket
            };
        }
        *bucket
    }

    pub(super) fn spend(&self, resource: Resource, points: u64) {
        self.buckets()[resource as usize].used += points;
    }
}

/// Writes GitHub's five rate headers.
pub(super) fn write_headers(headers: &mut HeaderMap, resource: Resource, standing: &Standing) {
    let numbers = [
        ("x-ratelimit-limit", standing.limit),
        ("x-ratelimit-remaining", standing.remaining()),
        ("x-ratelimit-used", standing.used.min(standing.limit)),
        ("x-ratelimit-reset", standing.reset),
    ];
    for (name, number) in numbers {
        headers.insert(name, HeaderValue::from(number));
    }
    headers.insert(
        "x-ratelimit-resource",
        HeaderValue::from_static(resource.as_str()),
    );
}
