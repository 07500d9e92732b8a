//! The whole store on the embedded bus and database, with a test in the place of the processor.

use std::time::Duration;

use freshet_model::{EntityRef, Revision};
use freshet_proto::message::{
    Content, EntityObserved, Job, Lane, LocationObserved, Observation, Push, Repository,
    RepositoryObserved, Signal, job, location_observed, observation, signal,
};
use freshet_proto::stream::{job_consumer, topology};
use freshet_runtime::supervisor::SupervisorError;
use freshet_wait::{PATIENCE, eventually, in_time};
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use freshet_bus::Outbound;
use freshet_proto::envelope::Envelope;

use super::*;
use crate::config::{DatabaseConfig, GithubProvider, ProviderFilters};

const HOST: &str = "github.com";
const DOCUMENT: &str = r#"{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{"name":"pay","namespace":"default"},"spec":{"type":"service"}}"#;

struct Running {
    handle: StoreHandle,
    bus: Bus,
    registry: Registry,
    readiness: Readiness,
    shutdown: CancellationToken,
    tasks: tokio::task::JoinHandle<Result<(), SupervisorError>>,
}

async fn start_in(directory: &std::path::Path) -> Running {
    start_at("127.0.0.1:0", directory).await
}

async fn start_at(address: &str, directory: &std::path::Path) -> Running {
    let config = StoreConfig {
        providers: vec![GithubProvider {
            id: "acme".to_owned(),
            host: HOST.to_owned(),
            organization: "acme".to_owned(),
            catalog_path: "catalog-info.yaml".to_owned(),
            frequency: Duration::from_secs(3_600),
            branch: None,
            filters: ProviderFilters::default(),
        }],
        fingerprint: "f1".to_owned(),
        ..StoreConfig::new(DatabaseConfig::Sqlite {
            path: directory.join("catalog.sqlite"),
        })
    };
    let bus = Bus::memory();
    let topology = topology(&Subjects::default(), 1);
    bus.provision(&topology).await.expect("streams");
    let (registry, readiness) = (Registry::new("catalog"), Readiness::default());
    let shutdown = CancellationToken::new();
    let mut supervisor = Supervisor::new(shutdown.clone(), PATIENCE);
    let deps = StoreDeps {
        bus: bus.clone(),
        clock: Clock::system(),
        registry: registry.clone(),
        readiness: readiness.clone(),
        progress: ProgressBoard::unread(),
        listener: TcpListener::bind(address).await.expect("a port"),
    };
    let handle = start(config, deps, &mut supervisor).await.expect("a store");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with its runtime"
    )]
    let tasks = tokio::spawn(supervisor.run());
    Running {
        handle,
        bus,
        registry,
        readiness,
        shutdown,
        tasks,
    }
}

impl Running {
    /// Publishes; on the embedded bus a signal is confirmed when the ledger has it.
    async fn publish(&self, message: Outbound) {
        let _stored = self.bus.publish(message).await.expect("a confirmation");
    }

    async fn push(&self, delivery: &str, after: &str) {
        let signal = Signal {
            id: format!("gh:{HOST}:{delivery}"),
            provider: "github".to_owned(),
            host: HOST.to_owned(),
            event: "push".to_owned(),
            received_at: Clock::system().now_micros(),
            body: Some(signal::Body::Push(Push {
                repository: Some(repository()),
                r#ref: "refs/heads/main".to_owned(),
                before: "0".repeat(40),
                after: after.to_owned(),
                ..Push::default()
            })),
        };
        let subject = Subjects::default().signal("github", "push", HOST, "7");
        let message = Outbound::new(subject, signal.encode_to_vec());
        self.publish(message.enveloped(Envelope::with_id(signal.id)))
            .await;
    }

    /// Takes the next job and answers with a file that declares one component.
    async fn process(&self, head: &str) {
        let consumer = job_consumer(&Subjects::default(), Lane::Hi, HOST);
        let mut inbox = self.bus.consume(&consumer).await.expect("a consumer");
        let jobs = in_time("a job", inbox.next(1)).await;
        let delivery = jobs.expect("a bus").remove(0);
        let job = Job::decode(delivery.payload.clone()).expect("a job");
        let observation = observe(&job, head);
        let subject = Subjects::default().observation(Lane::Hi, HOST, job.source_id);
        self.publish(Outbound::new(subject, observation.encode_to_vec()))
            .await;
        delivery.ack().await.expect("a confirmation");
    }

    async fn stop(self) {
        self.shutdown.cancel();
        let ended = self.tasks.await.expect("no panic");
        ended.expect("a graceful end");
        self.handle.repo.close().await;
    }
}

fn repository() -> Repository {
    Repository {
        id: 7,
        owner: "acme".to_owned(),
        name: "pay".to_owned(),
        html_url: "https://github.com/acme/pay".to_owned(),
        default_branch: "main".to_owned(),
        ..Repository::default()
    }
}

