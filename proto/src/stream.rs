//! The streams and consumers, as plain data. `freshet-bus` creates them and refuses drift.

use std::time::Duration;

use crate::message::Lane;
use crate::message::change::Verb;
use crate::subject::{SubjectFilter, Subjects, lane_token, token};

/// Name of the stream of signals.
pub const SIGNALS: &str = "SIGNALS";
/// Name of the stream of jobs.
pub const JOBS: &str = "JOBS";
/// Name of the stream of observations.
pub const OBSERVATIONS: &str = "OBSERVATIONS";
/// Name of the public stream of changes.
pub const CHANGES: &str = "CHANGES";
/// Name of the stream of messages that could not be handled.
pub const DEAD_LETTERS: &str = "DEAD_LETTERS";
/// Name of the key-value bucket with the newest declared document of each entity.
pub const STATE_BUCKET: &str = "catalog_state";

/// A MiB, the unit of sizes of streams.
pub const MEBIBYTE: i64 = 1024 * 1024;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a handler may be silent before its message is delivered again.
pub const ACK_WAIT: Duration = Duration::from_secs(15);
/// How often a handler that is still at work says so.
pub const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(5);
/// How long a handler may keep one message by saying so.
pub const KEEP_ALIVE_MAX: Duration = Duration::from_secs(5 * 60);
// A NATS server takes 1 MiB unless told otherwise, headers included; half of it leaves room.
/// Largest payload of an internal message, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 512 * 1024;

/// How much of the stream of observations sweeps may fill, in percent. The rest is left to pushes, which
/// must come through while ten thousand repositories are read for the first time.
const SWEEP_ROOM_PERCENT: u64 = 50;

/// When a message leaves a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// When it was acknowledged.
    WorkQueue,
    /// When a limit of the stream says so.
    Limits,
}

/// Where a stream is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// On disk: survives a restart of the server.
    File,
    /// In memory: rebuilt from SQL after a restart. On disk where a server has no memory for streams.
    Memory,
}

/// What gives way when a stream is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// The publisher is refused.
    New,
    /// The oldest message goes.
    Old,
}

/// One stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSpec {
    /// Its name.
    pub name: String,
    /// What it captures.
    pub subjects: Vec<SubjectFilter>,
    /// When messages leave.
    pub retention: Retention,
    /// Where it is kept.
    pub storage: Storage,
    /// What gives way when it is full.
    pub discard: Discard,
    /// Upper bound of the stored bytes; `None` is unbounded.
    pub bytes_max: Option<i64>,
    /// How many messages one subject may hold; `None` is unbounded.
    pub messages_per_subject_max: Option<i64>,
    /// Age at which a message leaves; `None` is never.
    pub age_max: Option<Duration>,
    /// How long a message id is remembered.
    pub duplicate_window: Duration,
    /// Whether blocks are compressed.
    pub compressed: bool,
    /// Whether deleting and purging are refused.
    pub append_only: bool,
    /// Whether atomic batches may be published.
    pub atomic_batches: bool,
    /// Copies in a cluster.
    pub replicas: u8,
}

/// One durable pull consumer with explicit acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerSpec {
    /// The stream it reads.
    pub stream: String,
    /// Its durable name.
    pub name: String,
    /// What it reads of the stream.
    pub filter: SubjectFilter,
    /// How long a handler may be silent.
    pub ack_wait: Duration,
    /// How many messages may be out at once.
    pub ack_pending_max: i64,
}

/// A key-value bucket fed from a stream, one key per entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketSpec {
    /// The bucket's name.
    pub bucket: String,
    /// The stream it is sourced from.
    pub source: String,
    /// What is taken from the source, and which verb token is dropped to form the key.
    pub transforms: Vec<(SubjectFilter, String)>,
    /// Copies in a cluster.
    pub replicas: u8,
}

/// Everything that must exist on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The streams.
    pub streams: Vec<StreamSpec>,
    /// The buckets.
    pub buckets: Vec<BucketSpec>,
}

/// How much each stream may hold whose size is bounded, in bytes. A server sets that much aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSizes {
    /// Signals that wait for the ledger.
    pub signals: i64,
    /// Observations that wait to be applied.
    pub observations: i64,
    /// Messages that wait for a person.
    pub dead_letters: i64,
}

