//! One statement in two dialects, and the transaction it runs in.
//!
//! On PostgreSQL no plan may depend on how large a table was when it was made. So a statement finds its rows
//! by `column = any($1)`; where several columns name a row, by a subquery for each of the names, which
//! `offset 0` keeps the planner from turning into a join of the whole table; and an update that takes its values
//! from a list names the rows by `any` as well.

use serde::Serialize;

use super::error::RepoError;
use super::postgres::PostgresTransaction;
use super::sqlite::SqliteTransaction;

/// A transaction on either database. Dropping it rolls back.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(SqliteTransaction),
    Postgres(PostgresTransaction),
}

impl Tx {
    /// Makes everything durable, or nothing.
    pub(crate) async fn commit(self) -> Result<(), RepoError> {
        match self {
            // An error here does not say that nothing was committed. Whoever tries again must not
            // mind that it was: everything is written by identity and generation.
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(RepoError::of_transaction("commit"))
    }
}

/// Bulk rows as the one parameter both dialects unpack.
///
/// SQLite unpacks them with `jsonb_each`, whose rows are binary: out of `json_each` each row comes as text, which
/// is parsed again for each of its columns.
pub(crate) fn json<T: Serialize + ?Sized>(rows: &T) -> String {
    // One parameter for any number of rows: a batch costs a constant number of round trips and of
    // prepared statements.
    serde_json::to_string(rows).expect("rows are plain data with text keys")
}

/// A count as SQL takes it.
pub(super) fn bounded(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a row of either database into a domain type, where a column is more than its value.
macro_rules! from_row {
    ($type:ty, $row:ident => $read:expr) => {
        impl sqlx::FromRow<'_, sqlx::sqlite::SqliteRow> for $type {
            fn from_row($row: &sqlx::sqlite::SqliteRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok($read)
            }
        }

        impl sqlx::FromRow<'_, sqlx::postgres::PgRow> for $type {
            fn from_row($row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
                use sqlx::Row as _;
                Ok($read)
            }
        }
    };
}

/// All rows of a query.
macro_rules! fetch_all {
    ($tx:expr, $row:ty, $operation:literal, sqlite: $sqlite:expr, postgres: $postgres:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::repo::Tx::Sqlite(tx) => {
                sqlx::query_as::<_, $row>($sqlite)$(.bind($bind))*.fetch_all(&mut **tx).await
            }
            $crate::repo::Tx::Postgres(tx) => {
                sqlx::query_as::<_, $row>($postgres)$(.bind($bind))*.fetch_all(&mut **tx).await
            }
        }
        .map_err($crate::repo::RepoError::of($operation))
    };
}

/// The only row of a query.
macro_rules! fetch_one {
    ($tx:expr, $row:ty, $operation:literal, sqlite: $sqlite:expr, postgres: $postgres:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::repo::Tx::Sqlite(tx) => {
                sqlx::query_as::<_, $row>($sqlite)$(.bind($bind))*.fetch_one(&mut **tx).await
            }
            $crate::repo::Tx::Postgres(tx) => {
                sqlx::query_as::<_, $row>($postgres)$(.bind($bind))*.fetch_one(&mut **tx).await
            }
        }
        .map_err($crate::repo::RepoError::of($operation))
    };
}

/// A statement without rows; the number of rows it touched.
macro_rules! execute {
    ($tx:expr, $operation:literal, sqlite: $sqlite:expr, postgres: $postgres:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::repo::Tx::Sqlite(tx) => sqlx::query($sqlite)$(.bind($bind))*
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
            $crate::repo::Tx::Postgres(tx) => sqlx::query($postgres)$(.bind($bind))*
                .execute(&mut **tx)
                .await
                .map(|done| done.rows_affected()),
        }
        .map_err($crate::repo::RepoError::of($operation))
    };
}

// The statements below name all columns of a table. A table names them once, in a macro that hands
// them to whichever of these it is asked for: `location_table!(upsert: …)`. What comes out is one
// literal per dialect, so nothing is put together while the process runs and no value can end up in
// a statement.

