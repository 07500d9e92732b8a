//! Age of truth over the whole catalog: each entity counts as much as any other.

use std::collections::HashMap;

use freshet_model::SourceId;

use super::FreshnessVerdict;
use super::verdict::SourceAge;
use crate::metrics::seconds_between;

/// Age of truth of the entities, in seconds, and how many have which verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct AgeSummary {
    /// Of the entity whose source was proved longest ago.
    pub(crate) oldest: f64,
    /// Half of the entities are younger.
    pub(crate) median: f64,
    /// 95 % of the entities are younger.
    pub(crate) p95: f64,
    /// Entities by the verdict on their source.
    pub(crate) by_verdict: HashMap<FreshnessVerdict, i64>,
}

/// Sums up over entities, of which each source has the given number. A source that was never proved
/// has no age; its entities count under their verdict only.
pub(crate) fn summarise_ages(
    sources: &[SourceAge],
    entities_of: &HashMap<SourceId, i64>,
    now: i64,
) -> AgeSummary {
    let mut by_verdict = HashMap::new();
    let mut weighted: Vec<(f64, i64)> = Vec::new();
    for source in sources {
        let entities = entities_of.get(&source.id).copied().unwrap_or(0);
        *by_verdict.entry(source.verdict).or_default() += entities;
        // A source without entities makes nothing stale, and one never proved has no age but a verdict.
        if let Some(verified_at) = source.verified_at.filter(|_| entities > 0) {
            weighted.push((seconds_between(verified_at, now), entities));
        }
    }
    weighted.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    AgeSummary {
        oldest: weighted.last().map_or(0.0, |(age, _)| *age),
        median: weighted_quantile(&weighted, 50),
        p95: weighted_quantile(&weighted, 95),
        by_verdict,
    }
}

/// The smallest age such that at least `percent` of the entities are at most that old.
fn weighted_quantile(weighted: &[(f64, i64)], percent: i64) -> f64 {
    let total: i64 = weighted.iter().map(|(_, entities)| entities).sum();
    let mut below = 0;
    for (age, entities) in weighted {
        below += entities;
        if below * 100 >= total * percent {
            return *age;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_weigh_by_entities() {
        let weighted = [(1.0, 94), (10.0, 1), (100.0, 5)];
        let shown = [50, 94, 95, 96, 100].map(|percent| weighted_quantile(&weighted, percent));
        assert!(
            shown
                .iter()
                .zip([1.0, 1.0, 10.0, 100.0, 100.0])
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{shown:?}"
        );
    }

    #[test]
    fn nothing_has_no_age() {
        assert_eq!(
            summarise_ages(&[], &HashMap::new(), 1),
            AgeSummary::default()
        );
    }
}
