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

#[tokio::test]
async fn generated_repositories_are_listed_and_read_and_their_readings_counted() {
    let world = World::start().await;
    let names = (0..3).map(|number| format!("g{number}"));
    world
        .github
        .seed_generated("acme", names, "catalog-info.yaml", |number| {
            format!("text of {number}")
        })
        .unwrap();
    let listing = r#"{ organization(login: "acme") { repositories(first: 100) { nodes { name object(expression: "HEAD:catalog-info.yaml") { oid } } } } }"#;
    let listed = world.graphql(listing).await.json();
    let nodes = &listed["data"]["organization"]["repositories"]["nodes"];
    let generated = nodes.as_array().unwrap().iter();
    let generated = generated.filter(|node| node["name"].as_str().unwrap().starts_with('g'));
    assert!(
        generated
            .clone()
            .all(|node| node["object"]["oid"].is_string())
    );
    assert_eq!(generated.count(), 3);
    let reading = r#"{ repository(owner: "acme", name: "g1") { object(expression: "main:catalog-info.yaml") { ... on Blob { text } } } }"#;
    let read = world.graphql(reading).await.json();
    assert_eq!(read["data"]["repository"]["object"]["text"], "text of 1");
    let readings = world.github.count_readings("acme");
    assert_eq!(readings[readings.len() - 3..], [0, 1, 0]);
    world
        .github
        .commit("acme/g1", &[("a", Some("b"))], "change")
        .expect_err("it is in no folder");
}
