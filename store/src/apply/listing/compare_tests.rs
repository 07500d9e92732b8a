use std::time::Duration;

use freshet_proto::message::Repository;

use super::*;
use crate::config::{GithubProvider, ProviderFilters};
use crate::ledger::Providers;

const PATH: &str = "catalog-info.yaml";

fn providers(branch: Option<&str>) -> Providers {
    Providers::new(&[GithubProvider {
        id: "acme".to_owned(),
        host: "github.com".to_owned(),
        organization: "acme".to_owned(),
        catalog_path: PATH.to_owned(),
        frequency: Duration::from_secs(60),
        branch: branch.map(str::to_owned),
        filters: ProviderFilters::default(),
    }])
}

fn repository(id: u64) -> Repository {
    Repository {
        id,
        owner: "acme".to_owned(),
        name: format!("r{id}"),
        html_url: format!("https://github.com/acme/r{id}"),
        default_branch: "main".to_owned(),
        ..Repository::default()
    }
}

/// The listing, and repository 7.
const LISTING: SourceId = SourceId::new(1);
const HELD: SourceId = SourceId::new(7);
/// What the first new source gets.
const NEW: SourceId = SourceId::new(100);

/// Repository 7, read at head `h` with blob `b`.
fn held() -> (SourceRow, Location) {
    let mut source = SourceRow::new(HELD, SourceKind::Repository, "github.com", "7");
    source.adopt(&repository(7));
    source.wanted = 2;
    source.done = 2;
    source.set_head("h");
    source.set_fingerprint("f1");
    let location = Location {
        active_blob: Some("b".to_owned()),
        state: LocationState::Valid {
            blob: "b".to_owned(),
            emitted: Vec::new(),
        },
        ..Location::new(LocationId::new(7), HELD, PATH)
    };
    (source, location)
}

/// Asks with a listing of (number, head, blob); which sources get a job, and which are written.
fn compare(known: Option<(SourceRow, Location)>, listed: &[(u64, &str, &str)]) -> ListingDiff {
    let providers = providers(None);
    let provider = providers.by_id("acme").expect("it is configured");
    let repositories = listed
        .iter()
        .map(|(id, head, blob)| ListedRepository {
            repository: Some(repository(*id)),
            head: (*head).to_owned(),
            blob: (*blob).to_owned(),
            path: PATH.to_owned(),
        })
        .collect();
    let reading = Reading {
        source_id: LISTING,
        generation: 1,
        cause: Cause::default(),
        fingerprint: String::new(),
        fetched_at: 50,
        is_complete: true,
        observed: ListingObserved {
            organization: "acme".to_owned(),
            repositories,
        },
    };
    let (sources, locations) = known.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let known = KnownRepositories {
        sources: sources
            .into_iter()
            .map(|source: SourceRow| (source.external_id.clone(), source))
            .collect(),
        locations: locations
            .into_iter()
            .map(|location: Location| (location.source_id, vec![location]))
            .collect(),
        depends: HashMap::new(),
        new_source_ids: vec![NEW].into_iter(),
        new_location_ids: vec![LocationId::new(100)].into_iter(),
    };
    let context = ListingContext {
        host: "github.com",
        provider,
        fingerprint: "f1",
        now: 60,
    };
    compare_listing(&reading, known, &context)
}

#[track_caller]
fn check(known: (SourceRow, Location), listed: (u64, &str, &str), is_refreshed: bool) {
    let diff = compare(Some(known), &[listed]);
    assert_eq!(!diff.refreshed.is_empty(), is_refreshed, "{listed:?}");
    if !is_refreshed {
        assert_eq!(diff.sources[0].verified_at, Some(50));
        assert!(diff.sources[0].is_at(listed.1), "{listed:?}");
    }
}

#[test]
fn equality_is_proved_by_head_or_by_the_only_wanted_blob() {
    check(held(), (7, "h", "b"), false);
    check(held(), (7, "h2", "b"), false);
    check(held(), (7, "h2", "b2"), true);
    check(held(), (7, "h2", ""), true);
}

#[test]
fn what_was_read_in_another_way_or_not_at_all_is_read() {
    let (source, location) = held();
    let other = SourceRow {
        fingerprint: Some("f0".to_owned()),
        ..source.clone()
    };
    check((other, location.clone()), (7, "h", "b"), true);
    let mut renamed = source.clone();
    "https://github.com/acme/old".clone_into(&mut renamed.names.url);
    check((renamed, location.clone()), (7, "h", "b"), true);
    let unread = Location {
        state: LocationState::Unread,
        ..location
    };
    check((source, unread), (7, "h", "b"), true);
}

