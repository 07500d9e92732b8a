//! Nothing that was accepted is unaccounted for (I1, I2, I12), and enough was.

use std::collections::BTreeSet;

use super::Finding;
use crate::history::{Fault, FaultKind, History, Hook};

const ENDS: [&str; 5] = ["applied", "unchanged", "superseded", "ignored", "dead"];

pub(super) fn accepted_hooks_are_durable(history: &History) -> Finding {
    let mut finding = Finding::new("I1", "every hook answered 2xx is in the ledger");
    // `gh:<host>:<guid>`
    let known: BTreeSet<&str> = history
        .deliveries
        .iter()
        .filter_map(|row| row.guid.rsplit(':').next())
        .collect();
    for hook in history.hooks.iter().filter(|hook| hook.is_accepted()) {
        finding.expect(known.contains(hook.guid.as_str()), || {
            let repository = hook.repository.as_deref().unwrap_or("no repository");
            let status = hook.status.unwrap_or_default();
            format!(
                "{} ({} of {repository}) was answered {status} and is not there",
                hook.guid, hook.event
            )
        });
    }
    finding
}

pub(super) fn every_delivery_has_ended(history: &History) -> Finding {
    let mut finding = Finding::new("I2", "every delivery has an outcome");
    for row in &history.deliveries {
        let is_over = row.covered_at.is_some() && ENDS.contains(&row.outcome.as_str());
        finding.expect(is_over, || {
            format!(
                "{} is `{}`, covered at {:?}",
                row.guid, row.outcome, row.covered_at
            )
        });
    }
    finding
}

pub(super) fn everything_drained_in_time(history: &History) -> Finding {
    let mut finding = Finding::new(
        "I12",
        "after the last disturbance everything drains in time",
    );
    let run = &history.run;
    let took = run.drained_at.map(|at| at - run.disturbed_until);
    finding.expect(
        took.is_some_and(|took| took <= run.drain_micros_max),
        || format!("it took {took:?} of {} microseconds", run.drain_micros_max),
    );
    for source in &history.sources {
        finding.expect(source.done == source.wanted, || {
            format!(
                "source {} ({}) is at generation {} of {}",
                source.id, source.name, source.done, source.wanted
            )
        });
    }
    finding
}

pub(super) fn the_run_was_loud_enough(history: &History) -> Finding {
    let mut finding = Finding::new("loud", "the run met what it promises to survive");
    let is_made = |fault: &&Fault| fault.kind != FaultKind::Exit;
    let faults_made = history.faults.iter().filter(is_made);
    let (made, planned) = (faults_made.clone().count(), history.run.faults_planned);
    finding.expect(made >= planned, || format!("{made} faults of {planned}"));
    let kinds: BTreeSet<_> = faults_made
        .map(|fault| (fault.kind, &fault.target))
        .collect();
    let (kinds, planned) = (kinds.len(), history.run.fault_kinds_planned);
    finding.expect(kinds >= planned, || {
        format!("{kinds} different faults of {planned}")
    });
    finding.expect(history.hooks.iter().any(Hook::is_accepted), || {
        "no hook was accepted".to_owned()
    });
    finding.expect(!history.changes.is_empty(), || {
        "nothing ever changed".to_owned()
    });
    finding.expect(!history.heads.is_empty(), || {
        "there is no repository".to_owned()
    });
    finding
}
