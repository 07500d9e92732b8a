//! What files depend on: which of them changed is a reason to read them again.

use super::tests::{job, shown, told};
use super::*;

const HOST: &str = "github.com";

/// A file of the own repository and default branch that was read as this blob.
fn here(path: &str, blob: &str) -> Dependency {
    Dependency {
        host: HOST.to_owned(),
        owner: "acme".to_owned(),
        name: "pay".to_owned(),
        r#ref: "HEAD".to_owned(),
        path: path.to_owned(),
        blob: blob.to_owned(),
        url: String::new(),
    }
}

/// A file of another repository.
fn elsewhere(path: &str) -> Dependency {
    Dependency {
        name: "shared".to_owned(),
        ..here(path, "x")
    }
}

/// A job of which the first file depends on these.
fn job_with(held: &str, push: &str, blobs: &str, dependencies: &[Dependency]) -> RepositoryTarget {
    let mut target = job(held, push, blobs);
    let repository = Repository {
        id: 1,
        owner: "Acme".to_owned(),
        name: "Pay".to_owned(),
        ..Repository::default()
    };
    target.repository = Some(repository);
    target.wanted[0].dependencies = dependencies.to_vec();
    target
}

#[track_caller]
fn check(job: &RepositoryTarget, shown: RepositoryShown, expected: &str) {
    check_with(job, &DependencyState::Same, shown, expected);
}

#[track_caller]
fn check_with(
    job: &RepositoryTarget,
    elsewhere: &DependencyState,
    shown: RepositoryShown,
    expected: &str,
) {
    let plan = ReadPlan::new(job, HOST);
    let outcome = evaluate_answer(&plan, |_| elsewhere.clone(), &first_question(&plan), shown);
    assert_eq!(told(&outcome), expected);
}

#[track_caller]
fn check_paths(job: &RepositoryTarget, expected: &[&str]) {
    let plan = ReadPlan::new(job, HOST);
    let paths: Vec<&str> = plan
        .target
        .wanted
        .iter()
        .map(|wanted| wanted.path.as_str())
        .collect();
    assert_eq!(paths, expected);
}

#[test]
fn each_path_is_asked_for_once() {
    let mut job = job_with("h1", "", "a b", &[here("x", "d"), here("1.yaml", "b")]);
    job.wanted[1].dependencies = vec![here("x", "d"), here("y", "")];
    check_paths(&job, &["0.yaml", "1.yaml", "x", "y"]);
}

#[test]
fn only_what_is_at_the_same_place_is_asked_for_there() {
    let other_branch = Dependency {
        r#ref: "other".to_owned(),
        ..here("x", "d")
    };
    let url = Dependency {
        url: "https://example.com/x".to_owned(),
        ..Dependency::default()
    };
    let all = [here("x", "d"), elsewhere("y"), other_branch, url];
    let job = job_with("h1", "", "a", &all);
    check_paths(&job, &["0.yaml", "x"]);
    assert_eq!(ReadPlan::new(&job, HOST).elsewhere().count(), 3);
}

#[test]
fn a_pattern_is_no_path() {
    let mut job = job("h1", "", "a b");
    job.wanted[0].is_glob = true;
    check_paths(&job, &["1.yaml"]);
    check(&job, shown("h1", "b"), "read h1: same:b");
}

#[test]
fn a_file_is_unchanged_if_all_it_reads_is() {
    let job = job_with("h1", "", "a", &[here("x", "d"), here("none", "")]);
    check(&job, shown("h1", "a d -"), "read h1: same:a");
}

#[test]
fn a_push_that_changed_what_a_file_reads_is_read_in_one_question() {
    let job = job_with("h1", "h1..h2", "a b", &[here("x", "d")]);
    check(
        &job,
        shown("h2", "a=text b=other e=new"),
        "read h2: a=text same:b",
    );
    check(
        &job,
        shown("h2", "a=text b=other -"),
        "read h2: a=text same:b",
    );
    check(
        &job,
        shown("h2", "a=text c=other d=old"),
        "read h2: same:a c=other",
    );
}

#[test]
fn what_a_file_reads_may_appear() {
    let job = job_with("h1", "h1..h2", "a", &[here("none", "")]);
    check(&job, shown("h2", "a=text n=new"), "read h2: a=text");
}

#[test]
fn a_sweep_asks_for_the_texts_of_a_file_and_of_all_it_reads_at_once() {
    let job = job_with("h1", "", "a b", &[here("x", "d"), here("y", "f")]);
    check(&job, shown("h2", "a b e f"), "again h2 +.++");
    check(&job, shown("h2", "a c d f"), "again h2 .+..");
    check(&job, shown("h2", "c b d f"), "again h2 +.++");
}

#[test]
fn a_text_that_was_shown_is_not_asked_for_again() {
    let job = job_with("h1", "", "- b", &[]);
    let plan = ReadPlan::new(&job, HOST);
    let AnswerOutcome::AskAgain(question) = evaluate_answer(
        &plan,
        |_| DependencyState::Same,
        &first_question(&plan),
        shown("h2", "a=text c"),
    ) else {
        panic!("nothing more is asked")
    };
    assert_eq!(question.texts, [false, true]);
    let read = evaluate_answer(
        &plan,
        |_| DependencyState::Same,
        &question,
        shown("h2", "a c=other"),
    );
    assert_eq!(told(&read), "read h2: a=text c=other");
}

#[test]
fn what_changed_elsewhere_is_a_reason_to_read_a_file_again() {
    let job = job_with("h1", "", "a b", &[elsewhere("y")]);
    check_with(
        &job,
        &DependencyState::Same,
        shown("h1", "a b"),
        "read h1: same:a same:b",
    );
    check_with(
        &job,
        &DependencyState::Differs,
        shown("h1", "a b"),
        "again h1 +.",
    );
}

#[test]
fn a_file_whose_dependencies_cannot_be_looked_at_is_not_evaluated() {
    let job = job_with("h1", "", "a b", &[elsewhere("y")]);
    let unknown = || DependencyState::Unknown(Failure::unreadable("down"));
    check_with(
        &job,
        &unknown(),
        shown("h1", "a b"),
        "read h1: failed:down same:b",
    );
    check_with(&job, &unknown(), shown("h1", "- b"), "again h1 +.");
    let job = job_with("h1", "h1..h2", "a", &[here("x", "d")]);
    check(&job, shown("h2", "a=text !"), "read h2: failed:broken");
}

#[test]
fn what_was_shown_beside_the_files_is_kept() {
    let job = job_with("h1", "h1..h2", "a", &[here("x", "d")]);
    let plan = ReadPlan::new(&job, HOST);
    let outcome = evaluate_answer(
        &plan,
        |_| DependencyState::Same,
        &first_question(&plan),
        shown("h2", "b=text d=same"),
    );
    let AnswerOutcome::Read(reading) = outcome else {
        panic!("not read")
    };
    assert_eq!(
        reading.same_commit_objects.keys().collect::<Vec<_>>(),
        ["x"]
    );
}
