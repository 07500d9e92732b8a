//! What came of a refresh, put together from the deliveries of its sources. Pure.

use freshet_model::{Revision, SourceId};
use freshet_proto::timestamp::rfc3339;
use serde::Serialize;
use uuid::Uuid;

use super::problems::ProblemItem;
use crate::repo::{RefreshDelivery, RefreshOutcome, SourceRow};

/// One source of a refresh.
#[derive(Clone, Debug)]
pub(super) struct RefreshedSource {
    pub(super) delivery: RefreshDelivery,
    pub(super) source: Option<SourceRow>,
}

/// How far a refresh is. The first that holds of any source is that of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum RefreshState {
    /// It could not be read, or what was read is wrong.
    Failed,
    Waiting,
    Applied,
    Unchanged,
    /// There is nothing that could be read.
    Ignored,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<SourceId>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    state: RefreshState,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Why it could not be read; it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What came of a refresh.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefreshReport {
    id: String,
    entity_ref: String,
    state: RefreshState,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// From the request to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// A revision that has what came of it, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<Revision>,
    sources: Vec<SourceReport>,
    problems: Vec<ProblemItem>,
}

impl RefreshReport {
    /// A report of these sources, of which there is at least one, as the database has them at `revision`.
    pub(super) fn new(
        id: &Uuid,
        entity_ref: &str,
        sources: Vec<RefreshedSource>,
        revision: Revision,
    ) -> Self {
        let requested_at = sources.iter().map(|it| it.delivery.received_at).min();
        let requested_at = requested_at.unwrap_or_default();
        let ended = sources.iter().map(|it| it.delivery.ended_at);
        let ended_at = ended.collect::<Option<Vec<i64>>>();
        let ended_at = ended_at.and_then(|ended| ended.into_iter().max());
        let states = sources.iter().map(RefreshedSource::state);
        Self {
            id: id.to_string(),
            entity_ref: entity_ref.to_owned(),
            state: states.min().unwrap_or(RefreshState::Ignored),
            requested_at: rfc3339(requested_at),
            ended_at: ended_at.map(rfc3339),
            seconds: ended_at.map(|ended| seconds_between(requested_at, ended)),
            revision: ended_at.map(|_| revision),
            sources: sources.into_iter().map(SourceReport::from).collect(),
            problems: Vec::new(),
        }
    }

    /// Adds what is wrong with the entity and what leads to it; `is_wrong` says whether that concerns the entity.
    pub(super) fn add_problems(&mut self, problems: Vec<ProblemItem>, is_wrong: bool) {
        // While it waits, what is wrong may be what is being mended.
        if is_wrong && self.state != RefreshState::Waiting {
            self.state = RefreshState::Failed;
        }
        self.problems = problems;
    }
}

impl RefreshedSource {
    fn state(&self) -> RefreshState {
        match self.delivery.outcome {
            RefreshOutcome::Waiting if self.failure().is_some() => RefreshState::Failed,
            RefreshOutcome::Waiting => RefreshState::Waiting,
            RefreshOutcome::Applied => RefreshState::Applied,
            RefreshOutcome::Unchanged => RefreshState::Unchanged,
            // Only the source knows whether a later reading found something new.
            RefreshOutcome::Superseded if self.has_changed_since() => RefreshState::Applied,
            RefreshOutcome::Superseded => RefreshState::Unchanged,
            RefreshOutcome::Ignored => RefreshState::Ignored,
            RefreshOutcome::Dead => RefreshState::Failed,
        }
    }

    fn has_changed_since(&self) -> bool {
        let changed_at = self.source.as_ref().and_then(|source| source.changed_at);
        changed_at.is_some_and(|changed_at| changed_at >= self.delivery.received_at)
    }

    /// Why it could not be read since it was asked for.
    fn failure(&self) -> Option<String> {
        // Asking for it has set the count to nought.
        let source = self
            .source
            .as_ref()
            .filter(|source| source.fail_count > 0)?;
        let is_waiting = self.delivery.outcome == RefreshOutcome::Waiting;
        source.last_error.clone().filter(|_| is_waiting)
    }
}

