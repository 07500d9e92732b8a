use freshet_proto::message::{Behind, Failed, LocationObserved, Unchanged};

use super::*;

const SOURCE: SourceId = SourceId::new(1);

/// A source at done 3, wanted 9.
fn source() -> SourceRow {
    let mut source = SourceRow::new(SOURCE, SourceKind::Repository, "github.com", "7");
    source.done = 3;
    source.wanted = 9;
    source
}

/// `5=b` reads head `b` at generation 5, `5?b` cannot read a file of it, `5~b` is refused one, `5!` failed,
/// `5<` is behind.
fn observation(text: &str) -> Observation {
    let (generation, rest) = text.split_at(1);
    let failed = Failed {
        kind: FailureKind::Unreachable.into(),
        message: "away".to_owned(),
    };
    let repository = |outcome| {
        observation::Body::Repository(RepositoryObserved {
            head: rest[1..].to_owned(),
            locations: vec![LocationObserved {
                path: "f".to_owned(),
                outcome: Some(outcome),
            }],
            ..RepositoryObserved::default()
        })
    };
    let body = match &rest[..1] {
        "!" => observation::Body::Failed(failed),
        "<" => observation::Body::Behind(Behind::default()),
        "?" => repository(location_observed::Outcome::Failed(failed)),
        "~" => repository(location_observed::Outcome::Failed(Failed {
            kind: FailureKind::Refused.into(),
            ..failed
        })),
        _ => repository(location_observed::Outcome::Unchanged(Unchanged::default())),
    };
    Observation {
        source_id: SOURCE.get(),
        generation: generation.parse().expect("a digit"),
        body: Some(body),
        ..Observation::default()
    }
}

/// Which generation is applied, whether all of it was read, and whether the source is set back.
#[track_caller]
fn check(source: SourceRow, batch: &str, expected: Option<(i64, bool)>, set_back: bool) {
    let observations = batch.split(' ').map(observation).collect();
    let newest = choose_newest(observations, &HashMap::from([(SOURCE, source)]));
    let applied = newest
        .repositories
        .first()
        .map(|reading| (reading.generation, reading.is_complete));
    assert_eq!(applied, expected, "{batch}");
    assert_eq!(!newest.failures.is_empty(), set_back, "{batch}");
    assert!(newest.repositories.len() <= 1);
}

#[test]
fn the_newest_reading_counts_in_any_order() {
    check(source(), "5=b", Some((5, true)), false);
    check(source(), "4=a 6=c 5=b", Some((6, true)), false);
}

#[test]
fn what_is_proved_or_was_never_asked_for_does_not_count() {
    check(source(), "3=b", None, false);
    check(source(), "2! 1=b", None, false);
    check(
        SourceRow {
            wanted: 4,
            ..source()
        },
        "5=b",
        None,
        false,
    );
}

#[test]
fn a_failure_counts_only_if_nothing_newer_was_read() {
    check(source(), "5!", None, true);
    check(source(), "5=b 6!", Some((5, true)), true);
    check(source(), "5! 6=b", Some((6, true)), false);
    check(source(), "5?b", Some((5, false)), true);
    check(source(), "5<", None, true);
}

#[test]
fn a_file_that_is_refused_is_known_and_not_tried_again() {
    check(source(), "5~b", Some((5, true)), false);
}
