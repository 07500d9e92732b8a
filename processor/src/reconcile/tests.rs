use std::time::Duration;

use freshet_proto::message::{Cause, WantedPath};

use super::*;

const ZERO: &str = "0000000000000000000000000000000000000000";

/// A job that holds `held` and wants one path per blob it holds (`-` for none).
pub(super) fn job(held: &str, push: &str, blobs: &str) -> RepositoryTarget {
    let (before, after) = push.split_once("..").unwrap_or(("", ""));
    let wanted = blobs
        .split_whitespace()
        .enumerate()
        .map(|(index, blob)| WantedPath {
            path: format!("{index}.yaml"),
            held_blob: blob.trim_matches('-').to_owned(),
            ..WantedPath::default()
        });
    RepositoryTarget {
        repository: Some(Repository {
            id: 1,
            ..Repository::default()
        }),
        r#ref: "HEAD".to_owned(),
        held_head: held.to_owned(),
        before: before.to_owned(),
        after: after.to_owned(),
        wanted: wanted.collect(),
    }
}

/// An answer with this head (`-` for none) and one object per word: `-` absent, `/` a folder, `!` an
/// error, `a` a blob id, `a=text`, `a~` a blob only shown raw.
pub(super) fn shown(head: &str, objects: &str) -> RepositoryShown {
    let object = |word: &str| match (word, word.split_once('='), word.strip_suffix('~')) {
        ("-", ..) => ObjectShown::Absent,
        ("/", ..) => ObjectShown::NotAFile,
        ("!", ..) => ObjectShown::Unreadable("broken".to_owned()),
        (_, Some((oid, text)), _) => blob(oid, TextShown::Text(text.to_owned())),
        (_, None, Some(oid)) => blob(oid, TextShown::OnlyRaw),
        (oid, None, None) => blob(oid, TextShown::NotQueried),
    };
    RepositoryShown {
        repository: Repository {
            id: 1,
            ..Repository::default()
        },
        is_empty: false,
        head: (head != "-").then(|| head.to_owned()),
        at_ref: RefKind::Expected,
        commit_shown: true,
        objects: objects.split_whitespace().map(object).collect(),
    }
}

fn blob(oid: &str, text: TextShown) -> ObjectShown {
    ObjectShown::Blob {
        oid: oid.to_owned(),
        size: 1,
        text,
    }
}

pub(super) fn told(outcome: &AnswerOutcome) -> String {
    match outcome {
        AnswerOutcome::AskAgain(question) => {
            let texts: String = question
                .texts
                .iter()
                .map(|text| if *text { '+' } else { '.' })
                .collect();
            format!(
                "again {} {texts}",
                question.base.commit().unwrap_or("branch")
            )
        }
        AnswerOutcome::Behind { shown_head } => format!("behind {shown_head}"),
        AnswerOutcome::Failed(failure) => format!("failed {}", failure.message),
        AnswerOutcome::Read(reading) => {
            let outcomes: Vec<String> = reading
                .locations
                .iter()
                .map(|location| found_told(&location.found))
                .collect();
            format!("read {}: {}", reading.head, outcomes.join(" "))
        }
    }
}

fn found_told(found: &FileFound) -> String {
    let fetched = match found {
        FileFound::RawBlob { oid, .. } => return format!("raw:{oid}"),
        FileFound::Fetched(fetched) => fetched,
    };
    match fetched {
        Fetched::Unchanged { version } => format!("same:{version}"),
        Fetched::Content { version, bytes } => {
            format!("{version}={}", String::from_utf8_lossy(bytes))
        }
        Fetched::Absent { .. } => "gone".to_owned(),
        Fetched::TooLarge { .. } => "too large".to_owned(),
        Fetched::Failed(failure) => format!("failed:{}", failure.message),
    }
}

#[track_caller]
fn check(job: &RepositoryTarget, shown: RepositoryShown, expected: &str) {
    check_answer(job, &first_question(&plan(job)), shown, expected);
}

