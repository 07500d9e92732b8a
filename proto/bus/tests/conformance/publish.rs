//! Publishing: identities, expectations, limits, what travels beside a payload.

use std::time::Duration;

use freshet_proto::envelope::Envelope;
use freshet_proto::stream::{DEAD_LETTERS, Discard, OBSERVATIONS, PAYLOAD_BYTES_MAX};
use freshet_proto::subject::{Stage, Subject, Subjects};
use freshet_wait::eventually;

use super::{ACK_WAIT_LONG, Lab, World, one};
use freshet_bus::{Disposition, Expect, Outbound, PublishError};

const WINDOW: Duration = Duration::from_secs(2);

pub(super) async fn run(lab: &impl Lab) {
    an_identity_is_stored_once_within_the_window(lab).await;
    an_identity_is_forgotten_after_the_window(lab).await;
    a_full_stream_refuses_and_the_refused_identity_stays_usable(lab).await;
    a_subject_that_must_be_empty_is_while_nothing_waits_or_is_in_flight(lab).await;
    a_message_for_one_place_in_the_stream_is_stored_there_or_not_at_all(lab).await;
    a_subject_without_a_stream_is_an_error(lab).await;
    a_message_larger_than_any_may_be_is_refused_before_it_is_sent(lab).await;
    what_travels_beside_the_payload_arrives(lab).await;
}

fn identified(subject: Subject, id: &str) -> Outbound {
    Outbound::new(subject, "a").enveloped(Envelope::with_id(id))
}

async fn an_identity_is_stored_once_within_the_window(lab: &impl Lab) {
    let world = World::new(lab, "identity").await;
    let publish = |number| {
        world
            .bus
            .publish(identified(world.observation(number), "delivery-1"))
    };
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let first = publish(1).await.expect("stored");
    let second = publish(2)
        .await
        .expect("recognised, also on another subject");
    assert_eq!((first.duplicate, second.duplicate), (false, true));
    assert_eq!(first.stream_sequence, second.stream_sequence);

    one(&mut observations)
        .await
        .ack()
        .await
        .expect("acknowledged");
    assert!(
        publish(1).await.expect("recognised").duplicate,
        "an identity outlives its message"
    );
}

// In streams of its own: on a slow machine a window this short may be over before the first copy is sent.
async fn an_identity_is_forgotten_after_the_window(lab: &impl Lab) {
    let world = World::with(lab, "forgotten", |stream| stream.duplicate_window = WINDOW).await;
    let publish = |number| {
        world
            .bus
            .publish(identified(world.observation(number), "delivery-1"))
    };
    let _published = publish(1).await.expect("stored");
    eventually("the identity is forgotten", || async {
        let again = publish(1).await.expect("stored or recognised");
        (!again.duplicate)
            .then_some(())
            .ok_or_else(|| "it is recognised".to_owned())
    })
    .await;
    assert_eq!(world.messages_in(OBSERVATIONS).await, 2);
}

async fn a_full_stream_refuses_and_the_refused_identity_stays_usable(lab: &impl Lab) {
    let room_for_few = |stream: &mut freshet_proto::stream::StreamSpec| {
        if stream.discard == Discard::New {
            stream.bytes_max = Some(2_000);
        }
    };
    let world = World::with(lab, "full", room_for_few).await;
    let mut observations = world.observations(ACK_WAIT_LONG).await;
    let mut stored = 0;
    let refused = loop {
        let message = Outbound::new(world.observation(stored), vec![0; 500])
            .enveloped(Envelope::with_id(format!("delivery-{stored}")));
        match world.bus.publish(message.clone()).await {
            Ok(_) => stored += 1,
            Err(PublishError::Full { .. }) => break message,
            Err(error) => panic!("expected a full stream, got {error}"),
        }
        assert!(stored < 10, "the stream takes more than it may");
    };
    assert!(stored > 0);
    one(&mut observations)
        .await
        .ack()
        .await
        .expect("acknowledged");
    let published = world
        .bus
        .publish(refused)
        .await
        .expect("there is room again");
    assert!(
        !published.duplicate,
        "a refused message did not use its identity up"
    );
}

