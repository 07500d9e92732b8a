//! Key-value buckets: one value per key, each write with a revision.

use bytes::Bytes;

use crate::{KvError, memory, nats};

/// A value and the revision it was written at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValueEntry {
    /// The value.
    pub value: Bytes,
    /// The revision, which grows with every write to the bucket.
    pub revision: u64,
}

/// One bucket.
#[derive(Clone)]
pub enum KeyValueBucket {
    /// In JetStream.
    Nats(Box<nats::NatsBucket>),
    /// In this process.
    Memory(memory::MemoryBucket),
}

impl KeyValueBucket {
    /// The value of a key; `None` if it was never written or is deleted.
    ///
    /// # Errors
    ///
    /// If the bucket cannot be asked.
    pub async fn get(&self, key: &str) -> Result<Option<KeyValueEntry>, KvError> {
        check_key(key)?;
        match self {
            Self::Nats(kv) => kv.get(key).await,
            Self::Memory(kv) => Ok(kv.get(key)),
        }
    }

    /// Writes a key that has no value.
    ///
    /// # Errors
    ///
    /// [`KvError::WrongRevision`] if it has one.
    pub async fn create(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        check_key(key)?;
        match self {
            Self::Nats(kv) => kv.create(key, value).await,
            Self::Memory(kv) => kv.create(key, value),
        }
    }

    /// Writes a key whose revision is `expected`.
    ///
    /// # Errors
    ///
    /// [`KvError::WrongRevision`] if it is another.
    pub async fn update(&self, key: &str, value: Bytes, expected: u64) -> Result<u64, KvError> {
        check_key(key)?;
        match self {
            Self::Nats(kv) => kv.update(key, value, expected).await,
            Self::Memory(kv) => kv.update(key, value, expected),
        }
    }

    /// Writes a key, whatever it holds.
    ///
    /// # Errors
    ///
    /// If the write is not confirmed.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        check_key(key)?;
        match self {
            Self::Nats(kv) => kv.put(key, value).await,
            Self::Memory(kv) => Ok(kv.put(key, value)),
        }
    }

    /// Deletes a key. One that has no value is deleted already.
    ///
    /// # Errors
    ///
    /// If the deletion is not confirmed.
    pub async fn delete(&self, key: &str) -> Result<(), KvError> {
        check_key(key)?;
        match self {
            Self::Nats(kv) => kv.delete(key).await,
            Self::Memory(kv) => {
                kv.delete(key);
                Ok(())
            }
        }
    }

    /// All keys that have a value, in no particular order.
    ///
    /// # Errors
    ///
    /// If the bucket cannot be asked.
    pub async fn keys(&self) -> Result<Vec<String>, KvError> {
        match self {
            Self::Nats(kv) => kv.keys().await,
            Self::Memory(kv) => Ok(kv.keys()),
        }
    }
}

/// A key is made of encoded tokens joined by dots. Both implementations refuse the same ones, before
/// anything is sent: a wildcard in a key would reach other keys.
fn check_key(key: &str) -> Result<(), KvError> {
    // The characters NATS allows in a key. Encoded names hold fewer, so a key that does not pass
    // was built from a name that was not encoded.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=/.".contains(&byte);
    let valid =
        !key.is_empty() && key.split('.').all(|token| !token.is_empty()) && key.bytes().all(plain);
    if valid {
        Ok(())
    } else {
        Err(KvError::InvalidKey {
            key: key.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(key: &str, valid: bool) {
        assert_eq!(check_key(key).is_ok(), valid, "{key:?}");
    }

    #[test]
    fn a_key_cannot_reach_other_keys() {
        check("component.default.pay", true);
        check("component.default.=2A", true);
        check("component.default.*", false);
        check("component.>", false);
        check("a b", false);
        check("", false);
        check(".a", false);
        check("a.", false);
        check("a..b", false);
        check("é", false);
    }
}
