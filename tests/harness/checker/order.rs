//! The history has no gap and no event before its commit (I8).

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{CLOCK_STEP_MICROS, ChangeRow, Fault, FaultKind, History, Live};
use crate::process::Service;

pub(super) fn revisions_and_versions_have_no_gaps(history: &History) -> Finding {
    let mut finding = Finding::new(
        "I8",
        "revisions and versions have no gaps, and no event comes before its commit",
    );
    contiguous(
        &mut finding,
        "database",
        history.changes.iter().map(|row| row.revision),
        history.meta.revision,
    );
    contiguous(
        &mut finding,
        "feed",
        history.feed.iter().map(Live::revision),
        history.meta.revision,
    );
    contiguous(
        &mut finding,
        "stream",
        history.stream.iter().map(Live::revision),
        history.meta.revision,
    );
    versions(&mut finding, history);
    let rows: BTreeMap<i64, &ChangeRow> = history
        .changes
        .iter()
        .map(|row| (row.revision, row))
        .collect();
    let log = CommittedLog {
        rows,
        epoch: &history.meta.epoch,
        is_clock_stepped: history.faults.iter().any(is_step_of_store),
    };
    for (name, events) in [("feed", &history.feed), ("stream", &history.stream)] {
        for event in events {
            committed(&mut finding, name, event, &log);
        }
    }
    finding
}

/// The log, as whoever heard of it is compared with.
struct CommittedLog<'a> {
    rows: BTreeMap<i64, &'a ChangeRow>,
    epoch: &'a str,
    /// Whether the clock that tells when something was committed was wrong for a while.
    is_clock_stepped: bool,
}

fn is_step_of_store(fault: &Fault) -> bool {
    fault.kind == FaultKind::ClockStep && fault.target == Service::Store.name()
}

impl CommittedLog<'_> {
    /// When a row was committed, at the latest. Of one that the clock put an hour ahead only that hour is taken
    /// off: it must have been heard after that all the same.
    fn committed_at(&self, row: &ChangeRow, event: &Live) -> i64 {
        let ahead = row.committed_at - event.at;
        if self.is_clock_stepped && ahead > CLOCK_STEP_MICROS / 2 {
            row.committed_at - CLOCK_STEP_MICROS
        } else {
            row.committed_at
        }
    }
}

/// 1, 2, 3 … `last`, each once and in this order.
fn contiguous(finding: &mut Finding, name: &str, revisions: impl Iterator<Item = i64>, last: i64) {
    let mut previous = 0;
    for revision in revisions {
        finding.expect(revision == previous + 1, || {
            format!("{name}: revision {revision} follows {previous}")
        });
        previous = revision;
    }
    finding.expect(previous == last, || {
        format!("{name}: ends at revision {previous}, the log at {last}")
    });
}

fn versions(finding: &mut Finding, history: &History) {
    let mut newest: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for row in history.changes.iter().filter(|row| row.version > 0) {
        let Some(entity_ref) = row.entity_ref.as_deref() else {
            continue;
        };
        let before = newest
            .insert(entity_ref, (row.version, row.revision))
            .map_or(0, |(version, _)| version);
        finding.expect(row.version == before + 1, || {
            format!(
                "{entity_ref}: version {} follows {before} at revision {}",
                row.version, row.revision
            )
        });
    }
    for row in &history.entities {
        let last = newest.get(row.entity_ref.as_str()).copied();
        finding.expect(last == Some((row.version, row.revision)), || {
            format!(
                "{}: version {} of revision {}, its last change has {last:?}",
                row.entity_ref, row.version, row.revision
            )
        });
    }
}

/// What was heard is a row of the log, and was one when it was heard.
fn committed(finding: &mut Finding, name: &str, event: &Live, log: &CommittedLog<'_>) {
    let revision = event.revision();
    let Some(row) = log.rows.get(&revision) else {
        finding.expect(false, || {
            format!("{name}: revision {revision} was heard and is not in the log")
        });
        return;
    };
    let is_problem = event.verb().starts_with("problem");
    let is_same = event.verb() == row.verb
        && event.version() == row.version
        && (is_problem || event.entity_ref() == row.entity_ref.as_deref())
        && event.id == format!("{}-{revision}", log.epoch);
    finding.expect(is_same, || {
        format!(
            "{name}: revision {revision} was heard as {} {:?}, the log has {row:?}",
            event.id, event.data
        )
    });
    finding.expect(event.at >= log.committed_at(row, event), || {
        format!(
            "{name}: revision {revision} was heard at {} and committed at {}",
            event.at, row.committed_at
        )
    });
}
