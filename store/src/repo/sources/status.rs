//! How sources stand, for freshness and for people.

use super::row::SourceKind;
use crate::repo::database::Repo;
use crate::repo::error::RepoError;
use crate::repo::statement::fetch_all;

/// How a source stands, for freshness.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SourceStatus {
    /// Its id.
    pub id: i64,
    /// What it is.
    #[sqlx(try_from = "String")]
    pub kind: SourceKind,
    /// Host of its provider.
    pub host: String,
    /// `owner/name`, or the account that is listed.
    pub name: String,
    /// Where a person looks at it.
    pub url: String,
    /// Generation asked for.
    pub wanted: i64,
    /// Generation proved.
    pub done: i64,
    /// When equality was last proved; 0 if never.
    pub verified_at: i64,
    /// When its content last differed; 0 if never.
    pub changed_at: i64,
    /// What proved it.
    pub mechanism: String,
    /// Consecutive failures.
    pub fail_count: i64,
    /// The newest failure; empty if none.
    pub last_error: String,
    /// Microseconds after which it is looked at again without a signal; 0 if a listing sweeps it.
    pub recheck_every: i64,
}

impl Repo {
    /// How every source stands.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn source_statuses(&self) -> Result<Vec<SourceStatus>, RepoError> {
        const SQL: &str = "select id, kind, host, \
            case when kind = 'listing' then owner else owner || '/' || name end as name, \
            url, wanted, done, verified_at, changed_at, mechanism, fail_count, last_error, recheck_every \
            from source \
            where kind <> 'roots' \
            order by id";
        // Roots are left out: they are what the configuration says, and never looked at.
        let mut tx = self.read().await?;
        let statuses = fetch_all!(
            &mut tx, SourceStatus, "read how the sources stand",
            sqlite: SQL,
            postgres: SQL,
        )?;
        tx.commit().await?;
        Ok(statuses)
    }
}
