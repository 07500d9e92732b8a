//! The name of a way of reading.

use sha2::{Digest, Sha256};

use crate::catalog_file::ReadPolicy;
use crate::config::ProcessorConfig;

/// Raised whenever the same file would be read differently: parser, validation, relations, digest.
pub const ENGINE_VERSION: &str = "5";

/// Names the engine and everything in the configuration that decides what a file comes to. What was
/// read under another name is read again.
#[must_use]
pub fn fingerprint(config: &ProcessorConfig) -> String {
    let (kinds, limits) = (config.kinds.digest(), config.limits);
    let policy = ReadPolicy::from_config(config);
    // The debug forms name every field, so that a new one takes part by itself.
    let text = format!("{ENGINE_VERSION}|{kinds}|{limits:?}|{policy:?}");
    // Half of it is plenty: it tells configurations apart and guards nothing.
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ReadLimits;

    #[test]
    fn another_limit_is_another_way_of_reading() {
        let usual = fingerprint(&ProcessorConfig::default());
        assert_eq!(usual, fingerprint(&ProcessorConfig::default()));
        assert_eq!(usual.len(), 32);
        let other = ProcessorConfig {
            limits: ReadLimits {
                depth: 7,
                ..ReadLimits::default()
            },
            ..ProcessorConfig::default()
        };
        assert_ne!(usual, fingerprint(&other));
    }
}
