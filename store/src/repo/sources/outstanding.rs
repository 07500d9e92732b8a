//! How many sources are still to be read.

use crate::repo::database::Repo;
use crate::repo::error::RepoError;
use crate::repo::statement::fetch_one;

/// Sources that are wanted and not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct OutstandingReads {
    /// Those that are read now, or as soon as it is their turn.
    pub(crate) due: i64,
    /// Those that failed and are tried again soon.
    pub(crate) soon: i64,
    /// Those that failed for longer, or wait for a person.
    pub(crate) late: i64,
    /// When the next of those that failed is tried again, microseconds UTC; 0 if there is none.
    pub(crate) next_due_at: i64,
    /// Listings among those that are read now.
    pub(crate) listings: i64,
    /// Pages of unfinished listings that are here.
    pub(crate) pages: i64,
}

/// The statement, with how the parts of unfinished listings are found.
// Everything else is in the index of what is outstanding, which is empty most of the time; no time is below 0, and the
// condition is what names the index. There are as many listings as organisations.
macro_rules! count_outstanding {
    ($of_listings:literal) => {
        concat!(
            "select count(case when next_due_at <= $1 then 1 end) as due, \
                count(case when next_due_at > $1 and next_due_at <= $2 then 1 end) as soon, \
                count(case when next_due_at > $2 then 1 end) as late, \
                coalesce(min(case when next_due_at > $1 then next_due_at end), 0) as next_due_at, \
                (select count(1) from source \
                    where kind = 'listing' and wanted > done and next_due_at <= $1) as listings, \
                (select count(1) from observation_part where source_id ",
            $of_listings,
            ") as pages \
            from source \
            where wanted > done and next_due_at >= 0"
        )
    };
}

impl Repo {
    /// What is still to be read `now`; what failed and is tried again until `soon_max` counts as soon.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub(crate) async fn outstanding_reads(
        &self,
        now: i64,
        soon_max: i64,
    ) -> Result<OutstandingReads, RepoError> {
        let mut tx = self.read_once().await?;
        let outstanding = fetch_one!(
            &mut tx, OutstandingReads, "count what is still to be read",
            sqlite: count_outstanding!(
                "in (select id from source where kind = 'listing' and wanted > done \
                    and next_due_at >= 0)"
            ),
            postgres: count_outstanding!(
                "= any(array(select id from source where kind = 'listing' and wanted > done \
                    and next_due_at >= 0))"
            ),
            now,
            soon_max,
        )?;
        tx.commit().await?;
        Ok(outstanding)
    }
}
