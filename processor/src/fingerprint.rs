//! The name of a way of reading.

use freshet_model::Kinds;
use sha2::{Digest, Sha256};

use crate::parse::Limits;

/// Raised whenever the same file would be read differently: parser, validation, relations, digest.
pub const ENGINE_VERSION: &str = "1";

/// Names the engine, the kinds and the limits. What was read under another name is read again.
#[must_use]
pub fn fingerprint(kinds: &Kinds, limits: &Limits) -> String {
    // The debug form of the limits names every field, so that a new limit takes part by itself.
    let text = format!("{ENGINE_VERSION}|{}|{limits:?}", kinds.digest());
    hex::encode(&Sha256::digest(text.as_bytes())[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_limit_is_another_way_of_reading() {
        let kinds = Kinds::builtin();
        let usual = fingerprint(&kinds, &Limits::default());
        assert_eq!(usual, fingerprint(&kinds, &Limits::default()));
        assert_eq!(usual.len(), 32);
        let other = Limits {
            depth: 7,
            ..Limits::default()
        };
        assert_ne!(usual, fingerprint(&kinds, &other));
    }
}
