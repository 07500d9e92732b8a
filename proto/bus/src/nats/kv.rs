//! Key-value buckets in JetStream.

use std::time::Duration;

use async_nats::jetstream::kv::{CreateErrorKind, Store, UpdateErrorKind};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::{Cause, KeyValueEntry, KvError};

/// One bucket.
#[derive(Clone)]
pub struct NatsBucket {
    store: Store,
    timeout: Duration,
}

impl NatsBucket {
    pub(crate) fn new(store: Store, timeout: Duration) -> Self {
        Self { store, timeout }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<KeyValueEntry>, KvError> {
        use async_nats::jetstream::kv::Operation;

        let entry = self
            .store
            .entry(key)
            .await
            .map_err(|error| to_unavailable(key, error.into()))?;
        // The bucket keeps deletions as entries; to a reader a deleted key has no value.
        let entry = entry.filter(|entry| entry.operation == Operation::Put);
        Ok(entry.map(|entry| KeyValueEntry {
            value: entry.value,
            revision: entry.revision,
        }))
    }

    pub(crate) async fn create(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.store
            .create(key, value)
            .await
            .map_err(|error| match error.kind() {
                // Expected, and the answer to "who was first": the caller branches on it.
                CreateErrorKind::AlreadyExists => KvError::WrongRevision {
                    key: key.to_owned(),
                },
                CreateErrorKind::InvalidKey => KvError::InvalidKey {
                    key: key.to_owned(),
                },
                CreateErrorKind::Publish | CreateErrorKind::Ack | CreateErrorKind::Other => {
                    to_unavailable(key, error.into())
                }
            })
    }

    pub(crate) async fn update(
        &self,
        key: &str,
        value: Bytes,
        expected: u64,
    ) -> Result<u64, KvError> {
        self.store
            .update(key, value, expected)
            .await
            .map_err(|error| match error.kind() {
                UpdateErrorKind::WrongLastRevision => KvError::WrongRevision {
                    key: key.to_owned(),
                },
                UpdateErrorKind::InvalidKey => KvError::InvalidKey {
                    key: key.to_owned(),
                },
                UpdateErrorKind::TimedOut | UpdateErrorKind::Other => {
                    to_unavailable(key, error.into())
                }
            })
    }

    pub(crate) async fn put(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.store
            .put(key, value)
            .await
            .map_err(|error| to_unavailable(key, error.into()))
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), KvError> {
        self.store
            .delete(key)
            .await
            .map_err(|error| to_unavailable(key, error.into()))
    }

    pub(crate) async fn keys(&self) -> Result<Vec<String>, KvError> {
        let read = async {
            let keys = self
                .store
                .keys()
                .await
                .map_err(|error| to_unavailable(">", error.into()))?;
            keys.try_collect()
                .await
                .map_err(|error| to_unavailable(">", error.into()))
        };
        // The client reads keys through a consumer of its own, which waits for ever if the server
        // goes away in the middle.
        match tokio::time::timeout(self.timeout, read).await {
            Ok(keys) => keys,
            Err(elapsed) => Err(to_unavailable(">", elapsed.into())),
        }
    }
}

fn to_unavailable(key: &str, source: Cause) -> KvError {
    KvError::Unavailable {
        key: key.to_owned(),
        source: Some(source),
    }
}
