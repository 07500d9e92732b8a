//! What people ask for: locations they register, entities they delete, sources they want read.

use std::future::Future;
use std::sync::Arc;

use freshet_model::{EntityRef, RuleId};
use freshet_proto::message::{FilesObserved, LocationObserved, observation};
use uuid::Uuid;

use super::open;
use super::verbs::write;
use super::world::{FILE, World, configure, outcome, whole};
use crate::apply::{
    Applier, ApplyConfig, Deletion, Registered, Registration, RegistrationFate, Retargeted,
    Unregistered,
};
use crate::change::EntityRecord;
use crate::config::{DatabaseConfig, ProviderFilters, Root, StoreConfig};
use crate::ledger::{RefreshRequest, refresh_identities, refreshed_entity};
use crate::metrics::StoreMetrics;
use crate::repo::{Lane, RefreshOutcome, RegisteredLocation, Repo, SourceRow, Tx};
use crate::view::View;

/// Plain URLs, which are sources by themselves.
const ONE: &str = "https://files.example/one.yaml";
const OTHER: &str = "https://files.example/other.yaml";
/// More than goes without asking.
const MANY: usize = 30;
const ROSA: &str = "rosa";

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    registered_locations_are_found_by_every_name(&open(&fresh().await).await).await;
    what_is_registered_comes_and_goes(&mut World::start(fresh().await).await).await;
    another_target_takes_over_without_a_gap(&mut World::start(fresh().await).await).await;
    what_is_not_there_is_a_mistake_unless_it_may_be(&mut World::start(fresh().await).await).await;
    a_name_that_was_kept_is_not_given_again(&mut World::start(fresh().await).await).await;
    what_somebody_asked_for_is_not_withheld(&mut World::start(fresh().await).await).await;
    what_a_provider_names_as_well_stays(&mut World::start(fresh().await).await).await;
    what_the_configuration_names_as_well_stays(fresh().await).await;
    of_two_who_register_the_same_one_is_first(fresh().await).await;
    an_entity_that_is_deleted_comes_back_as_another(&mut World::start(fresh().await).await).await;
    an_entity_that_nothing_declares_does_not(&mut World::start(fresh().await).await).await;
    a_root_that_is_deleted_is_shown_again(&mut World::start(fresh().await).await).await;
    a_refresh_ends_like_any_delivery(&mut World::start(fresh().await).await).await;
}

fn registration(target: &str) -> Registration {
    Registration {
        location_type: "url".to_owned(),
        target: target.to_owned(),
        is_required: true,
    }
}

impl World {
    async fn registers(&self, target: &str) -> RegisteredLocation {
        let registered = self.applier.register(&registration(target), ROSA).await;
        match registered.expect("a database") {
            Registered::New(location) => location,
            Registered::Known(known) => panic!("{known:?} is registered already"),
        }
    }

    async fn retargets(&self, location: &RegisteredLocation, target: &str) -> RegisteredLocation {
        let wanted = registration(target);
        let retargeted = self
            .applier
            .retarget_registered(&location.id, &wanted, ROSA);
        match retargeted.await.expect("a database") {
            Retargeted::Done(location) => location,
            refused => panic!("{refused:?}"),
        }
    }

    async fn unregisters(&self, location: &RegisteredLocation) {
        let unregistered = self.applier.unregister(&location.id, ROSA).await;
        let done = Unregistered::Done(location.clone());
        assert_eq!(unregistered.expect("a database"), done);
    }

    async fn deletes(&self, record: &EntityRecord, fate: RegistrationFate) {
        let deleted = self.applier.delete_entity(&record.uid, fate, ROSA).await;
        let left = Deletion::Left(record.entity_ref.clone());
        assert_eq!(deleted.expect("a database"), left);
    }

