//! The emulator holds as many repositories as what is measured with it needs. How fast it does is for the benches.

use super::World;

#[tokio::test]
async fn a_thousand_repositories_are_held_and_a_hundred_answered_in_one_query() {
    let world = World::start().await;
    let file = "apiVersion: backstage.io/v1alpha1\nkind: Component\n".repeat(20);
    let many: Vec<_> = (0..1000)
        .map(|n| (format!("r{n}"), vec![("catalog-info.yaml", file.as_str())]))
        .collect();
    world.github.seed("acme", many).unwrap();
    let aliases: String = (0..100)
        .map(|n| format!(r#"r{n}: repository(owner: "acme", name: "r{n}") {{ id defaultBranchRef {{ target {{ oid }} }} object(expression: "HEAD:catalog-info.yaml") {{ oid ... on Blob {{ text }} }} }} "#))
        .collect();
    let answer = world.graphql(&format!("{{ {aliases} }}")).await;
    let data = answer.json()["data"].as_object().unwrap().clone();
    assert_eq!(data.len(), 100);
    assert!(
        data.values()
            .all(|repository| repository["object"]["text"] == file)
    );
}
