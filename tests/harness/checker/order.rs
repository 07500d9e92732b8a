//! The history has no gap and no event before its commit (I8).

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{ChangeRow, History, Live};

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
    for (name, events) in [("feed", &history.feed), ("stream", &history.stream)] {
        for event in events {
            committed(&mut finding, name, event, &rows, &history.meta.epoch);
        }
    }
    finding
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
fn committed(
    finding: &mut Finding,
    name: &str,
    event: &Live,
    rows: &BTreeMap<i64, &ChangeRow>,
    epoch: &str,
) {
    let revision = event.revision();
    let Some(row) = rows.get(&revision) else {
        finding.expect(false, || {
            format!("{name}: revision {revision} was heard and is not in the log")
        });
        return;
    };
    let is_problem = event.verb().starts_with("problem");
    let is_same = event.verb() == row.verb
        && event.version() == row.version
        && (is_problem || event.entity_ref() == row.entity_ref.as_deref())
        && event.id == format!("{epoch}-{revision}");
    finding.expect(is_same, || {
        format!(
            "{name}: revision {revision} was heard as {} {:?}, the log has {row:?}",
            event.id, event.data
        )
    });
    finding.expect(event.at >= row.committed_at, || {
        format!(
            "{name}: revision {revision} was heard at {} and committed at {}",
            event.at, row.committed_at
        )
    });
}