impl Default for StreamSizes {
    /// Together less than a GiB: what the smallest servers have.
    fn default() -> Self {
        Self {
            // About a KiB each: half a million pushes while the store is away.
            signals: 512 * MEBIBYTE,
            observations: 256 * MEBIBYTE,
            dead_letters: 128 * MEBIBYTE,
        }
    }
}

/// The streams and buckets of one installation, with `replicas` copies of each, of the default sizes.
#[must_use]
pub fn topology(subjects: &Subjects, replicas: u8) -> Topology {
    topology_of_sizes(subjects, replicas, &StreamSizes::default())
}

/// The streams and buckets of one installation, with `replicas` copies of each.
#[must_use]
pub fn topology_of_sizes(subjects: &Subjects, replicas: u8, sizes: &StreamSizes) -> Topology {
    Topology {
        streams: vec![
            signals_stream(subjects, replicas, sizes.signals),
            jobs_stream(subjects, replicas),
            observations_stream(subjects, replicas, sizes.observations),
            changes_stream(subjects, replicas),
            dead_letters_stream(subjects, replicas, sizes.dead_letters),
        ],
        buckets: vec![state_bucket(subjects, replicas)],
    }
}

fn base_stream(name: &str, subjects: Vec<SubjectFilter>, replicas: u8) -> StreamSpec {
    StreamSpec {
        name: name.to_owned(),
        subjects,
        retention: Retention::WorkQueue,
        storage: Storage::File,
        discard: Discard::New,
        bytes_max: None,
        messages_per_subject_max: None,
        age_max: None,
        duplicate_window: Duration::from_secs(120),
        compressed: false,
        append_only: false,
        atomic_batches: false,
        replicas,
    }
}

fn signals_stream(subjects: &Subjects, replicas: u8, bytes_max: i64) -> StreamSpec {
    StreamSpec {
        // Full means unprocessed. The publisher is refused, the webhook answers 503 and GitHub
        // keeps the delivery; dropping the oldest would lose a push and tell nobody.
        bytes_max: Some(bytes_max),
        // Only a pre-filter for quick repetitions: what decides for ever is the table of
        // deliveries.
        duplicate_window: Duration::from_secs(600),
        ..base_stream(SIGNALS, vec![subjects.signals_all()], replicas)
    }
}

// One message per subject, the newest: SQL can rebuild any job, so the old one may go.
fn jobs_stream(subjects: &Subjects, replicas: u8) -> StreamSpec {
    StreamSpec {
        // Memory is enough, because SQL knows what is wanted; a disk would only make every job
        // slower.
        storage: Storage::Memory,
        discard: Discard::Old,
        messages_per_subject_max: Some(1),
        ..base_stream(JOBS, vec![subjects.jobs_all()], replicas)
    }
}

fn observations_stream(subjects: &Subjects, replicas: u8, bytes_max: i64) -> StreamSpec {
    StreamSpec {
        storage: Storage::Memory,
        // Never coalesced: two observations of a source may each prove what the other lacks. A full
        // stream makes the processors wait, which slows reading down to what can be applied.
        bytes_max: Some(bytes_max),
        ..base_stream(OBSERVATIONS, vec![subjects.observations_all()], replicas)
    }
}

fn changes_stream(subjects: &Subjects, replicas: u8) -> StreamSpec {
    StreamSpec {
        retention: Retention::Limits,
        discard: Discard::Old,
        // Whoever has been away for longer starts from a snapshot; the history itself is in SQL.
        age_max: Some(30 * DAY),
        compressed: true,
        // Subscribers and the relay find their place by revision; one message deleted from the
        // middle would look like a lost one.
        append_only: true,
        atomic_batches: true,
        ..base_stream(
            CHANGES,
            vec![subjects.changes_all(), subjects.problems_all()],
            replicas,
        )
    }
}

