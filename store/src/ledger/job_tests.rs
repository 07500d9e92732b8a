use freshet_model::{LocationId, SourceId};
use freshet_proto::message::job::Target;

use super::*;
use crate::repo::git_ref_if_any;
use crate::repo::sources::SourceNames;

const SOURCE: SourceId = SourceId::new(3);
const FINGERPRINT: &str = "f1";

fn source(kind: SourceKind, external_id: &str) -> SourceRow {
    let mut source = SourceRow::new(SOURCE, kind, "github.com", external_id);
    source.set_fingerprint(FINGERPRINT);
    source.wanted = 4;
    source
}

/// Location `number`, of which blob `b` with its number is held.
fn held(number: i64, path: &str) -> Location {
    Location {
        active_blob: Some(format!("b{number}")),
        ..Location::new(LocationId::new(number), SOURCE, path)
    }
}

fn dependency(location: i64, path: &str, url: &str) -> DependencyRow {
    DependencyRow {
        location_id: LocationId::new(location),
        host: String::new(),
        owner: String::new(),
        name: String::new(),
        git_ref: None,
        path: path.to_owned(),
        blob_oid: "d1".to_owned(),
        url: url.to_owned(),
    }
}

/// The target of a source's job, with these locations and nothing configured.
fn target(
    source: &SourceRow,
    locations: &[Location],
    dependencies: &[DependencyRow],
) -> Option<Target> {
    let locations: Vec<&Location> = locations.iter().collect();
    let dependencies: Vec<&DependencyRow> = dependencies.iter().collect();
    let providers = Providers::new(&[]);
    build_job(source, &locations, &dependencies, &providers, FINGERPRINT)?.target
}

/// The reading list of a target: `path@blob`, a star before patterns, then what each one reads.
fn told(target: Option<Target>) -> String {
    let wanted = match target {
        None => return "nothing".to_owned(),
        Some(Target::Listing(_)) => Vec::new(),
        Some(Target::Repository(target)) => target.wanted,
        Some(Target::Url(target)) => target.wanted,
        Some(Target::File(target)) => target.wanted,
    };
    let told: Vec<String> = wanted
        .iter()
        .map(|it| {
            let star = if it.is_glob { "*" } else { "" };
            let reads: String = it
                .dependencies
                .iter()
                .map(|read| format!("+{}{}@{}", read.path, read.url, read.blob))
                .collect();
            format!("{star}{}@{}{reads}", it.path, it.held_blob)
        })
        .collect();
    told.join(" ")
}

#[track_caller]
fn check(
    source: &SourceRow,
    locations: &[Location],
    dependencies: &[DependencyRow],
    expected: &str,
) {
    assert_eq!(told(target(source, locations, dependencies)), expected);
}

#[test]
fn every_location_is_read_with_what_it_depends_on() {
    let pattern = Location {
        is_pattern: true,
        ..Location::new(LocationId::new(7), SOURCE, "apis/*.yaml")
    };
    let locations = [held(5, "a.yaml"), held(6, "b.yaml"), pattern];
    let reads = [
        dependency(5, "api.json", ""),
        dependency(6, "", "https://example.com/x"),
    ];
    check(
        &source(SourceKind::Repository, "7"),
        &locations,
        &reads,
        "a.yaml@b5+api.json@d1 b.yaml@b6+https://example.com/x@d1 *apis/*.yaml@",
    );
}

#[test]
fn what_was_read_in_another_way_is_read_as_if_nothing_was_held() {
    let mut before = source(SourceKind::Repository, "7");
    before.set_fingerprint("f0");
    check(&before, &[held(5, "a.yaml")], &[], "a.yaml@");
}

#[test]
fn urls_and_local_files_are_read_like_repositories_and_roots_never() {
    let url = "https://example.com/a.yaml";
    let expected = format!("{url}@b5");
    check(
        &source(SourceKind::Url, url),
        &[held(5, url)],
        &[],
        &expected,
    );
    let file = [held(5, "/srv/a.yaml")];
    check(
        &source(SourceKind::File, "local"),
        &file,
        &[],
        "/srv/a.yaml@b5",
    );
    let root = [held(5, "url:https://example.com/a.yaml")];
    check(&source(SourceKind::Roots, "config"), &root, &[], "nothing");
    check(&source(SourceKind::Listing, "unknown"), &[], &[], "nothing");
}

#[test]
fn a_repository_that_is_known_by_name_is_asked_for_by_name() {
    let named = SourceRow {
        names: SourceNames {
            owner: "acme".to_owned(),
            name: "pay".to_owned(),
            ..SourceNames::default()
        },
        git_ref: git_ref_if_any("dev"),
        ..source(SourceKind::Repository, "name:acme/pay")
    };
    let Some(Target::Repository(target)) = target(&named, &[], &[]) else {
        panic!("a job about a repository");
    };
    let repository = target.repository.expect("it is named");
    assert_eq!((repository.id, repository.node_id.as_str()), (0, ""));
    assert_eq!(
        (repository.owner.as_str(), repository.name.as_str()),
        ("acme", "pay")
    );
    assert_eq!(target.r#ref, "dev");
}
