//! Brings the schema up to date, step by step, so that somebody can be told how far that is.

use std::ops::Deref;

use freshet_runtime::progress::{ProgressBoard, Total, WorkName};
use sqlx::Acquire;
use sqlx::migrate::{Migrate, MigrateError, Migrator};

const MIGRATING: WorkName = WorkName {
    label: "migrating_database",
    title: "migrating the database",
};

/// Applies what is missing.
pub(super) async fn migrate<'a, A>(
    migrator: &Migrator,
    pool: A,
    board: &ProgressBoard,
) -> Result<(), MigrateError>
where
    A: Acquire<'a> + Copy,
    <A::Connection as Deref>::Target: Migrate,
{
    let missing = {
        let mut connection = pool.acquire().await?;
        list_missing(migrator, &mut *connection).await?
    };
    if !missing.is_empty() {
        let work = board.begin(MIGRATING);
        let steps = u64::try_from(missing.len()).unwrap_or(u64::MAX);
        work.set_total(Total::Exactly(steps));
        for version in missing {
            migrator.run_to(version, pool).await?;
            work.add_done(1);
        }
    }
    // Also where nothing is missing: it refuses a schema that is not of this version.
    migrator.run(pool).await
}

/// The versions that are not applied, in order.
async fn list_missing<C: Migrate>(
    migrator: &Migrator,
    connection: &mut C,
) -> Result<Vec<i64>, MigrateError> {
    let table = &migrator.table_name;
    // Under the lock: two processes that make the table at once would trip over each other.
    connection.lock().await?;
    connection.ensure_migrations_table(table).await?;
    let applied = connection.list_applied_migrations(table).await?;
    connection.unlock().await?;
    let versions = migrator.iter().map(|migration| migration.version);
    Ok(versions
        .filter(|version| applied.iter().all(|applied| applied.version != *version))
        .collect())
}

#[cfg(test)]
mod tests {
    use sqlx::Connection as _;
    use sqlx::sqlite::SqliteConnection;

    use super::super::sqlite::MIGRATOR;
    use super::*;

    #[tokio::test]
    async fn what_is_missing_is_what_was_not_applied() {
        let opened = SqliteConnection::connect("sqlite::memory:").await;
        let mut connection = opened.expect("a database");
        let all: Vec<i64> = MIGRATOR.iter().map(|it| it.version).collect();
        let missing = list_missing(&MIGRATOR, &mut connection).await;
        assert_eq!(missing.expect("listed"), all);
        let to_third = MIGRATOR.run_to(all[2], &mut connection).await;
        to_third.expect("applied");
        let missing = list_missing(&MIGRATOR, &mut connection).await;
        assert_eq!(missing.expect("listed"), all[3..]);
        MIGRATOR.run(&mut connection).await.expect("applied");
        let missing = list_missing(&MIGRATOR, &mut connection).await;
        assert!(missing.expect("listed").is_empty());
    }
}
