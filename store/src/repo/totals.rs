//! Sums over the ledger, for gauges.

use super::statement::fetch_one;
use super::{Repo, RepoError};

/// What the ledger still owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct LedgerTotals {
    /// Deliveries that have not ended.
    pub uncovered: i64,
    /// When the oldest of them was received; 0 if there is none.
    pub oldest_uncovered_received_at: i64,
    /// Sources with a generation that is not proved.
    pub behind_sources: i64,
    /// Sources whose newest attempt failed.
    pub failing_sources: i64,
    /// All sources.
    pub sources: i64,
}

impl Repo {
    /// What the ledger still owes.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn ledger_totals(&self) -> Result<LedgerTotals, RepoError> {
        const SQL: &str = "select \
            (select count(*) from delivery where covered_at is null) as uncovered, \
            (select coalesce(min(received_at), 0) from delivery where covered_at is null) \
                as oldest_uncovered_received_at, \
            (select count(*) from source where wanted > done) as behind_sources, \
            (select count(*) from source where fail_count > 0) as failing_sources, \
            (select count(*) from source) as sources";
        let mut tx = self.read().await?;
        let totals = fetch_one!(
            &mut tx, LedgerTotals, "sum the ledger",
            sqlite: SQL,
            postgres: SQL,
        )?;
        tx.commit().await?;
        Ok(totals)
    }

    /// How many sources were proved equal at or after this time.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn sources_verified_since(&self, micros: i64) -> Result<i64, RepoError> {
        const SQL: &str = "select count(*) from source where verified_at >= $1";
        let mut tx = self.read().await?;
        let (count,): (i64,) = fetch_one!(
            &mut tx, (i64,), "count verified sources",
            sqlite: SQL,
            postgres: SQL,
            micros,
        )?;
        tx.commit().await?;
        Ok(count)
    }
}
