//! Which sources a push reaches: branches, patterns, files that others read.

use freshet_model::SourceId;

use super::*;
use crate::repo::{DependencyRow, git_ref_if_any};

/// A branch of the repository that has a source of its own.
fn held_branch(number: i64, git_ref: &str) -> SourceRow {
    SourceRow {
        id: SourceId::new(number),
        git_ref: git_ref_if_any(git_ref),
        ..held()
    }
}

fn requested_numbers(batch: &SignalBatch<'_>) -> Vec<i64> {
    let requested = batch.writes.requested_ids.iter();
    requested.map(|id| id.get()).collect()
}

/// Which sources a push to `branch` gives a job, of those with these ids and refs.
#[track_caller]
fn check_branch(branch: &str, sources: &[(i64, &str)], requested: &[i64]) {
    check_ref(&format!("refs/heads/{branch}"), sources, requested);
}

/// The same of a full ref.
#[track_caller]
fn check_ref(full: &str, sources: &[(i64, &str)], requested: &[i64]) {
    let providers = Providers::new(&[]);
    let sources = sources
        .iter()
        .map(|(number, git_ref)| held_branch(*number, git_ref))
        .collect();
    let mut batch = batch(&providers, sources);
    let outcome = batch.decide_signal(&signal(signal::Body::Push(Push {
        r#ref: full.to_owned(),
        complete: false,
        ..harmless()
    })));
    assert_eq!(requested_numbers(&batch), requested);
    assert_eq!(outcome == Outcome::Waiting, !requested.is_empty());
}

#[test]
fn a_push_is_about_the_source_of_its_branch_though_no_provider_wants_it() {
    check_branch("main", &[(1, "HEAD"), (2, "dev")], &[1]);
    check_branch("dev", &[(1, "HEAD"), (2, "dev")], &[2]);
    check_branch("main", &[(1, "HEAD"), (2, "main")], &[1, 2]);
    check_branch("main", &[(2, "main")], &[2]);
    check_branch("other", &[(1, "HEAD"), (2, "dev")], &[]);
    check_branch("main", &[], &[]);
}

#[test]
fn a_tag_that_moves_is_read_by_whoever_names_it() {
    let named = [(1, "HEAD"), (2, "v1"), (3, "refs/tags/v1"), (4, "v2")];
    check_ref("refs/tags/v1", &named, &[2, 3]);
    check_ref("refs/tags/v3", &named, &[]);
    // A tag may be called as a branch is.
    check_ref("refs/tags/main", &[(1, "HEAD"), (2, "main")], &[2]);
    check_ref("refs/notes/v1", &named, &[]);
}

#[test]
fn where_a_tag_was_proves_nothing() {
    let providers = providers();
    let mut batch = batch(&providers, vec![held_branch(1, "v1")]);
    // Complete, and from the commit that is held, as no push of a tag should be.
    let outcome = batch.decide_signal(&signal(signal::Body::Push(Push {
        r#ref: "refs/tags/v1".to_owned(),
        ..harmless()
    })));
    assert_eq!(outcome, Outcome::Waiting);
    // The branch that discovery reads has not moved.
    assert_eq!(batch.sources.len(), 1);
    // Nor is the tag a commit that somebody could wait for.
    let source = batch.sources.values().next().expect("a source");
    assert_eq!(source.push.after, "");
}

#[test]
fn a_provider_with_a_branch_reads_the_source_of_that_branch() {
    let configured = |branch: &str| {
        Providers::new(&[GithubProvider {
            branch: Some(branch.to_owned()),
            ..provider()
        }])
    };
    for (branch, git_ref) in [("live", "live"), ("main", HEAD)] {
        let providers = configured(branch);
        let mut batch = batch(&providers, Vec::new());
        batch.decide_signal(&signal(signal::Body::Push(Push {
            r#ref: format!("refs/heads/{branch}"),
            ..harmless()
        })));
        let source = batch.sources.values().next().expect("a source");
        assert_eq!((source.git_ref_text(), source.wanted), (git_ref, 1));
    }
}