fn observe(job: &Job, head: &str) -> Observation {
    let Some(job::Target::Repository(target)) = &job.target else {
        panic!("a job for a repository");
    };
    let entity = EntityObserved {
        r#ref: "component:default/pay".to_owned(),
        document: DOCUMENT.to_owned(),
        digest: freshet_model::digest(DOCUMENT, &[]),
        line: 1,
        ..EntityObserved::default()
    };
    let content = Content {
        blob: "b1".to_owned(),
        entities: vec![entity],
        ..Content::default()
    };
    let location = LocationObserved {
        path: target.wanted[0].path.clone(),
        outcome: Some(location_observed::Outcome::Content(content)),
    };
    Observation {
        source_id: job.source_id,
        generation: job.generation,
        lane: job.lane,
        installation: job.installation.clone(),
        cause: job.cause.clone(),
        fingerprint: "f1".to_owned(),
        fetched_at: Clock::system().now_micros(),
        last: true,
        body: Some(observation::Body::Repository(RepositoryObserved {
            repository: Some(repository()),
            head: head.to_owned(),
            locations: vec![location],
        })),
        ..Observation::default()
    }
}

#[tokio::test]
async fn a_push_becomes_an_entity_that_survives_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let running = start_in(directory.path()).await;
    running.push("d1", "h1").await;
    running.process("h1").await;
    let first = Revision::new(1);
    assert!(running.handle.view.reached(first, PATIENCE).await);
    let pay = EntityRef::parse("component:default/pay").expect("a valid ref");
    let served = running
        .handle
        .view
        .read(|state| state.served_json(&pay))
        .expect("the entity");

    // A delivery that comes again is recognised, and nothing happens.
    running.push("d1", "h1").await;
    let lines = [
        "catalog_propagation_seconds_count{mechanism=\"push\"} 1",
        "catalog_signals_total{outcome=\"accepted\"} 1",
        "catalog_entities_count{kind=\"component\"} 1",
        "catalog_sources{verdict=\"fresh\"} 1",
        "catalog_age_of_truth_seconds{statistic=\"max\"}",
        "catalog_deliveries_uncovered 0",
        "catalog_stream_messages{stream=\"SIGNALS\"} 0",
        "catalog_revision 2",
    ];
    // What is counted is counted after what it is about has become visible.
    eventually("everything is counted", || async {
        running.handle.refresh_service_metrics().await;
        let metrics = running.registry.encode();
        let missing: Vec<_> = lines.iter().filter(|it| !metrics.contains(**it)).collect();
        missing
            .is_empty()
            .then_some(())
            .ok_or_else(|| format!("{missing:?}\n{metrics}"))
    })
    .await;
    assert!(running.readiness.is_ready());
    running.stop().await;

    let again = start_in(directory.path()).await;
    assert_eq!(again.handle.view.revision().get(), 2);
    assert_eq!(
        again.handle.view.read(|state| state.served_json(&pay)),
        Some(served)
    );
    again.stop().await;
}

#[tokio::test]
async fn a_store_whose_database_file_was_deleted_ends_and_says_so() {
    let directory = tempfile::tempdir().expect("a directory");
    let running = start_in(directory.path()).await;
    eventually("the database is proved to take writes", || async {
        let metrics = running.registry.encode();
        let is_proved = metrics.contains("catalog_database_writable 1");
        is_proved.then_some(()).ok_or(metrics)
    })
    .await;
    std::fs::remove_file(directory.path().join("catalog.sqlite")).expect("removed");
    let ended = in_time("the end", running.tasks).await.expect("no panic");
    let error = ended.expect_err("the file is lost");
    let reason = Chain(&error).to_string();
    assert!(
        reason.starts_with("the catalog's database failed: the database file "),
        "{reason}"
    );
    assert!(
        reason.contains("catalog.sqlite was deleted while it was in use"),
        "{reason}"
    );
    assert!(!running.readiness.is_ready());
    assert!(
        running
            .registry
            .encode()
            .contains("catalog_database_writable 0")
    );
}

#[tokio::test]
async fn an_api_that_others_can_reach_answers_nobody_without_credentials() {
    let directory = tempfile::tempdir().expect("a directory");
    let running = start_at("0.0.0.0:0", directory.path()).await;
    let port = running.handle.api_address.port();
    let answer = in_time("an answer", ask_for_entities(port)).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("AuthenticationError"), "{answer}");
    running.stop().await;
}

async fn ask_for_entities(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .expect("a listener");
    let request = "GET /api/catalog/entities HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[test]
fn a_proof_that_was_skipped_leaves_readiness_as_it_was() {
    for (proof, expected) in [
        (WriteProof::Written, Some(ReadyState::Ready)),
        (WriteProof::Queued, Some(ReadyState::Ready)),
        (WriteProof::Skipped, None),
    ] {
        assert_eq!(database_state(&Ok(proof)), expected, "{proof:?}");
    }
}
