//! The public log of changes: fenced, all or nothing, with a bucket that follows it.

use bytes::Bytes;
use freshet_proto::envelope::{Envelope, REVISION_HEADER};
use freshet_proto::message::change::Verb;
use freshet_proto::stream::{CHANGES, STATE_BUCKET};
use freshet_wait::eventually;

use super::{Lab, World};
use freshet_bus::{BATCH_MESSAGES_MAX, Expect, KeyValueBucket, Outbound, PublishError};

/// What tells a key-value client that a message is a deletion.
const DELETION: (&str, &str) = ("KV-Operation", "DEL");

pub(super) async fn run(lab: &impl Lab) {
    the_tail_tells_where_to_go_on(lab).await;
    a_batch_is_stored_whole_or_not_at_all(lab).await;
    a_batch_holds_as_much_as_it_may(lab).await;
    racing_writers_leave_every_revision_once_and_in_order(lab).await;
    the_bucket_follows_the_log(lab).await;
}

fn change(world: &World, name: &str, verb: Verb, revision: u64) -> Outbound {
    let entity = format!("component:default/{name}")
        .parse()
        .expect("a valid ref");
    let mut headers = vec![(REVISION_HEADER.to_owned(), revision.to_string())];
    if verb == Verb::Deleted {
        headers.push((DELETION.0.to_owned(), DELETION.1.to_owned()));
    }
    Outbound::new(
        world.subjects.change(&entity, verb),
        Bytes::from(revision.to_string()),
    )
    .enveloped(Envelope::with_id(format!("{}-{revision}", world.case)))
    .with_headers(headers)
}

fn changes(world: &World, revisions: impl Iterator<Item = u64>) -> Vec<Outbound> {
    revisions
        .map(|revision| change(world, "a", Verb::Updated, revision))
        .collect()
}

fn stream(world: &World) -> String {
    format!("{CHANGES}_{}", world.case)
}

async fn the_tail_tells_where_to_go_on(lab: &impl Lab) {
    let world = World::new(lab, "tail").await;
    let tail = world
        .bus
        .last_message(&stream(&world))
        .await
        .expect("asked");
    assert_eq!((tail.last_sequence, tail.message), (0, None));
    let message = change(&world, "a", Verb::Created, 41).expecting(Expect::StreamSequence(0));
    let published = world.bus.publish(message).await.expect("stored");
    let tail = world
        .bus
        .last_message(&stream(&world))
        .await
        .expect("asked");
    assert_eq!(tail.last_sequence, published.stream_sequence);
    let message = tail.message.expect("it was just stored");
    assert_eq!(message.header(REVISION_HEADER), Some("41"));
}

async fn a_batch_is_stored_whole_or_not_at_all(lab: &impl Lab) {
    let world = World::new(lab, "whole").await;
    let (bus, stream) = (&world.bus, stream(&world));
    assert_eq!(
        bus.publish_batch(&stream, changes(&world, 1..=5), 0)
            .await
            .expect("stored"),
        5
    );

    let stale = bus
        .publish_batch(&stream, changes(&world, 6..=9), 4)
        .await
        .err();
    assert!(matches!(stale, Some(PublishError::Refused)), "{stale:?}");
    let known = bus
        .publish_batch(&stream, changes(&world, 5..=6), 5)
        .await
        .err();
    assert!(
        matches!(known, Some(PublishError::Refused)),
        "one member is stored already: {known:?}"
    );
    assert_eq!(world.messages_in(CHANGES).await, 5);

    assert_eq!(
        bus.publish_batch(&stream, changes(&world, 6..=6), 5)
            .await
            .expect("one is a batch"),
        6
    );
    let empty = bus.publish_batch(&stream, Vec::new(), 6).await.err();
    assert!(
        matches!(empty, Some(PublishError::BatchSize { .. })),
        "{empty:?}"
    );
}

async fn a_batch_holds_as_much_as_it_may(lab: &impl Lab) {
    let world = World::new(lab, "most").await;
    let most = u64::try_from(BATCH_MESSAGES_MAX).expect("a small number");
    let stored = world
        .bus
        .publish_batch(&stream(&world), changes(&world, 1..=most), 0)
        .await;
    assert_eq!(stored.expect("stored"), most);
    let more = world
        .bus
        .publish_batch(&stream(&world), changes(&world, 1..=most + 1), most)
        .await
        .err();
    assert!(
        matches!(more, Some(PublishError::BatchSize { .. })),
        "{more:?}"
    );
}

async fn racing_writers_leave_every_revision_once_and_in_order(lab: &impl Lab) {
    const REVISIONS: u64 = 300;
    let world = World::new(lab, "racing").await;
    let writers = (1..=3).map(|batch| write_up_to(&world, REVISIONS, batch));
    futures::future::join_all(writers).await;
    assert_eq!(world.messages_in(CHANGES).await, REVISIONS);
    let tail = world
        .bus
        .last_message(&stream(&world))
        .await
        .expect("asked");
    // As many messages as revisions, each written behind the one before it: none is missing or twice.
    assert_eq!(tail.last_sequence, REVISIONS);
    let last = tail.message.expect("stored");
    assert_eq!(
        last.header(REVISION_HEADER),
        Some(REVISIONS.to_string().as_str())
    );
}

/// What a relay does: read the tail, write behind it, begin again whatever happens.
async fn write_up_to(world: &World, revisions: u64, batch: u64) {
    loop {
        let tail = world.bus.last_message(&stream(world)).await.expect("asked");
        let written = tail
            .message
            .as_ref()
            .and_then(|message| message.header(REVISION_HEADER)?.parse().ok());
        let next: u64 = written.unwrap_or(0) + 1;
        if next > revisions {
            return;
        }
        let messages = changes(world, next..=revisions.min(next + batch - 1));
        match world
            .bus
            .publish_batch(&stream(world), messages, tail.last_sequence)
            .await
        {
            Ok(_) | Err(PublishError::Refused) => {}
            Err(error) => panic!("only a refusal is expected of a race, got {error}"),
        }
    }
}

async fn the_bucket_follows_the_log(lab: &impl Lab) {
    let world = World::new(lab, "follows").await;
    let bucket = format!("{STATE_BUCKET}_{}", world.case);
    let kv = world
        .bus
        .kv(&bucket)
        .await
        .expect("the bucket was provisioned");
    let entries = [
        ("a", Verb::Created, 1),
        ("a", Verb::Updated, 2),
        ("b", Verb::Created, 3),
        ("b", Verb::Deleted, 4),
        ("a", Verb::Related, 5),
        ("pay.ments", Verb::Created, 6),
    ];
    for (name, verb, revision) in entries {
        let _published = world
            .bus
            .publish(change(&world, name, verb, revision))
            .await
            .expect("stored");
    }
    holds(&kv, "component.default.pay=2Ements", Some("6")).await;
    holds(&kv, "component.default.a", Some("2")).await;
    holds(&kv, "component.default.b", None).await;
    let mut keys = kv.keys().await.expect("asked");
    keys.sort();
    assert_eq!(
        keys,
        ["component.default.a", "component.default.pay=2Ements"]
    );
}

async fn holds(kv: &KeyValueBucket, key: &str, expected: Option<&str>) {
    eventually(&format!("{key} is {expected:?}"), || async {
        let entry = kv.get(key).await.expect("asked");
        let value = entry.map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
        (value.as_deref() == expected)
            .then_some(())
            .ok_or_else(|| format!("{value:?}"))
    })
    .await;
}
