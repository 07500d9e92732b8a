//! What should happen now and then, or the promises were never put to the test.

use std::collections::{BTreeMap, BTreeSet};

use super::Sometimes;
use crate::history::{FaultKind, History, Live};

/// What the processes count themselves: in words, the metric, and the label it must have.
const COUNTED: [(&str, &str, &str); 7] = [
    (
        "hooks the bus had already",
        "catalog_ingestor_hook_requests_total",
        "duplicate",
    ),
    (
        "signals the ledger had already",
        "catalog_signals_total",
        "duplicate",
    ),
    (
        "jobs given back by a processor",
        "catalog_processor_jobs_total",
        "given_back",
    ),
    (
        "jobs published again by the reconciler",
        "catalog_jobs_published_total",
        "reconciler",
    ),
    (
        "observations that came too late",
        "catalog_observations_total",
        "superseded",
    ),
    (
        "relays that were not first",
        "catalog_relay_fenced_total",
        "",
    ),
    (
        "published events that the stream lost",
        "catalog_relay_rollback_total",
        "",
    ),
];

pub(super) fn count(history: &History) -> Vec<Sometimes> {
    let mut seen = recorded(history);
    for (what, metric, label) in COUNTED {
        seen.push((what, counted(history, metric, label)));
    }
    seen.into_iter()
        .map(|(what, times)| Sometimes { what, times })
        .collect()
}

fn recorded(history: &History) -> Vec<(&'static str, u64)> {
    let ended = |outcome: &str| {
        let rows = history.deliveries.iter();
        times(rows.filter(|row| row.outcome == outcome))
    };
    let refused = history.hooks.iter().filter(|hook| !hook.is_accepted());
    let is_of_sweep = |event: &&Live| event.data["cause"]["mechanism"] == "tick";
    let is_exit = |fault: &&crate::history::Fault| fault.kind == FaultKind::Exit;
    vec![
        ("deliveries superseded by newer ones", ended("superseded")),
        ("deliveries that changed nothing", ended("unchanged")),
        ("hooks refused or unanswered", times(refused)),
        ("hooks accepted more than once", accepted_again(history)),
        (
            "changes found by a sweep",
            times(history.feed.iter().filter(is_of_sweep)),
        ),
        (
            "processes that gave up by themselves",
            times(history.faults.iter().filter(is_exit)),
        ),
    ]
}

fn accepted_again(history: &History) -> u64 {
    let mut seen = BTreeSet::new();
    let accepted = history.hooks.iter().filter(|hook| hook.is_accepted());
    times(accepted.filter(|hook| !seen.insert(&hook.guid)))
}

/// The newest value of every process's series of `metric` that hold `label`, summed.
fn counted(history: &History, metric: &str, label: &str) -> u64 {
    let newest: BTreeMap<_, _> = history
        .counters
        .iter()
        .filter(|counter| counter.series.starts_with(metric) && counter.series.contains(label))
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

fn times(of: impl Iterator) -> u64 {
    u64::try_from(of.count()).unwrap_or(u64::MAX)
}