    /// The plain URL is read, and says this.
    async fn reads(&mut self, url: &str, reading: &str) {
        let source = self.source(url).await;
        assert!(source.is_outstanding(), "{url} is asked for");
        let observed = FilesObserved {
            locations: vec![LocationObserved {
                path: url.to_owned(),
                outcome: Some(outcome(reading, reading)),
            }],
        };
        let body = observation::Body::Files(observed);
        let reading = whole(&source, source.wanted.unsigned_abs(), body);
        self.apply(&[reading]).await;
    }

    fn record(&self, entity_ref: &str) -> Option<EntityRecord> {
        let entity_ref = EntityRef::parse(entity_ref).expect("a valid ref");
        self.view.read(|state| state.entity(&entity_ref).cloned())
    }

    fn existing(&self, entity_ref: &str) -> EntityRecord {
        self.record(entity_ref).expect("the entity exists")
    }

    /// How many targets are missing.
    fn count_missing(&self) -> usize {
        self.view.read(|state| {
            let problems = state.problems();
            let rules = problems.map(|row| row.problem.rule);
            rules
                .filter(|rule| *rule == RuleId::LocationTargetMissing)
                .count()
        })
    }

    /// The process starts again with another configuration.
    async fn configures(&mut self, config: StoreConfig) {
        self.config = config;
        self.view = View::load(self.repo.snapshot().await.expect("a snapshot"));
        self.applier = Applier::new(
            self.repo.clone(),
            self.bus.clone(),
            Arc::clone(&self.view),
            self.now.clone(),
            ApplyConfig::from(&self.config),
            Arc::new(StoreMetrics::unregistered()),
        );
        self.applier.configure().await.expect("a database");
    }

    async fn registered(&self) -> Vec<RegisteredLocation> {
        let mut tx = self.repo.read().await.expect("a transaction");
        read_registered(&mut tx).await
    }
}

/// What is registered, but for what was in the database before.
async fn read_registered(tx: &mut Tx) -> Vec<RegisteredLocation> {
    let mut rows = tx.registered_locations().await.expect("rows");
    rows.retain(|row| row.location_type == "url");
    rows
}

fn location(number: u128, target: &str) -> RegisteredLocation {
    RegisteredLocation {
        id: Uuid::from_u128(number),
        location_type: "url".to_owned(),
        target: target.to_owned(),
        entity_ref: format!("location:default/generated-{number}"),
        is_required: number == 1,
        registered_at: 5,
        changed_at: 6,
    }
}

async fn registered_locations_are_found_by_every_name(repo: &Repo) {
    // Names are compared byte by byte: these are two.
    let rows = [location(1, "https://x/A"), location(2, "https://x/a")];
    let mut tx = write(repo).await;
    for row in rows.iter().rev() {
        tx.put_registered_location(row).await.expect("written");
    }
    assert_eq!(read_registered(&mut tx).await, rows);
    for row in &rows {
        let found = tx.registered_location(&row.id).await.expect("a row");
        assert_eq!(found.as_ref(), Some(row));
        let found = tx.registered_location_at("url", &row.target).await;
        assert_eq!(found.expect("a row").as_ref(), Some(row));
        let refs = [row.entity_ref.as_str(), "location:default/none"];
        let found = tx.registered_locations_of(&refs).await.expect("rows");
        assert_eq!(found, std::slice::from_ref(row));
    }
    let other_type = tx.registered_location_at("file", "https://x/A").await;
    assert_eq!(other_type.expect("none"), None);
    let moved = RegisteredLocation {
        target: "it's \"elsewhere\"".to_owned(),
        changed_at: 7,
        ..rows[0].clone()
    };
    tx.put_registered_location(&moved).await.expect("written");
    tx.remove_registered_location(&rows[1].id)
        .await
        .expect("removed");
    assert_eq!(read_registered(&mut tx).await, [moved]);
    tx.commit().await.expect("a commit");
}

