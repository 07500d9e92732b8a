//! What filters find.

use crate::story::{Story, component_with};

async fn finds(story: &Story, filter: &str) -> bool {
    let path = format!("/api/catalog/entities?filter=kind=component,metadata.name=cart,{filter}");
    let found = story.world.api.json(&path).await.expect("answered");
    !found.as_array().expect("a list").is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_long_values_and_the_default_namespace_are_searched() {
    let (indexed, long) = ("a".repeat(200), "b".repeat(201));
    let file = component_with(
        "cart",
        &format!("words: [x, X, y], indexed: {indexed}, long: {long}"),
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.sees("component:default/cart").await;
    for (filter, expected) in [
        ("metadata.words=x".to_owned(), true),
        ("metadata.words=X".to_owned(), true),
        ("metadata.words.x=true".to_owned(), true),
        ("metadata.words.y=true".to_owned(), true),
        ("metadata.words=z".to_owned(), false),
        (format!("metadata.indexed={indexed}"), true),
        (format!("metadata.long={long}"), false),
        ("metadata.long".to_owned(), true),
        ("metadata.namespace=default".to_owned(), true),
    ] {
        assert_eq!(finds(&story, &filter).await, expected, "{filter}");
    }
    story.end().await;
}
