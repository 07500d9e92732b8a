//! One statement in two dialects, and the transaction it runs in.

use serde::Serialize;

use super::RepoError;

/// A transaction on either database. Dropping it rolls back.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
}

impl Tx {
    /// Makes everything durable, or nothing.
    pub(crate) async fn commit(self) -> Result<(), RepoError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await,
            Self::Postgres(tx) => tx.commit().await,
        }
        .map_err(RepoError::of_transaction("commit"))
    }
}

/// Bulk rows as the one parameter both dialects unpack.
pub(crate) fn json<T: Serialize + ?Sized>(rows: &T) -> String {
    serde_json::to_string(rows).expect("rows are plain data with text keys")
}

/// A count as SQL takes it.
pub(super) fn bounded(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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

pub(super) use {execute, fetch_all, fetch_one};
