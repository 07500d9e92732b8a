//! Whole stories: what a push, a listing or a failure does to the catalog.

use std::future::Future;

use freshet_model::{EntityRef, Revision};
use freshet_proto::message::Observation;
use freshet_proto::message::change::ChangeData;

use super::world::World;
use crate::change::EntityRecord;
use crate::config::{DatabaseConfig, ProviderFilters, TopicFilter};

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    files_come_change_and_go(&mut World::start(fresh().await).await).await;
    a_broken_file_keeps_its_last_good_version(&mut World::start(fresh().await).await).await;
    a_kind_that_may_not_enter_keeps_its_file_out(&mut World::start(fresh().await).await).await;
    relations_are_events_of_both_ends(&mut World::start(fresh().await).await).await;
    many_relations_are_told_like_few(&mut World::start(fresh().await).await).await;
    the_oldest_claim_takes_over(&mut World::start(fresh().await).await).await;
    a_failure_deletes_nothing(&mut World::start(fresh().await).await).await;
    the_newest_generation_wins(&mut World::start(fresh().await).await).await;
    deliveries_end_once(&mut World::start(fresh().await).await).await;
    a_push_that_touches_nothing_wanted_costs_no_job(&mut World::start(fresh().await).await).await;
    a_listing_asks_only_for_what_differs(&mut World::start(fresh().await).await).await;
    parts_are_applied_together(&mut World::start(fresh().await).await).await;
    an_event_tells_what_why_and_where(&mut World::start(fresh().await).await).await;
    another_writer_is_caught_up_with(fresh().await).await;
    another_branch_takes_over(fresh().await).await;
    what_a_filter_asks_for_and_nobody_tells_changes_nothing(fresh().await).await;
}

fn record(world: &World, name: &str) -> Option<EntityRecord> {
    let entity_ref = EntityRef::parse(name).expect("a valid ref");
    world.view.read(|state| state.entity(&entity_ref).cloned())
}

fn existing(world: &World, name: &str) -> EntityRecord {
    record(world, name).expect("the entity exists")
}

async fn files_come_change_and_go(world: &mut World) {
    world
        .check(
            "r1: component:a@1 component:b@1",
            "+component:a +component:b",
        )
        .await;
    let first = existing(world, "component:default/a");
    world.check("r1: component:a@1 component:b@1", "").await;
    world
        .check("r1: component:a@2 component:b@1", "~component:a")
        .await;
    let second = existing(world, "component:default/a");
    assert_eq!((first.uid, first.version + 1), (second.uid, second.version));
    world
        .check(
            "r1: component:a@2 component:c@1",
            "-component:b +component:c",
        )
        .await;
    world.check("r1: gone", "-component:a -component:c").await;
    assert!(record(world, "component:default/a").is_none());
    world.check("r1: component:a@2", "+component:a").await;
    let third = existing(world, "component:default/a");
    assert_ne!(third.uid, second.uid, "a new life has a new identity");
    assert_eq!(third.version, second.version + 2, "and a later version");
    world
        .check("r1: component:a@2 component:a@3", "~component:a")
        .await;
    world.check("r1: empty", "-component:a").await;
}

async fn a_broken_file_keeps_its_last_good_version(world: &mut World) {
    world
        .check(
            "r1: component:a@1 component:b@1",
            "+component:a +component:b",
        )
        .await;
    world
        .check(
            "r1: component:a@2 ?component:b",
            "~component:a !yaml.syntax",
        )
        .await;
    world.check("r1: component:a@2 ?component:b", "").await;
    world
        .check("r1: ?component:b component:a@2", "!~yaml.syntax")
        .await;
    world
        .check(
            "r1: component:a@2 component:b@2",
            "~component:b !-yaml.syntax",
        )
        .await;
    world.check("r1: ?", "!yaml.syntax").await;
    world.check("r1: !", "").await;
    assert!(record(world, "component:default/a").is_some());
    world
        .check(
            "r1: ?component:b",
            "-component:a !yaml.syntax !-yaml.syntax",
        )
        .await;
    world.check("r1: gone", "-component:b !-yaml.syntax").await;
}

