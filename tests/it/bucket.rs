//! The key-value bucket on a real server: it can be lost, and holds the newest of each entity again.

use freshet_bus::{Bus, Outbound, nats};
use freshet_model::EntityRef;
use freshet_proto::message::change::Verb;
use freshet_proto::stream::{self, CHANGES, STATE_BUCKET};
use freshet_proto::subject::Subjects;
use freshet_tests::nats::NatsServer;
use freshet_wait::eventually;

/// More than the server writes at once.
const ENTITIES: usize = 900;

async fn connect(server: &NatsServer) -> Bus {
    Bus::connect(&nats::NatsConfig::new(server.url(), "it"))
        .await
        .expect("the server is there")
}

async fn provisioned(server: &NatsServer) -> Bus {
    let bus = connect(server).await;
    bus.provision(&stream::topology(&Subjects::default(), 1))
        .await
        .expect("it is as it should be");
    bus
}

fn event(entity: usize, verb: Verb, text: String) -> Outbound {
    let name = format!("service-{entity}");
    let entity_ref = EntityRef::new("component", "default", &name).expect("a valid ref");
    Outbound::new(Subjects::default().change(&entity_ref, verb), text)
}

/// Publishes a version of every entity, and a derived change of each.
async fn publish_all(bus: &Bus, verb: Verb, version: usize) {
    let tail = bus.last_message(CHANGES).await.expect("a tail");
    let declared = (0..ENTITIES).map(|it| event(it, verb, format!("{it} at {version}")));
    let last = bus.publish_batch(CHANGES, declared.collect(), tail.last_sequence);
    let last = last.await.expect("stored");
    let derived = (0..ENTITIES).map(|it| event(it, Verb::Related, "derived".to_owned()));
    let stored = bus.publish_batch(CHANGES, derived.collect(), last).await;
    let _last = stored.expect("stored");
}

/// Waits until the bucket holds this version of every entity and nothing else.
async fn holds(server: &NatsServer, version: usize) {
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    eventually("the bucket holds the newest of each", || async {
        let bucket = context.get_key_value(STATE_BUCKET).await;
        let bucket = bucket.map_err(|error| error.to_string())?;
        for entity in [0, 1, ENTITIES / 2, ENTITIES - 1] {
            let key = format!("component.default.service-{entity}");
            let value = bucket.get(key).await.map_err(|error| error.to_string())?;
            let expected = format!("{entity} at {version}");
            if value.as_deref() != Some(expected.as_bytes()) {
                return Err(format!("{value:?} instead of {expected}"));
            }
        }
        let stream = context.get_stream(format!("KV_{STATE_BUCKET}")).await;
        let stream = stream.map_err(|error| error.to_string())?;
        match usize::try_from(stream.cached_info().state.messages) {
            Ok(ENTITIES) => Ok(()),
            other => Err(format!("{other:?} keys")),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bucket_has_the_newest_of_each_entity_after_the_server_was_killed() {
    let server = NatsServer::start().await;
    let bus = provisioned(&server).await;
    publish_all(&bus, Verb::Created, 1).await;
    holds(&server, 1).await;
    publish_all(&bus, Verb::Updated, 2).await;
    // At once: what the bucket took since may not be on its disk yet.
    server.restart().await;
    holds(&server, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_was_lost_is_filled_again() {
    let server = NatsServer::start().await;
    let bus = provisioned(&server).await;
    publish_all(&bus, Verb::Created, 1).await;
    publish_all(&bus, Verb::Updated, 2).await;
    holds(&server, 2).await;
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    let deleted = context.delete_stream(format!("KV_{STATE_BUCKET}")).await;
    assert!(deleted.expect("deleted").success);
    let _bus = provisioned(&server).await;
    holds(&server, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_writes_message_by_message_is_left_as_it_is() {
    let server = NatsServer::start().await;
    let bus = provisioned(&server).await;
    let client = async_nats::connect(server.url()).await.expect("a client");
    let context = async_nats::jetstream::new(client);
    let name = format!("KV_{STATE_BUCKET}");
    let stream = context.get_stream(&name).await.expect("the bucket");
    let mut config = stream.cached_info().config.clone();
    assert!(config.persist_mode.take().is_some(), "it would be another");
    assert!(context.delete_stream(&name).await.expect("deleted").success);
    let _made = context.create_stream(config).await.expect("as before");
    let _bus = provisioned(&server).await;
    publish_all(&bus, Verb::Created, 1).await;
    holds(&server, 1).await;
}
