//! Verbs of the tree: branches, places, Location entities, links, dependencies, held removals.

use std::future::Future;

use freshet_model::location::TargetPlaces;
use freshet_model::{ErrorClass, LocationId, RepositoryName, TextPosition};

use super::open;
use super::verbs::{location, put_sources, source, source_id, write};
use crate::config::DatabaseConfig;
use crate::repo::parts::PartRow;
use crate::repo::{
    DependencyRow, EmittedKind, Location, LocationEntity, LocationLink, LocationState, Naming,
    OutstandingReads, RemovalRow, Repo, SourceKind, SourceRow, git_ref_if_any,
};

pub(super) async fn run<F, Fut>(fresh: &F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = DatabaseConfig>,
{
    let repo = open(&fresh().await).await;
    each_branch_is_a_source(&repo).await;
    let repo = open(&fresh().await).await;
    what_no_listing_sweeps_is_found_when_due(&repo).await;
    let repo = open(&fresh().await).await;
    locations_belong_to_their_source(&repo).await;
    let repo = open(&fresh().await).await;
    locations_are_found_by_place_and_forgotten(&repo).await;
    let repo = open(&fresh().await).await;
    location_entities_and_links_come_and_go(&repo).await;
    let repo = open(&fresh().await).await;
    links_are_followed_down_and_up(&repo).await;
    let repo = open(&fresh().await).await;
    dependencies_are_found_from_both_ends(&repo).await;
    let repo = open(&fresh().await).await;
    removals_wait_for_a_confirmation(&repo).await;
    let repo = open(&fresh().await).await;
    what_is_still_to_be_read_is_counted(&repo).await;
}

fn ids<const COUNT: usize>(numbers: [i64; COUNT]) -> [LocationId; COUNT] {
    numbers.map(LocationId::new)
}

fn branch(number: i64, name: &str, git_ref: &str) -> SourceRow {
    let mut branch = SourceRow {
        git_ref: git_ref_if_any(git_ref),
        ..source(number, "7")
    };
    name.clone_into(&mut branch.names.name);
    "main".clone_into(&mut branch.names.default_branch);
    branch
}

async fn each_branch_is_a_source(repo: &Repo) {
    let rows = [branch(1, "Pay", "HEAD"), branch(2, "Pay", "dev")];
    put_sources(repo, &rows).await;
    let mut tx = write(repo).await;
    for row in &rows {
        let found = tx.lock_sources_by_key(&[row.key()]).await.expect("rows");
        assert_eq!(found, std::slice::from_ref(row));
    }
    let named = |name| RepositoryName::new("github.com", "acme", name);
    let found = tx.sources_named(&[&named("pay"), &named("x")]).await;
    assert_eq!(found.expect("rows"), rows);
    assert!(tx.sources_named(&[]).await.expect("rows").is_empty());
    tx.commit().await.expect("a commit");
}

async fn what_no_listing_sweeps_is_found_when_due(repo: &Repo) {
    let mut rows: Vec<SourceRow> = (1..=5).map(|id| source(id, &id.to_string())).collect();
    for row in &mut rows {
        (row.wanted, row.done) = (1, 1);
        (row.verified_at, row.recheck.micros) = (Some(100 + row.id.get()), Some(50));
    }
    rows[1].recheck.micros = None;
    rows[2].wanted = 2;
    put_sources(repo, &rows).await;
    let mut tx = write(repo).await;
    // The fourth one is wanted by nobody any more.
    let locations = [1, 2, 3, 5].map(|number| location(number, number, "a.yaml"));
    tx.put_locations(&locations).await.expect("written");
    let due = tx.sources_due(155, 10).await.expect("rows");
    assert_eq!(due, [rows[0].clone(), rows[4].clone()]);
    assert_eq!(tx.sources_due(155, 1).await.expect("rows"), rows[..1]);
    assert!(tx.sources_due(150, 10).await.expect("rows").is_empty());
    tx.commit().await.expect("a commit");
}

async fn locations_belong_to_their_source(repo: &Repo) {
    put_sources(repo, &[source(1, "1"), source(2, "2")]).await;
    let mut tx = write(repo).await;
    let ids = tx.new_location_ids(3).await.expect("ids");
    let mut rows: Vec<Location> = [(1, "a.yaml"), (1, "b.yaml"), (2, "a.yaml")]
        .iter()
        .zip(&ids)
        .map(|((source, path), id)| location(id.get(), *source, path))
        .collect();
    tx.put_locations(&rows).await.expect("written");
    rows[0].state = LocationState::Valid {
        blob: "5een".to_owned(),
        emitted: vec![EmittedKind {
            kind: "Component".to_owned(),
            spec_type: Some("service".to_owned()),
            entity_ref: "component:default/a".to_owned(),
            line: 7,
        }],
    };
    rows[0].active_blob = Some("b10b".to_owned());
    rows[1].state = LocationState::Failed {
        class: ErrorClass::NotFoundError,
        message: "it's \"gone\": away".to_owned(),
    };
    tx.put_locations(&rows[..2]).await.expect("written");
    assert_eq!(
        tx.locations_of(&[source_id(1)]).await.expect("rows"),
        rows[..2]
    );
    assert_eq!(tx.locations(&ids[2..]).await.expect("rows"), rows[2..]);
    tx.commit().await.expect("a commit");
}

async fn locations_are_found_by_place_and_forgotten(repo: &Repo) {
    put_sources(repo, &[source(1, "1"), source(2, "2")]).await;
    let mut tx = write(repo).await;
    let rows = [
        location(1, 1, "a.yaml"),
        Location {
            is_pattern: true,
            state: LocationState::Matched {
                paths: vec!["x.yaml".to_owned()],
            },
            naming: Some(Naming {
                parent_ref: Some("location:default/l".to_owned()),
                url: "https://github.com/acme/r/tree/main/*.yaml".to_owned(),
                origin: "url:https://github.com/acme/r/blob/main/*.yaml".to_owned(),
            }),
            ..location(2, 2, "*.yaml")
        },
    ];
    tx.put_locations(&rows).await.expect("written");
    let found = tx
        .locations_at(&[(source_id(2), "*.yaml"), (source_id(2), "a.yaml")])
        .await;
    assert_eq!(found.expect("rows"), rows[1..]);
    let read = [dependency(1, "pay", "HEAD", "api.yaml")];
    tx.put_dependencies(&read).await.expect("written");
    tx.remove_locations(&ids([1])).await.expect("removed");
    assert_eq!(tx.locations(&ids([1, 2])).await.expect("rows"), rows[1..]);
    assert!(
        tx.dependencies_of(&ids([1]))
            .await
            .expect("rows")
            .is_empty()
    );
    let before = tx.new_location_ids(1).await.expect("an id");
    let newest = location(before[0].get(), 1, "b.yaml");
    tx.put_locations(&[newest]).await.expect("written");
    tx.remove_locations(&before).await.expect("removed");
    let after = tx.new_location_ids(1).await.expect("an id");
    assert!(after[0] > before[0], "an id is given once");
    tx.commit().await.expect("a commit");
}

fn location_entity(name: &str, declared_by: i64) -> LocationEntity {
    LocationEntity {
        entity_ref: format!("location:default/{name}"),
        declared_by: LocationId::new(declared_by),
        document: "{\"kind\":\"Location\"}".to_owned(),
        digest: "d1".to_owned(),
        line: 1,
        column: 2,
        target_places: TargetPlaces {
            location_type: Some(TextPosition::from((3, 9))),
            targets: vec![TextPosition::from((4, 7))],
        },
        own: "url:https://github.com/acme/r/tree/main/a.yaml".to_owned(),
        origin: "url:https://github.com/acme/r/blob/main/a.yaml".to_owned(),
        is_published: false,
    }
}

fn link(parent: &str, location: i64, via: Option<i64>) -> LocationLink {
    LocationLink {
        parent_ref: format!("location:default/{parent}"),
        location_id: LocationId::new(location),
        via: via.map(LocationId::new),
        ordinal: 0,
        url: "https://github.com/acme/r/tree/main/b.yaml".to_owned(),
        is_required: true,
        is_listed: true,
        since: 5,
    }
}

async fn location_entities_and_links_come_and_go(repo: &Repo) {
    let mut tx = write(repo).await;
    let mut entities = [location_entity("a", 1), location_entity("b", 2)];
    tx.put_location_entities(&entities).await.expect("written");
    entities[0].is_published = true;
    tx.put_location_entities(&entities[..1])
        .await
        .expect("written");
    let refs = ["location:default/a", "location:default/c"];
    assert_eq!(
        tx.location_entities_of(&[], &refs).await.expect("rows"),
        entities[..1]
    );
    assert_eq!(
        tx.location_entities_of(&ids([2]), &[]).await.expect("rows"),
        entities[1..]
    );
    let mut links = [
        link("a", 3, None),
        link("a", 3, Some(2)),
        link("b", 3, None),
    ];
    tx.put_links(&links).await.expect("written");
    links[1].is_listed = false;
    tx.put_links(&links[1..2]).await.expect("written");
    assert_eq!(tx.links_of_parents(&refs).await.expect("rows"), links[..2]);
    assert_eq!(tx.links_of_locations(&ids([3])).await.expect("rows"), links);
    tx.remove_links(&[links[0].key()]).await.expect("removed");
    assert_eq!(
        tx.links_of_locations(&ids([3])).await.expect("rows"),
        links[1..]
    );
    let gone = [entities[0].entity_ref.clone()];
    tx.remove_location_entities(&gone).await.expect("removed");
    let left = tx.location_entities_of(&ids([1, 2]), &[]).await;
    let left = left.expect("rows");
    assert_eq!(left, entities[1..]);
    tx.commit().await.expect("a commit");
}

fn dependency(location: i64, name: &str, git_ref: &str, path: &str) -> DependencyRow {
    DependencyRow {
        location_id: LocationId::new(location),
        host: "github.com".to_owned(),
        owner: "acme".to_owned(),
        name: name.to_owned(),
        git_ref: git_ref_if_any(git_ref),
        path: path.to_owned(),
        blob_oid: "b1".to_owned(),
        url: String::new(),
    }
}

fn dependency_on_url(location: i64, url: &str) -> DependencyRow {
    DependencyRow {
        host: String::new(),
        owner: String::new(),
        url: url.to_owned(),
        ..dependency(location, "", "", "")
    }
}

async fn links_are_followed_down_and_up(repo: &Repo) {
    let mut tx = write(repo).await;
    // 1 -> 2 -> 3 -> 2, and 4 -> 3.
    let entities = [
        location_entity("a", 1),
        location_entity("b", 2),
        location_entity("c", 3),
        location_entity("d", 4),
    ];
    tx.put_location_entities(&entities).await.expect("written");
    let links = [
        link("a", 2, None),
        link("b", 3, None),
        link("c", 2, None),
        link("d", 3, None),
    ];
    tx.put_links(&links).await.expect("written");
    let below = tx.locations_below(&ids([2])).await;
    assert_eq!(below.expect("ids"), ids([2, 3]));
    let below = tx.locations_below(&ids([4, 9])).await;
    assert_eq!(below.expect("ids"), ids([2, 3, 4, 9]));
    let above = tx.locations_above(&ids([2])).await;
    assert_eq!(above.expect("ids"), ids([1, 2, 3, 4]));
    let above = tx.locations_above(&ids([1])).await;
    assert_eq!(above.expect("ids"), ids([1]));
}

async fn dependencies_are_found_from_both_ends(repo: &Repo) {
    let sources: Vec<SourceRow> = (1..=4).map(|id| source(id, &id.to_string())).collect();
    put_sources(repo, &sources).await;
    let mut tx = write(repo).await;
    let locations: Vec<Location> = (1..=4)
        .map(|number| location(number, number, "a.yaml"))
        .collect();
    tx.put_locations(&locations).await.expect("written");
    let rows = [
        dependency(1, "pay", "main", "api.yaml"),
        dependency(2, "docs", "HEAD", "api.yaml"),
        dependency(3, "pay", "dev", "api.yaml"),
        dependency_on_url(4, "https://example.com/api.yaml"),
    ];
    tx.put_dependencies(&rows).await.expect("written");
    let read = tx.dependencies_of(&ids([2, 4])).await.expect("rows");
    assert_eq!(read.len(), 2);
    let repository = |name: &str| RepositoryName::new("github.com", "Acme", name);
    let pushed = [repository("docs"), repository("x")];
    let found = tx.dependencies_around(&[], &pushed).await.expect("rows");
    assert_eq!((found.len(), found[0].source_id), (1, source_id(2)));
    assert_eq!(found[0].dependency, rows[1]);
    // What is found from both ends is found once.
    let ends = [source_id(2), source_id(3)];
    let mut found = tx.dependencies_around(&ends, &pushed).await.expect("rows");
    found.sort_by_key(|it| it.source_id);
    let found: Vec<DependencyRow> = found.into_iter().map(|it| it.dependency).collect();
    assert_eq!(found, rows[1..3]);
    let instead = [dependency(2, "docs", "HEAD", "other.yaml")];
    tx.replace_dependencies(&ids([2, 3]), &instead)
        .await
        .expect("replaced");
    let read = tx.dependencies_of(&ids([2, 3])).await.expect("rows");
    assert_eq!(read, instead);
    tx.commit().await.expect("a commit");
}

async fn removals_wait_for_a_confirmation(repo: &Repo) {
    let mut tx = write(repo).await;
    let mut rows: Vec<RemovalRow> = (1..=2)
        .map(|id| RemovalRow {
            location_id: LocationId::new(id),
            source_id: source_id(1),
            installation: "acme".to_owned(),
            entities: 30,
            refs: "[\"component:default/a\"]".to_owned(),
            since: id,
            confirmed_at: 0,
        })
        .collect();
    tx.put_removals(&rows).await.expect("written");
    tx.confirm_removals(&ids([2]), 9).await.expect("confirmed");
    rows[1].confirmed_at = 9;
    assert_eq!(tx.removals().await.expect("rows"), rows);
    tx.remove_removals(&ids([1])).await.expect("removed");
    assert_eq!(tx.removals().await.expect("rows"), rows[1..]);
    tx.commit().await.expect("a commit");
}

#[cfg(test)]
#[test]
fn kinds_of_sources_are_stored_as_they_are_shown() {
    use crate::repo::SourceKind;
    for kind in [
        SourceKind::Listing,
        SourceKind::Repository,
        SourceKind::Url,
        SourceKind::File,
        SourceKind::Roots,
    ] {
        let read = SourceKind::try_from(kind.as_str().to_owned());
        assert_eq!(read.expect("it is known"), kind);
    }
}

async fn what_is_still_to_be_read_is_counted(repo: &Repo) {
    let before = repo.outstanding_reads(50, 80).await.expect("counts");
    let mut rows: Vec<SourceRow> = (1..=7).map(|id| source(id, &id.to_string())).collect();
    for row in &mut rows {
        (row.wanted, row.done) = (2, 1);
    }
    rows[0].done = 2;
    rows[1].kind = SourceKind::Listing;
    rows[2].next_due_at = 50;
    rows[3].next_due_at = 51;
    rows[4].next_due_at = 80;
    rows[5].next_due_at = 81;
    put_sources(repo, &rows).await;
    let mut tx = write(repo).await;
    for (part, listing) in [(0, rows[1].id), (1, rows[1].id), (0, rows[2].id)] {
        let row = PartRow {
            part,
            is_last: false,
            fetched_at: 1,
            payload: vec![1],
        };
        tx.put_part(listing, 2, row).await.expect("kept");
    }
    tx.commit().await.expect("a commit");
    let counted = repo.outstanding_reads(50, 80).await.expect("counts");
    let expected = OutstandingReads {
        due: before.due + 3,
        soon: before.soon + 2,
        late: before.late + 1,
        next_due_at: 51,
        listings: before.listings + 1,
        pages: before.pages + 2,
    };
    assert_eq!(counted, expected);
}
