//! What should happen now and then, or the promises were never put to the test.

use std::collections::{BTreeMap, BTreeSet};

use super::Sometimes;
use crate::history::{FaultKind, History};

pub(super) fn count(history: &History) -> Vec<Sometimes> {
    let outcomes = |outcome: &str| {
        times(
            history
                .deliveries
                .iter()
                .filter(|row| row.outcome == outcome)
                .count(),
        )
    };
    let by_sweep = |event: &&crate::history::Live| event.data["cause"]["mechanism"] == "tick";
    let exits = history
        .faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::Exit)
        .count();
    let seen = [
        (
            "deliveries superseded by newer ones",
            outcomes("superseded"),
        ),
        ("deliveries that changed nothing", outcomes("unchanged")),
        (
            "hooks refused or unanswered",
            times(
                history
                    .hooks
                    .iter()
                    .filter(|hook| !hook.is_accepted())
                    .count(),
            ),
        ),
        ("hooks accepted more than once", accepted_again(history)),
        (
            "changes found by a sweep",
            times(history.feed.iter().filter(by_sweep).count()),
        ),
        (
            "signals recorded before",
            counted(history, "catalog_signals_total", "duplicate"),
        ),
        (
            "observations that came too late",
            counted(history, "catalog_observations_total", "superseded"),
        ),
        (
            "jobs published again by the reconciler",
            counted(history, "catalog_jobs_published_total", "reconciler"),
        ),
        (
            "relays refused by the stream",
            counted(history, "fenced", ""),
        ),
        ("processes that gave up by themselves", times(exits)),
    ];
    seen.into_iter()
        .map(|(what, times)| Sometimes { what, times })
        .collect()
}

fn accepted_again(history: &History) -> u64 {
    let mut seen = BTreeSet::new();
    let accepted = history.hooks.iter().filter(|hook| hook.is_accepted());
    times(accepted.filter(|hook| !seen.insert(&hook.guid)).count())
}

/// The newest value of every process's series that hold `name` and `label`, summed.
fn counted(history: &History, name: &str, label: &str) -> u64 {
    let matching = history
        .counters
        .iter()
        .filter(|counter| counter.series.contains(name) && counter.series.contains(label));
    let newest: BTreeMap<_, _> = matching
        .map(|counter| ((&counter.process, &counter.series), counter.value))
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters of one run are small and positive"
    )]
    let sum = newest.values().sum::<f64>() as u64;
    sum
}

fn times(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
