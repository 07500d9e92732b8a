//! Key-value buckets in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::{Entry, KvError};

/// One bucket.
#[derive(Clone, Default)]
pub struct Kv(Arc<Mutex<Bucket>>);

#[derive(Default)]
struct Bucket {
    revision: u64,
    entries: HashMap<String, Entry>,
}

impl Bucket {
    fn write(&mut self, key: &str, value: Bytes) -> u64 {
        self.revision += 1;
        self.entries.insert(
            key.to_owned(),
            Entry {
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
        if self.entries.get(key).map(|entry| entry.revision) != expected {
            return Err(KvError::WrongRevision {
                key: key.to_owned(),
            });
        }
        Ok(self.write(key, value))
    }
}

impl Kv {
    pub(crate) fn get(&self, key: &str) -> Option<Entry> {
        self.bucket().entries.get(key).cloned()
    }

    pub(crate) fn create(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.bucket().write_over(key, value, None)
    }

    pub(crate) fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, KvError> {
        self.bucket().write_over(key, value, Some(expected))
    }

    pub(crate) fn put(&self, key: &str, value: Bytes) -> u64 {
        self.bucket().write(key, value)
    }

    pub(crate) fn delete(&self, key: &str) {
        let mut bucket = self.bucket();
        bucket.revision += 1;
        bucket.entries.remove(key);
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.bucket().entries.keys().cloned().collect()
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
