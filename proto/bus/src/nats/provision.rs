//! Streams, buckets and consumers: creating what is missing, refusing what differs.

use std::collections::HashSet;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, ConsumerErrorKind, RawMessageErrorKind, StorageType};
use async_nats::jetstream::{ErrorCode, stream};
use freshet_proto::stream::{ConsumerSpec, Topology};
use futures::StreamExt as _;

use super::server::is_out_of_room;
use super::settings::{
    bucket_config, consumer_config, consumer_fields, drift_between, stream_config, stream_fields,
};
use super::{Nats, NatsCore};
use crate::{
    ConsumeError, Drift, Drifts, ProvisionError, ReadError, StoredMessage, StreamDepth, Tail,
};

/// Matches every subject of a stream.
const ALL_SUBJECTS: &str = ">";

impl Nats {
    pub(crate) async fn provision(&self, topology: &Topology) -> Result<(), ProvisionError> {
        self.core.provision(topology).await?;
        self.core.lock_made().topology = topology.clone();
        Ok(())
    }

    pub(crate) async fn consume(
        &self,
        spec: &ConsumerSpec,
    ) -> Result<super::NatsInbox, ConsumeError> {
        self.core.open_consumer(spec).await?;
        {
            // Remembered before the inbox opens: a connection lost in between must already make
            // this consumer again.
            let mut made = self.core.lock_made();
            if !made.consumers.contains(spec) {
                made.consumers.push(spec.clone());
            }
        }
        super::NatsInbox::open(std::sync::Arc::clone(&self.core), spec).await
    }

    pub(crate) async fn last_message(&self, name: &str) -> Result<Tail, ReadError> {
        let stream = self.core.look_up(name).await?;
        let last_sequence = stream.cached_info().state.last_sequence;
        if last_sequence == 0 {
            return Ok(Tail {
                last_sequence,
                message: None,
            });
        }
        // From the leader, as its state was: a follower could miss the newest message, and the
        // relay would publish it twice.
        let message = match stream.get_raw_message(last_sequence).await {
            Ok(message) => Some(StoredMessage {
                sequence: message.sequence,
                subject: message.subject.to_string(),
                headers: super::inbox::flatten_headers(&message.headers),
            }),
            Err(error) => match error.kind() {
                RawMessageErrorKind::NoMessageFound => None,
                RawMessageErrorKind::JetStream(error)
                    if error.error_code() == ErrorCode::NO_MESSAGE_FOUND =>
                {
                    None
                }
                _ => {
                    return Err(ReadError::Unavailable {
                        name: name.to_owned(),
                        source: error.into(),
                    });
                }
            },
        };
        Ok(Tail {
            last_sequence,
            message,
        })
    }

    pub(crate) async fn depths(&self) -> Result<Vec<StreamDepth>, ReadError> {
        // Copied, so that the lock is not held while the server is asked.
        let names: Vec<String> = {
            let made = self.core.lock_made();
            made.topology
                .streams
                .iter()
                .map(|stream| stream.name.clone())
                .collect()
        };
        let mut depths = Vec::with_capacity(names.len());
        for name in names {
            depths.push(self.depth(&name).await?);
        }
        Ok(depths)
    }

    pub(crate) async fn depth(&self, name: &str) -> Result<StreamDepth, ReadError> {
        let stream = self.core.look_up(name).await?;
        let info = stream.cached_info();
        Ok(StreamDepth {
            stream: name.to_owned(),
            messages: info.state.messages,
            bytes: info.state.bytes,
            // As it is and not as it was configured here; a negative one is none.
            bytes_max: u64::try_from(info.config.max_bytes).ok(),
        })
    }

    pub(crate) async fn held_subjects(&self, name: &str) -> Result<HashSet<String>, ReadError> {
        let unavailable = |source: crate::Cause| ReadError::Unavailable {
            name: name.to_owned(),
            source,
        };
        let stream = self.core.look_up(name).await?;
        let listing = stream.info_with_subjects(ALL_SUBJECTS).await;
        // In pages, of which the server decides the size.
        let mut listing = listing.map_err(|error| unavailable(error.into()))?;
        let mut held = HashSet::new();
        while let Some(listed) = listing.next().await {
            let (subject, _messages) = listed.map_err(|error| unavailable(error.into()))?;
            held.insert(subject);
        }
        Ok(held)
    }

    pub(crate) async fn kv(&self, bucket: &str) -> Result<super::NatsBucket, ReadError> {
        let unavailable = |source: crate::Cause| ReadError::Unavailable {
            name: bucket.to_owned(),
            source,
        };
        let context = &self.core.context;
        let (described, replicas) = {
            let made = self.core.lock_made();
            let described = made
                .topology
                .buckets
                .iter()
                .any(|spec| spec.bucket == bucket);
            (
                described,
                made.topology
                    .streams
                    .iter()
                    .map(|stream| stream.replicas)
                    .max()
                    .unwrap_or(1),
            )
        };
        // A bucket of the topology is fed from a stream. Made like an ordinary one, it would accept
        // writers and never be fed.
        if described {
            let store = context
                .get_key_value(bucket)
                .await
                .map_err(|error| unavailable(error.into()))?;
            return Ok(super::NatsBucket::new(store, self.core.request_timeout));
        }
        let config = async_nats::jetstream::kv::Config {
            bucket: bucket.to_owned(),
            history: 1,
            num_replicas: usize::from(replicas),
            ..Default::default()
        };
        let store = context
            .create_or_update_key_value(config)
            .await
            .map_err(|error| unavailable(error.into()))?;
        Ok(super::NatsBucket::new(store, self.core.request_timeout))
    }
}

