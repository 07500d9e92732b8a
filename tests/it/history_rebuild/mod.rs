//! After any history the catalog is what a fresh one makes of the same repositories (I6).
//!
//! A history is drawn from a seed: files are added, changed, broken, moved and removed in several repositories,
//! Locations point at each other's files, placeholders read files that change, the service is restarted. Nothing
//! waits between the pushes. In the end everything broken is mended, because what was good before a file broke
//! is kept, and a fresh catalog cannot know it.
//!
//! Two things depend on what came first, and a fresh catalog sees everything at once. So they are not compared:
//! refs that several files declare, and the origin of a file that several Locations list.

mod compare;
mod plan;

use freshet_wait::PATIENCE_FOR_MANY;
use serde_json::json;

use crate::story::{Story, root, url};
use plan::{History, REPOSITORIES, ROOT, Step, repository};

/// Repeats one history: the seed that was printed.
const SEED_VARIABLE: &str = "FRESHET_SEED";
/// `long` for the long set of tests.
const SET_VARIABLE: &str = "FRESHET_TEST_SET";
const SEEDS_SHORT: u64 = 6;
const SEEDS_LONG: u64 = 300;
const STEPS: usize = 30;
/// How often a history that fails is shortened.
const SHORTENINGS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn after_any_history_the_catalog_is_as_if_built_afresh() {
    for seed in seeds() {
        let history = History::draw(seed, STEPS);
        if let Err(reason) = check(&history).await {
            let (shortest, reason) = shorten(history, reason).await;
            panic!("seed {seed} ({SEED_VARIABLE} repeats it): {reason}\nafter {shortest}");
        }
    }
}

fn seeds() -> Vec<u64> {
    if let Ok(seed) = std::env::var(SEED_VARIABLE) {
        return vec![seed.parse().expect("a seed is a number")];
    }
    let is_long = std::env::var(SET_VARIABLE).is_ok_and(|set| set == "long");
    let first: u64 = if is_long {
        rand::random::<u32>().into()
    } else {
        1
    };
    let count = if is_long { SEEDS_LONG } else { SEEDS_SHORT };
    (first..first + count).collect()
}

/// Leaves out one step after the other while it still fails.
async fn shorten(mut history: History, mut reason: String) -> (History, String) {
    let mut at = history.steps.len();
    for _ in 0..SHORTENINGS {
        let Some(next) = at.checked_sub(1) else {
            break;
        };
        at = next;
        let mut shorter = history.clone();
        shorter.steps.remove(at);
        if let Err(again) = check(&shorter).await {
            (history, reason) = (shorter, again);
        }
    }
    (history, reason)
}

/// Runs a history in a task of its own, so that whatever fails is an answer.
async fn check(history: &History) -> Result<(), String> {
    let run = tokio::spawn(run(history.clone()));
    match tokio::time::timeout(PATIENCE_FOR_MANY, run).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(panic.to_string()),
        Err(_) => Err("it took too long".to_owned()),
    }
}

async fn run(history: History) -> Result<(), String> {
    let names: Vec<String> = (0..REPOSITORIES).map(repository).collect();
    let begin = [(ROOT, "# nothing yet\n")];
    let repositories: Vec<(&str, &[(&str, &str)])> = names
        .iter()
        .map(|name| (name.as_str(), begin.as_slice()))
        .collect();
    let roots = names.iter().map(|name| root(&url(name, ROOT))).collect();
    let mut story = Story::begin(&repositories, roots, json!({})).await;
    for step in &history.steps {
        if matches!(step, Step::Restart) {
            story.world.stop_services().await;
            story.world.start_services().await;
        }
        for (repository, files) in step.pushes(&history.before(step)) {
            story.push_quietly(&repository, &plan::borrowed(&files));
        }
    }
    for (repository, files) in history.epilogue() {
        story.push_to(&repository, &plan::borrowed(&files)).await;
    }
    story.world.api.settles().await;
    let outcome = compare::with_a_fresh_catalog(&story, &history.last()).await;
    story.end().await;
    outcome
}