async fn what_is_registered_comes_and_goes(world: &mut World) {
    let location = world.registers(ONE).await;
    let entity = world.existing(&location.entity_ref);
    assert!(entity.document.contains(ONE));
    let again = world.applier.register(&registration(ONE), ROSA).await;
    let known = Registered::Known(location.clone());
    assert_eq!(again.expect("a database"), known);
    let source = world.source(ONE).await;
    assert_eq!(source.lane, Lane::Hi, "somebody waits for it");
    assert_eq!(source.trigger.actor, ROSA);
    world.reads(ONE, "component:a@1").await;
    assert_eq!(world.news().await, "+component:a");
    world.unregisters(&location).await;
    assert_eq!(world.news().await, "-component:a");
    assert!(world.record(&location.entity_ref).is_none());
    assert!(world.registered().await.is_empty());
    let unknown = world.applier.unregister(&location.id, ROSA).await;
    assert_eq!(unknown.expect("a database"), Unregistered::Unknown);
    world.agrees().await;
}

async fn another_target_takes_over_without_a_gap(world: &mut World) {
    let location = world.registers(ONE).await;
    world.reads(ONE, "component:a@1 component:b@1").await;
    let uid = world.existing("component:default/a").uid;
    let own = world.existing(&location.entity_ref);
    world.news().await;
    let moved = world.retargets(&location, OTHER).await;
    assert_eq!(moved.id, location.id);
    assert_eq!(moved.entity_ref, location.entity_ref);
    assert_eq!(world.news().await, "", "the new file was not looked at yet");
    world.reads(OTHER, "component:a@2 component:c@1").await;
    let news = "~component:a -component:b +component:c";
    assert_eq!(world.news().await, news);
    assert_eq!(world.existing("component:default/a").uid, uid);
    let entity = world.existing(&location.entity_ref);
    assert_eq!(
        entity.uid, own.uid,
        "what was given another target is the same"
    );
    assert!(entity.document.contains(OTHER));
    let taken = world.registers(ONE).await;
    let retargeted = world
        .applier
        .retarget_registered(&taken.id, &registration(OTHER), ROSA)
        .await;
    assert_eq!(retargeted.expect("a database"), Retargeted::TargetTaken);
    let nobody = Uuid::nil();
    let retargeted = world
        .applier
        .retarget_registered(&nobody, &registration(OTHER), ROSA)
        .await;
    assert_eq!(retargeted.expect("a database"), Retargeted::Unknown);
    world.unregisters(&moved).await;
    assert_eq!(world.news().await, "-component:a -component:c");
    world.agrees().await;
}

async fn what_is_not_there_is_a_mistake_unless_it_may_be(world: &mut World) {
    let optional = Registration {
        is_required: false,
        ..registration(ONE)
    };
    let registered = world.applier.register(&optional, ROSA).await;
    let Registered::New(optional) = registered.expect("a database") else {
        panic!("it was not registered before");
    };
    world.reads(ONE, "gone").await;
    assert_eq!(world.count_missing(), 0);
    // Somebody asked for just this, and looks for it.
    world.existing(&optional.entity_ref);
    world.registers(OTHER).await;
    world.reads(OTHER, "gone").await;
    assert_eq!(world.count_missing(), 1);
    world.agrees().await;
}

async fn a_name_that_was_kept_is_not_given_again(world: &mut World) {
    let first = world.registers(ONE).await;
    let first = world.retargets(&first, OTHER).await;
    let second = world.registers(ONE).await;
    assert_ne!(second.entity_ref, first.entity_ref);
    world.reads(ONE, "component:a@1").await;
    world.reads(OTHER, "component:b@1").await;
    assert_eq!(world.news().await, "+component:a +component:b");
    world.unregisters(&first).await;
    assert_eq!(world.news().await, "-component:b");
    world.unregisters(&second).await;
    assert_eq!(world.news().await, "-component:a");
    world.agrees().await;
}

