//! Pushes: by real git and in process.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use super::{CATALOG, SECRET, World};
use crate::hooks::signature;

async fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(directory)
        .args(arguments)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .envs([
            ("GIT_AUTHOR_NAME", "Grace"),
            ("GIT_AUTHOR_EMAIL", "grace@example.com"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "Grace"),
            ("GIT_COMMITTER_EMAIL", "grace@example.com"),
        ])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn clone(world: &World, directory: &Path) {
    git(
        directory,
        &[
            "clone",
            "--quiet",
            &world.github.clone_url("acme/pay"),
            "pay",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_real_git_push_fires_a_signed_hook_that_lists_what_changed() {
    let mut world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    clone(&world, folder.path()).await;
    let work = folder.path().join("pay");
    assert_eq!(
        std::fs::read_to_string(work.join(CATALOG)).unwrap(),
        "kind: Component\n"
    );
    let before = world.github.head("acme/pay").unwrap().unwrap();

    std::fs::write(work.join(CATALOG), "kind: API\n").unwrap();
    std::fs::write(work.join("docs/new.md"), "N\n").unwrap();
    std::fs::remove_file(work.join("docs/a.md")).unwrap();
    git(&work, &["add", "--all"]).await;
    git(
        &work,
        &["commit", "--quiet", "--message", "Change everything"],
    )
    .await;
    git(&work, &["push", "--quiet"]).await;
    let after = git(&work, &["rev-parse", "HEAD"]).await;

    let hook = world.receiver.next().await;
    assert_eq!(
        hook.header("x-hub-signature-256"),
        signature(SECRET, &hook.body)
    );
    assert_eq!(hook.header("x-github-event"), "push");
    assert_eq!(
        hook.header("x-github-hook-installation-target-type"),
        "organization"
    );
    assert_eq!(hook.header("content-type"), "application/json");
    assert_eq!(hook.header("x-github-delivery").len(), 36);
    let push = hook.json();
    assert_eq!(push["ref"], "refs/heads/main");
    assert_eq!(
        (&push["before"], &push["after"]),
        (&json!(before.as_str()), &json!(after))
    );
    assert_eq!(
        (&push["created"], &push["deleted"], &push["forced"]),
        (&json!(false), &json!(false), &json!(false))
    );
    let commit = &push["commits"][0];
    assert_eq!(commit["id"], after);
    assert_eq!(commit["added"], json!(["docs/new.md"]));
    assert_eq!(commit["removed"], json!(["docs/a.md"]));
    assert_eq!(commit["modified"], json!([CATALOG]));
    assert_eq!(commit["author"]["email"], "grace@example.com");
    assert_eq!(push["head_commit"]["id"], after);
    assert_eq!(push["repository"]["full_name"], "acme/pay");
    assert!(push["repository"]["pushed_at"].is_u64() && push["repository"]["created_at"].is_u64());
    assert_eq!(push["organization"]["login"], "acme");
    assert_eq!(push["installation"]["id"], 77);
    assert_eq!(
        world.github.head("acme/pay").unwrap().unwrap().as_str(),
        after
    );
    assert_eq!(
        world.github.file("acme/pay", CATALOG).unwrap().as_deref(),
        Some("kind: API\n")
    );
    world.github.stop().await;
}

#[tokio::test]
async fn a_branch_is_created_forced_and_deleted_by_real_git() {
    let mut world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    clone(&world, folder.path()).await;
    let work = folder.path().join("pay");
    git(&work, &["switch", "--quiet", "--create", "side"]).await;
    git(
        &work,
        &["commit", "--quiet", "--allow-empty", "--message", "One"],
    )
    .await;
    git(&work, &["push", "--quiet", "origin", "side"]).await;
    check(&world.receiver.next().await.json(), true, false, false, 1);
    git(
        &work,
        &[
            "commit",
            "--quiet",
            "--amend",
            "--allow-empty",
            "--message",
            "Another one",
        ],
    )
    .await;
    git(&work, &["push", "--quiet", "--force", "origin", "side"]).await;
    check(&world.receiver.next().await.json(), false, false, true, 1);
    git(&work, &["push", "--quiet", "origin", ":side"]).await;
    let deleted = world.receiver.next().await.json();
    check(&deleted, false, true, false, 0);
    assert_eq!(deleted["head_commit"], Value::Null);
    assert_eq!(deleted["after"], "0".repeat(40));
}

#[track_caller]
fn check(push: &Value, created: bool, deleted: bool, forced: bool, commits: usize) {
    assert_eq!(push["ref"], "refs/heads/side");
    let flags = (&push["created"], &push["deleted"], &push["forced"]);
    assert_eq!(flags, (&json!(created), &json!(deleted), &json!(forced)));
    assert_eq!(push["commits"].as_array().unwrap().len(), commits, "{push}");
}

#[tokio::test]
async fn a_commit_in_process_can_be_pulled_and_pushed_on() {
    let mut world = World::start().await;
    let sha = world
        .github
        .commit(
            "acme/pay",
            &[("deep/er/x.txt", Some("x")), ("docs/b.md", None)],
            "In process",
        )
        .unwrap();
    assert_eq!(
        world.receiver.next().await.json()["commits"][0]["added"],
        json!(["deep/er/x.txt"])
    );
    let folder = tempfile::tempdir().unwrap();
    clone(&world, folder.path()).await;
    let work = folder.path().join("pay");
    assert_eq!(git(&work, &["rev-parse", "HEAD"]).await, sha.as_str());
    git(&work, &["fsck", "--strict"]).await;
    assert!(work.join("deep/er/x.txt").exists() && !work.join("docs/b.md").exists());
}

#[tokio::test]
async fn a_force_push_drops_the_head() {
    let mut world = World::start().await;
    let dropped = world
        .github
        .commit("acme/pay", &[("lost.txt", Some("x"))], "Lost")
        .unwrap();
    world.receiver.next().await;
    world
        .github
        .force_push("acme/pay", &[("kept.txt", Some("y"))], "Instead")
        .unwrap();
    let push = world.receiver.next().await.json();
    assert_eq!(
        (&push["forced"], &push["before"]),
        (&json!(true), &json!(dropped.as_str()))
    );
    assert_eq!(world.github.file("acme/pay", "lost.txt").unwrap(), None);
    assert_eq!(
        world
            .github
            .file("acme/pay", "kept.txt")
            .unwrap()
            .as_deref(),
        Some("y")
    );
}

#[tokio::test]
async fn a_prepared_push_is_committed_before_it_is_fired() {
    let mut world = World::start().await;
    let prepared = world
        .github
        .prepare_push("acme/pay", &[(CATALOG, Some("kind: System\n"))], "Prepared")
        .unwrap();
    assert_eq!(
        world.github.head("acme/pay").unwrap().as_ref(),
        Some(prepared.commit())
    );
    assert_eq!(world.github.deliveries().len(), 0);
    assert_eq!(world.github.fire_and_wait(&prepared).await, Some(202));
    let hook = world.receiver.next().await;
    assert_eq!(hook.header("x-github-delivery"), prepared.guid());
    assert_eq!(hook.json()["after"], prepared.commit().as_str());
}
