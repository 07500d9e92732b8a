//! Key-value buckets in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::{KeyValueEntry, KvError};

/// One bucket.
#[derive(Clone, Default)]
pub struct MemoryBucket(Arc<Mutex<BucketState>>);

#[derive(Default)]
struct BucketState {
    revision: u64,
    entries: HashMap<String, KeyValueEntry>,
}

impl BucketState {
    fn write_entry(&mut self, key: &str, value: Bytes) -> u64 {
        self.revision += 1;
        self.entries.insert(
            key.to_owned(),
            KeyValueEntry {
                value,
                revision: self.revision,
            },
        );
        self.revision
    }

    fn write_over(
        &mut self,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
    ) -> Result<u64, KvError> {
        // A deleted key counts as never written: creating it again must succeed.
        if self.entries.get(key).map(|entry| entry.revision) != expected {
            return Err(KvError::WrongRevision {
                key: key.to_owned(),
            });
        }
        Ok(self.write_entry(key, value))
    }
}

impl MemoryBucket {
    pub(crate) fn get(&self, key: &str) -> Option<KeyValueEntry> {
        self.lock_state().entries.get(key).cloned()
    }

    pub(crate) fn create(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.lock_state().write_over(key, value, None)
    }

    pub(crate) fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, KvError> {
        self.lock_state().write_over(key, value, Some(expected))
    }

    pub(crate) fn put(&self, key: &str, value: Bytes) -> u64 {
        self.lock_state().write_entry(key, value)
    }

    pub(crate) fn delete(&self, key: &str) {
        // A deletion is a write too and takes a revision of its own, as on a server.
        let mut bucket = self.lock_state();
        bucket.revision += 1;
        bucket.entries.remove(key);
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.lock_state().entries.keys().cloned().collect()
    }

    fn lock_state(&self) -> MutexGuard<'_, BucketState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