#[track_caller]
pub(super) fn check_answer(
    job: &RepositoryTarget,
    question: &RepositoryQuestion,
    shown: RepositoryShown,
    expected: &str,
) {
    let outcome = evaluate_answer(&plan(job), |_| DependencyState::Same, question, shown);
    assert_eq!(told(&outcome), expected);
}

fn plan(job: &RepositoryTarget) -> ReadPlan {
    ReadPlan::new(job, "github.com")
}

#[track_caller]
fn check_question(job: &RepositoryTarget, commit: Option<&str>, texts: &[bool]) {
    let question = first_question(&plan(job));
    assert_eq!(
        (question.base.commit(), question.texts.as_slice()),
        (commit, texts)
    );
}

#[test]
fn a_push_asks_for_texts_at_its_commit() {
    check_question(&job("h1", "h1..h2", "a b"), Some("h2"), &[true, true]);
    check_question(&job("h0", "h1..h2", "a"), Some("h2"), &[true]);
}

#[test]
fn a_sweep_asks_only_for_texts_it_does_not_hold() {
    check_question(&job("h1", "", "a -"), None, &[false, true]);
    check_question(&job("h2", "h1..h2", "a -"), None, &[false, true]);
}

#[test]
fn a_repository_with_many_files_is_asked_for_ids_first() {
    let many = job("h1", "h1..h2", &"- ".repeat(TEXTS_AT_ONCE_MAX + 1));
    assert!(first_question(&plan(&many)).texts.iter().all(|text| !text));
}

#[test]
fn a_push_that_changed_a_file_is_read_in_one_question() {
    check(
        &job("h1", "h1..h2", "a"),
        shown("h2", "b=text"),
        "read h2: b=text",
    );
    check(
        &job("h1", "h1..h2", "a b"),
        shown("h2", "a=old -"),
        "read h2: same:a gone",
    );
    check(
        &job("", &format!("{ZERO}..h2"), "-"),
        shown("h2", "b=text"),
        "read h2: b=text",
    );
}

#[test]
fn only_the_head_from_before_the_push_is_behind() {
    check(&job("h1", "h1..h2", "a"), shown("h1", "a"), "behind h1");
    check(&job("h0", "h1..h2", "a"), shown("h1", "a"), "behind h1");
    check(
        &job("", &format!("{ZERO}..h2"), "-"),
        shown("-", "-"),
        "behind ",
    );
    check(
        &job("h1", "h1..h1", "a"),
        shown("h1", "a"),
        "read h1: same:a",
    );
}

#[test]
fn a_branch_that_was_deleted_is_looked_at_by_its_name() {
    let deleted = RepositoryTarget {
        r#ref: "trial".to_owned(),
        ..job("h1", &format!("h1..{ZERO}"), "a")
    };
    let question = first_question(&ReadPlan::new(&deleted, "github.com"));
    assert_eq!(question.base, QuestionBase::Branch);
    check(&deleted, shown("h1", "a"), "behind h1");
    check(&deleted, shown("-", "-"), "read : gone");
}

#[test]
fn a_later_push_is_read_at_the_later_head() {
    check(
        &job("h1", "h1..h2", "a"),
        shown("h3", "b=text"),
        "again h3 +",
    );
    let job = job("h1", "h1..h2", "a");
    let again = RepositoryQuestion::new(QuestionBase::Shown("h3".to_owned()), vec![true]);
    check_answer(&job, &again, shown("h3", "c=new"), "read h3: c=new");
    check_answer(&job, &again, shown("h4", "c=new"), "read h3: c=new");
}

#[test]
fn a_commit_that_cannot_be_read_yet_proves_nothing() {
    let without_commit = RepositoryShown {
        commit_shown: false,
        ..shown("h2", "-")
    };
    check(&job("h1", "h1..h2", "a"), without_commit, "behind h2");
}

#[test]
fn a_head_older_than_an_unknown_commit_proves_nothing() {
    let before_two_pushes = RepositoryShown {
        commit_shown: false,
        ..shown("h1", "-")
    };
    check(&job("h1", "h2..h3", "a"), before_two_pushes, "behind h1");
}