/// Whether a push that touches `path` is read, of a repository of which this pattern is wanted.
#[track_caller]
fn check_pattern(pattern: &str, path: &str, is_read: bool) {
    let providers = providers();
    let mut batch = batch(&providers, vec![held()]);
    let wanted = Location {
        is_pattern: true,
        state: LocationState::Matched { paths: Vec::new() },
        ..Location::new(LocationId::new(3), SOURCE, pattern)
    };
    batch.locations.entry(SOURCE).or_default().push(wanted);
    let outcome = batch.decide_signal(&signal(signal::Body::Push(Push {
        touched: vec![path.to_owned()],
        ..harmless()
    })));
    assert_eq!(outcome == Outcome::Waiting, is_read, "{pattern} {path}");
}

#[test]
fn a_push_touches_what_a_pattern_matches() {
    check_pattern(
        "services/*/catalog-info.yaml",
        "services/pay/catalog-info.yaml",
        true,
    );
    check_pattern(
        "services/*/catalog-info.yaml",
        "services/pay/src/main.rs",
        false,
    );
    check_pattern("**/catalog-info.yaml", "a/b/catalog-info.yaml", true);
    check_pattern(
        "services/*/catalog-info.yaml",
        "docs/catalog-info.yaml",
        false,
    );
}

/// The only file of source `number` reads this one.
fn dependent(number: i64, git_ref: &str, path: &str) -> Dependent {
    Dependent {
        dependency: DependencyRow {
            location_id: LocationId::new(number),
            host: "github.com".to_owned(),
            owner: "acme".to_owned(),
            name: "pay".to_owned(),
            git_ref: git_ref_if_any(git_ref),
            path: path.to_owned(),
            blob_oid: "b".to_owned(),
            url: String::new(),
        },
        source_id: SourceId::new(number),
    }
}

/// Which sources a push gives a job: source 1 is the repository, source 9 another one.
#[track_caller]
fn check_dependents(dependents: Vec<Dependent>, push: Push, requested: &[i64]) {
    let providers = providers();
    let mut elsewhere = SourceRow {
        id: SourceId::new(9),
        external_id: "9".to_owned(),
        ..held()
    };
    "docs".clone_into(&mut elsewhere.names.name);
    let mut batch = batch(&providers, vec![held(), elsewhere]);
    batch.dependents = dependents;
    batch.decide_signal(&signal(signal::Body::Push(push)));
    assert_eq!(requested_numbers(&batch), requested);
    let writes = &batch.writes;
    assert!(writes.requested_ids.is_subset(&writes.source_ids));
}

fn touching(path: &str) -> Push {
    Push {
        touched: vec![path.to_owned()],
        ..harmless()
    }
}

#[test]
fn a_push_raises_whoever_reads_what_it_touches() {
    for git_ref in [HEAD, "main"] {
        let own = || vec![dependent(1, git_ref, "api.yaml")];
        check_dependents(own(), touching("api.yaml"), &[1]);
        check_dependents(own(), touching("README.md"), &[]);
        let others = || vec![dependent(9, git_ref, "api.yaml")];
        check_dependents(others(), touching("api.yaml"), &[9]);
        check_dependents(others(), touching("README.md"), &[]);
    }
    let both = || {
        vec![
            dependent(1, HEAD, "api.yaml"),
            dependent(9, HEAD, "api.yaml"),
        ]
    };
    check_dependents(both(), touching("api.yaml"), &[1, 9]);
}

#[test]
fn a_push_that_does_not_tell_all_raises_whoever_reads_that_branch() {
    let incomplete = |branch: &str| Push {
        complete: false,
        r#ref: format!("refs/heads/{branch}"),
        ..harmless()
    };
    let forced = Push {
        forced: true,
        ..harmless()
    };
    let others = || vec![dependent(9, HEAD, "api.yaml")];
    check_dependents(others(), incomplete("main"), &[1, 9]);
    check_dependents(others(), forced, &[1, 9]);
    check_dependents(others(), incomplete("dev"), &[]);
    let tag = || Push {
        r#ref: "refs/tags/v1".to_owned(),
        ..touching("README.md")
    };
    for git_ref in ["v1", "refs/tags/v1"] {
        check_dependents(vec![dependent(9, git_ref, "api.yaml")], tag(), &[9]);
    }
    check_dependents(others(), tag(), &[]);
    let dev = || vec![dependent(9, "dev", "api.yaml")];
    check_dependents(dev(), incomplete("dev"), &[9]);
    check_dependents(dev(), touching("api.yaml"), &[]);
}
