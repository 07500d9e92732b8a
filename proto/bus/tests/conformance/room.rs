//! How much a stream holds and may hold, and publishers that leave room in it.

use freshet_bus::{Outbound, PublishError, StreamDepth, StreamRoom};
use freshet_proto::message::Lane;
use freshet_proto::stream::{Discard, JOBS, OBSERVATIONS, observation_room_percent};
use freshet_wait::eventually;

use super::{ACK_WAIT_LONG, INSTALLATION, Lab, World, one};

/// What the bounded streams may hold.
const BYTES_MAX: u64 = 40_000;
const MESSAGE_BYTES: usize = 1_000;
/// More than any of these streams takes.
const MESSAGES_MAX: i64 = 100;

pub(super) async fn run(lab: &impl Lab) {
    a_stream_says_what_it_holds_and_may_hold(lab).await;
    a_subject_is_held_while_its_message_waits_or_is_in_flight(lab).await;
    a_sweep_leaves_room_for_a_push(lab).await;
    publishers_side_by_side_leave_the_same_room(lab).await;
    a_sweep_goes_on_when_something_was_acknowledged(lab).await;
    a_publisher_that_was_refused_goes_on_when_there_is_room(lab).await;
    an_empty_stream_has_room_for_any_message(lab).await;
}

async fn bounded(lab: &impl Lab, case: &'static str) -> World {
    World::with(lab, case, |stream| {
        if stream.discard == Discard::New {
            stream.bytes_max = Some(i64::try_from(BYTES_MAX).expect("small"));
        }
    })
    .await
}

impl World {
    fn stream_named(&self, stream: &str) -> String {
        format!("{stream}_{}", self.case)
    }

    async fn depth(&self, stream: &str) -> StreamDepth {
        let depth = self.bus.depth(&self.stream_named(stream)).await;
        depth.expect("the stream can be asked")
    }

    fn room(&self, lane: Lane) -> StreamRoom {
        let stream = self.stream_named(OBSERVATIONS);
        StreamRoom::new(self.bus.clone(), &stream, observation_room_percent(lane))
    }

    fn large(&self, lane: Lane, source_id: i64) -> Outbound {
        let subject = self.subjects.observation(lane, INSTALLATION, source_id);
        Outbound::new(subject, vec![0; MESSAGE_BYTES])
    }

    /// Publishes sweeps until these rooms have no more; how many.
    async fn fill(&self, rooms: &[StreamRoom]) -> usize {
        let numbers = (1..MESSAGES_MAX).zip(rooms.iter().cycle());
        for (stored, (number, room)) in numbers.enumerate() {
            let message = self.large(Lane::Lo, number);
            if !room.take(message.stored_bytes()).await {
                return stored;
            }
            let _published = self.bus.publish(message).await.expect("there is room");
        }
        panic!("sweeps fill everything");
    }
}

async fn a_stream_says_what_it_holds_and_may_hold(lab: &impl Lab) {
    let world = bounded(lab, "depth").await;
    let empty = world.depth(OBSERVATIONS).await;
    assert_eq!((empty.messages, empty.bytes), (0, 0));
    assert_eq!(empty.bytes_max, Some(BYTES_MAX));
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let message = world.large(Lane::Hi, 1);
    let at_least = message.stored_bytes();
    let _published = world.bus.publish(message).await.expect("stored");
    let delivery = one(&mut observations).await;
    let held = world.depth(OBSERVATIONS).await;
    assert_eq!(held.messages, 1, "in flight it takes its room");
    assert!(held.bytes >= at_least, "{held:?}");
    delivery.ack().await.expect("acknowledged");
    assert_eq!(world.depth(OBSERVATIONS).await, empty);
    world
        .bus
        .depth("NO_SUCH_STREAM")
        .await
        .expect_err("nobody knows it");
}

async fn a_subject_is_held_while_its_message_waits_or_is_in_flight(lab: &impl Lab) {
    let world = World::new(lab, "held").await;
    let held = || async {
        let held = world.bus.held_subjects(&world.stream_named(JOBS)).await;
        let mut held: Vec<String> = held.expect("asked").into_iter().collect();
        held.sort();
        held
    };
    assert!(held().await.is_empty());
    let (first, second) = (world.job(1), world.job(2));
    let _published = world.publish(first.clone(), "a").await;
    let _published = world.publish(second.clone(), "b").await;
    let both = [first.to_string(), second.to_string()];
    assert_eq!(held().await, both);
    let mut jobs = world.jobs(ACK_WAIT_LONG).await;
    let delivery = one(&mut jobs).await;
    assert_eq!(held().await, both, "one of them is in flight");
    delivery.ack().await.expect("acknowledged");
    one(&mut jobs).await.retry_after(ACK_WAIT_LONG).await;
    assert_eq!(held().await, [second.to_string()], "the other is put off");
}