#[test]
fn an_unchanged_sweep_is_settled_by_one_question() {
    check(&job("h1", "", "a"), shown("h1", "a"), "read h1: same:a");
    check(
        &job("h1", "", "a -"),
        shown("h1", "a -"),
        "read h1: same:a gone",
    );
}

#[test]
fn a_first_reading_is_settled_by_one_question() {
    check(&job("", "", "-"), shown("h1", "a=text"), "read h1: a=text");
    check(&job("", "", "-"), shown("h1", "-"), "read h1: gone");
    check(&job("", "", "-"), shown("h1", "a~"), "read h1: raw:a");
}

#[test]
fn whatever_moved_is_asked_again_at_the_head_shown() {
    check(&job("h1", "", "a b"), shown("h2", "a b"), "again h2 ..");
    check(&job("h1", "", "a b"), shown("h2", "a c"), "again h2 .+");
    check(&job("h1", "", "a"), shown("h1", "-"), "again h1 +");
    check(
        &job("h1", "", "a -"),
        shown("h1", "a x=new"),
        "read h1: same:a x=new",
    );
}

#[test]
fn a_text_that_was_not_asked_for_is_asked_for_at_the_same_commit() {
    let job = job("h1", "", "a");
    let question = RepositoryQuestion::new(QuestionBase::Shown("h2".to_owned()), vec![false]);
    check_answer(&job, &question, shown("h2", "b"), "again h2 +");
}

#[test]
fn an_error_for_a_file_is_not_its_absence() {
    check(
        &job("h1", "h1..h2", "a b"),
        shown("h2", "! -"),
        "read h2: failed:broken gone",
    );
}

#[test]
fn a_folder_in_place_of_the_file_is_its_absence() {
    check(&job("h1", "h1..h2", "a"), shown("h2", "/"), "read h2: gone");
}

#[test]
fn a_repository_without_a_head_loses_its_files_only_if_it_says_it_is_empty() {
    let empty = || RepositoryShown {
        is_empty: true,
        ..shown("-", "- -")
    };
    check(&job("h1", "", "a -"), empty(), "read : gone gone");
    check(
        &job("h1", "", "a -"),
        shown("-", "- -"),
        "failed the repository shows no default branch",
    );
}

#[test]
fn a_branch_that_does_not_exist_has_no_files() {
    let job = RepositoryTarget {
        r#ref: "release".to_owned(),
        ..job("h1", "", "a")
    };
    check(&job, shown("-", "-"), "read : gone");
}

#[test]
fn a_name_that_another_repository_took_proves_nothing() {
    let other = RepositoryShown {
        repository: Repository {
            id: 2,
            ..Repository::default()
        },
        ..shown("h1", "-")
    };
    let plan = plan(&job("h1", "", "a"));
    let outcome = evaluate_answer(
        &plan,
        |_| DependencyState::Same,
        &first_question(&plan),
        other,
    );
    assert!(
        matches!(outcome, AnswerOutcome::Failed(failure) if failure.kind == freshet_proto::message::FailureKind::NotVisible)
    );
}

#[test]
fn an_old_push_is_no_longer_waited_for() {
    const SECOND: i64 = 1_000_000;
    let cause = |received_at| Cause {
        received_at,
        ..Cause::default()
    };
    let forgotten = |received_at, now| {
        let mut target = job("h1", "h1..h2", "a");
        forget_old_push(
            &mut target,
            Some(&cause(received_at)),
            now,
            Duration::from_secs(600),
        );
        assert_eq!(target.before.is_empty(), target.after.is_empty());
        target.before.is_empty()
    };
    assert!(!forgotten(SECOND, 600 * SECOND));
    assert!(forgotten(SECOND, 602 * SECOND));
    assert!(!forgotten(0, 602 * SECOND));
    assert!(!forgotten(900 * SECOND, SECOND));
    let old = RepositoryTarget {
        before: String::new(),
        after: String::new(),
        ..job("h1", "h1..h2", "a")
    };
    check(&old, shown("h1", "b=text"), "again h1 .");
}
