//! Lists that are too long to be made at once, and clients who leave or do not read.

use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, Revision, SourceId};
use freshet_wait::{eventually, in_time};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use uuid::Uuid;

use super::World;
use crate::api::LISTS_AT_ONCE_MAX;
use crate::change::{ChangeRow, Op};

/// With those that every catalog of these tests has.
const ENTITIES: i64 = 20_000;
const DECLARED_BEFORE: usize = 3;
/// Together more than the buffers of a connection hold.
const DESCRIPTION_BYTES: usize = 1_000;

impl World {
    /// Puts many entities into the catalog.
    fn fill(&self) {
        let description = "x".repeat(DESCRIPTION_BYTES);
        let rows: Vec<ChangeRow> = (1..=ENTITIES)
            .map(|number| created(number, &description))
            .collect();
        self.view.fold(&rows);
    }

    async fn knows_of_abandoned(&self) {
        let counted = "catalog_api_lists_abandoned_total 1";
        let free_again = || async {
            let free = self.lists.available_permits();
            let is_counted = self.registry.encode().contains(counted);
            let is_over = free == LISTS_AT_ONCE_MAX && is_counted;
            is_over
                .then_some(())
                .ok_or_else(|| format!("{free} may work"))
        };
        eventually("the work for a client that left ends", free_again).await;
    }
}

fn created(number: i64, description: &str) -> ChangeRow {
    let document = format!(
        r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"Resource","metadata":{{"description":"{description}","name":"r{number}","namespace":"default"}},"spec":{{"type":"database"}}}}"#
    );
    let entity_ref = EntityRef::new("resource", "default", &format!("r{number}"));
    ChangeRow {
        revision: Revision::new(number),
        op: Op::Created,
        entity_ref: Some(entity_ref.expect("a valid ref")),
        version: 1,
        uid: Some(Uuid::from_u128(1_000 + u128::from(number.unsigned_abs()))),
        location_id: LocationId::new(1_000),
        source_id: SourceId::new(1),
        document: Some(Arc::from(document)),
        relations: Some(Arc::from([])),
        digest: Some("d".to_owned()),
        problem: None,
        data: String::new(),
        committed_at: 1,
        fact_at: 1,
    }
}

#[tokio::test]
async fn a_long_list_is_whole_and_comes_in_pieces() {
    let world = World::start().await;
    world.fill();
    let answer = world.get("/api/catalog/entities").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    for header in ["content-length", "etag"] {
        assert_eq!(answer.header(header), None, "{header}");
    }
    let list = answer.json();
    let entities = usize::try_from(ENTITIES).expect("few") + DECLARED_BEFORE;
    assert_eq!(list.as_array().map(Vec::len), Some(entities));
    let names = world
        .get("/api/catalog/entities?fields=metadata.name&filter=kind=resource")
        .await
        .names();
    assert_eq!(names.split(' ').count(), entities - DECLARED_BEFORE);
    world.stop().await;
}

/// Asks for all entities, and reads no more than the beginning.
async fn begin_list(world: &World) -> TcpStream {
    let mut connection = world.send("GET", "/api/catalog/entities", "").await;
    let mut head = [0; 256];
    let read = connection.read_exact(&mut head);
    in_time("the beginning of an answer", read)
        .await
        .expect("an answer");
    connection
}

#[tokio::test]
async fn a_list_whose_client_leaves_is_not_sent_to_its_end() {
    let world = World::start().await;
    world.fill();
    drop(begin_list(&world).await);
    world.knows_of_abandoned().await;
    world.stop().await;
}

#[tokio::test]
async fn who_does_not_read_a_list_holds_up_nobody() {
    let world = World::start().await;
    world.fill();
    let mut connections = Vec::new();
    for _ in 0..=LISTS_AT_ONCE_MAX {
        connections.push(begin_list(&world).await);
    }
    world.commit(ENTITIES + 1).await;
    let filter = "/api/catalog/entities?filter=metadata.title=r20001";
    assert_eq!(world.get(filter).await.names(), "pay");
    drop(connections);
    world.stop().await;
}
