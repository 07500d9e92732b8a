//! The bus on a real server: the conformance suite, and what only a crash of the server shows.

// The suite lies beside the bus and belongs to no library; each implementation's tests take it in.
#[path = "../../proto/bus/tests/conformance/mod.rs"]
mod conformance;

use std::collections::BTreeSet;
use std::time::Duration;

use freshet_bus::{Bus, ConnectError, Delivery, Inbox, Outbound, nats};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::Lane;
use freshet_proto::stream::{self, ConsumerSpec, MEBIBYTE, PAYLOAD_BYTES_MAX, StreamSizes};
use freshet_proto::subject::Subjects;

use conformance::Lab;
use freshet_tests::nats::{NatsServer, NatsSettings};
use freshet_wait::{eventually, in_time};

const ACK_WAIT_SHORT: Duration = Duration::from_millis(500);

struct NatsLab {
    server: NatsServer,
}

impl Lab for NatsLab {
    async fn bus(&self) -> Bus {
        connect(&self.server).await
    }

    async fn interrupt(&self, _bus: &Bus) {
        self.server.kill();
    }

    async fn resume(&self, _bus: &Bus) {
        self.server.restart().await;
    }
}

async fn connect(server: &NatsServer) -> Bus {
    Bus::connect(&nats::NatsConfig::new(server.url(), "it"))
        .await
        .expect("the server is there")
}

async fn provisioned(server: &NatsServer) -> (Bus, Subjects) {
    let (bus, subjects) = (connect(server).await, Subjects::default());
    bus.provision(&stream::topology(&subjects, 1))
        .await
        .expect("the topology is new");
    (bus, subjects)
}

fn signal(subjects: &Subjects, number: u64) -> Outbound {
    let subject = subjects.signal("github", "push", "github.com", &number.to_string());
    Outbound::new(subject, number.to_string())
        .enveloped(Envelope::with_id(format!("gh:github.com:{number}")))
}

fn job(subjects: &Subjects, source_id: i64, text: &'static str) -> Outbound {
    Outbound::new(subjects.job(Lane::Hi, "github.com", source_id), text)
}

fn impatient(mut consumer: ConsumerSpec) -> ConsumerSpec {
    consumer.ack_wait = ACK_WAIT_SHORT;
    consumer
}

async fn open(bus: &Bus, consumer: &ConsumerSpec) -> Inbox {
    bus.consume(consumer).await.expect("the consumer opens")
}

async fn take_one(inbox: &mut Inbox) -> Delivery {
    in_time("a message", inbox.next(1))
        .await
        .expect("the consumer can be reached")
        .pop()
        .expect("a batch has a message")
}

/// Kills the server, starts it again, and waits until the bus has noticed both.
async fn crash(server: &NatsServer, bus: &Bus) {
    let mut reconnections = bus.reconnections();
    reconnections.mark_unchanged();
    server.restart().await;
    in_time("the connection", reconnections.changed())
        .await
        .expect("the bus lives");
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.payload).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_nats_bus_conforms() {
    let lab = NatsLab {
        server: NatsServer::start().await,
    };
    conformance::run_all(&lab).await;
}

#[tokio::test]
async fn a_signal_outlives_a_crash_of_the_server_also_in_flight() {
    let server = NatsServer::start().await;
    let (bus, subjects) = provisioned(&server).await;
    let mut signals = open(&bus, &impatient(stream::signals_consumer(&subjects))).await;
    let _published = bus.publish(signal(&subjects, 1)).await.expect("stored");
    let in_flight = take_one(&mut signals).await;
    let _published = bus.publish(signal(&subjects, 2)).await.expect("stored");
    crash(&server, &bus).await;
    drop(in_flight);
    let seen = in_time("both signals", collect(signals, 2)).await;
    assert_eq!(seen, BTreeSet::from([1, 2]));
    assert!(
        bus.publish(signal(&subjects, 1))
            .await
            .expect("recognised")
            .duplicate,
        "a stored identity is known"
    );
}

