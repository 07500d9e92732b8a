//! The verdict on one source: can what we hold be taken for what is there?

use std::time::Duration;

use freshet_model::SourceId;
use serde::Serialize;

use crate::config::GithubProvider;
use crate::micros::micros;
use crate::repo::SourceStatus;

/// This many failures in a row are no hiccup.
const FAILING_AFTER: i64 = 3;
/// A source not proved for this many sweeps has gone silent.
const SWEEPS_UNTIL_UNKNOWN: u32 = 2;
/// The bound where no provider says how often it looks.
const BOUND_UNLESS_CONFIGURED: Duration = Duration::from_secs(8 * 60 * 60);

freshet_runtime::label_enum! {
    /// Whether what we hold can be taken for what is there.
    #[derive(Serialize)]
    #[serde(rename_all = "lowercase")]
    pub enum FreshnessVerdict {
        /// Proved equal within its bound, and nothing says otherwise.
        Fresh = "fresh",
        /// It may have changed and was not looked at since, or entities of it that would go are withheld.
        Stale = "stale",
        /// It was looked at again and again, in vain.
        Failing = "failing",
        /// It was not proved for longer than its bound, or never.
        Unknown = "unknown",
    }
}

/// How old truth may get, per organisation that is swept.
#[derive(Clone, Debug, Default)]
pub struct AgeBounds {
    organizations: Vec<OrganizationBound>,
}

/// How old truth may get in one organisation.
#[derive(Clone, Debug)]
struct OrganizationBound {
    host: String,
    organization: String,
    bound: Duration,
}

/// A source and the verdict on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceVerdict {
    /// What the ledger says.
    pub status: SourceStatus,
    /// How old its truth may get.
    pub bound: Duration,
    /// The verdict.
    pub verdict: FreshnessVerdict,
}

/// When a source was last proved and the verdict on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceAge {
    pub(crate) id: SourceId,
    /// Microseconds UTC; `None` if never.
    pub(crate) verified_at: Option<i64>,
    pub(crate) verdict: FreshnessVerdict,
}

impl AgeBounds {
    /// The bounds that follow from how often each provider looks.
    #[must_use]
    pub fn of_providers(providers: &[GithubProvider]) -> Self {
        let organizations = providers
            .iter()
            .map(|provider| OrganizationBound {
                host: provider.host.clone(),
                organization: provider.organization.clone(),
                bound: provider.frequency * SWEEPS_UNTIL_UNKNOWN,
            })
            .collect();
        Self { organizations }
    }

    /// The bound of the source called `name` on `host`.
    #[must_use]
    pub fn of_source(&self, host: &str, name: &str) -> Duration {
        // A listing is called by the organisation alone, a repository by both.
        let owner = name.split('/').next().unwrap_or_default();
        self.organizations
            .iter()
            .filter(|it| it.host == host && it.organization.eq_ignore_ascii_case(owner))
            .map(|it| it.bound)
            // Two providers may sweep the same organisation; the more eager one is the promise.
            .min()
            .unwrap_or(BOUND_UNLESS_CONFIGURED)
    }

    /// The verdict on a source at `now` (microseconds UTC).
    #[must_use]
    pub fn verdict_of_source(&self, status: SourceStatus, now: i64) -> SourceVerdict {
        let bound = self.of_status(&status);
        let verdict = decide_verdict(&status, bound, now);
        SourceVerdict {
            status,
            bound,
            verdict,
        }
    }

    /// The same, of what counts for how old the catalog is.
    pub(crate) fn age_of_source(&self, status: &SourceStatus, now: i64) -> SourceAge {
        SourceAge {
            id: status.id,
            verified_at: status.verified_at,
            verdict: decide_verdict(status, self.of_status(status), now),
        }
    }

    fn of_status(&self, status: &SourceStatus) -> Duration {
        // What is looked at by itself has the bound of its own pace, whoever else sweeps its owner.
        match status.recheck_every {
            Some(every) => Duration::from_micros(every.unsigned_abs()) * SWEEPS_UNTIL_UNKNOWN,
            None => self.of_source(&status.host, &status.name),
        }
    }
}

