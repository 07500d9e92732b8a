//! The admin listener over a real socket.

use prometheus_client::metrics::gauge::Gauge;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::clock::Clock;
use crate::progress::{Total, Wait, WorkName};

/// A served admin listener, and what stops it.
struct World {
    address: std::net::SocketAddr,
    shutdown: CancellationToken,
    served: tokio::task::JoinHandle<io::Result<()>>,
}

impl World {
    async fn start(admin: Admin) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let shutdown = CancellationToken::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's task ends with its runtime"
        )]
        let served = tokio::spawn(admin.serve(listener, shutdown.clone()));
        Self {
            address,
            shutdown,
            served,
        }
    }

    /// The whole answer, head and body.
    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.expect("a listener");
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a sent request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.served.await.expect("no panic").expect("no error");
    }
}

/// A listener of a process in which nothing is under way.
fn admin(registry: Registry, readiness: Readiness) -> Admin {
    Admin::new(registry, readiness, ProgressBoard::unread())
}

#[track_caller]
fn assert_answer(answer: &str, status: u16, body: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status} ")),
        "{answer}"
    );
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
}

#[tokio::test]
async fn it_is_alive_while_it_is_not_ready() {
    let readiness = Readiness::default();
    readiness.set(
        "store.database",
        ReadyState::NotReady("it does not answer".to_owned()),
    );
    let world = World::start(admin(Registry::new("catalog"), readiness)).await;
    assert_answer(&world.get("/livez").await, 200, "ok");
    world.stop().await;
}

#[tokio::test]
async fn it_is_ready_when_every_condition_holds() {
    let readiness = Readiness::default();
    let world = World::start(admin(Registry::new("catalog"), readiness.clone())).await;

    readiness.set("store.database", ReadyState::Ready);
    readiness.set(
        "store.bus",
        ReadyState::NotReady("the bus is not connected".to_owned()),
    );
    let bus = r#"{"name":"store.bus","ready":false,"reason":"the bus is not connected"}"#;
    assert_answer(
        &world.get("/readyz").await,
        503,
        &format!(r#"[{bus},{{"name":"store.database","ready":true}}]"#),
    );

    readiness.set("store.bus", ReadyState::Ready);
    assert_answer(
        &world.get("/readyz").await,
        200,
        r#"[{"name":"store.bus","ready":true},{"name":"store.database","ready":true}]"#,
    );
    world.stop().await;
}

#[tokio::test]
async fn work_under_way_is_told_after_the_conditions() {
    let (clock, hand) = Clock::manual(0);
    let (board, readiness) = (ProgressBoard::new(clock), Readiness::default());
    readiness.set("store.view", ReadyState::Ready);
    let admin = Admin::new(Registry::new("catalog"), readiness, board.clone());
    let world = World::start(admin).await;
    let view = r#"{"name":"store.view","ready":true}"#;

    let work = board.begin(WorkName {
        label: "reading_sources",
        title: "reading sources",
    });
    work.set_total(Total::Exactly(200));
    for _ in 0..5 {
        hand.advance(Duration::from_secs(1));
        work.add_done(10);
        let _seen = board.list();
    }
    let line = "reading sources: 50 of 200 (25 %), 10/s, about 15 s left";
    let figures = format!(
        r#"{{"line":"{line}","done":50,"total":200,"percent":25,"perSecond":10.0,"secondsLeft":15,"seconds":5}}"#
    );
    assert_answer(
        &world.get("/readyz").await,
        200,
        &format!(r#"[{view},{{"name":"reading sources","ready":true,"progress":{figures}}}]"#),
    );

    let reason = "the bus is not connected".to_owned();
    work.set_wait(Some(Wait {
        reason,
        until: None,
    }));
    let answer = world.get("/readyz").await;
    assert!(
        answer.contains(r#""waitsFor":"the bus is not connected""#) && !answer.contains("Left"),
        "{answer}"
    );
    drop(work);
    assert_answer(&world.get("/readyz").await, 200, &format!("[{view}]"));
    world.stop().await;
}

#[tokio::test]
async fn metrics_are_computed_at_every_scrape() {
    let registry = Registry::new("catalog");
    let scrapes: Gauge = Gauge::default();
    registry.register("scrapes", "Scrapes so far", scrapes.clone());
    let admin = admin(registry, Readiness::default());
    let hooks = admin.hooks();
    let world = World::start(admin).await;
    // Also one that comes while it is served: the services begin later than the listener.
    hooks.add(move || {
        let scrapes = scrapes.clone();
        async move {
            scrapes.inc();
        }
    });

    world.get("/metrics").await;
    let answer = world.get("/metrics").await;
    assert!(
        answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{answer}"
    );
    assert!(answer.contains("\ncatalog_scrapes 2\n"), "{answer}");
    world.stop().await;
}
