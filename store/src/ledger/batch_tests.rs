use std::time::Duration;

use freshet_proto::message::{Cause, Ignored, Repository};

use super::*;
use crate::config::{GithubProvider, ProviderFilters};
use crate::repo::{LocationState, SourceKind};

/// The source and location that are held, and the next of each.
const SOURCE: SourceId = SourceId::new(1);
const NEW_SOURCE: SourceId = SourceId::new(2);
const LOCATION: LocationId = LocationId::new(1);
const NEW_LOCATION: LocationId = LocationId::new(2);
const HELD: &str = "aaaa";
/// How the default branch is stored.
const HEAD: &str = "HEAD";
const PATH: &str = "catalog-info.yaml";

fn provider() -> GithubProvider {
    GithubProvider {
        id: "acme".to_owned(),
        host: "github.com".to_owned(),
        organization: "acme".to_owned(),
        catalog_path: PATH.to_owned(),
        frequency: Duration::from_secs(60),
        branch: None,
        filters: ProviderFilters::default(),
    }
}

fn providers() -> Providers {
    Providers::new(&[provider()])
}

fn repository() -> Repository {
    Repository {
        id: 7,
        owner: "acme".to_owned(),
        name: "pay".to_owned(),
        html_url: "https://github.com/acme/pay".to_owned(),
        default_branch: "main".to_owned(),
        ..Repository::default()
    }
}

/// A push that provably touches only the README, on the commit we hold.
fn harmless() -> Push {
    Push {
        repository: Some(repository()),
        r#ref: "refs/heads/main".to_owned(),
        before: HELD.to_owned(),
        after: "bbbb".to_owned(),
        complete: true,
        touched: vec!["README.md".to_owned()],
        ..Push::default()
    }
}

fn signal(body: signal::Body) -> Signal {
    Signal {
        id: "gh:github.com:1".to_owned(),
        host: "github.com".to_owned(),
        received_at: 5,
        body: Some(body),
        ..Signal::default()
    }
}

/// A source that was read completely at [`HELD`].
fn held() -> SourceRow {
    let mut source = SourceRow::new(SOURCE, SourceKind::Repository, "github.com", "7");
    source.adopt(&repository());
    source.wanted = 3;
    source.done = 3;
    source.set_head(HELD);
    source.set_fingerprint("f1");
    source
}

fn batch<'a>(providers: &'a Providers, sources: Vec<SourceRow>) -> SignalBatch<'a> {
    let location = Location {
        state: LocationState::Valid {
            blob: "b1".to_owned(),
            emitted: Vec::new(),
        },
        ..Location::new(LOCATION, SOURCE, PATH)
    };
    SignalBatch {
        providers,
        fingerprint: "f1",
        now: 10,
        sources: sources
            .into_iter()
            .map(|source| (source.key(), source))
            .collect(),
        locations: HashMap::from([(SOURCE, vec![location])]),
        dependents: Vec::new(),
        new_source_ids: vec![NEW_SOURCE].into_iter(),
        new_location_ids: vec![NEW_LOCATION].into_iter(),
        writes: LedgerWrites::default(),
    }
}

/// What a push to a source that stands like this comes to: outcome, reason, generation.
#[track_caller]
fn check(push: Push, source: SourceRow, expected: (Outcome, &str, i64)) {
    let providers = providers();
    let mut batch = batch(&providers, vec![source]);
    batch.decide_signal(&signal(signal::Body::Push(push)));
    let row = &batch.writes.deliveries[0];
    let (outcome, reason, generation) = expected;
    assert_eq!(
        (row.outcome, row.reason.as_str(), row.generation),
        (outcome, reason, generation)
    );
    assert_eq!(row.covered_at.is_none(), outcome == Outcome::Waiting);
    assert_eq!(
        !batch.writes.requested_ids.is_empty(),
        outcome == Outcome::Waiting
    );
}

const REQUESTED: (Outcome, &str, i64) = (Outcome::Waiting, "", 4);

#[test]
fn a_push_that_provably_touches_nothing_wanted_is_unchanged() {
    check(harmless(), held(), (Outcome::Unchanged, "", 0));
}