async fn a_sweep_leaves_room_for_a_push(lab: &impl Lab) {
    let world = bounded(lab, "lanes").await;
    let swept = world.fill(&[world.room(Lane::Lo)]).await;
    let depth = world.depth(OBSERVATIONS).await;
    assert!(swept > 1, "sweeps have some room");
    // A server counts a little more for each message than its publisher does.
    assert!(depth.bytes <= BYTES_MAX * 6 / 10, "{depth:?}");
    let pushes = world.room(Lane::Hi);
    for number in 1..=10 {
        let message = world.large(Lane::Hi, number);
        assert!(pushes.take(message.stored_bytes()).await);
        let _published = world.bus.publish(message).await.expect("a push passes");
    }
}

async fn publishers_side_by_side_leave_the_same_room(lab: &impl Lab) {
    let world = bounded(lab, "side").await;
    let rooms: Vec<StreamRoom> = (0..4).map(|_| world.room(Lane::Lo)).collect();
    world.fill(&rooms).await;
    let depth = world.depth(OBSERVATIONS).await;
    assert!(depth.bytes <= BYTES_MAX * 6 / 10, "{depth:?}");
}

async fn a_sweep_goes_on_when_something_was_acknowledged(lab: &impl Lab) {
    let world = bounded(lab, "goes_on").await;
    let room = world.room(Lane::Lo);
    world.fill(std::slice::from_ref(&room)).await;
    let spec = freshet_proto::stream::observation_consumer(&world.subjects, Lane::Lo);
    let spec = world.named(spec, ACK_WAIT_LONG);
    let mut applied = world.bus.consume(&spec).await.expect("a consumer");
    let delivery = one(&mut applied).await;
    let message = world.large(Lane::Lo, MESSAGES_MAX);
    assert!(
        !room.take(message.stored_bytes()).await,
        "what is in flight takes its room"
    );
    delivery.ack().await.expect("acknowledged");
    one(&mut applied).await.ack().await.expect("acknowledged");
    eventually("there is room", || async {
        let taken = room.take(message.stored_bytes()).await;
        taken.then_some(()).ok_or_else(|| "no room".to_owned())
    })
    .await;
    let _published = world.bus.publish(message).await.expect("it was there");
}

async fn a_publisher_that_was_refused_goes_on_when_there_is_room(lab: &impl Lab) {
    let world = bounded(lab, "refused").await;
    let room = world.room(Lane::Hi);
    let mut number = 0;
    let refused = loop {
        number += 1;
        let message = world.large(Lane::Hi, number);
        assert!(room.take(message.stored_bytes()).await, "it never looks");
        match world.bus.publish(message.clone()).await {
            Ok(_) => assert!(number < MESSAGES_MAX, "the stream takes everything"),
            Err(PublishError::Full { .. }) => break message,
            Err(error) => panic!("expected a full stream, got {error}"),
        }
    };
    room.note_full().await;
    assert!(!room.take(refused.stored_bytes()).await, "now it knows");
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    for _ in 0..2 {
        let delivery = one(&mut observations).await;
        delivery.ack().await.expect("acknowledged");
    }
    eventually("there is room", || async {
        let taken = room.take(refused.stored_bytes()).await;
        taken.then_some(()).ok_or_else(|| "no room".to_owned())
    })
    .await;
    let _published = world.bus.publish(refused).await.expect("stored");
}

async fn an_empty_stream_has_room_for_any_message(lab: &impl Lab) {
    let world = bounded(lab, "any").await;
    let room = world.room(Lane::Lo);
    // More than a sweep may ever fill, and the stream takes it.
    let subject = world.subjects.observation(Lane::Lo, INSTALLATION, 1);
    let bytes = usize::try_from(BYTES_MAX * 3 / 4).expect("small");
    let message = Outbound::new(subject, vec![0; bytes]);
    assert!(room.take(message.stored_bytes()).await);
    let _published = world.bus.publish(message).await.expect("stored");
    assert!(!room.take(1).await);
}
