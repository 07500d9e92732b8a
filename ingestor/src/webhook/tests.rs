use std::net::SocketAddr;

use axum::http::Method;
use freshet_bus::Bus;
use freshet_bus::memory::{Faults, Memory};
use freshet_proto::stream::{signals_consumer, topology};
use freshet_proto::subject::Subjects;
use freshet_runtime::metrics::Registry;
use hmac::{Hmac, KeyInit, Mac};
use prost::Message as _;
use sha2::Sha256;
use tower::ServiceExt as _;

use super::*;

const SECRET: &str = "s3cret";
const PUSH: &str = r#"{"ref":"refs/heads/main","before":"a","after":"b","commits":[],
    "repository":{"id":1,"node_id":"R","name":"pay","owner":{"login":"acme"},"html_url":"https://github.com/acme/pay","default_branch":"main"}}"#;

fn sign(body: &str) -> String {
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(SECRET.as_bytes()).expect("any key length");
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// A listener's router over a memory bus, the bus, and what can go wrong with it.
fn faulty_world() -> (Router, Bus, Faults) {
    let memory = Memory::new(freshet_bus::memory::MemoryConfig::default());
    let (bus, faults) = (Bus::Memory(memory.clone()), memory.faults());
    (router_over(&bus, WebhookLimits::default()), bus, faults)
}

/// A listener's router over a memory bus, and the bus.
fn world(limits: WebhookLimits) -> (Router, Bus) {
    let bus = Bus::memory();
    (router_over(&bus, limits), bus)
}

fn router_over(bus: &Bus, limits: WebhookLimits) -> Router {
    let publisher = SignalPublisher::new(bus.clone(), Subjects::default(), limits.publish_timeout);
    let webhooks = vec![WebhookSecret {
        host: "github.com".to_owned(),
        secrets: vec![SECRET.into()],
    }];
    let (clock, _) = Clock::manual(1_000);
    let metrics = IngestorMetrics::register(&Registry::new("catalog"));
    build_router(Arc::new(WebhookReceiver::new(
        webhooks, limits, publisher, clock, metrics,
    )))
}

struct Post<'a> {
    path: &'a str,
    content_type: &'a str,
    event: Option<&'a str>,
    guid: Option<&'a str>,
    signature: Option<String>,
    body: String,
}

fn push() -> Post<'static> {
    Post {
        path: "/webhooks/github",
        content_type: "application/json",
        event: Some("push"),
        guid: Some("72d3162e"),
        signature: Some(sign(PUSH)),
        body: PUSH.to_owned(),
    }
}

async fn post(router: &Router, post: Post<'_>) -> StatusCode {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(post.path)
        .header("content-type", post.content_type)
        .header("content-length", post.body.len());
    let headers = [
        (EVENT_HEADER, post.event),
        (DELIVERY_HEADER, post.guid),
        (SIGNATURE_HEADER, post.signature.as_deref()),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            request = request.header(name, value);
        }
    }
    let request = request.body(Body::from(post.body)).expect("a request");
    router
        .clone()
        .oneshot(request)
        .await
        .expect("infallible")
        .status()
}

/// Provisions the bus and acknowledges every signal, as the ledger does; returns what arrives.
async fn ledger(bus: &Bus) -> tokio::sync::mpsc::Receiver<Signal> {
    let subjects = Subjects::default();
    bus.provision(&topology(&subjects, 1))
        .await
        .expect("provisioned");
    let mut inbox = bus
        .consume(&signals_consumer(&subjects))
        .await
        .expect("a consumer");
    let (sender, receiver) = tokio::sync::mpsc::channel(8);
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's task ends with its runtime"
    )]
    tokio::spawn(async move {
        while let Ok(deliveries) = inbox.next(8).await {
            for delivery in deliveries {
                let signal = Signal::decode(delivery.payload.clone()).expect("a signal");
                delivery.ack().await.expect("acknowledged");
                sender.send(signal).await.expect("the test listens");
            }
        }
    });
    receiver
}

#[tokio::test(start_paused = true)]
async fn an_authentic_push_is_accepted_once_it_is_durable() {
    let (router, bus) = world(WebhookLimits::default());
    let mut signals = ledger(&bus).await;
    assert_eq!(post(&router, push()).await, StatusCode::ACCEPTED);
    let signal = signals.recv().await.expect("a signal");
    assert_eq!(
        (signal.id.as_str(), signal.received_at),
        ("gh:github.com:72d3162e", 1_000)
    );
    assert!(matches!(signal.body, Some(signal::Body::Push(_))));
}