/// Writes rows whole, new or known. Of a known one `key` and `kept` stay as they are.
macro_rules! upsert {
    ($table:literal, key: $key:tt, kept: $kept:tt, written: $written:tt;
        $tx:expr, $operation:literal, $rows:expr) => {
        if $rows.is_empty() {
            Ok(())
        } else {
            $crate::repo::statement::execute!(
                $tx, $operation,
                sqlite: $crate::repo::statement::upsert_sqlite!($table, $key, $kept, $written),
                postgres: $crate::repo::statement::upsert_postgres!(
                    $table, key: $key, kept: $kept, written: $written; "$1"
                ),
                $crate::repo::statement::json($rows),
            )
            .map(drop)
        }
    };
}

macro_rules! upsert_sqlite {
    ($table:literal, [$key:literal $(, $keys:literal)*], [$($kept:literal),*],
        [$first:literal $(, $written:literal)*]) => {
        concat!(
            "insert into ", $table, " (", $key, $(", ", $keys,)* $(", ", $kept,)* ", ", $first,
            $(", ", $written,)* ") select value->>'", $key, "'", $(", value->>'", $keys, "'",)*
            $(", value->>'", $kept, "'",)* ", value->>'", $first, "'",
            $(", value->>'", $written, "'",)*
            // `where true` tells SQLite's parser that `on` does not begin a join.
            " from jsonb_each($1) where true on conflict (", $key, $(", ", $keys,)* ") do update set ",
            $first, " = excluded.", $first, $(", ", $written, " = excluded.", $written,)*
        )
    };
}

/// The statement that does so on PostgreSQL, with the name of its parameter: it may be a part of a larger one.
macro_rules! upsert_postgres {
    ($table:literal, key: [$key:literal $(, $keys:literal)*], kept: [$($kept:literal),*],
        written: [$first:literal $(, $written:literal)*]; $parameter:literal) => {
        concat!(
            "insert into ", $table, " (", $key, $(", ", $keys,)* $(", ", $kept,)* ", ", $first,
            $(", ", $written,)* ") select ", $key, $(", ", $keys,)* $(", ", $kept,)* ", ", $first,
            $(", ", $written,)* " from json_populate_recordset(null::", $table, ", ", $parameter,
            "::json) on conflict (", $key, $(", ", $keys,)* ") do update set ",
            $first, " = excluded.", $first, $(", ", $written, " = excluded.", $written,)*
        )
    };
}

/// Writes rows that are new and returns their keys; a known one is left as it is.
macro_rules! insert_new {
    ($table:literal, key: [$key:literal], kept: [$($kept:literal),*], written: [];
        $tx:expr, $row:ty, $operation:literal, $rows:expr) => {
        if $rows.is_empty() {
            Ok(Vec::new())
        } else {
            $crate::repo::statement::fetch_all!(
                $tx, $row, $operation,
                sqlite: concat!(
                    "insert into ", $table, " (", $key, $(", ", $kept,)*
                    ") select value->>'", $key, "'", $(", value->>'", $kept, "'",)*
                    " from jsonb_each($1) where true on conflict (", $key, ") do nothing returning ", $key
                ),
                postgres: $crate::repo::statement::insert_new_postgres!(
                    $table, key: [$key], kept: [$($kept),*], written: []; "$1"
                ),
                $crate::repo::statement::json($rows),
            )
        }
    };
}

/// The statement that does so on PostgreSQL, with the name of its parameter.
macro_rules! insert_new_postgres {
    ($table:literal, key: [$key:literal], kept: [$($kept:literal),*], written: [];
        $parameter:literal) => {
        concat!(
            "insert into ", $table, " (", $key, $(", ", $kept,)* ") select ", $key, $(", ", $kept,)*
            " from json_populate_recordset(null::", $table, ", ", $parameter,
            "::json) on conflict (", $key, ") do nothing returning ", $key
        )
    };
}

/// All rows of a table, or of a join with it, that the rest of the statement picks.
macro_rules! select {
    ($table:literal, key: [$key:literal $(, $keys:literal)*], kept: [$($kept:literal),*],
        written: [$($written:literal),*]; $tx:expr, $row:ty, $operation:literal,
        sqlite: $sqlite:literal, postgres: $postgres:literal $(, $bind:expr)* $(,)?) => {
        $crate::repo::statement::fetch_all!(
            $tx, $row, $operation,
            sqlite: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* " ", $sqlite
            ),
            postgres: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* " ", $postgres
            ),
            $($bind),*
        )
    };
}

