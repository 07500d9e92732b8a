//! One suite for both databases: what every caller may rely on.
//!
//! The first parts open a database of the schema before and ask for single verbs, the last tells
//! stories: signals and observations go
//! through the real ledger and the real apply, and after each step the log, the database and the
//! view must agree. A case panics where its database behaves differently.

mod catalog;
mod migration;
mod registered;
mod slices;
mod slices_world;
mod stories;
mod tree;
mod verbs;
mod world;

use std::future::Future;

use super::Repo;
use crate::config::DatabaseConfig;

/// Runs every case, each on an empty database of its own that `fresh` makes.
///
/// # Panics
///
/// If the database does not behave.
pub async fn run_all<F, Fut>(fresh: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    migration::run(&fresh).await;
    verbs::run(&fresh).await;
    catalog::run(&fresh).await;
    tree::run(&fresh).await;
    stories::run(&fresh).await;
    slices::run(&fresh).await;
    registered::run(&fresh).await;
}

/// Runs the cases that do not mind what else is in the database, on one that `filled` makes for each of them.
///
/// # Panics
///
/// If the database does not behave.
pub async fn run_beside_others<F, Fut>(filled: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    tree::run(&filled).await;
    stories::run(&filled).await;
    registered::run(&filled).await;
}

async fn open(config: &DatabaseConfig) -> Repo {
    Repo::open(config).await.expect("an empty database opens")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn sqlite_conforms() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let count = std::sync::atomic::AtomicUsize::new(0);
        run_all(|| {
            let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let path = folder.path().join(format!("{number}.sqlite"));
            std::future::ready(DatabaseConfig::Sqlite { path })
        })
        .await;
    }
}
