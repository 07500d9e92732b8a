//! Work queues: coalescing, acknowledgement, redelivery.

use std::time::Duration;

use freshet_proto::stream::{JOBS, OBSERVATIONS};
use tokio::time::Instant;

use super::{ACK_WAIT_LONG, ACK_WAIT_SHORT, GLANCE, Lab, World, nothing, one, some, text};

pub(super) async fn run(lab: &impl Lab) {
    of_five_jobs_for_one_source_the_newest_is_delivered(lab).await;
    a_job_replaced_in_flight_is_delivered_at_once_and_the_old_acknowledgement_is_harmless(lab)
        .await;
    an_acknowledged_message_is_gone(lab).await;
    an_unacknowledged_message_comes_again_and_its_attempts_are_counted(lab).await;
    a_late_acknowledgement_removes_what_another_works_on(lab).await;
    a_message_put_off_comes_again_after_its_delay(lab).await;
    a_message_put_off_counts_as_out(lab).await;
    a_handler_that_says_it_is_at_work_keeps_its_message(lab).await;
    a_terminated_message_is_gone(lab).await;
}

async fn of_five_jobs_for_one_source_the_newest_is_delivered(lab: &impl Lab) {
    let world = World::new(lab, "newest").await;
    for number in 1..=5 {
        let _published = world.publish(world.job(1), &number.to_string()).await;
    }
    assert_eq!(world.messages_in(JOBS).await, 1);
    let mut jobs = world.jobs(ACK_WAIT_LONG).await;
    let deliveries = some(&mut jobs, 10).await;
    assert_eq!(deliveries.iter().map(text).collect::<Vec<_>>(), ["5"]);
}

async fn a_job_replaced_in_flight_is_delivered_at_once_and_the_old_acknowledgement_is_harmless(
    lab: &impl Lab,
) {
    let world = World::new(lab, "replaced").await;
    let mut jobs = world.jobs(ACK_WAIT_LONG).await;
    let _published = world.publish(world.job(1), "old").await;
    let old = one(&mut jobs).await;
    let _published = world.publish(world.job(1), "new").await;
    let new = one(&mut jobs).await;
    assert_eq!((text(&new), new.attempt), ("new".to_owned(), 1));
    old.ack()
        .await
        .expect("an acknowledgement of what was replaced succeeds");
    assert_eq!(world.messages_in(JOBS).await, 1, "the newer job stays");
    new.ack().await.expect("acknowledged");
    assert_eq!(world.messages_in(JOBS).await, 0);
}

async fn an_acknowledged_message_is_gone(lab: &impl Lab) {
    let world = World::new(lab, "acknowledged").await;
    let mut observations = world.observations(ACK_WAIT_SHORT).await;
    let _published = world.publish(world.observation(1), "a").await;
    one(&mut observations)
        .await
        .ack()
        .await
        .expect("acknowledged");
    assert_eq!(
        world.messages_in(OBSERVATIONS).await,
        0,
        "the acknowledgement is confirmed, so it has happened"
    );
    nothing(&mut observations, ACK_WAIT_SHORT * 2).await;
}

async fn an_unacknowledged_message_comes_again_and_its_attempts_are_counted(lab: &impl Lab) {
    let world = World::new(lab, "again").await;
    let mut observations = world.observations(ACK_WAIT_SHORT).await;
    let published = world.publish(world.observation(1), "a").await;
    for attempt in 1..=3 {
        let delivery = one(&mut observations).await;
        assert_eq!(
            (delivery.attempt, delivery.sequence),
            (attempt, published.stream_sequence)
        );
    }
}

// The acknowledgement proves nothing about who did the work; whoever relies on "once" decides it in SQL.
async fn a_late_acknowledgement_removes_what_another_works_on(lab: &impl Lab) {
    let world = World::new(lab, "late").await;
    let mut observations = world.observations(ACK_WAIT_SHORT).await;
    let _published = world.publish(world.observation(1), "a").await;
    let first = one(&mut observations).await;
    let second = one(&mut observations).await;
    assert_eq!(second.attempt, 2);
    first
        .ack()
        .await
        .expect("a late acknowledgement is accepted");
    assert_eq!(world.messages_in(OBSERVATIONS).await, 0);
    second.ack().await.expect("so is the other");
}

async fn a_message_put_off_comes_again_after_its_delay(lab: &impl Lab) {
    let delay = Duration::from_millis(300);
    let world = World::new(lab, "put_off").await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let _published = world.publish(world.observation(1), "a").await;
    let delivery = one(&mut observations).await;
    let started = Instant::now();
    delivery.retry_after(delay).await;
    let again = one(&mut observations).await;
    assert_eq!(again.attempt, 2);
    assert!(
        started.elapsed() >= delay.mul_f64(0.9),
        "it came after {:?}",
        started.elapsed()
    );
    assert!(started.elapsed() < ACK_WAIT_LONG / 2);
}

async fn a_message_put_off_counts_as_out(lab: &impl Lab) {
    let world = World::new(lab, "out").await;
    let mut spec = world.observations_spec(ACK_WAIT_LONG);
    spec.ack_pending_max = 2;
    let mut observations = world
        .bus
        .consume(&spec)
        .await
        .expect("the consumer can be opened");
    for number in 1..=3 {
        let _published = world
            .publish(world.observation(number), &number.to_string())
            .await;
    }
    let mut out = some(&mut observations, 10).await;
    assert_eq!(out.len(), 2, "no more than ack_pending_max are out at once");
    let held = out.pop().expect("two");
    out.pop().expect("two").retry_after(ACK_WAIT_LONG).await;
    nothing(&mut observations, GLANCE).await;
    held.ack().await.expect("acknowledged");
    assert_eq!(text(&one(&mut observations).await), "3");
}

async fn a_handler_that_says_it_is_at_work_keeps_its_message(lab: &impl Lab) {
    let world = World::new(lab, "at_work").await;
    let mut observations = world.observations(ACK_WAIT_SHORT).await;
    let _published = world.publish(world.observation(1), "a").await;
    let delivery = one(&mut observations).await;
    let at_work = delivery.keep_alive();
    nothing(&mut observations, ACK_WAIT_SHORT * 4).await;
    drop(at_work);
    assert_eq!(
        one(&mut observations).await.attempt,
        2,
        "it comes again when the handler falls silent"
    );
}

async fn a_terminated_message_is_gone(lab: &impl Lab) {
    let world = World::new(lab, "terminated").await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let _published = world.publish(world.observation(1), "a").await;
    one(&mut observations).await.terminate("unreadable").await;
    assert_eq!(world.messages_in(OBSERVATIONS).await, 0);
}