async fn what_somebody_asked_for_is_not_withheld(world: &mut World) {
    let many: Vec<String> = (0..MANY).map(|it| format!("component:m{it}@1")).collect();
    let many = many.join(" ");
    let location = world.registers(ONE).await;
    world.reads(ONE, &many).await;
    let moved = world.retargets(&location, OTHER).await;
    world.reads(OTHER, "component:x@1 component:y@1").await;
    assert!(world.record("component:default/m7").is_none());
    world.news().await;
    let again = world.registers(ONE).await;
    world.reads(ONE, &many).await;
    world.unregisters(&again).await;
    assert!(world.record("component:default/m7").is_none());
    world.news().await;
    // Nor does it count when something goes that nobody asked for.
    let source = world.source(OTHER).await;
    world.asks_for(&source).await;
    world.reads(OTHER, "component:x@1").await;
    assert_eq!(world.news().await, "-component:y");
    world.unregisters(&moved).await;
    world.agrees().await;
}

impl World {
    async fn asks_for(&self, source: &SourceRow) -> Uuid {
        let request = RefreshRequest {
            entity_ref: "component:default/a".to_owned(),
            sources: vec![source.id],
            actor: ROSA.to_owned(),
        };
        self.ledger.refresh(&request).await.expect("a database")
    }
}

async fn what_a_provider_names_as_well_stays(world: &mut World) {
    world.check("r1: component:a@1", "+component:a").await;
    let uid = world.existing("component:default/a").uid;
    let target = format!("https://github.com/acme/r1/blob/main/{FILE}");
    let location = world.registers(&target).await;
    assert_eq!(world.news().await, "");
    let entity = world.existing(&location.entity_ref);
    assert!(!entity.document.contains("optional"), "somebody needs it");
    world.check("r1: component:a@2", "~component:a").await;
    world.unregisters(&location).await;
    assert_eq!(world.news().await, "");
    assert_eq!(world.existing("component:default/a").uid, uid);
    world.check("r1: component:a@3", "~component:a").await;
    world.check("r1: gone", "-component:a").await;
}

async fn what_the_configuration_names_as_well_stays(database: DatabaseConfig) {
    let with = |roots: &[&str]| StoreConfig {
        roots: roots
            .iter()
            .map(|target| Root {
                location_type: "url".to_owned(),
                target: (*target).to_owned(),
            })
            .collect(),
        ..configure(database.clone(), None, ProviderFilters::default())
    };
    let mut world = World::start_as(with(&[ONE])).await;
    world.applier.configure().await.expect("a database");
    world.reads(ONE, "component:a@1").await;
    assert_eq!(world.news().await, "+component:a");
    let location = world.registers(ONE).await;
    let same = world.retargets(&location, ONE).await;
    assert_eq!(same.entity_ref, location.entity_ref);
    world.unregisters(&same).await;
    assert_eq!(world.news().await, "", "the configuration names it still");
    let location = world.registers(ONE).await;
    let moved = world.retargets(&location, OTHER).await;
    assert_ne!(moved.entity_ref, location.entity_ref, "that is in use");
    world.unregisters(&moved).await;
    assert_eq!(world.news().await, "", "it has the old one still");
    let location = world.registers(ONE).await;
    world.configures(with(&[])).await;
    assert_eq!(world.news().await, "", "somebody has registered it");
    world.configures(with(&[ONE])).await;
    world.unregisters(&location).await;
    assert_eq!(world.news().await, "", "it is in the configuration again");
    world.configures(with(&[])).await;
    assert_eq!(world.news().await, "-component:a");
    world.agrees().await;
}

async fn of_two_who_register_the_same_one_is_first(database: DatabaseConfig) {
    let here = World::start(database.clone()).await;
    let there = World::start(database).await;
    let location = here.registers(ONE).await;
    let registered = there.applier.register(&registration(ONE), ROSA).await;
    let known = Registered::Known(location.clone());
    assert_eq!(registered.expect("a database"), known);
    // The other process has not told it of the change; it has seen it by itself.
    there.unregisters(&location).await;
    there.agrees().await;
    let gone = here.applier.unregister(&location.id, ROSA).await;
    assert_eq!(gone.expect("a database"), Unregistered::Unknown);
    here.registers(OTHER).await;
    here.agrees().await;
}