async fn a_kind_that_may_not_enter_keeps_its_file_out(world: &mut World) {
    world.check("r1: component:a@1", "+component:a").await;
    world
        .check("r1: component:a@2 user:u@1", "!rules.not-allowed")
        .await;
    world
        .check("r1: component:a@2", "~component:a !-rules.not-allowed")
        .await;
}

async fn relations_are_events_of_both_ends(world: &mut World) {
    world.check("r1: group:x@1", "+group:x").await;
    world
        .check("r2: component:a@1>group:x", "+component:a %group:x")
        .await;
    world
        .check(
            "r2: component:a@1>group:x component:b@1>group:x",
            "+component:b %group:x",
        )
        .await;
    let owned = world.view.read(|state| {
        let group = EntityRef::parse("group:default/x").expect("a valid ref");
        state.relations(&group).len()
    });
    assert_eq!(owned, 2);
    world
        .check(
            "r2: component:a@1 component:b@1",
            "~component:a ~component:b %group:x",
        )
        .await;
    world
        .check("r2: component:a@1>group:y", "~component:a -component:b")
        .await;
    world
        .check("r2: component:a@1>group:x", "~component:a %group:x")
        .await;
    world.check("r1: gone", "-group:x").await;
    world.check("r1: group:x@1", "+group:x").await;
    world
        .check("r2: gone | r1: gone", "-component:a -group:x")
        .await;
}

async fn many_relations_are_told_like_few(world: &mut World) {
    let others: String = (1..40).map(|number| format!(">group:g{number}")).collect();
    world.check("r1: group:x@1", "+group:x").await;
    for (reading, expected) in [
        (
            format!("r2: component:a@1{others}>group:x"),
            "+component:a %group:x",
        ),
        (format!("r2: component:a@2{others}>group:x"), "~component:a"),
        (
            format!("r2: component:a@3{others}"),
            "~component:a %group:x",
        ),
        ("r2: gone".to_owned(), "-component:a"),
    ] {
        world.check(&reading, expected).await;
    }
}

async fn the_oldest_claim_takes_over(world: &mut World) {
    world.check("r3: component:a@3", "+component:a").await;
    world.check("r2: component:a@2", "!claim.conflict").await;
    world.check("r1: component:a@1", "!claim.conflict").await;
    world.check("r2: component:a@2b", "").await;
    let uid = existing(world, "component:default/a").uid;
    world
        .check("r3: gone", "~component:a !-claim.conflict")
        .await;
    let taken = existing(world, "component:default/a");
    let freed = world.view.revision().previous().previous();
    for row in world.repo.changes_after(freed, 2).await.expect("rows") {
        let data: ChangeData = serde_json::from_str(&row.data).expect("the body of an event");
        assert_eq!(data.cause.actor, "rosa", "who freed the ref is the cause");
    }
    assert_eq!(taken.uid, uid, "the entity is the same");
    assert!(taken.document.contains("/acme/r2/"), "the oldest claim won");
    assert!(taken.document.contains("2b"), "with what it says now");
    world.check("r1: gone", "!-claim.conflict").await;
    world.check("r2: gone", "-component:a").await;
    world
        .check(
            "r5: component:b@5 | r4: component:b@4",
            "+component:b !claim.conflict",
        )
        .await;
    let tied = existing(world, "component:default/b");
    assert!(tied.document.contains("/acme/r4/"), "ties go by repository");
    world
        .check(
            "r4: gone | r5: component:b@5",
            "~component:b !-claim.conflict",
        )
        .await;
}

async fn a_failure_deletes_nothing(world: &mut World) {
    world.check("r1: component:a@1", "+component:a").await;
    for reading in ["r1: failed", "r1: behind", "r1: unreadable"] {
        world.check(reading, "").await;
        let source = world.source("1").await;
        assert!(source.is_outstanding(), "{reading} proves nothing");
        assert!(source.fail_count > 0 && source.last_error.is_some());
        assert!(source.next_due_at > 0);
    }
    world.check("r1: same", "").await;
    let source = world.source("1").await;
    assert!(!source.is_outstanding());
    assert_eq!((source.fail_count, source.next_due_at), (0, 0));
    assert!(record(world, "component:default/a").is_some());
}

