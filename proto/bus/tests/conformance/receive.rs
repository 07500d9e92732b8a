//! Inboxes: batches, order, cancellation, sharing, filters.

use std::collections::BTreeSet;

use freshet_proto::message::Lane;
use freshet_proto::stream;

use super::{ACK_WAIT_LONG, ACK_WAIT_SHORT, GLANCE, Lab, World, nothing, one, some, text};
use freshet_bus::ConsumeError;
use freshet_wait::in_time;

pub(super) async fn run(lab: &impl Lab) {
    a_batch_is_what_is_there_oldest_first_up_to_its_size(lab).await;
    a_message_that_arrives_while_waiting_ends_the_wait(lab).await;
    a_cancelled_wait_loses_nothing(lab).await;
    two_inboxes_of_one_consumer_share_its_messages(lab).await;
    what_nobody_asked_for_in_time_is_left_to_the_next_inbox(lab).await;
    a_consumer_sees_its_own_lane_and_installation_only(lab).await;
    a_consumer_opened_late_sees_what_waits(lab).await;
    a_consumer_with_other_settings_is_refused(lab).await;
    consumers_that_would_share_messages_are_refused(lab).await;
    a_consumer_of_a_missing_stream_is_refused(lab).await;
}

async fn a_batch_is_what_is_there_oldest_first_up_to_its_size(lab: &impl Lab) {
    let world = World::new(lab, "batch").await;
    for number in 1..=5 {
        let _published = world
            .publish(world.observation(number), &number.to_string())
            .await;
    }
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let first = some(&mut observations, 3).await;
    assert_eq!(first.iter().map(text).collect::<Vec<_>>(), ["1", "2", "3"]);
    let rest = some(&mut observations, 100).await;
    assert_eq!(rest.iter().map(text).collect::<Vec<_>>(), ["4", "5"]);
}

async fn a_message_that_arrives_while_waiting_ends_the_wait(lab: &impl Lab) {
    let world = World::new(lab, "waiting").await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    for number in 0..20 {
        let (deliveries, _published) = tokio::join!(
            some(&mut observations, 10),
            world.publish(world.observation(number), "a")
        );
        assert_eq!(deliveries.len(), 1);
        for delivery in deliveries {
            delivery.ack().await.expect("acknowledged");
        }
    }
}

async fn a_cancelled_wait_loses_nothing(lab: &impl Lab) {
    let world = World::new(lab, "cancelled").await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    for number in 0..20 {
        nothing(&mut observations, GLANCE / 20).await;
        let _published = world.publish(world.observation(number), "a").await;
        let delivery = one(&mut observations).await;
        assert_eq!(delivery.attempt, 1);
        delivery.ack().await.expect("acknowledged");
    }
}

async fn two_inboxes_of_one_consumer_share_its_messages(lab: &impl Lab) {
    let world = World::new(lab, "shared").await;
    let mut one_inbox = world.observations(ACK_WAIT_LONG).await;
    let mut other_inbox = world.observations(ACK_WAIT_LONG).await;
    for number in 0..10 {
        let _published = world
            .publish(world.observation(number), &number.to_string())
            .await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 10 {
        let next = async {
            tokio::select! {
                deliveries = one_inbox.next(1) => deliveries,
                deliveries = other_inbox.next(1) => deliveries,
            }
        };
        let deliveries = in_time("one of ten messages", next).await;
        for delivery in deliveries.expect("the consumer can be reached") {
            assert!(
                seen.insert(delivery.sequence),
                "each message is delivered to one inbox"
            );
        }
    }
}

async fn what_nobody_asked_for_in_time_is_left_to_the_next_inbox(lab: &impl Lab) {
    let world = World::new(lab, "overdue").await;
    let mut asleep = world.observations(ACK_WAIT_SHORT).await;
    let mut awake = world.observations(ACK_WAIT_SHORT).await;
    nothing(&mut asleep, GLANCE).await;
    let _published = world.publish(world.observation(1), "a").await;
    let delivery = one(&mut awake).await;
    // On a slow machine the short wait may pass during the glance, and then it would be due again.
    let at_work = delivery.keep_alive();
    nothing(&mut asleep, GLANCE).await;
    drop(at_work);
    delivery.ack().await.expect("acknowledged");
}

async fn a_consumer_sees_its_own_lane_and_installation_only(lab: &impl Lab) {
    let world = World::new(lab, "filters").await;
    let targets = [
        (Lane::Hi, "github.com"),
        (Lane::Lo, "github.com"),
        (Lane::Hi, "github"),
        (Lane::Hi, "*"),
        (Lane::Hi, ">"),
        (Lane::Hi, "github.com.>"),
    ];
    let mut inboxes = Vec::new();
    for (lane, installation) in targets {
        let spec = world.named(
            stream::job_consumer(&world.subjects, lane, installation),
            ACK_WAIT_LONG,
        );
        inboxes.push(
            world
                .bus
                .consume(&spec)
                .await
                .expect("the consumer can be opened"),
        );
    }
    for (lane, installation) in targets {
        let subject = world.subjects.job(lane, installation, 7);
        let _published = world
            .publish(subject, &format!("{lane:?} {installation}"))
            .await;
    }
    for (inbox, (lane, installation)) in inboxes.iter_mut().zip(targets) {
        let deliveries = some(inbox, 10).await;
        let seen: Vec<_> = deliveries.iter().map(text).collect();
        assert_eq!(seen, [format!("{lane:?} {installation}")]);
    }
}

async fn a_consumer_opened_late_sees_what_waits(lab: &impl Lab) {
    let world = World::new(lab, "opened_late").await;
    let _published = world.publish(world.job(1), "a").await;
    let mut jobs = world.jobs(ACK_WAIT_LONG).await;
    assert_eq!(text(&one(&mut jobs).await), "a");
}

async fn a_consumer_with_other_settings_is_refused(lab: &impl Lab) {
    let world = World::new(lab, "settings").await;
    let spec = world.jobs_spec(ACK_WAIT_LONG);
    let _jobs = world
        .bus
        .consume(&spec)
        .await
        .expect("the consumer can be opened");
    let _again = world
        .bus
        .consume(&spec)
        .await
        .expect("opening it again changes nothing");
    let mut other = world.jobs_spec(ACK_WAIT_LONG * 2);
    other.ack_pending_max += 1;
    match world.bus.consume(&other).await.err() {
        Some(ConsumeError::Drift { drift, .. }) => assert_eq!(drift.0.len(), 2, "{drift}"),
        outcome => panic!("expected a drift, got {outcome:?}"),
    }
}

async fn consumers_that_would_share_messages_are_refused(lab: &impl Lab) {
    let world = World::new(lab, "overlap").await;
    let spec = world.jobs_spec(ACK_WAIT_LONG);
    let _jobs = world
        .bus
        .consume(&spec)
        .await
        .expect("the consumer can be opened");
    let mut other = spec;
    other.name = "other".to_owned();
    let outcome = world.bus.consume(&other).await.err();
    assert!(
        matches!(outcome, Some(ConsumeError::Overlap { .. })),
        "{outcome:?}"
    );
}

async fn a_consumer_of_a_missing_stream_is_refused(lab: &impl Lab) {
    let world = World::new(lab, "missing").await;
    let mut spec = world.jobs_spec(ACK_WAIT_LONG);
    spec.stream = "ABSENT".to_owned();
    let outcome = world.bus.consume(&spec).await.err();
    assert!(
        matches!(outcome, Some(ConsumeError::NoStream { .. })),
        "{outcome:?}"
    );
}
