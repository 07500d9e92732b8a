//! The public keys with which tokens of this catalog can be checked, whichever of its processes signed them.

use super::error::RepoError;
use super::statement::{Tx, execute, fetch_all};

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PublishedKey {
    pub(crate) id: String,
    /// A JWK.
    pub(crate) public_key: String,
    pub(crate) expires_at: i64,
}

impl Tx {
    /// Those that have not expired, in the order in which they will.
    pub(crate) async fn published_keys(
        &mut self,
        now: i64,
    ) -> Result<Vec<PublishedKey>, RepoError> {
        fetch_all!(
            self, PublishedKey, "read published keys",
            sqlite: "select id, public_key, expires_at from published_key \
                where expires_at > $1 order by expires_at, id",
            postgres: "select id, public_key, expires_at from published_key \
                where expires_at > $1 order by expires_at, id",
            now,
        )
    }

    /// Publishes one more.
    pub(crate) async fn publish_key(&mut self, key: &PublishedKey) -> Result<(), RepoError> {
        execute!(
            self, "publish a key",
            sqlite: "insert into published_key (id, public_key, expires_at) values ($1, $2, $3)",
            postgres: "insert into published_key (id, public_key, expires_at) values ($1, $2, $3)",
            &key.id,
            &key.public_key,
            key.expires_at,
        )
        .map(drop)
    }

    /// Forgets those that have expired.
    pub(crate) async fn remove_expired_keys(&mut self, now: i64) -> Result<(), RepoError> {
        execute!(
            self, "remove expired keys",
            sqlite: "delete from published_key where expires_at <= $1",
            postgres: "delete from published_key where expires_at <= $1",
            now,
        )
        .map(drop)
    }
}