async fn the_newest_generation_wins(world: &mut World) {
    let first = world.push(1, &["x"]).await;
    let old = world.observation(1, first, "component:a@1").await;
    let second = world.push(1, &["x"]).await;
    let new = world.observation(1, second, "component:a@2").await;
    world.apply(&[new.clone(), old.clone()]).await;
    assert_eq!(world.news().await, "+component:a");
    world.apply(std::slice::from_ref(&old)).await;
    world.apply(&[new]).await;
    assert_eq!(world.news().await, "", "what comes again is stale");
    assert!(
        existing(world, "component:default/a")
            .document
            .contains("\"2\"")
    );
    let mut unknown = old;
    unknown.generation = second + 1;
    world.apply(&[unknown]).await;
    assert_eq!(world.news().await, "", "nobody asked for it");
    world.agrees().await;
}

async fn deliveries_end_once(world: &mut World) {
    world.push(1, &["x"]).await;
    let generation = world.push(1, &["x"]).await;
    let totals = world.repo.ledger_totals().await.expect("totals");
    assert_eq!((totals.uncovered, totals.behind_sources), (2, 1));
    let reading = world.observation(1, generation, "component:a@1").await;
    world.apply(&[reading]).await;
    let totals = world.repo.ledger_totals().await.expect("totals");
    assert_eq!((totals.uncovered, totals.behind_sources), (0, 0));
}

async fn a_push_that_touches_nothing_wanted_costs_no_job(world: &mut World) {
    world.check("r1: component:a@1", "+component:a").await;
    let before = world.source("1").await;
    let generation = world.push(1, &["README.md"]).await;
    let after = world.source("1").await;
    assert_eq!(generation, before.wanted.unsigned_abs());
    assert_ne!(after.head, before.head, "the head moves all the same");
    assert!(!after.is_outstanding());
    world.push(1, &["README.md", "x"]).await;
    assert!(world.source("1").await.is_outstanding());
}

async fn a_listing_asks_only_for_what_differs(world: &mut World) {
    let source = world.tick(1).await;
    world
        .apply(&[World::listing(&source, &[(1, "h1", "b1"), (2, "h2", "")])])
        .await;
    assert!(world.source("1").await.is_outstanding(), "it has a file");
    let bare = world.source("2").await;
    assert!(!bare.is_outstanding(), "it has none, and we hold none");
    assert!(bare.verified_at.is_some());
    world.check("r1: component:a@1", "+component:a").await;
    let read = world.source("1").await;
    let head = read.head.clone().expect("it was read");
    let held = (head.clone(), format!("blob-of-{head}"));

    let source = world.tick(2).await;
    let equal = World::listing(&source, &[(1, &held.0, &held.1), (2, "h3", "")]);
    world.apply(&[equal]).await;
    assert!(!world.source("1").await.is_outstanding());
    assert!(world.source("2").await.is_at("h3"));

    let source = world.tick(3).await;
    let moved = World::listing(&source, &[(1, "h9", "b9"), (2, "h3", "")]);
    world.apply(&[moved]).await;
    assert!(world.source("1").await.is_outstanding());
    world.check("r1: component:a@1", "").await;

    let source = world.tick(4).await;
    world
        .apply(&[World::listing(&source, &[(2, "h3", "")])])
        .await;
    assert!(
        world.source("1").await.is_outstanding(),
        "looked up by itself"
    );
    assert!(!world.source("acme").await.is_outstanding());
    assert!(record(world, "component:default/a").is_some());
    assert_eq!(world.news().await, "");
}

/// A processor from before the upgrade tells no topics.
async fn what_a_filter_asks_for_and_nobody_tells_changes_nothing(database: DatabaseConfig) {
    let filters = ProviderFilters {
        topics: TopicFilter {
            include: vec!["web".to_owned()],
            exclude: Vec::new(),
        },
        ..ProviderFilters::default()
    };
    let mut world = World::start_with(database, None, filters).await;
    let source = world.tick(1).await;
    let told = World::listing_with_topics(&source, &[(1, "h1", "b1")], &["web"]);
    world.apply(&[told]).await;
    world.check("r1: component:a@1", "+component:a").await;
    world.check("r1: component:a@2", "~component:a").await;

    let source = world.tick(2).await;
    let untold = World::listing(&source, &[(1, "h1", "b1"), (2, "h2", "b2")]);
    world.apply(&[untold]).await;
    assert_eq!(world.news().await, "");
    let statuses = world.repo.source_statuses().await.expect("statuses");
    let is_read = statuses.iter().any(|status| status.name == "acme/r2");
    assert!(!is_read, "it may be one without the topic");

    let source = world.tick(3).await;
    let told = World::listing_with_topics(&source, &[(1, "h1", "b1")], &["other"]);
    world.apply(&[told]).await;
    assert_eq!(world.news().await, "-component:a");
    world.agrees().await;
}

