//! Sums over the ledger, for gauges.

use super::database::Repo;
use super::error::RepoError;
use super::statement::fetch_one;

/// What the ledger still owes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct LedgerTotals {
    /// Deliveries that have not ended.
    pub uncovered: i64,
    /// When the oldest of them was received; 0 if there is none.
    pub oldest_uncovered_received_at: i64,
    /// Sources with a generation that is not proved.
    pub behind_sources: i64,
    /// Locations whose removal waits.
    pub held_removals: i64,
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
            (select count(*) from removal) as held_removals";
        // Counted at scrape and not kept: a counter that drifts from the rows would lie to whoever
        // is paged by it.
        let mut tx = self.read_once().await?;
        let totals = fetch_one!(
            &mut tx, LedgerTotals, "sum the ledger",
            sqlite: SQL,
            postgres: SQL,
        )?;
        tx.commit().await?;
        Ok(totals)
    }
}
