//! Deliveries: every accepted signal and how it ended.

use freshet_model::SourceId;
use serde::Serialize;

use super::error::RepoError;
use super::sources::SourceGeneration;
use super::statement::{Tx, execute, fetch_all, insert_new, json};

/// How a delivery ended, or that it has not. A delivery whose source has proved a newer generation
/// becomes `superseded`, which only the database says, for only it sees both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    /// A generation was asked for and is not proved yet.
    Waiting,
    /// Its generation changed the catalog.
    Applied,
    /// It, or its generation, changed nothing.
    Unchanged,
    /// It asks for nothing we look at.
    Ignored,
    /// We could not handle it.
    Dead,
}

/// One accepted signal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeliveryRow {
    pub(crate) guid: String,
    pub(crate) event: String,
    pub(crate) received_at: i64,
    pub(crate) source_id: Option<SourceId>,
    pub(crate) generation: i64,
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    pub(crate) covered_at: Option<i64>,
}

/// A proved generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Covering {
    pub(crate) source_id: SourceId,
    pub(crate) generation: i64,
    /// How deliveries of exactly this generation ended.
    pub(crate) outcome: Outcome,
}

/// A delivery that has just ended.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Covered {
    pub(crate) event: String,
    pub(crate) received_at: i64,
}

/// The table, for the statements that name all of its columns.
macro_rules! delivery_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "delivery",
            key: ["guid"],
            kept: [
                "event", "received_at", "source_id", "generation", "outcome", "reason",
                "covered_at"
            ],
            written: [];
            $($rest)*
        )
    };
}

/// The statement that covers deliveries on PostgreSQL, with the names of its parameters: what covers, and when.
macro_rules! cover_postgres {
    ($covering:literal, $now:literal) => {
        concat!(
            "update delivery \
                set outcome = case when delivery.generation = c.generation then c.outcome else 'superseded' end, \
                    covered_at = ", $now, " \
                from json_to_recordset(", $covering, "::json) \
                    as c(source_id bigint, generation bigint, outcome text) \
                where delivery.source_id = any(array(select source_id \
                        from json_to_recordset(", $covering, "::json) as s(source_id bigint))) \
                    and delivery.source_id = c.source_id \
                    and delivery.generation <= c.generation \
                    and delivery.covered_at is null \
                returning delivery.event, delivery.received_at"
        )
    };
}

pub(super) use {cover_postgres, delivery_table};

impl Tx {
    /// Records deliveries and returns which were new; one that is there already is left as it is.
    pub(crate) async fn put_deliveries(
        &mut self,
        rows: &[DeliveryRow],
    ) -> Result<Vec<String>, RepoError> {
        // The same delivery may come twice at once, to two processes. The one that commits second
        // finds it here and changes nothing.
        let new: Vec<(String,)> =
            delivery_table!(insert_new: self, (String,), "record deliveries", rows)?;
        Ok(new.into_iter().map(|(guid,)| guid).collect())
    }

    /// Ends every delivery that asked for these generations or older ones.
    pub(crate) async fn cover_deliveries(
        &mut self,
        covering: &[Covering],
        now: i64,
    ) -> Result<Vec<Covered>, RepoError> {
        if covering.is_empty() {
            return Ok(Vec::new());
        }
        fetch_all!(
            self, Covered, "cover deliveries",
            // A generation covers every older one: level-triggered, the newest reading has seen
            // what all of them announced.
            sqlite: "update delivery \
                set outcome = case when delivery.generation = c.generation then c.outcome else 'superseded' end, \
                    covered_at = $2 \
                from (select value->>'source_id' as source_id, value->>'generation' as generation, \
                        value->>'outcome' as outcome \
                    from jsonb_each($1)) as c \
                where delivery.source_id = c.source_id \
                    and delivery.generation <= c.generation \
                    and delivery.covered_at is null \
                returning delivery.event, delivery.received_at",
            postgres: cover_postgres!("$1", "$2"),
            json(covering),
            now,
        )
    }

    /// Ends every delivery that asked for these generations or older ones as ignored for this reason.
    pub(crate) async fn ignore_deliveries(
        &mut self,
        generations: &[SourceGeneration],
        reason: &str,
        now: i64,
    ) -> Result<(), RepoError> {
        execute!(
            self, "ignore deliveries",
            sqlite: "update delivery \
                set outcome = 'ignored', reason = $2, covered_at = $3 \
                from (select value->>'source_id' as source_id, value->>'generation' as generation \
                    from jsonb_each($1)) as g \
                where delivery.source_id = g.source_id \
                    and delivery.generation <= g.generation \
                    and delivery.covered_at is null",
            postgres: "update delivery \
                set outcome = 'ignored', reason = $2, covered_at = $3 \
                from json_to_recordset($1::json) as g(source_id bigint, generation bigint) \
                where delivery.source_id = any(array(select source_id \
                        from json_to_recordset($1::json) as s(source_id bigint))) \
                    and delivery.source_id = g.source_id \
                    and delivery.generation <= g.generation \
                    and delivery.covered_at is null",
            json(generations),
            reason,
            now,
        )
        .map(drop)
    }
}