#[test]
fn an_untouched_push_proves_the_time_it_was_received() {
    for (verified_at, expected) in [(None, 5), (Some(7), 7)] {
        let providers = providers();
        let source = SourceRow {
            verified_at,
            ..held()
        };
        let mut batch = batch(&providers, vec![source]);
        batch.decide_signal(&signal(signal::Body::Push(harmless())));
        let source = batch.sources.values().next().expect("a source");
        assert_eq!(source.verified_at, Some(expected));
    }
}

#[test]
fn a_push_without_proof_is_read() {
    let touched = vec![PATH.to_owned()];
    check(
        Push {
            touched,
            ..harmless()
        },
        held(),
        REQUESTED,
    );
    check(
        Push {
            complete: false,
            ..harmless()
        },
        held(),
        REQUESTED,
    );
    check(
        Push {
            forced: true,
            ..harmless()
        },
        held(),
        REQUESTED,
    );
    let before = "cccc".to_owned();
    check(
        Push {
            before,
            ..harmless()
        },
        held(),
        REQUESTED,
    );
}

#[test]
fn a_source_that_was_not_read_like_this_is_read() {
    let fingerprint = Some("f0".to_owned());
    check(
        harmless(),
        SourceRow {
            fingerprint,
            ..held()
        },
        REQUESTED,
    );
    let outstanding = SourceRow { done: 2, ..held() };
    check(harmless(), outstanding, REQUESTED);
    let mut renamed = held();
    "https://github.com/acme/old".clone_into(&mut renamed.names.url);
    check(harmless(), renamed, REQUESTED);
}

#[test]
fn a_branch_that_is_deleted_is_read_at_once_if_it_is_known() {
    let deleted = || Push {
        deleted: true,
        ..harmless()
    };
    check(deleted(), held(), REQUESTED);
    let providers = providers();
    let mut batch = batch(&providers, Vec::new());
    batch.decide_signal(&signal(signal::Body::Push(deleted())));
    assert_eq!(batch.writes.deliveries[0].reason, "branch-deleted");
    assert!(batch.sources.is_empty(), "nothing is known of it");
}

#[test]
fn pushes_nobody_reads_are_ignored_with_a_reason() {
    let ignored = |reason| (Outcome::Ignored, reason, 0);
    let git_ref = "refs/heads/dev".to_owned();
    check(
        Push {
            r#ref: git_ref,
            ..harmless()
        },
        held(),
        ignored("other-branch"),
    );
    let git_ref = "refs/tags/v1".to_owned();
    check(
        Push {
            r#ref: git_ref,
            ..harmless()
        },
        held(),
        ignored("not-a-branch"),
    );
    let foreign = Some(Repository {
        id: 8,
        owner: "other".to_owned(),
        ..repository()
    });
    check(
        Push {
            repository: foreign,
            ..harmless()
        },
        held(),
        ignored("not-configured"),
    );
    check(
        Push {
            repository: None,
            ..harmless()
        },
        held(),
        ignored("unknown"),
    );
}

#[test]
fn an_unknown_repository_becomes_a_source_with_its_file() {
    let providers = providers();
    let mut batch = batch(&providers, Vec::new());
    batch.decide_signal(&signal(signal::Body::Push(harmless())));
    let source = batch.sources.values().next().expect("a source");
    assert_eq!((source.id, source.wanted, source.done), (NEW_SOURCE, 1, 0));
    assert_eq!(source.lane, Lane::Hi);
    assert_eq!(batch.writes.locations[0].path, PATH);
}

#[test]
fn each_push_of_a_batch_is_a_generation_and_the_newest_is_read() {
    let providers = providers();
    let mut batch = batch(&providers, vec![held()]);
    for after in ["b1", "b2"] {
        let push = Push {
            after: after.to_owned(),
            touched: vec![PATH.to_owned()],
            ..harmless()
        };
        batch.decide_signal(&signal(signal::Body::Push(push)));
    }
    let generations: Vec<i64> = batch
        .writes
        .deliveries
        .iter()
        .map(|it| it.generation)
        .collect();
    assert_eq!(generations, [4, 5]);
    assert_eq!(batch.writes.requested_ids.len(), 1);
    let source = batch.sources.values().next().expect("a source");
    assert_eq!((source.push.after.as_str(), source.wanted), ("b2", 5));
}