async fn a_subject_that_must_be_empty_is_while_nothing_waits_or_is_in_flight(lab: &impl Lab) {
    let world = World::new(lab, "empty").await;
    let mut jobs = world.jobs(ACK_WAIT_LONG).await;
    let publish = || {
        world
            .bus
            .publish(Outbound::new(world.job(1), "a").expecting(Expect::SubjectEmpty))
    };
    let _published = publish().await.expect("nothing waits yet");
    let refused = publish().await.err();
    assert!(
        matches!(refused, Some(PublishError::Refused)),
        "it waits: {refused:?}"
    );
    let delivery = one(&mut jobs).await;
    let refused = publish().await.err();
    assert!(
        matches!(refused, Some(PublishError::Refused)),
        "it is in flight: {refused:?}"
    );
    delivery.ack().await.expect("acknowledged");
    let _published = publish().await.expect("nothing waits any more");
    let other = Outbound::new(world.job(2), "a").expecting(Expect::SubjectEmpty);
    let _published = world
        .bus
        .publish(other)
        .await
        .expect("another subject is another matter");
}

async fn a_message_for_one_place_in_the_stream_is_stored_there_or_not_at_all(lab: &impl Lab) {
    let world = World::new(lab, "place").await;
    let publish = |sequence| {
        let subject = world
            .subjects
            .dead(Stage::Apply, "unreadable", "github.com", "1");
        world
            .bus
            .publish(Outbound::new(subject, "a").expecting(Expect::StreamSequence(sequence)))
    };
    assert_eq!(
        publish(0)
            .await
            .expect("the stream is empty")
            .stream_sequence,
        1
    );
    for wrong in [0, 2] {
        let refused = publish(wrong).await.err();
        assert!(
            matches!(refused, Some(PublishError::Refused)),
            "{refused:?}"
        );
    }
    assert_eq!(
        publish(1)
            .await
            .expect("it is the next place")
            .stream_sequence,
        2
    );
    assert_eq!(world.messages_in(DEAD_LETTERS).await, 2);
}

async fn a_subject_without_a_stream_is_an_error(lab: &impl Lab) {
    let world = World::new(lab, "captured").await;
    let elsewhere =
        Subjects::new("elsewhere").job(freshet_proto::message::Lane::Hi, "github.com", 1);
    let error = world
        .bus
        .publish(Outbound::new(elsewhere, "a"))
        .await
        .expect_err("nobody stores it");
    assert!(matches!(error, PublishError::NoStream { .. }), "{error:?}");
    assert_eq!(error.disposition(), Disposition::GiveUp);
}

async fn a_message_larger_than_any_may_be_is_refused_before_it_is_sent(lab: &impl Lab) {
    let world = World::new(lab, "size").await;
    let publish = |bytes| {
        world
            .bus
            .publish(Outbound::new(world.observation(1), vec![0; bytes]))
    };
    let _published = publish(PAYLOAD_BYTES_MAX)
        .await
        .expect("the largest message fits");
    let error = publish(PAYLOAD_BYTES_MAX + 1)
        .await
        .expect_err("one byte more does not");
    assert!(matches!(error, PublishError::TooLarge { .. }), "{error:?}");
    assert_eq!(world.messages_in(OBSERVATIONS).await, 1);
}

async fn what_travels_beside_the_payload_arrives(lab: &impl Lab) {
    let world = World::new(lab, "beside").await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned();
    let envelope = Envelope::with_id("obs:1").traced(Some(traceparent));
    let headers = vec![("ce-type".to_owned(), "io.freshet".to_owned())];
    let subject = world.observation(1);
    let message = Outbound::new(subject.clone(), "a")
        .enveloped(envelope.clone())
        .with_headers(headers.clone());
    let published = world.bus.publish(message).await.expect("stored");
    let delivery = one(&mut world.observations(ACK_WAIT_LONG).await).await;
    assert_eq!(delivery.subject, subject.as_str());
    assert_eq!(delivery.envelope, envelope);
    assert!(
        headers
            .iter()
            .all(|header| delivery.headers.contains(header)),
        "{:?}",
        delivery.headers
    );
    assert_eq!(delivery.sequence, published.stream_sequence);
}