#[test]
fn what_is_made_from_other_files_is_not_proved_by_its_own_blob() {
    let providers = providers(None);
    let context = ListingContext {
        host: "github.com",
        provider: providers.by_id("acme").expect("it is configured"),
        fingerprint: "f1",
        now: 60,
    };
    let (source, location) = held();
    let listed = |head: &str| ListedRepository {
        head: head.to_owned(),
        blob: "b".to_owned(),
        path: PATH.to_owned(),
        ..ListedRepository::default()
    };
    let equal = |head, depends| {
        is_equal(
            &source,
            std::slice::from_ref(&location),
            &listed(head),
            depends,
            &context,
        )
    };
    assert!(equal("h2", DependsOn::Nothing));
    assert!(equal("h", DependsOn::Itself));
    assert!(!equal("h2", DependsOn::Itself));
    assert!(!equal("h", DependsOn::Others));
}

#[test]
fn a_repository_without_the_file_is_not_read() {
    let (source, location) = held();
    let gone = Location {
        state: LocationState::Absent { reason: None },
        active_blob: None,
        ..location
    };
    check((source, gone), (7, "h2", ""), false);
    let diff = compare(None, &[(8, "h", "")]);
    assert!(diff.refreshed.is_empty());
    assert_eq!(
        (diff.sources[0].id, diff.locations[0].source_id),
        (NEW, NEW)
    );
}

#[test]
fn a_new_repository_with_the_file_is_read() {
    let diff = compare(None, &[(8, "h", "b")]);
    assert_eq!(diff.refreshed, [NEW]);
    assert_eq!(diff.sources[0].wanted, 1);
}

#[test]
fn a_missing_repository_is_looked_up_and_never_removed() {
    let found = compare(Some(held()), &[]);
    assert_eq!(found.refreshed, [HELD]);
    let (source, location) = held();
    let empty = Location {
        state: LocationState::Absent { reason: None },
        ..location
    };
    let found = compare(Some((source, empty)), &[]);
    assert!(found.refreshed.is_empty(), "there is nothing to lose");
}

#[test]
fn a_repository_that_is_listed_and_not_wanted_is_not_missing() {
    let (source, location) = held();
    let providers = providers(None);
    let provider = providers.by_id("acme").expect("it is configured");
    let archived = Repository {
        archived: true,
        ..repository(7)
    };
    let reading = Reading {
        source_id: LISTING,
        generation: 1,
        cause: Cause::default(),
        fingerprint: String::new(),
        fetched_at: 50,
        is_complete: true,
        observed: ListingObserved {
            organization: "acme".to_owned(),
            repositories: vec![ListedRepository {
                repository: Some(archived),
                ..ListedRepository::default()
            }],
        },
    };
    let known = KnownRepositories {
        sources: HashMap::from([("7".to_owned(), source)]),
        locations: HashMap::from([(HELD, vec![location])]),
        depends: HashMap::new(),
        new_source_ids: Vec::new().into_iter(),
        new_location_ids: Vec::new().into_iter(),
    };
    let context = ListingContext {
        host: "github.com",
        provider,
        fingerprint: "f1",
        now: 60,
    };
    assert_eq!(
        compare_listing(&reading, known, &context),
        ListingDiff::default()
    );
}

#[test]
fn a_listing_from_before_the_last_push_does_not_move_the_head_back() {
    let (source, location) = held();
    let pushed = SourceRow {
        verified_at: Some(51),
        head: Some("h2".to_owned()),
        ..source
    };
    let diff = compare(Some((pushed.clone(), location)), &[(7, "h", "b")]);
    assert_eq!(diff.sources, [pushed]);
    assert!(diff.refreshed.is_empty());
}

#[test]
fn another_branch_is_not_compared_with_the_default_one() {
    let providers = providers(Some("live"));
    let provider = providers.by_id("acme").expect("it is configured");
    let context = ListingContext {
        host: "github.com",
        provider,
        fingerprint: "f1",
        now: 60,
    };
    let (mut source, location) = held();
    source.git_ref = provider.source_ref(&repository(7));
    let listed = |blob: &str| ListedRepository {
        head: "h".to_owned(),
        blob: blob.to_owned(),
        path: PATH.to_owned(),
        ..ListedRepository::default()
    };
    let held = [location];
    assert!(!is_equal(
        &source,
        &held,
        &listed("b2"),
        DependsOn::Nothing,
        &context
    ));
    assert!(!is_equal(
        &source,
        &held,
        &listed("b"),
        DependsOn::Nothing,
        &context
    ));
    assert!(!is_equal(
        &source,
        &[],
        &listed(""),
        DependsOn::Nothing,
        &context
    ));
}
