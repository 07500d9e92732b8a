//! How sources stand, for freshness and for people.

use freshet_model::SourceId;

use super::row::SourceKind;
use crate::repo::database::Repo;
use crate::repo::error::RepoError;
use crate::repo::statement::{fetch_all, from_row};
use crate::repo::stored::{decode_error, micros_if_any, text_if_any};

/// How a source stands, for freshness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its id.
    pub id: SourceId,
    /// What it is.
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
    /// When equality was last proved, microseconds UTC; `None` if never.
    pub verified_at: Option<i64>,
    /// When its content last differed, microseconds UTC; `None` if never.
    pub changed_at: Option<i64>,
    /// What proved it.
    pub mechanism: Option<String>,
    /// Consecutive failures.
    pub fail_count: i64,
    /// The newest failure.
    pub last_error: Option<String>,
    /// Microseconds after which it is looked at again without a signal; `None` if a listing sweeps it.
    pub recheck_every: Option<i64>,
    /// Whether a removal waits that it asks for, or that would take entities of it away.
    pub is_withheld: bool,
}

from_row!(SourceStatus, row => Self {
    id: SourceId::new(row.try_get("id")?),
    kind: SourceKind::try_from(row.try_get::<String, _>("kind")?).map_err(decode_error)?,
    host: row.try_get("host")?,
    name: row.try_get("name")?,
    url: row.try_get("url")?,
    wanted: row.try_get("wanted")?,
    done: row.try_get("done")?,
    verified_at: micros_if_any(row.try_get("verified_at")?),
    changed_at: micros_if_any(row.try_get("changed_at")?),
    mechanism: text_if_any(row.try_get("mechanism")?),
    fail_count: row.try_get("fail_count")?,
    last_error: text_if_any(row.try_get("last_error")?),
    recheck_every: micros_if_any(row.try_get("recheck_every")?),
    is_withheld: row.try_get("is_withheld")?,
});

impl Repo {
    /// How every source stands.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn source_statuses(&self) -> Result<Vec<SourceStatus>, RepoError> {
        const SQL: &str = "select id, kind, host, \
            case when kind = 'listing' then owner else owner || '/' || name end as name, \
            url, wanted, done, verified_at, changed_at, mechanism, fail_count, last_error, recheck_every, \
            id in ( \
                select r.source_id from removal r \
                union all \
                select l.source_id from removal r join location l on l.id = r.location_id \
            ) as is_withheld \
            from source \
            where kind <> 'roots' \
            order by id";
        // Roots are left out: they are what the configuration says, and never looked at.
        let mut tx = self.read_once().await?;
        let statuses = fetch_all!(
            &mut tx, SourceStatus, "read how the sources stand",
            sqlite: SQL,
            postgres: SQL,
        )?;
        tx.commit().await?;
        Ok(statuses)
    }
}