#[tokio::test(start_paused = true)]
async fn hooks_that_point_at_backstage_arrive_too() {
    let (router, bus) = world(WebhookLimits::default());
    let _signals = ledger(&bus).await;
    let post_there = Post {
        path: "/api/events/http/github",
        ..push()
    };
    assert_eq!(post(&router, post_there).await, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_cannot_be_durable_is_answered_503() {
    let (router, bus) = world(WebhookLimits::default());
    assert_eq!(
        post(&router, push()).await,
        StatusCode::SERVICE_UNAVAILABLE,
        "there is no stream"
    );
    bus.provision(&topology(&Subjects::default(), 1))
        .await
        .expect("provisioned");
    assert_eq!(
        post(&router, push()).await,
        StatusCode::SERVICE_UNAVAILABLE,
        "nobody records it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_away_for_a_moment_is_waited_for() {
    let (router, bus, faults) = faulty_world();
    let mut signals = ledger(&bus).await;
    faults.disconnect();
    let back = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        faults.reconnect();
    };
    let (status, ()) = tokio::join!(post(&router, push()), back);
    assert_eq!(status, StatusCode::ACCEPTED);
    assert!(signals.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_signal_lost_on_the_way_is_sent_again() {
    let (router, bus, faults) = faulty_world();
    let _signals = ledger(&bus).await;
    faults.lose_messages(1);
    assert_eq!(post(&router, push()).await, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn github_is_answered_before_it_gives_up() {
    const GITHUB_GIVES_UP_AFTER: Duration = Duration::from_secs(10);
    let limits = WebhookLimits::default();
    let (router, bus, faults) = faulty_world();
    let _signals = ledger(&bus).await;
    faults.disconnect();
    let begin = tokio::time::Instant::now();
    let status = post(&router, push()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(begin.elapsed() + limits.read_timeout < GITHUB_GIVES_UP_AFTER);
}

#[tokio::test(start_paused = true)]
async fn strangers_who_announce_much_and_send_nothing_shut_nobody_out() {
    let (router, bus) = world(WebhookLimits {
        in_flight_bytes_max: PUSH.len(),
        ..WebhookLimits::default()
    });
    let _signals = ledger(&bus).await;
    let silent = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, Infallible>>());
    let announced = Request::post("/webhooks/github")
        .header("content-type", "application/json")
        .header("content-length", 26 * 1024 * 1024)
        .body(silent)
        .expect("a request");
    let mut stranger = std::pin::pin!(router.clone().oneshot(announced));
    assert!(futures::poll!(&mut stranger).is_pending());
    assert_eq!(post(&router, push()).await, StatusCode::ACCEPTED);
    let answer = stranger.await.expect("infallible");
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn a_body_may_be_as_long_as_all_that_are_held_and_no_longer() {
    let exact = WebhookLimits {
        body_bytes_max: PUSH.len(),
        in_flight_bytes_max: PUSH.len(),
        ..WebhookLimits::default()
    };
    let longer = WebhookLimits {
        body_bytes_max: PUSH.len() - 1,
        ..exact.clone()
    };
    let together = WebhookLimits {
        in_flight_bytes_max: PUSH.len() - 1,
        ..exact.clone()
    };
    for (limits, expected) in [
        (exact, StatusCode::ACCEPTED),
        (longer, StatusCode::PAYLOAD_TOO_LARGE),
        (together, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let (router, bus) = world(limits);
        let _signals = ledger(&bus).await;
        assert_eq!(post(&router, push()).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_deliveries_are_handled_at_once_and_no_more() {
    let (router, bus) = world(WebhookLimits {
        concurrency_max: 2,
        ..WebhookLimits::default()
    });
    let _signals = ledger(&bus).await;
    let trickling = || {
        let silent = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, Infallible>>());
        let request = Request::post("/webhooks/github").header("content-type", "application/json");
        request.body(silent).expect("a request")
    };
    let mut first = std::pin::pin!(router.clone().oneshot(trickling()));
    assert!(futures::poll!(&mut first).is_pending());
    assert_eq!(post(&router, push()).await, StatusCode::ACCEPTED);
    let mut second = std::pin::pin!(router.clone().oneshot(trickling()));
    assert!(futures::poll!(&mut second).is_pending());
    let status = post(&router, push()).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
}

#[track_caller]
fn check_refused(expected: StatusCode, post_it: Post<'static>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let status = runtime.expect("a runtime").block_on(async {
        let (router, bus) = world(WebhookLimits {
            body_bytes_max: 1_000,
            ..WebhookLimits::default()
        });
        let mut signals = ledger(&bus).await;
        let status = post(&router, post_it).await;
        assert!(signals.try_recv().is_err(), "nothing was published");
        status
    });
    assert_eq!(status, expected);
}

#[test]
fn what_is_not_authentic_or_not_readable_is_refused_and_leaves_no_trace() {
    check_refused(
        StatusCode::UNAUTHORIZED,
        Post {
            signature: None,
            ..push()
        },
    );
    check_refused(
        StatusCode::UNAUTHORIZED,
        Post {
            signature: Some(sign("other")),
            ..push()
        },
    );
    check_refused(
        StatusCode::UNAUTHORIZED,
        Post {
            body: format!("{PUSH} "),
            ..push()
        },
    );
    check_refused(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Post {
            content_type: "application/x-www-form-urlencoded",
            ..push()
        },
    );
    check_refused(
        StatusCode::BAD_REQUEST,
        Post {
            guid: None,
            ..push()
        },
    );
    check_refused(
        StatusCode::BAD_REQUEST,
        Post {
            event: None,
            ..push()
        },
    );
    let large = "x".repeat(1_001);
    check_refused(
        StatusCode::PAYLOAD_TOO_LARGE,
        Post {
            signature: Some(sign(&large)),
            body: large,
            ..push()
        },
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_length_is_read_no_further_than_allowed() {
    let (router, _bus) = world(WebhookLimits {
        body_bytes_max: 1_000,
        ..WebhookLimits::default()
    });
    let endless = futures::stream::repeat(Ok::<_, Infallible>("x".repeat(400)));
    let request = Request::post("/webhooks/github")
        .header("content-type", "application/json")
        .body(Body::from_stream(endless))
        .expect("a request");
    let answer = router.oneshot(request).await.expect("infallible");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_listener_stops_when_told() {
    let (_, bus) = world(WebhookLimits::default());
    let publisher = SignalPublisher::new(bus, Subjects::default(), Duration::from_secs(1));
    let metrics = IngestorMetrics::register(&Registry::new("catalog"));
    let receiver = WebhookReceiver::new(
        Vec::new(),
        WebhookLimits::default(),
        publisher,
        Clock::system(),
        metrics,
    );
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("bound");
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    assert!(
        serve_webhooks(Arc::new(receiver), listener, shutdown)
            .await
            .is_ok()
    );
}
