//! What `/readyz` says: the conditions, and after them the work that is under way.
//!
//! Work never keeps a process from being ready by itself, so its items say `"ready": true` like conditions that hold:
//! whoever reads only names and whether they are ready needs to know nothing of work.

use serde::{Serialize, Serializer};

use super::readiness::ReadinessCondition;
use crate::progress::Progress;

/// The body, a list of conditions and work.
pub(super) struct ReadinessBody {
    pub(super) conditions: Vec<ReadinessCondition>,
    pub(super) progresses: Vec<Progress>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum ReadinessItem<'a> {
    Condition(&'a ReadinessCondition),
    Work(WorkItem<'a>),
}

/// Work that is under way. What is not known is left out.
#[derive(Serialize)]
struct WorkItem<'a> {
    name: &'static str,
    ready: bool,
    progress: WorkFigures<'a>,
}

#[derive(Serialize)]
struct WorkFigures<'a> {
    /// The line that the log is told.
    line: String,
    done: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "perSecond")]
    per_second: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "secondsLeft")]
    seconds_left: Option<u64>,
    seconds: u64,
    #[serde(skip_serializing_if = "Option::is_none", rename = "waitsFor")]
    waits_for: Option<&'a str>,
}

impl Serialize for ReadinessBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let conditions = self.conditions.iter().map(ReadinessItem::Condition);
        let works = self.progresses.iter().map(WorkItem::of);
        serializer.collect_seq(conditions.chain(works.map(ReadinessItem::Work)))
    }
}

impl<'a> WorkItem<'a> {
    fn of(progress: &'a Progress) -> Self {
        Self {
            name: progress.title(),
            ready: true,
            progress: WorkFigures {
                line: progress.to_line(),
                done: progress.done(),
                total: progress.total().so_far(),
                percent: progress.percent(),
                // A tenth is as exact as it can be told.
                per_second: progress.rate().map(|rate| (rate * 10.0).round() / 10.0),
                seconds_left: progress.left().map(|left| left.as_secs()),
                seconds: progress.elapsed().as_secs(),
                waits_for: progress.wait().map(|wait| wait.reason.as_str()),
            },
        }
    }
}
