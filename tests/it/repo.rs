//! The store's repository on a real PostgreSQL server: the conformance suite, and a crash of the server.

use std::time::Duration;

use freshet_store::repo::{Repo, Trouble, WriteProof, conformance};
use freshet_store::{DatabaseConfig, PostgresTls};

use freshet_tests::db::PostgresServer;
use freshet_wait::eventually;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Executor as _};

const POOL_MAX: u32 = 8;
/// Longer than a write takes.
const PATIENT: Duration = Duration::from_secs(30);

async fn database(server: &PostgresServer) -> DatabaseConfig {
    DatabaseConfig::Postgres {
        url: server.create_database_url().await.into(),
        tls: PostgresTls::default(),
        pool_max: POOL_MAX,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_conforms() {
    let server = PostgresServer::start().await;
    conformance::run_all(|| database(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_another_process_is_at_proves_nothing() {
    let server = PostgresServer::start().await;
    let url = server.create_database_url().await;
    let config = DatabaseConfig::Postgres {
        url: url.clone().into(),
        tls: PostgresTls::default(),
        pool_max: POOL_MAX,
    };
    let repo = Repo::open(&config).await.expect("the database opens");
    let mut other = PgConnection::connect(&url).await.expect("connected");
    let mut stopped = other.begin().await.expect("begun");
    stopped
        .execute("update write_probe set writes = writes + 1")
        .await
        .expect("written");
    let proof = repo.prove_writable(PATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Skipped)), "{proof:?}");
    stopped.rollback().await.expect("rolled back");
    let proof = repo.prove_writable(PATIENT).await;
    assert!(matches!(proof, Ok(WriteProof::Written)), "{proof:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_database_is_an_outage_and_comes_back() {
    let server = PostgresServer::start().await;
    let repo = Repo::open(&database(&server).await)
        .await
        .expect("the database opens");
    let before = repo.meta().await.expect("the log has a state");
    server.kill();
    // Its children end a little later than the server, and answer until then.
    let error = eventually("the database is gone", || async {
        repo.meta()
            .await
            .err()
            .ok_or_else(|| "it answers".to_owned())
    })
    .await;
    assert_eq!(error.trouble(), Trouble::Outage, "{error:?}");
    server.restart().await;
    let after = eventually("the database answers again", || async {
        repo.meta().await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(after, before);
}