impl From<RefreshedSource> for SourceReport {
    fn from(refreshed: RefreshedSource) -> Self {
        Self {
            state: refreshed.state(),
            error: refreshed.failure(),
            ended_at: refreshed.delivery.ended_at.map(rfc3339),
            source: refreshed.delivery.source_id,
            name: refreshed.source.map_or_else(String::new, |it| it.slug()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a refresh takes no centuries")]
fn seconds_between(from: i64, to: i64) -> f64 {
    to.saturating_sub(from).max(0) as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::repo::SourceKind;

    const ASKED_AT: i64 = 1_000_000;

    fn source(outcome: RefreshOutcome, change: impl FnOnce(&mut SourceRow)) -> RefreshedSource {
        let id = SourceId::new(7);
        let mut source = SourceRow::new(id, SourceKind::Url, "example.com", "u");
        change(&mut source);
        let is_waiting = outcome == RefreshOutcome::Waiting;
        RefreshedSource {
            delivery: RefreshDelivery {
                guid: "g".to_owned(),
                source_id: Some(id),
                received_at: ASKED_AT,
                outcome,
                ended_at: (!is_waiting).then_some(3_500_000),
            },
            source: Some(source),
        }
    }

    fn report(sources: Vec<RefreshedSource>) -> Value {
        let report = RefreshReport::new(&Uuid::nil(), "a", sources, Revision::new(9));
        serde_json::to_value(report).expect("plain data")
    }

    #[track_caller]
    fn check(outcomes: &[RefreshOutcome], expected: &str) {
        let sources = outcomes.iter().map(|outcome| source(*outcome, |_| ()));
        assert_eq!(report(sources.collect())["state"], expected, "{outcomes:?}");
    }

    #[test]
    fn the_state_of_all_is_the_worst_of_them() {
        use RefreshOutcome::{Applied, Dead, Ignored, Unchanged, Waiting};
        check(&[Applied, Waiting], "waiting");
        check(&[Unchanged, Applied, Ignored], "applied");
        check(&[Ignored, Unchanged], "unchanged");
        check(&[Ignored], "ignored");
        check(&[Waiting, Dead], "failed");
    }

    #[test]
    fn what_has_ended_says_when_and_from_which_revision_on_it_shows() {
        let ended = report(vec![source(RefreshOutcome::Applied, |_| ())]);
        assert_eq!(ended["revision"], 9);
        assert_eq!(ended["seconds"], 2.5);
        assert_eq!(ended["endedAt"], "1970-01-01T00:00:03.500000Z");
        let waiting = report(vec![
            source(RefreshOutcome::Applied, |_| ()),
            source(RefreshOutcome::Waiting, |_| ()),
        ]);
        assert_eq!(waiting.get("revision"), None);
        assert_eq!(waiting.get("endedAt"), None);
    }

    #[test]
    fn what_cannot_be_read_says_why_while_it_is_tried_again() {
        let failing = |source: &mut SourceRow| {
            source.fail_count = 1;
            source.last_error = Some("no answer".to_owned());
        };
        let told = report(vec![source(RefreshOutcome::Waiting, failing)]);
        assert_eq!(told["state"], "failed");
        assert_eq!(told["sources"][0]["error"], "no answer");
        let later = report(vec![source(RefreshOutcome::Unchanged, failing)]);
        assert_eq!(later["state"], "unchanged");
        assert_eq!(later["sources"][0].get("error"), None);
    }

    #[test]
    fn what_a_later_reading_covers_tells_what_that_one_found() {
        let changed = |at: i64| move |source: &mut SourceRow| source.changed_at = Some(at);
        let superseded = RefreshOutcome::Superseded;
        let state = |at| report(vec![source(superseded, changed(at))])["state"].clone();
        assert_eq!(state(ASKED_AT), json!("applied"));
        assert_eq!(state(ASKED_AT - 1), json!("unchanged"));
    }

    #[test]
    fn a_reading_that_finds_a_mistake_has_failed() {
        let told = |outcome, is_wrong| {
            let sources = vec![source(outcome, |_| ())];
            let mut report = RefreshReport::new(&Uuid::nil(), "a", sources, Revision::new(9));
            report.add_problems(Vec::new(), is_wrong);
            report.state
        };
        assert_eq!(told(RefreshOutcome::Unchanged, true), RefreshState::Failed);
        assert_eq!(told(RefreshOutcome::Waiting, true), RefreshState::Waiting);
        assert_eq!(told(RefreshOutcome::Applied, false), RefreshState::Applied);
    }
}