#[tokio::test]
async fn jobs_are_gone_after_a_crash_and_can_be_published_again() {
    let server = NatsServer::start().await;
    let (bus, subjects) = provisioned(&server).await;
    let mut jobs = open(
        &bus,
        &stream::job_consumer(&subjects, Lane::Hi, "github.com"),
    )
    .await;
    let _published = bus
        .publish(job(&subjects, 1, "lost"))
        .await
        .expect("stored");
    crash(&server, &bus).await;
    let _published = bus
        .publish(job(&subjects, 2, "again"))
        .await
        .expect("the stream exists again");
    assert_eq!(
        text(&take_one(&mut jobs).await),
        "again",
        "and its consumer too"
    );
}

#[tokio::test]
async fn an_acknowledgement_from_before_a_crash_does_not_remove_another_message() {
    let server = NatsServer::start().await;
    let (bus, subjects) = provisioned(&server).await;
    let mut jobs = open(
        &bus,
        &impatient(stream::job_consumer(&subjects, Lane::Hi, "github.com")),
    )
    .await;
    let _published = bus.publish(job(&subjects, 1, "old")).await.expect("stored");
    let old = take_one(&mut jobs).await;
    crash(&server, &bus).await;
    let _published = bus.publish(job(&subjects, 2, "new")).await.expect("stored");
    let new = take_one(&mut jobs).await;
    assert_eq!(
        old.sequence, new.sequence,
        "the stream began again, so the receipts look the same"
    );
    old.ack()
        .await
        .expect_err("the receipt means nothing any more");
    let again = take_one(&mut jobs).await;
    assert_eq!(
        (text(&again), again.attempt),
        ("new".to_owned(), 2),
        "it is still there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_confirmed_signal_arrives_though_the_server_is_killed() {
    const SIGNALS: u64 = 400;
    const KILL_EVERY: u64 = 80;
    let server = NatsServer::start().await;
    let (bus, subjects) = provisioned(&server).await;
    let signals = open(&bus, &impatient(stream::signals_consumer(&subjects))).await;
    let seen = tokio::spawn(collect(signals, SIGNALS));
    for number in 1..=SIGNALS {
        if number % KILL_EVERY == 0 {
            // The server dies while the publish below is on its way.
            tokio::join!(confirm(&bus, &subjects, number), server.restart());
        } else {
            confirm(&bus, &subjects, number).await;
        }
    }
    assert_eq!(
        in_time("every signal", seen)
            .await
            .expect("the collector does not panic"),
        (1..=SIGNALS).collect()
    );
}

/// Publishes until it is confirmed, as a sender that repeats itself does.
async fn confirm(bus: &Bus, subjects: &Subjects, number: u64) {
    eventually("the signal is confirmed", || async {
        let published = bus.publish(signal(subjects, number)).await;
        published.map(|_| ()).map_err(|error| {
            assert!(error.is_transient(), "{error}");
            error.to_string()
        })
    })
    .await;
}

async fn collect(mut signals: Inbox, count: u64) -> BTreeSet<u64> {
    let mut seen = BTreeSet::new();
    while u64::try_from(seen.len()).expect("a small number") < count {
        // An error means that the server is away; asking again is what a consumer does.
        for delivery in signals.next(50).await.unwrap_or_default() {
            seen.insert(text(&delivery).parse().expect("a number"));
            // One that is not confirmed comes again and is in the set already.
            let _confirmed = delivery.ack().await;
        }
    }
    seen
}

/// Connects to `server` as `login` says, before the `@`.
async fn connect_as(server: &NatsServer, login: &str) -> Result<Bus, ConnectError> {
    let url = format!("nats://{login}{}", server.address());
    Bus::connect(&nats::NatsConfig::new(url, "it")).await
}

async fn check_login(authorization: &'static str, login: &str) {
    let server = NatsServer::start_with(NatsSettings {
        more: authorization,
        ..NatsSettings::default()
    })
    .await;
    let refused = connect_as(&server, "").await;
    assert!(refused.is_err(), "nobody enters without credentials");
    let bus = connect_as(&server, login).await.expect("they are right");
    let subjects = Subjects::default();
    bus.provision(&stream::topology(&subjects, 1))
        .await
        .expect("the topology is new");
    // The next connection has them too.
    crash(&server, &bus).await;
    let _published = bus.publish(signal(&subjects, 1)).await.expect("stored");
}

#[tokio::test]
async fn credentials_in_the_address_are_used() {
    const USER: &str = r#"authorization {user: u, password: "p@ss/word"}"#;
    check_login(USER, "u:p%40ss%2Fword@").await;
    check_login(r#"authorization {token: "t0ken"}"#, "t0ken@").await;
}

/// What is said of a server that cannot be used.
async fn provision_with(settings: NatsSettings, sizes: &StreamSizes) -> Result<(), String> {
    let server = NatsServer::start_with(settings).await;
    let topology = stream::topology_of_sizes(&Subjects::default(), 1, sizes);
    let provisioned = connect(&server).await.provision(&topology).await;
    provisioned.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_told_what_it_lacks() {
    let sizes = StreamSizes::default();
    let without_jetstream = NatsSettings {
        jetstream: None,
        more: "",
    };
    assert_eq!(
        provision_with(without_jetstream, &sizes).await,
        Err("JetStream is not enabled on this server or account".to_owned())
    );
    let without_jetstream_for_some = NatsSettings {
        more: "accounts {A {users: [{user: u, password: p}]}, B {jetstream: enabled}}\nno_auth_user: u",
        ..NatsSettings::default()
    };
    assert_eq!(
        provision_with(without_jetstream_for_some, &sizes).await,
        Err("JetStream is not enabled on this server or account".to_owned())
    );
    let of_small_messages = NatsSettings {
        more: "max_payload: 589823",
        ..NatsSettings::default()
    };
    assert_eq!(
        provision_with(of_small_messages, &sizes).await,
        Err("the NATS server takes messages of at most 589823 bytes (max_payload), and Freshet needs 589824".to_owned())
    );
    let small = NatsSettings {
        jetstream: Some("max_file_store: 600MB\n  max_memory_store: 0"),
        more: "",
    };
    let said = provision_with(small, &sizes).await.expect_err("no room");
    assert!(
        said.contains("no room for OBSERVATIONS: it needs 256 MiB of file storage; this account has 512 MiB set aside"),
        "{said}"
    );
    let smaller = StreamSizes {
        signals: 64 * MEBIBYTE,
        ..sizes
    };
    assert_eq!(provision_with(small, &smaller).await, Ok(()));
}

#[tokio::test]
async fn a_server_without_memory_for_streams_keeps_them_on_its_disk() {
    let server = NatsServer::start_with(NatsSettings {
        jetstream: Some("max_file_store: 1GB\n  max_memory_store: 0"),
        more: "max_payload: 589824",
    })
    .await;
    let (bus, subjects) = provisioned(&server).await;
    let mut jobs = open(
        &bus,
        &stream::job_consumer(&subjects, Lane::Hi, "github.com"),
    )
    .await;
    let _published = bus.publish(job(&subjects, 1, "job")).await.expect("stored");
    assert_eq!(text(&take_one(&mut jobs).await), "job");
    // Those who come later find them as they are.
    let other = connect(&server).await;
    other
        .provision(&stream::topology(&subjects, 1))
        .await
        .expect("nothing differs");
    let largest = Outbound::new(
        subjects.observation(Lane::Hi, "github.com", 1),
        vec![0; PAYLOAD_BYTES_MAX],
    );
    let _published = bus.publish(largest).await.expect("it fits");
}