#[test]
fn a_sweep_does_not_slow_down_who_waits() {
    let mut source = SourceRow {
        wanted: 4,
        lane: Lane::Hi,
        ..held()
    };
    source.trigger.mechanism = "push".to_owned();
    request_refresh(&mut source, Lane::Lo, Cause::default(), 9);
    assert_eq!((source.lane, source.wanted), (Lane::Hi, 5));
    assert_eq!(source.trigger.mechanism, "push");
    source.done = 5;
    request_refresh(&mut source, Lane::Lo, Cause::default(), 9);
    assert_eq!(source.lane, Lane::Lo);
}

#[test]
fn somebody_who_waits_does_not_inherit_the_failures_of_a_sweep() {
    let failing = || SourceRow {
        fail_count: 9,
        ..held()
    };
    let (mut pushed, mut swept) = (failing(), failing());
    request_refresh(&mut pushed, Lane::Hi, Cause::default(), 9);
    request_refresh(&mut swept, Lane::Lo, Cause::default(), 9);
    assert_eq!((pushed.fail_count, swept.fail_count), (0, 9));
}

#[test]
fn a_new_request_ends_a_back_off() {
    for lane in [Lane::Hi, Lane::Lo] {
        let mut source = SourceRow {
            fail_count: 9,
            next_due_at: 1_000,
            ..held()
        };
        request_refresh(&mut source, lane, Cause::default(), 9);
        assert_eq!((source.wanted, source.next_due_at), (4, 0), "{lane:?}");
    }
}

#[test]
fn what_the_receiver_ignored_is_accounted_for() {
    let providers = providers();
    let mut batch = batch(&providers, Vec::new());
    let ignored = Ignored {
        event: "star.created".to_owned(),
        reason: "event not used".to_owned(),
    };
    batch.decide_signal(&signal(signal::Body::Ignored(ignored)));
    assert_eq!(batch.writes.deliveries[0].reason, "event not used");
    assert!(batch.writes.source_ids.is_empty());
}

#[test]
fn of_several_outstanding_pushes_the_first_says_where_they_start() {
    let providers = providers();
    let mut batch = batch(&providers, vec![held()]);
    for (before, after) in [(HELD, "b1"), ("b1", "b2")] {
        let push = Push {
            before: before.to_owned(),
            after: after.to_owned(),
            touched: vec![PATH.to_owned()],
            ..harmless()
        };
        batch.decide_signal(&signal(signal::Body::Push(push)));
    }
    let source = batch.sources.values().next().expect("a source");
    assert_eq!(
        (source.push.before.as_str(), source.push.after.as_str()),
        (HELD, "b2")
    );
}

/// The push range a job names after these pushes, each `before..after`.
#[track_caller]
fn check_range<const N: usize>(pushes: [&str; N], expected: &str) {
    let providers = providers();
    let mut batch = batch(&providers, vec![held()]);
    for range in pushes {
        let (before, after) = range.split_once("..").expect("a range");
        let push = Push {
            before: before.to_owned(),
            after: after.to_owned(),
            complete: false,
            ..harmless()
        };
        batch.decide_signal(&signal(signal::Body::Push(push)));
    }
    let source = batch.sources.values().next().expect("one source");
    let range = format!("{}..{}", source.push.before, source.push.after);
    assert_eq!(range, expected);
}

#[test]
fn outstanding_pushes_are_one_range_from_the_commit_we_hold() {
    check_range(["aaaa..b"], "aaaa..b");
    check_range(["aaaa..b", "b..c", "c..d"], "aaaa..d");
    // In the wrong order: none of the others starts at what we hold.
    check_range(["c..d", "b..c"], "b..c");
    check_range(["c..d", "b..c", "aaaa..b"], "aaaa..b");
}

#[path = "batch_reach_tests.rs"]
mod reach;