/// The rows of a table whose column is one of a list of values.
macro_rules! select_in {
    ($table:literal, key: $key:tt, kept: $kept:tt, written: $written:tt;
        $tx:expr, $row:ty, $operation:literal, $column:literal in $kind:literal, order: $order:literal,
        $values:expr) => {
        match $values {
            values if values.is_empty() => Ok(Vec::new()),
            values => $crate::repo::statement::select_in_some!(
                $table, $key, $kept, $written, $tx, $row, $operation, $column, $kind, $order,
                values
            ),
        }
    };
}

macro_rules! select_in_some {
    ($table:literal, [$key:literal $(, $keys:literal)*], [$($kept:literal),*], [$($written:literal),*],
        $tx:expr, $row:ty, $operation:literal, $column:literal, $kind:literal, $order:literal,
        $values:expr) => {
        $crate::repo::statement::fetch_all!(
            $tx, $row, $operation,
            sqlite: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* " from ", $table,
                " where ", $column, " in (select value from jsonb_each($1)) order by ", $order
            ),
            postgres: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* " from ", $table,
                " where ", $column, " = any($1::", $kind, "[]) order by ", $order
            ),
            $values,
        )
    };
}

/// The rows for which either holds: a union, for PostgreSQL finds no index for an `or` of two lists.
macro_rules! select_either {
    ($table:literal, key: [$key:literal $(, $keys:literal)*], kept: [$($kept:literal),*],
        written: [$($written:literal),*]; $tx:expr, $row:ty, $operation:literal,
        sqlite: [$sqlite:literal, $or_sqlite:literal], postgres: [$postgres:literal, $or_postgres:literal]
        $(, $bind:expr)* $(,)?) => {
        $crate::repo::statement::fetch_all!(
            $tx, $row, $operation,
            sqlite: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                " from ", $table, " where ", $sqlite,
                " union select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                " from ", $table, " where ", $or_sqlite
            ),
            postgres: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                " from ", $table, " where ", $postgres,
                " union select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                " from ", $table, " where ", $or_postgres
            ),
            $($bind),*
        )
    };
}

/// The rows of two joins, each row once, with one more column.
macro_rules! select_either_from {
    ($table:literal, key: [$key:literal $(, $keys:literal)*], kept: [$($kept:literal),*],
        written: [$($written:literal),*]; $tx:expr, $row:ty, $operation:literal, $column:literal,
        sqlite: [$sqlite:literal, $or_sqlite:literal], postgres: [$postgres:literal, $or_postgres:literal]
        $(, $bind:expr)* $(,)?) => {
        $crate::repo::statement::fetch_all!(
            $tx, $row, $operation,
            sqlite: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* ", ", $column,
                " from ", $sqlite,
                " union select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                ", ", $column, " from ", $or_sqlite
            ),
            postgres: concat!(
                "select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)* ", ", $column,
                " from ", $postgres,
                " union select ", $key, $(", ", $keys,)* $(", ", $kept,)* $(", ", $written,)*
                ", ", $column, " from ", $or_postgres
            ),
            $($bind),*
        )
    };
}

/// Deletes the rows of a table whose column is one of a list of values.
macro_rules! delete_in {
    ($tx:expr, $operation:literal, $table:literal, $column:literal in $kind:literal, $values:expr) => {
        match $values {
            values if values.is_empty() => Ok(()),
            values => $crate::repo::statement::execute!(
                $tx, $operation,
                sqlite: concat!(
                    "delete from ", $table, " where ", $column, " in (select value from jsonb_each($1))"
                ),
                postgres: concat!(
                    "delete from ", $table, " where ", $column, " = any($1::", $kind, "[])"
                ),
                values,
            )
            .map(drop),
        }
    };
}

pub(super) use {
    delete_in, execute, fetch_all, fetch_one, from_row, insert_new, insert_new_postgres, select,
    select_either, select_either_from, select_in, select_in_some, upsert, upsert_postgres,
    upsert_sqlite,
};
