//! scratch
use freshet_bus::{Bus, Outbound};
use freshet_proto::message::*;
use freshet_proto::subject::Subjects;
use freshet_runtime::clock::Clock;
use freshet_store::repo::Repo;
use freshet_store::*;
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
async fn ingest(database: DatabaseConfig, label: &str) {
    let (repos, per) = (1000u64, 10u64);
    let repo = Repo::open(&database).await.unwrap();
    let config = Config {
        providers: vec![GithubProvider {
            id: "acme".into(),
            host: "github.com".into(),
            organization: "acme".into(),
            catalog_path: "c.yaml".into(),
            frequency: Duration::from_secs(60),
            branch: None,
            filters: Default::default(),
        }],
        fingerprint: "f".into(),
        ..Config::new(database)
    };
    let bus = Bus::memory();
    let view = freshet_store::view::View::load(repo.snapshot().await.unwrap());
    let metrics = Arc::new(freshet_store::metrics::Metrics::unregistered());
    let clock = Clock::system();
    let ledger = freshet_store::ledger::Ledger::new(
        repo.clone(),
        bus.clone(),
        clock.clone(),
        (&config).into(),
        metrics.clone(),
    );
    let stop = tokio_util::sync::CancellationToken::new();
    let l = tokio::spawn(ledger.run(stop.clone()));
    let subjects = Subjects::new("catalog");
    let r = |i: u64| Repository {
        id: i,
        node_id: format!("R{i}"),
        owner: "acme".into(),
        name: format!("r{i}"),
        html_url: format!("https://github.com/acme/r{i}"),
        default_branch: "main".into(),
        archived: false,
    };
    let t = Instant::now();
    let mut futs = vec![];
    for i in 1..=repos {
        let s = Signal {
            id: format!("gh:github.com:{i}"),
            provider: "github".into(),
            host: "github.com".into(),
            event: "push".into(),
            received_at: 1,
            body: Some(signal::Body::Push(Push {
                repository: Some(r(i)),
                r#ref: "refs/heads/main".into(),
                before: "a".into(),
                after: "b".into(),
                ..Default::default()
            })),
        };
        let b = bus.clone();
        let subj = subjects.signal("github", "push", "github.com", &i.to_string());
        futs.push(async move {
            b.publish(Outbound::new(subj, s.encode_to_vec()))
                .await
                .unwrap();
        });
    }
    futures::future::join_all(futs).await;
    println!("{label}: ledger {repos} signals in {:?}", t.elapsed());
    let statuses = repo.source_statuses().await.unwrap();
    let pad = "x".repeat(1200);
    for s in &statuses {
        let n = s.id as u64;
        let entities = (0..per).map(|e| {
            let name = format!("c{n}-{e}");
            let relations: Vec<_> = (0..9u64).map(|k| { let t = (n * 7 + k * 131 + e) % repos; RelationObserved { forward: "dependsOn".into(), reverse: "dependencyOf".into(), target: format!("component:default/c{}-{}", t + 1, k) } }).collect();
            EntityObserved { r#ref: format!("component:default/{name}"), document: format!("{{\"apiVersion\":\"backstage.io/v1alpha1\",\"kind\":\"Component\",\"metadata\":{{\"annotations\":{{\"a/b\":\"c\"}},\"description\":\"{pad}\",\"name\":\"{name}\",\"namespace\":\"default\"}},\"spec\":{{\"lifecycle\":\"production\",\"owner\":\"g\",\"type\":\"service\"}}}}"), relations, digest: name.clone(), line: 1 }
        }).collect();
        let o = Observation {
            source_id: s.id,
            generation: 1,
            lane: Lane::Lo.into(),
            installation: "github.com".into(),
            cause: Some(Default::default()),
            fingerprint: "f".into(),
            fetched_at: 1,
            part: 0,
            last: true,
            body: Some(observation::Body::Repository(RepositoryObserved {
                repository: Some(r(0)).map(|_| {
                    let id: u64 = s.name.trim_start_matches("acme/r").parse().unwrap();
                    r(id)
                }),
                head: "b".into(),
                locations: vec![LocationObserved {
                    path: "c.yaml".into(),
                    outcome: Some(location_observed::Outcome::Content(Content {
                        blob: "b".into(),
                        entities,
                        ..Default::default()
                    })),
                }],
            })),
        };
        bus.publish(Outbound::new(
            subjects.observation(Lane::Lo, "github.com", s.id),
            o.encode_to_vec(),
        ))
        .await
        .unwrap();
    }
    let applier = freshet_store::apply::Applier::new(
        repo.clone(),
        bus.clone(),
        view.clone(),
        clock,
        (&config).into(),
        metrics,
        Arc::new(tokio::sync::Notify::new()),
    );
    let t = Instant::now();
    let a = tokio::spawn(applier.run(stop.clone()));
    while view.read(|s| s.len()) < (repos * per) as usize {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let e = t.elapsed();
    println!(
        "{label}: applied in {e:?} = {:.0}/s, revision {}",
        (repos * per) as f64 / e.as_secs_f64(),
        view.revision()
    );
    stop.cancel();
    l.await.unwrap().unwrap();
    a.await.unwrap().unwrap();
}
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both() {
    let d = tempfile::tempdir().unwrap();
    ingest(
        DatabaseConfig::Sqlite {
            path: d.path().join("x.sqlite"),
        },
        "sqlite",
    )
    .await;
    let name = format!("ingest{}", std::process::id());
    assert!(
        std::process::Command::new("createdb")
            .args(["-h", "127.0.0.1", "-p", "54391", "-U", "postgres", &name])
            .status()
            .unwrap()
            .success()
    );
    ingest(
        DatabaseConfig::Postgres {
            url: format!("postgres://postgres@127.0.0.1:54391/{name}").into(),
            pool_max: 8,
        },
        "postgres",
    )
    .await;
}