async fn parts_are_applied_together(world: &mut World) {
    let source = world.tick(1).await;
    let part = |number: u32, last: bool, repositories: &[(u64, &str, &str)]| Observation {
        part: number,
        last,
        ..World::listing(&source, repositories)
    };
    let first = part(0, false, &[(1, "h1", "b1")]);
    let second = part(1, true, &[(2, "h2", "b2")]);
    world.apply(std::slice::from_ref(&second)).await;
    assert!(world.source("acme").await.is_outstanding());
    world.apply(&[first]).await;
    assert!(!world.source("acme").await.is_outstanding());
    assert!(world.source("1").await.is_outstanding());
    assert!(world.source("2").await.is_outstanding());
    world.apply(&[second]).await;
    assert!(
        !world.source("acme").await.is_outstanding(),
        "a late part is stale"
    );
}

async fn an_event_tells_what_why_and_where(world: &mut World) {
    world
        .check("r7: component:a@1>group:x", "+component:a")
        .await;
    world.check("r7: component:a@2", "~component:a").await;
    let rows = world.repo.changes_after(Revision::new(2), 1).await;
    let rows = rows.expect("rows");
    let data: ChangeData = serde_json::from_str(&rows[0].data).expect("the body of an event");
    assert_eq!(data.revision.catalog, 3);
    assert_eq!((data.revision.previous, data.revision.entity), (1, 2));
    assert_eq!(data.cause.actor, "rosa");
    assert_eq!(data.cause.commit, "head2");
    assert_eq!(data.cause.delivery, "gh:github.com:2");
    let origin = data.origin.expect("it was read somewhere");
    assert_eq!(
        (
            origin.repository_id,
            origin.git_ref.as_str(),
            origin.blob.as_str()
        ),
        (7, "main", "blob-of-head2")
    );
    assert_eq!(data.change.fields.updated[0].path, "/metadata/title");
    assert_eq!(data.change.relations.removed[0].relation_type, "ownedBy");
    assert!(data.timing.committed.is_some() && data.timing.received.is_some());
}

async fn another_writer_is_caught_up_with(database: DatabaseConfig) {
    let mut here = World::start(database.clone()).await;
    let mut there = World::start(database).await;
    here.check("r1: component:a@1", "+component:a").await;
    // Deliveries have identities, and the other world has used the first ones.
    there.pushes = 100;
    let generation = there.push(2, &["x"]).await;
    let reading = there.observation(2, generation, "component:a@2").await;
    there.apply(&[reading]).await;
    assert_eq!(there.news().await, "+component:a !claim.conflict");
    there.agrees().await;
}

async fn another_branch_takes_over(database: DatabaseConfig) {
    let mut before = World::start(database.clone()).await;
    before.check("r1: component:a@1", "+component:a").await;
    let mut world = World::start_with(database, Some("live"), ProviderFilters::default()).await;
    world.news().await;
    let uid = existing(&world, "component:default/a").uid;
    let listing = world.tick(1).await;
    world
        .apply(&[World::listing(&listing, &[(1, "h1", "b1")])])
        .await;
    let generation = world.source("1").await.wanted.unsigned_abs();
    let reading = world.observation(1, generation, "component:a@1").await;
    world.apply(&[reading]).await;
    assert_eq!(world.news().await, "~component:a", "it moved");
    let moved = existing(&world, "component:default/a");
    assert_eq!(moved.uid, uid);
    assert!(moved.document.contains("/tree/live/"));
    assert!(!world.source("1").await.is_outstanding());
    world.agrees().await;
}
