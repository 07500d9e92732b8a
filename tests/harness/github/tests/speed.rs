//! The emulator must not be the bottleneck of what is measured with it.

use std::time::{Duration, Instant};

use super::World;

/// A second on a quiet machine, even unoptimised. The bound only catches a change of order: other
/// tests beside this one may keep the disk busy.
const SEED_MAX: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_thousand_repositories_are_there_within_seconds() {
    let world = World::start().await;
    let file = "apiVersion: backstage.io/v1alpha1\nkind: Component\n".repeat(20);
    let many: Vec<_> = (0..1000)
        .map(|n| (format!("r{n}"), vec![("catalog-info.yaml", file.as_str())]))
        .collect();
    let started = Instant::now();
    world.github.seed("acme", many).unwrap();
    let seeded = started.elapsed();
    let aliases: String = (0..100)
        .map(|n| format!(r#"r{n}: repository(owner: "acme", name: "r{n}") {{ id defaultBranchRef {{ target {{ oid }} }} object(expression: "HEAD:catalog-info.yaml") {{ oid ... on Blob {{ text }} }} }} "#))
        .collect();
    let query = format!("{{ {aliases} }}");
    world.graphql(&query).await;
    let started = Instant::now();
    let answer = world.graphql(&query).await;
    println!(
        "seeded in {seeded:?}, a page of 100 with text in {:?}",
        started.elapsed()
    );
    assert_eq!(answer.json()["data"].as_object().unwrap().len(), 100);
    assert!(seeded < SEED_MAX, "{seeded:?}");
}
