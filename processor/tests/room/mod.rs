//! A stream of observations that is full: nothing is read in vain, and pushes pass sweeps.

use std::collections::BTreeSet;

use freshet_bus::Outbound;
use freshet_proto::message::Lane;
use freshet_proto::stream::{JOBS, OBSERVATIONS, StreamSizes};
use freshet_wait::{eventually, in_time};

use crate::stub::{Reply, Stub};
use crate::world::{PAY, World, push, repositories, sweep, text};

/// Room for some seventy readings, of which sweeps may use the half.
const SIZES: StreamSizes = StreamSizes {
    signals: 1_000_000,
    observations: 20_000,
    dead_letters: 1_000_000,
};
const SWEPT: i64 = 100;
/// Repositories that are read together.
const BATCH: usize = 5;
/// One for what the repositories hold, and one for texts.
const CALLS_PER_BATCH: usize = 2;

async fn github() -> Stub {
    Stub::start(|query, _| Reply::json(repositories(query, "h2", &text("b2", PAY)))).await
}

async fn small_world() -> World {
    World::start_in(github().await, SIZES, |_| {}).await
}

/// Has all of the repositories swept, and waits until their readings wait for room.
async fn fill(world: &World) {
    for source_id in 1..=SWEPT {
        world.publish(&sweep(source_id)).await;
    }
    until_readings_wait(world).await;
}

async fn until_readings_wait(world: &World) {
    eventually("readings wait for room", || async {
        let metrics = world.registry.encode();
        let waiting = metrics
            .lines()
            .find_map(|line| line.strip_prefix("catalog_processor_readings_waiting{lane=\"lo\"} "));
        let some_wait = waiting.is_some_and(|waiting| waiting != "0");
        some_wait.then_some(()).ok_or(metrics)
    })
    .await;
}

#[tokio::test]
async fn what_finds_the_stream_full_waits_and_is_read_once() {
    let mut world = small_world().await;
    fill(&world).await;
    let calls = world.github.requests().len();
    let mut observed = BTreeSet::new();
    for _ in 1..=SWEPT {
        let observation = world.observed(Lane::Lo).await;
        assert!(observed.insert(observation.source_id), "read twice");
    }
    assert_eq!(world.github.requests().len(), calls, "no other call");
    let metrics = world.registry.encode();
    assert!(!metrics.contains("given_back"), "{metrics}");
    world.stop().await;
}

#[tokio::test]
async fn a_push_passes_sweeps_that_wait() {
    let mut world = small_world().await;
    fill(&world).await;
    let pushed = SWEPT + 1;
    world.publish(&push(pushed)).await;
    assert_eq!(world.observed(Lane::Hi).await.source_id, pushed);
    until_readings_wait(&world).await;
    for _ in 1..=SWEPT {
        world.observed(Lane::Lo).await;
    }
    world.stop().await;
}

#[tokio::test]
async fn no_job_is_taken_while_nothing_could_come_of_it() {
    let mut world = small_world().await;
    // Others have filled what sweeps may fill.
    let subject = |source| {
        let subjects = &world.subjects;
        subjects.observation(Lane::Lo, crate::world::HOST, source)
    };
    for number in 0..12 {
        let message = Outbound::new(subject(1_000 + number), vec![0; 1_000]);
        let _stored = world.bus.publish(message).await.expect("stored");
    }
    world.publish(&sweep(1)).await;
    world.publish(&push(2)).await;
    assert_eq!(world.observed(Lane::Hi).await.source_id, 2);
    assert_eq!(world.github.requests().len(), 1, "only that of the push");
    assert_eq!(world.messages(JOBS).await, 1, "the sweep's job waits");
    world.drop_sweeps(12).await;
    assert_eq!(world.observed(Lane::Lo).await.source_id, 1);
    world.stop().await;
}

#[tokio::test]
async fn a_stop_gives_back_what_waits() {
    let mut world = small_world().await;
    fill(&world).await;
    world.shutdown.cancel();
    in_time("a stop", &mut world.processor)
        .await
        .expect("a clean stop");
    let (jobs, observations) = (
        world.messages(JOBS).await,
        world.messages(OBSERVATIONS).await,
    );
    assert!(observations > 0);
    assert_eq!(jobs + observations, u64::try_from(SWEPT).expect("few"));
}

#[tokio::test]
async fn what_waits_in_hand_keeps_others_from_being_read() {
    let mut world =
        World::start_in(github().await, SIZES, |config| config.read_batch = BATCH).await;
    fill(&world).await;
    // Whatever a worker does with a job it does not take, a push does later.
    world.publish(&push(SWEPT + 1)).await;
    world.observed(Lane::Hi).await;
    // What lies in the stream, the batch of which a part lies there, and one that waits for room.
    let stored = world.messages(OBSERVATIONS).await;
    let batches_max = usize::try_from(stored).expect("few") / BATCH + 2;
    let calls = world.github.requests().len();
    assert!(
        calls <= batches_max * CALLS_PER_BATCH + 1,
        "{calls} calls and {stored} readings in the stream"
    );
    for _ in 1..=SWEPT {
        world.observed(Lane::Lo).await;
    }
    let calls = world.github.requests().len();
    let batches = usize::try_from(SWEPT).expect("few") / BATCH;
    assert_eq!(
        calls,
        batches * CALLS_PER_BATCH + 1,
        "full batches, and the push"
    );
    world.stop().await;
}