impl NatsCore {
    /// Everything that was provisioned and opened through this connection, once more.
    pub(super) async fn make_again(&self) -> Result<(), ProvisionError> {
        let (topology, consumers) = {
            let made = self.lock_made();
            (made.topology.clone(), made.consumers.clone())
        };
        self.provision(&topology).await?;
        for consumer in &consumers {
            self.open_consumer(consumer)
                .await
                .map_err(|error| match error {
                    ConsumeError::Drift { drift, .. } => ProvisionError::Drift(drift),
                    ConsumeError::NoStream { .. }
                    | ConsumeError::Overlap { .. }
                    | ConsumeError::Unavailable { .. } => ProvisionError::Unavailable {
                        name: consumer.name.clone(),
                        source: error.into(),
                    },
                })?;
        }
        Ok(())
    }

    async fn provision(&self, topology: &Topology) -> Result<(), ProvisionError> {
        self.check_server().await?;
        let streams = topology.streams.iter().map(stream_config);
        let buckets = topology.buckets.iter().map(bucket_config);
        let mut drifts = Vec::new();
        for config in streams.chain(buckets) {
            drifts.extend(self.provision_stream(config).await?);
        }
        if drifts.is_empty() {
            Ok(())
        } else {
            Err(ProvisionError::Drift(Drifts(drifts)))
        }
    }

    async fn provision_stream(&self, mut wanted: Config) -> Result<Vec<Drift>, ProvisionError> {
        let name = wanted.name.clone();
        let found = match self.look_up(&name).await {
            Ok(stream) => stream.cached_info().config.clone(),
            Err(ReadError::Missing { .. }) => self.create_stream(&wanted).await?,
            Err(error @ ReadError::Unavailable { .. }) => {
                return Err(ProvisionError::Unavailable {
                    name,
                    source: error.into(),
                });
            }
        };
        // What need not outlive the server may all the same; where it has no memory for it, it does.
        if wanted.storage == StorageType::Memory {
            wanted.storage = found.storage;
        }
        // A server cannot change it, and a stream of before only costs more.
        if wanted.persist_mode.is_some() {
            wanted.persist_mode = found.persist_mode;
        }
        // Compared and never updated: two versions running side by side during a rollout would
        // change the settings to and fro, and nobody would notice.
        Ok(drift_between(
            &name,
            stream_fields(&found),
            stream_fields(&wanted),
        ))
    }

    /// Creates a stream; one that may be in memory is on disk if there is no memory for it.
    async fn create_stream(&self, wanted: &Config) -> Result<Config, ProvisionError> {
        match self.context.create_stream(wanted.clone()).await {
            Ok(stream) => Ok(stream.cached_info().config.clone()),
            Err(error) if wanted.storage == StorageType::Memory && is_out_of_room(&error) => {
                tracing::info!(
                    stream = wanted.name,
                    "The NATS server has no memory for a stream, which is kept on its disk."
                );
                let on_disk = Config {
                    storage: StorageType::File,
                    ..wanted.clone()
                };
                Box::pin(self.create_stream(&on_disk)).await
            }
            // Somebody else created it meanwhile, or it cannot be created; looking tells which.
            Err(error) => match self.look_up(&wanted.name).await {
                Ok(stream) => Ok(stream.cached_info().config.clone()),
                Err(_) => Err(self.explain_refusal(wanted, error).await),
            },
        }
    }

    pub(super) async fn open_consumer(&self, spec: &ConsumerSpec) -> Result<(), ConsumeError> {
        let unavailable = |source: crate::Cause| ConsumeError::Unavailable {
            consumer: spec.name.clone(),
            source,
        };
        let stream = match self.look_up(&spec.stream).await {
            Ok(stream) => stream,
            Err(ReadError::Missing { name }) => {
                return Err(ConsumeError::NoStream { stream: name });
            }
            Err(error @ ReadError::Unavailable { .. }) => return Err(unavailable(error.into())),
        };
        let wanted = consumer_config(spec);
        let found = match stream
            .get_or_create_consumer(&spec.name, wanted.clone())
            .await
        {
            Ok(consumer) => consumer.cached_info().config.clone(),
            Err(error) => {
                return Err(match error.kind() {
                    ConsumerErrorKind::JetStream(error)
                        if error.error_code() == ErrorCode::CONSUMER_WQ_CONSUMER_NOT_UNIQUE =>
                    {
                        ConsumeError::Overlap {
                            consumer: spec.name.clone(),
                        }
                    }
                    _ => unavailable(error.into()),
                });
            }
        };
        let wanted_fields = consumer_fields(
            &wanted.filter_subject,
            wanted.ack_wait,
            wanted.max_ack_pending,
        );
        let found_fields =
            consumer_fields(&found.filter_subject, found.ack_wait, found.max_ack_pending);
        let drift = Drifts(drift_between(&spec.name, found_fields, wanted_fields));
        if drift.0.is_empty() {
            Ok(())
        } else {
            Err(ConsumeError::Drift {
                consumer: spec.name.clone(),
                drift,
            })
        }
    }

    /// Asks the stream's leader about it.
    async fn look_up(&self, name: &str) -> Result<stream::Stream, ReadError> {
        self.context
            .get_stream(name)
            .await
            .map_err(|error| match error.kind() {
                GetStreamErrorKind::JetStream(reason)
                    if reason.error_code() == ErrorCode::STREAM_NOT_FOUND =>
                {
                    ReadError::Missing {
                        name: name.to_owned(),
                    }
                }
                _ => ReadError::Unavailable {
                    name: name.to_owned(),
                    source: error.into(),
                },
            })
    }
}