async fn an_entity_that_is_deleted_comes_back_as_another(world: &mut World) {
    world
        .check(
            "r1: component:a@1>group:x group:x@1",
            "+component:a +group:x",
        )
        .await;
    let before = world.existing("component:default/a");
    world.deletes(&before, RegistrationFate::Ends).await;
    assert_eq!(world.news().await, "-component:a %group:x");
    world.agrees().await;
    let source = world.source("1").await;
    assert!(source.is_outstanding());
    assert_eq!(
        (source.lane, source.trigger.actor.as_str()),
        (Lane::Hi, ROSA)
    );
    let mut tx = world.repo.read().await.expect("a transaction");
    let held = tx.locations_of(&[source.id]).await.expect("rows");
    assert_eq!(held[0].active_blob, None, "it is read in full");
    tx.commit().await.expect("a commit");
    let generation = source.wanted.unsigned_abs();
    let reading = world
        .observation(1, generation, "component:a@1>group:x group:x@1")
        .await;
    world.apply(&[reading]).await;
    assert_eq!(world.news().await, "+component:a %group:x");
    let after = world.existing("component:default/a");
    assert_ne!(after.uid, before.uid);
    let gone = world
        .applier
        .delete_entity(&before.uid, RegistrationFate::Ends, ROSA)
        .await;
    assert_eq!(gone.expect("a database"), Deletion::Unknown);
    world.agrees().await;
}

async fn an_entity_that_nothing_declares_does_not(world: &mut World) {
    world
        .check(
            "r1: component:a@1 component:b@1",
            "+component:a +component:b",
        )
        .await;
    let record = world.existing("component:default/a");
    world.deletes(&record, RegistrationFate::Ends).await;
    world.check("r1: component:b@1", "-component:a").await;
    world.check("r1: component:b@2", "~component:b").await;
}

async fn a_root_that_is_deleted_is_shown_again(world: &mut World) {
    let location = world.registers(ONE).await;
    world.reads(ONE, "component:a@1").await;
    let before = world.existing(&location.entity_ref);
    world.deletes(&before, RegistrationFate::Stays).await;
    let after = world.existing(&location.entity_ref);
    assert_ne!(after.uid, before.uid);
    assert_eq!(world.news().await, "+component:a", "what it leads to stays");
    world.agrees().await;
    world.deletes(&after, RegistrationFate::Ends).await;
    assert_eq!(world.news().await, "-component:a");
    assert!(world.record(&location.entity_ref).is_none());
    assert!(world.registered().await.is_empty());
    world.agrees().await;
}

async fn a_refresh_ends_like_any_delivery(world: &mut World) {
    world.check("r1: component:a@1", "+component:a").await;
    let source = world.source("1").await;
    let id = world.asks_for(&source).await;
    let other = world.asks_for(&source).await;
    let stands = async |world: &World, id: &Uuid| {
        let (first, end) = refresh_identities(id);
        let mut tx = world.repo.read().await.expect("a transaction");
        let found = tx.refresh_deliveries(&first, &end).await.expect("rows");
        let [delivery] = found.as_slice() else {
            panic!("one, and not {found:?}");
        };
        assert_eq!(delivery.source_id, Some(source.id));
        assert_eq!(refreshed_entity(&delivery.guid), "component:default/a");
        (delivery.outcome, delivery.ended_at.is_some())
    };
    assert_eq!(stands(world, &id).await, (RefreshOutcome::Waiting, false));
    let asked = world.source("1").await;
    assert_eq!((asked.lane, asked.trigger.actor.as_str()), (Lane::Hi, ROSA));
    let generation = asked.wanted.unsigned_abs();
    let reading = world.observation(1, generation, "component:a@2").await;
    world.apply(&[reading]).await;
    assert_eq!(stands(world, &id).await, (RefreshOutcome::Superseded, true));
    assert_eq!(stands(world, &other).await, (RefreshOutcome::Applied, true));
    let totals = world.repo.ledger_totals().await.expect("totals");
    assert_eq!(totals.uncovered, 0, "nothing waits for ever");
}