fn dead_letters_stream(subjects: &Subjects, replicas: u8, bytes_max: i64) -> StreamSpec {
    StreamSpec {
        retention: Retention::Limits,
        bytes_max: Some(bytes_max),
        // Long enough that a person finds it after a holiday; nothing reads it back by itself.
        age_max: Some(90 * DAY),
        ..base_stream(DEAD_LETTERS, vec![subjects.dead_all()], replicas)
    }
}

// Related changes carry no document, so they are not sourced. Each verb is one transform that
// keeps the three name tokens as the key.
fn state_bucket(subjects: &Subjects, replicas: u8) -> BucketSpec {
    let transforms = [Verb::Created, Verb::Updated, Verb::Deleted]
        .into_iter()
        .map(|verb| {
            let key = format!(
                "$KV.{STATE_BUCKET}.{{{{wildcard(1)}}}}.{{{{wildcard(2)}}}}.{{{{wildcard(3)}}}}"
            );
            (subjects.changes_with(verb), key)
        })
        .collect();
    BucketSpec {
        bucket: STATE_BUCKET.to_owned(),
        source: CHANGES.to_owned(),
        transforms,
        replicas,
    }
}

/// The ledger's consumer of signals.
#[must_use]
pub fn signals_consumer(subjects: &Subjects) -> ConsumerSpec {
    ConsumerSpec {
        stream: SIGNALS.to_owned(),
        name: "ledger".to_owned(),
        filter: subjects.signals_all(),
        ack_wait: ACK_WAIT,
        ack_pending_max: 10_000,
    }
}

/// The processors' consumer of one installation's jobs in one lane.
#[must_use]
pub fn job_consumer(subjects: &Subjects, lane: Lane, installation: &str) -> ConsumerSpec {
    ConsumerSpec {
        stream: JOBS.to_owned(),
        name: format!("job_{}_{}", lane_token(lane), token(installation)),
        // One for each installation, so that a processor leaves alone those whose budget is spent.
        filter: subjects.jobs(lane, installation),
        ack_wait: ACK_WAIT,
        ack_pending_max: 20_000,
    }
}

/// The store's consumer of observations in one lane.
#[must_use]
pub fn observation_consumer(subjects: &Subjects, lane: Lane) -> ConsumerSpec {
    ConsumerSpec {
        stream: OBSERVATIONS.to_owned(),
        name: format!("apply_{}", lane_token(lane)),
        // One for each lane: a single one delivers in the order of the stream, and a push would
        // wait behind a sweep.
        filter: subjects.observations(lane),
        ack_wait: ACK_WAIT,
        ack_pending_max: 10_000,
    }
}

/// How much of the stream of observations a lane may fill, in percent.
#[must_use]
pub fn observation_room_percent(lane: Lane) -> u64 {
    match lane {
        Lane::Hi => 100,
        Lane::Lo | Lane::Unspecified => SWEEP_ROOM_PERCENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_captured_by_exactly_one_stream() {
        let subjects = Subjects::default();
        let topology = topology(&subjects, 1);
        let entity = freshet_model::EntityRef::parse("component:default/a").expect("a valid ref");
        let samples = [
            subjects.signal("github", "push", "github.com", "1"),
            subjects.job(Lane::Hi, "github.com", 1),
            subjects.observation(Lane::Lo, "github.com", 1),
            subjects.change(&entity, Verb::Related),
            subjects.problem("github", 1, Verb::ProblemOpened),
            subjects.dead(
                crate::subject::Stage::Apply,
                "unreadable",
                "github.com",
                "1",
            ),
        ];
        for sample in samples {
            let captured_by = topology
                .streams
                .iter()
                .filter(|stream| {
                    stream
                        .subjects
                        .iter()
                        .any(|filter| filter.matches(sample.as_str()))
                })
                .count();
            assert_eq!(captured_by, 1, "{sample}");
        }
    }

    #[test]
    fn consumers_of_different_installations_do_not_overlap() {
        let subjects = Subjects::default();
        let one = job_consumer(&subjects, Lane::Hi, "github.com");
        let other = job_consumer(&subjects, Lane::Hi, "ghe.acme.example");
        assert_ne!(one.name, other.name);
        assert!(
            !one.filter
                .matches(subjects.job(Lane::Hi, "ghe.acme.example", 1).as_str())
        );
    }
}
