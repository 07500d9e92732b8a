//! The suite on the memory bus with paused time, and what only the memory bus does.

mod conformance;

use std::time::Duration;

use freshet_bus::memory::Faults;
use freshet_bus::{Bus, Outbound, PublishError, ReadError};
use freshet_proto::envelope::Envelope;
use freshet_proto::message::change::Verb;
use freshet_proto::stream::{STATE_BUCKET, signals_consumer, topology};
use freshet_proto::subject::Subjects;

use conformance::Lab;

struct MemoryLab;

impl Lab for MemoryLab {
    async fn bus(&self) -> Bus {
        Bus::memory()
    }

    async fn interrupt(&self, bus: &Bus) {
        faults(bus).disconnect();
    }

    async fn resume(&self, bus: &Bus) {
        faults(bus).reconnect();
    }
}

fn faults(bus: &Bus) -> Faults {
    match bus {
        Bus::Memory(memory) => memory.faults(),
        Bus::Nats(_) => unreachable!("this lab makes memory buses"),
    }
}

async fn provisioned() -> (Bus, Subjects) {
    let (bus, subjects) = (Bus::memory(), Subjects::default());
    bus.provision(&topology(&subjects, 1))
        .await
        .expect("an empty bus takes any topology");
    (bus, subjects)
}

fn signal(subjects: &Subjects) -> Outbound {
    Outbound::new(subjects.signal("github", "push", "github.com", "1"), "a")
        .enveloped(Envelope::with_id("gh:1"))
}

#[tokio::test(start_paused = true)]
async fn the_memory_bus_conforms() {
    conformance::run_all(&MemoryLab).await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_is_confirmed_when_it_was_acknowledged() {
    let (bus, subjects) = provisioned().await;
    let mut signals = bus
        .consume(&signals_consumer(&subjects))
        .await
        .expect("the consumer opens");
    let mut publish = std::pin::pin!(bus.publish(signal(&subjects)));
    let delivery = tokio::select! {
        published = &mut publish => panic!("confirmed before anyone saw it: {published:?}"),
        received = signals.next(1) => received.expect("received").pop().expect("one"),
    };
    let mut again = std::pin::pin!(bus.publish(signal(&subjects)));
    tokio::select! {
        biased;
        published = &mut again => panic!("a copy is no more durable than the first: {published:?}"),
        acknowledged = delivery.ack() => acknowledged.expect("acknowledged"),
    }
    assert!(!publish.await.expect("confirmed").duplicate);
    assert!(again.await.expect("confirmed").duplicate);
}

#[tokio::test(start_paused = true)]
async fn a_signal_nobody_takes_is_ambiguous() {
    let (bus, subjects) = provisioned().await;
    let error = bus
        .publish(signal(&subjects))
        .await
        .expect_err("nobody acknowledges it");
    assert!(matches!(error, PublishError::Ambiguous), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_lost_confirmation_hides_a_stored_message_and_a_lost_message_is_not_stored() {
    let (bus, subjects) = provisioned().await;
    let job = |source| {
        Outbound::new(
            subjects.job(freshet_proto::message::Lane::Hi, "github.com", source),
            "a",
        )
    };
    faults(&bus).lose_confirmations(1);
    assert!(matches!(
        bus.publish(job(1)).await,
        Err(PublishError::Ambiguous)
    ));
    faults(&bus).lose_messages(1);
    assert!(matches!(
        bus.publish(job(2)).await,
        Err(PublishError::Ambiguous)
    ));
    let messages: u64 = bus
        .depths()
        .await
        .expect("asked")
        .iter()
        .map(|depth| depth.messages)
        .sum();
    assert_eq!(messages, 1);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_public_log_here() {
    let (bus, subjects) = provisioned().await;
    let entity = "component:default/a".parse().expect("a valid ref");
    let change = Outbound::new(subjects.change(&entity, Verb::Created), "a");
    assert!(matches!(
        bus.publish(change).await,
        Err(PublishError::NoStream { .. })
    ));
    assert!(matches!(
        bus.kv(STATE_BUCKET).await.err(),
        Some(ReadError::Missing { .. })
    ));
    assert!(!bus.is_durable());
}

#[tokio::test(start_paused = true)]
async fn a_closed_bus_ends_every_wait() {
    let (bus, subjects) = provisioned().await;
    let mut signals = bus
        .consume(&signals_consumer(&subjects))
        .await
        .expect("the consumer opens");
    let (received, ()) = tokio::join!(signals.next(1), bus.close());
    received.err().expect("nothing can come any more");
    let late = tokio::time::timeout(Duration::from_secs(1), signals.next(1)).await;
    late.expect("it ends at once")
        .err()
        .expect("nothing can come any more");
}
