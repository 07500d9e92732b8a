//! A group of ten thousand members of whom one leaves: how many changes, and how soon.

use std::fmt::Write as _;
use std::time::Instant;

use freshet_tests::backends::Profile;
use freshet_tests::http::Http;
use serde_json::{Value, json};

use crate::machine::{millis, quantile};
use crate::push::post;
use crate::world::{World, full_name};

const MEMBERS: usize = 10_000;
const MEMBERS_PER_FILE: usize = 500;
const ROUNDS: usize = 20;
/// The member's own change, and the group's, which follows from it.
const CHANGES_PER_ROUND: i64 = 2;

pub(crate) async fn measure(profile: Profile, label: &str) -> Value {
    let group = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata: {name: all}\nspec: {type: company, children: []}\n";
    let mut files = vec![
        ("company".to_owned(), group.to_owned()),
        ("one".to_owned(), user(0, "[all]")),
    ];
    for first in (1..MEMBERS).step_by(MEMBERS_PER_FILE) {
        let mut text = String::new();
        for number in first..(first + MEMBERS_PER_FILE).min(MEMBERS) {
            write!(text, "---\n{}", user(number, "[all]"))
                .expect("writing to a string cannot fail");
        }
        files.push((format!("people-{first}"), text));
    }
    let world = World::start(profile, files, MEMBERS + 1).await;
    let http = Http::default();
    let mut times = Vec::new();
    let revision = || world.services.store.view.revision().get();
    let before = revision();
    for round in 0..ROUNDS {
        times.push(one(&world, &http, round).await);
    }
    world.api.settles().await;
    let changes = revision() - before;
    let rounds = i64::try_from(ROUNDS).expect("few rounds");
    assert_eq!(
        changes,
        rounds * CHANGES_PER_ROUND,
        "one change of the member and one of the group, each time"
    );
    world.services.stop().await;
    json!({
        "bench": "group",
        "profile": label,
        "members": MEMBERS,
        "changes_per_push": changes / rounds,
        "n": ROUNDS,
        "p50_ms": millis(quantile(&mut times, 0.50)),
        "worst_ms": millis(quantile(&mut times, 1.0)),
    })
}

/// The member leaves in even rounds and comes back in odd ones.
async fn one(world: &World, http: &Http, round: usize) -> std::time::Duration {
    let stays = !round.is_multiple_of(2);
    let file = user(0, if stays { "[all]" } else { "[]" });
    let prepared = world
        .github
        .prepare_push(
            &full_name("one"),
            &[("catalog-info.yaml", Some(&file))],
            "change",
        )
        .expect("committed");
    let started = Instant::now();
    post(http, &world.webhooks, &prepared).await;
    loop {
        let member = world
            .api
            .entity("user:default/user-0")
            .await
            .expect("answered")
            .expect("it is there");
        let relations = member["relations"].as_array().map_or(0, Vec::len);
        if (relations == 1) == stays {
            return started.elapsed();
        }
    }
}

fn user(number: usize, groups: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: User\nmetadata: {{name: user-{number}}}\nspec: {{memberOf: {groups}}}\n"
    )
}
