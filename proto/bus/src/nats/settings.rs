//! Streams, buckets and consumers in the server's words, and how two of them differ. Pure.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::stream::{
    Compression, Config, DiscardPolicy, PersistenceMode, RetentionPolicy, Source, StorageType,
    SubjectTransform,
};
use freshet_proto::stream::{
    BucketSpec, ConsumerSpec, Discard, PAYLOAD_BYTES_MAX, Retention, Storage, StreamSpec,
};

use crate::{Drift, Drifts, HEADER_BYTES_MAX};

/// Room for what the server adds to a message's own headers.
const SERVER_HEADER_BYTES: usize = 4 * 1024;
/// Largest message there is: a payload of the greatest size with headers of theirs.
// The server counts headers in.
pub(super) const MESSAGE_BYTES_MAX: usize =
    PAYLOAD_BYTES_MAX + HEADER_BYTES_MAX + SERVER_HEADER_BYTES;
const UNBOUNDED: i64 = -1;
const BUCKET_DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

pub(super) fn stream_config(spec: &StreamSpec) -> Config {
    Config {
        name: spec.name.clone(),
        subjects: spec
            .subjects
            .iter()
            .map(|filter| filter.as_str().to_owned())
            .collect(),
        retention: match spec.retention {
            Retention::WorkQueue => RetentionPolicy::WorkQueue,
            Retention::Limits => RetentionPolicy::Limits,
        },
        storage: match spec.storage {
            Storage::File => StorageType::File,
            Storage::Memory => StorageType::Memory,
        },
        discard: match spec.discard {
            Discard::New => DiscardPolicy::New,
            Discard::Old => DiscardPolicy::Old,
        },
        max_bytes: spec.bytes_max.unwrap_or(UNBOUNDED),
        max_messages: UNBOUNDED,
        max_messages_per_subject: spec.messages_per_subject_max.unwrap_or(UNBOUNDED),
        max_consumers: -1,
        max_age: spec.age_max.unwrap_or(Duration::ZERO),
        max_message_size: i32::try_from(MESSAGE_BYTES_MAX)
            .expect("a message is smaller than 2 GiB"),
        duplicate_window: spec.duplicate_window,
        compression: Some(if spec.compressed {
            Compression::S2
        } else {
            Compression::None
        }),
        deny_delete: spec.append_only,
        deny_purge: spec.append_only,
        allow_atomic_publish: spec.atomic_batches,
        num_replicas: usize::from(spec.replicas),
        ..Default::default()
    }
}

/// A bucket is a stream that any key-value client understands; here it has a source instead of writers.
pub(super) fn bucket_config(spec: &BucketSpec) -> Config {
    let transforms = spec
        .transforms
        .iter()
        .map(|(filter, key)| SubjectTransform {
            source: filter.as_str().to_owned(),
            destination: key.clone(),
        });
    // One source with a transform per verb: sources are read independently of each other, and a deletion
    // must not overtake the update before it.
    let source = Source {
        name: spec.source.clone(),
        subject_transforms: transforms.collect(),
        ..Default::default()
    };
    Config {
        name: format!("KV_{}", spec.bucket),
        subjects: vec![format!("$KV.{}.>", spec.bucket)],
        sources: Some(vec![source]),
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        discard: DiscardPolicy::New,
        max_bytes: UNBOUNDED,
        max_messages: UNBOUNDED,
        max_messages_per_subject: 1,
        max_consumers: -1,
        max_message_size: -1,
        duplicate_window: BUCKET_DUPLICATE_WINDOW,
        compression: Some(Compression::S2),
        // Written when there is time and not message by message, which was half of the server's work. What
        // a kill takes is read from the source again. Copies in a cluster are written like that anyway, and
        // a server refuses the setting for them.
        persist_mode: (spec.replicas == 1).then_some(PersistenceMode::Async),
        // The newest value of a key is the state of an entity; only its source may change it.
        deny_delete: true,
        allow_rollup: true,
        // Any replica may answer readers of the bucket, who live with a value that is a moment old.
        allow_direct: true,
        num_replicas: usize::from(spec.replicas),
        ..Default::default()
    }
}

pub(super) fn consumer_config(spec: &ConsumerSpec) -> pull::Config {
    pull::Config {
        durable_name: Some(spec.name.clone()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        ack_wait: spec.ack_wait,
        // Giving up is decided by whoever handles the message, with a dead letter that says why; a
        // server only stops delivering it.
        max_deliver: UNBOUNDED,
        filter_subject: spec.filter.as_str().to_owned(),
        max_ack_pending: spec.ack_pending_max,
        ..Default::default()
    }
}

pub(super) type SettingFields = Vec<(&'static str, String)>;

pub(super) fn stream_fields(config: &Config) -> SettingFields {
    let sources = config
        .sources
        .iter()
        .flatten()
        .map(|source| (&source.name, &source.subject_transforms));
    vec![
        ("subjects", format!("{:?}", config.subjects)),
        ("sources", format!("{:?}", sources.collect::<Vec<_>>())),
        ("retention", format!("{:?}", config.retention)),
        ("storage", format!("{:?}", config.storage)),
        ("discard", format!("{:?}", config.discard)),
        ("max_bytes", config.max_bytes.to_string()),
        ("max_msgs", config.max_messages.to_string()),
        (
            "max_msgs_per_subject",
            config.max_messages_per_subject.to_string(),
        ),
        (
            "discard_new_per_subject",
            config.discard_new_per_subject.to_string(),
        ),
        ("max_age", format!("{:?}", config.max_age)),
        ("max_msg_size", config.max_message_size.to_string()),
        ("duplicate_window", format!("{:?}", config.duplicate_window)),
        (
            "compression",
            format!(
                "{:?}",
                config.compression.as_ref().unwrap_or(&Compression::None)
            ),
        ),
        ("deny_delete", config.deny_delete.to_string()),
        ("deny_purge", config.deny_purge.to_string()),
        ("allow_atomic", config.allow_atomic_publish.to_string()),
        ("allow_msg_ttl", config.allow_message_ttl.to_string()),
        (
            "persist_mode",
            format!("{:?}", config.persist_mode.as_ref()),
        ),
        // Only what is set here is compared: the server fills in the rest, and fills in more with
        // every version.
        ("num_replicas", config.num_replicas.to_string()),
    ]
}

pub(super) fn consumer_fields(
    filter: &str,
    ack_wait: Duration,
    max_ack_pending: i64,
) -> SettingFields {
    vec![
        ("filter_subject", filter.to_owned()),
        ("ack_wait", format!("{ack_wait:?}")),
        ("max_ack_pending", max_ack_pending.to_string()),
    ]
}

pub(super) fn drift_between(name: &str, found: SettingFields, wanted: SettingFields) -> Vec<Drift> {
    let fields = found
        .into_iter()
        .zip(wanted)
        .map(|((field, found), (_, wanted))| (field, found, wanted));
    Drifts::compare_fields(name, fields).0
}