/// Failing comes before the rest: it is the one that names a cause.
fn decide_verdict(status: &SourceStatus, bound: Duration, now: i64) -> FreshnessVerdict {
    let bound = micros(bound);
    let is_within_bound = |verified_at| now.saturating_sub(verified_at) <= bound;
    if status.fail_count >= FAILING_AFTER {
        FreshnessVerdict::Failing
    } else if !status.verified_at.is_some_and(is_within_bound) {
        FreshnessVerdict::Unknown
    } else if status.wanted > status.done || status.is_withheld {
        FreshnessVerdict::Stale
    } else {
        FreshnessVerdict::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::SourceKind;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn what_no_listing_sweeps_has_the_bound_of_its_rechecks() {
        let status = SourceStatus {
            recheck_every: Some(HOUR),
            ..status("example.com/a.yaml")
        };
        let bound = AgeBounds::of_providers(&[])
            .verdict_of_source(status, HOUR)
            .bound;
        assert_eq!(bound, Duration::from_secs(2 * 3_600));
    }

    /// A source of an organisation that is swept every hour, proved `verified_ago` hours ago (-1: never).
    #[track_caller]
    fn check(
        verified_ago: i64,
        wanted: i64,
        done: i64,
        fail_count: i64,
        expected: FreshnessVerdict,
    ) {
        let bounds = AgeBounds::of_providers(&[provider("acme", 1), provider("other", 100)]);
        let now = 1_000 * HOUR;
        let verified_at = (verified_ago >= 0).then_some(now - verified_ago * HOUR);
        let status = SourceStatus {
            wanted,
            done,
            verified_at,
            fail_count,
            ..status("Acme/pay")
        };
        assert_eq!(bounds.verdict_of_source(status, now).verdict, expected);
    }

    fn provider(organization: &str, hours: u64) -> GithubProvider {
        GithubProvider {
            id: organization.to_owned(),
            host: "github.com".to_owned(),
            organization: organization.to_owned(),
            catalog_path: "catalog-info.yaml".to_owned(),
            frequency: Duration::from_secs(hours * 3_600),
            branch: None,
            filters: crate::config::ProviderFilters::default(),
        }
    }

    fn status(name: &str) -> SourceStatus {
        SourceStatus {
            id: SourceId::new(1),
            kind: SourceKind::Repository,
            host: "github.com".to_owned(),
            name: name.to_owned(),
            url: String::new(),
            wanted: 0,
            done: 0,
            verified_at: None,
            changed_at: None,
            mechanism: None,
            fail_count: 0,
            last_error: None,
            recheck_every: None,
            is_withheld: false,
        }
    }

    #[test]
    fn a_source_proved_within_its_bound_is_fresh() {
        check(0, 1, 1, 0, FreshnessVerdict::Fresh);
        check(2, 5, 5, 2, FreshnessVerdict::Fresh);
    }

    #[test]
    fn a_source_that_went_silent_is_unknown() {
        check(3, 1, 1, 0, FreshnessVerdict::Unknown);
        check(-1, 1, 0, 0, FreshnessVerdict::Unknown);
    }

    #[test]
    fn a_source_that_may_have_changed_is_stale() {
        check(1, 2, 1, 0, FreshnessVerdict::Stale);
        check(1, 2, 1, 2, FreshnessVerdict::Stale);
    }

    #[test]
    fn a_source_of_which_removals_wait_is_stale() {
        let status = SourceStatus {
            is_withheld: true,
            verified_at: Some(HOUR),
            ..status("acme/pay")
        };
        let judged = AgeBounds::of_providers(&[]).verdict_of_source(status, HOUR);
        assert_eq!(judged.verdict, FreshnessVerdict::Stale);
    }

    #[test]
    fn repeated_failures_are_named_whatever_else_holds() {
        check(1, 2, 1, 3, FreshnessVerdict::Failing);
        check(-1, 1, 0, 9, FreshnessVerdict::Failing);
    }

    #[test]
    fn a_source_nobody_sweeps_has_the_general_bound() {
        let bounds = AgeBounds::of_providers(&[provider("acme", 1)]);
        assert_eq!(
            bounds.of_source("github.com", "elsewhere/x"),
            BOUND_UNLESS_CONFIGURED
        );
        assert_eq!(
            bounds.of_source("ghe.acme.example", "acme/x"),
            BOUND_UNLESS_CONFIGURED
        );
        assert_eq!(
            bounds.of_source("github.com", "acme"),
            Duration::from_secs(7_200)
        );
    }
}
