//! What a bus must do, as one suite that is run against every implementation.
//!
//! Each case has its own streams under its own prefix, so that a server can serve them all. A case
//! panics when the bus does not keep its word. A case for what only a durable bus offers is left out for
//! the others. Faults of a real server (a restart, a lost disk) are tested beside that server.

mod kv;
mod log;
mod outage;
mod publish;
mod queue;
mod receive;
mod room;
mod topology;

use std::time::Duration;

use bytes::Bytes;
use freshet_proto::message::Lane;
use freshet_proto::stream::{self, ConsumerSpec, StreamSpec, Topology};
use freshet_proto::subject::{Subject, Subjects};

use freshet_bus::{Bus, Delivery, Inbox, Outbound, Published};
use freshet_wait::in_time;

/// `ack_wait` where a case waits for it to pass.
const ACK_WAIT_SHORT: Duration = Duration::from_secs(1);
/// `ack_wait` where it must not pass.
const ACK_WAIT_LONG: Duration = Duration::from_secs(300);
/// How long a case looks for something that must not happen.
const GLANCE: Duration = Duration::from_millis(150);
const INSTALLATION: &str = "github.com";

/// Where a suite runs: makes buses of one implementation and can take them away.
pub(crate) trait Lab {
    /// A new bus, or a new connection to the same one.
    fn bus(&self) -> impl Future<Output = Bus>;
    /// Makes the bus unreachable.
    fn interrupt(&self, bus: &Bus) -> impl Future<Output = ()>;
    /// Makes it reachable again.
    fn resume(&self, bus: &Bus) -> impl Future<Output = ()>;
}

/// Runs every case; panics at the first broken promise.
pub(crate) async fn run_all(lab: &impl Lab) {
    queue::run(lab).await;
    receive::run(lab).await;
    publish::run(lab).await;
    room::run(lab).await;
    topology::run(lab).await;
    kv::run(lab).await;
    if lab.bus().await.is_durable() {
        log::run(lab).await;
    }
    // Last, because it disturbs everything else.
    outage::run(lab).await;
}

/// One case's streams on one bus.
struct World {
    bus: Bus,
    subjects: Subjects,
    case: &'static str,
    topology: Topology,
}

impl World {
    /// A world with the real topology under the case's own names.
    async fn new(lab: &impl Lab, case: &'static str) -> Self {
        Self::with(lab, case, |_| {}).await
    }

    /// The same with some settings of every stream changed.
    async fn with(lab: &impl Lab, case: &'static str, change: impl Fn(&mut StreamSpec)) -> Self {
        let subjects = Subjects::new(case);
        let mut topology = stream::topology(&subjects, 1);
        for stream in &mut topology.streams {
            stream.name = format!("{}_{case}", stream.name);
            change(stream);
        }
        for bucket in &mut topology.buckets {
            let own = format!("{}_{case}", bucket.bucket);
            for (_, key) in &mut bucket.transforms {
                *key = key.replace(&bucket.bucket, &own);
            }
            bucket.bucket = own;
            bucket.source = format!("{}_{case}", bucket.source);
        }
        let bus = lab.bus().await;
        bus.provision(&topology)
            .await
            .expect("the topology can be provisioned");
        Self {
            bus,
            subjects,
            case,
            topology,
        }
    }

    fn job(&self, source_id: i64) -> Subject {
        self.subjects.job(Lane::Hi, INSTALLATION, source_id)
    }

    fn observation(&self, source_id: i64) -> Subject {
        self.subjects.observation(Lane::Hi, INSTALLATION, source_id)
    }

    fn named(&self, mut spec: ConsumerSpec, ack_wait: Duration) -> ConsumerSpec {
        spec.stream = format!("{}_{}", spec.stream, self.case);
        spec.ack_wait = ack_wait;
        spec
    }

    fn jobs_spec(&self, ack_wait: Duration) -> ConsumerSpec {
        self.named(
            stream::job_consumer(&self.subjects, Lane::Hi, INSTALLATION),
            ack_wait,
        )
    }

    fn observations_spec(&self, ack_wait: Duration) -> ConsumerSpec {
        self.named(
            stream::observation_consumer(&self.subjects, Lane::Hi),
            ack_wait,
        )
    }

    async fn jobs(&self, ack_wait: Duration) -> Inbox {
        self.bus
            .consume(&self.jobs_spec(ack_wait))
            .await
            .expect("the consumer can be opened")
    }

    async fn observations(&self, ack_wait: Duration) -> Inbox {
        self.bus
            .consume(&self.observations_spec(ack_wait))
            .await
            .expect("the consumer can be opened")
    }

    async fn publish(&self, subject: Subject, text: &str) -> Published {
        let message = Outbound::new(subject, Bytes::copy_from_slice(text.as_bytes()));
        self.bus
            .publish(message)
            .await
            .expect("the message is stored")
    }

    async fn messages_in(&self, stream: &str) -> u64 {
        let name = format!("{stream}_{}", self.case);
        let depths = self.bus.depths().await.expect("the streams can be asked");
        depths
            .into_iter()
            .find(|depth| depth.stream == name)
            .expect("the stream exists")
            .messages
    }
}

/// The one message that is waiting or must come.
async fn one(inbox: &mut Inbox) -> Delivery {
    let mut deliveries = some(inbox, 1).await;
    deliveries.pop().expect("a batch has at least one message")
}

async fn some(inbox: &mut Inbox, max: usize) -> Vec<Delivery> {
    in_time("a message", inbox.next(max))
        .await
        .expect("the consumer can be reached")
}

/// Nothing is delivered for `duration`.
async fn nothing(inbox: &mut Inbox, duration: Duration) {
    if let Ok(received) = tokio::time::timeout(duration, inbox.next(1)).await {
        let delivery = received
            .expect("the consumer can be reached")
            .pop()
            .expect("at least one message");
        panic!(
            "nothing was due, but {} came (attempt {})",
            text(&delivery),
            delivery.attempt
        );
    }
}

fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(&delivery.payload).into_owned()
}
