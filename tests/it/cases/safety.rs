//! What protects a catalog from its sources, and what tells their owners.

use bytes::Bytes;
use freshet_tests::http::Http;
use freshet_wait::eventually;
use http::Method;
use serde_json::{Value, json};

use crate::story::{Story, component, component_with, generated, location, root, url};

const MANY: usize = 25;

fn many() -> String {
    let documents: Vec<String> = (0..MANY)
        .map(|number| component(&format!("many-{number}"), "t"))
        .collect();
    documents.join("---\n")
}

/// One repository whose file declares many entities, and another that nothing happens to.
async fn crowd() -> Story {
    crowd_with(json!({})).await
}

/// The same with something else in the configuration.
async fn crowd_with(more: Value) -> Story {
    let repositories: [(&str, &[(&str, &str)]); 2] =
        [("crowd", &[("many.yaml", &many())]), ("shop", &[])];
    let roots = vec![root(&url("crowd", "many.yaml"))];
    let story = Story::begin(&repositories, roots, more).await;
    story.sees("component:default/many-0").await;
    story
}

const PENDING_REMOVALS: &str = "/api/v1/removals";
const WITHHELD: &str = "rule=removal.withheld";

/// The verdict on a repository.
async fn verdict_on(story: &Story, repository: &str) -> Result<Value, String> {
    let sources = story.world.api.sources().await?;
    let of = sources.iter().find(|source| source["name"] == repository);
    let source = of.ok_or_else(|| format!("no {repository} in {sources:?}"))?;
    Ok(source["verdict"].clone())
}

/// Waits until the verdict on a repository is this one.
async fn has_verdict(story: &Story, repository: &str, expected: &str) {
    eventually(&format!("{repository} is {expected}"), || async {
        let verdict = verdict_on(story, repository).await?;
        (verdict == expected)
            .then_some(())
            .ok_or_else(|| verdict.to_string())
    })
    .await;
}

/// The one removal that waits is told as a problem of `path`, in the status of this Location entity, and by the verdict
/// on the repository. Returns the removal.
async fn removal_is_told(story: &Story, path: &str, location_entity: &str) -> Value {
    let held = story.world.api.lists(PENDING_REMOVALS, 1).await.remove(0);
    let problem = story.world.api.finds_problems(WITHHELD, 1).await.remove(0);
    assert_eq!(
        (&problem["path"], &problem["repository"]),
        (&json!(path), &json!("acme/crowd"))
    );
    let text = |key: &str| problem[key].as_str().expect("a text").to_owned();
    let message = text("message");
    // The Location entities and the markers are not of the crowd, and still of the same host.
    let told =
        format!("{MANY} entities of this location would be removed, and with them {MANY} of ");
    assert!(message.starts_with(&told), "{message}");
    let since = held["since"].as_str().expect("a time");
    assert!(message.ends_with(since), "{message} {since}");
    let confirmation = format!(
        "POST /api/v1/removals/confirm with {{\"locations\": [{}]}}",
        held["location"]
    );
    assert!(text("hint").contains(&confirmation), "{problem}");
    assert_eq!(problem["statusOf"], json!([location_entity]));
    let shown = story.now(location_entity).await.expect("it is served");
    assert!(shown["status"].to_string().contains(&told), "{shown}");
    assert_eq!(verdict_on(story, "acme/crowd").await, Ok(json!("stale")));
    held
}

/// Nothing waits any more, and nothing says that it does.
async fn nothing_is_withheld(story: &Story, location_entity: &str) {
    story.world.api.lists(PENDING_REMOVALS, 0).await;
    story.world.api.finds_problems(WITHHELD, 0).await;
    story.world.api.is_well(location_entity).await;
    has_verdict(story, "acme/crowd", "fresh").await;
}

/// Confirms these removals together.
async fn confirm(story: &Story, removals: &[Value]) {
    let locations: Vec<&Value> = removals.iter().map(|it| &it["location"]).collect();
    let body = json!({ "locations": locations }).to_string();
    let answer = Http::default()
        .send(
            Method::POST,
            &format!("{}/api/v1/removals/confirm", story.world.api.url()),
            &[("content-type", "application/json")],
            Bytes::from(body),
        )
        .await
        .expect("answered");
    assert!(answer.status.is_success(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_stops_says_what_would_go_and_continues_on_confirmation() {
    let mut story = crowd().await;
    has_verdict(&story, "acme/crowd", "fresh").await;
    story.push_quietly("crowd", &[("many.yaml", Some("# all of them gone\n"))]);
    let registered = generated(&url("crowd", "many.yaml"));
    let held = removal_is_told(&story, "many.yaml", &registered).await;
    assert_eq!(held["entities"], MANY);
    assert!(held.to_string().contains("many-0"), "{held}");
    // Nothing else waits for it.
    story.push_quietly("shop", &[("README.md", Some("words"))]);
    story.shows("component:default/marker-shop", "m2").await;
    for number in 0..MANY {
        let entity_ref = format!("component:default/many-{number}");
        assert!(story.now(&entity_ref).await.is_some(), "{entity_ref} stays");
    }
    // It is told after a restart as before, of the same time.
    story.start_again().await;
    let again = removal_is_told(&story, "many.yaml", &registered).await;
    assert_eq!(again, held);

    confirm(&story, &[held]).await;
    story
        .world
        .api
        .no_longer_sees("component:default/many-0")
        .await;
    nothing_is_withheld(&story, &registered).await;
    let heard = story.world.heard_everything().await;
    for (told, times) in [("problem-opened", 1), ("problem-resolved", 1)] {
        let of_problems = heard.beginning_with(told);
        assert_eq!(of_problems.len(), times, "{told}: {of_problems:?}");
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_that_is_taken_back_never_happened() {
    let mut story = crowd().await;
    story.push_quietly("crowd", &[("many.yaml", Some("# oh no\n"))]);
    let registered = generated(&url("crowd", "many.yaml"));
    removal_is_told(&story, "many.yaml", &registered).await;
    story
        .push_to("crowd", &[("many.yaml", Some(&many()))])
        .await;
    nothing_is_withheld(&story, &registered).await;
    let heard = story.world.heard_everything().await;
    assert!(heard.beginning_with("deleted").is_empty(), "{heard:?}");
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_files_that_would_lose_much_one_may_be_taken_back() {
    let more = many().replace("many-", "more-");
    let repositories: [(&str, &[(&str, &str)]); 1] =
        [("crowd", &[("many.yaml", &many()), ("more.yaml", &more)])];
    let paths = ["many.yaml", "more.yaml"];
    let roots = paths.map(|path| root(&url("crowd", path))).to_vec();
    let mut story = Story::begin(&repositories, roots, json!({})).await;
    story.sees("component:default/more-0").await;
    let emptied = paths.map(|path| (path, Some("# oh no\n")));
    story.push_quietly("crowd", &emptied);
    story.world.api.lists(PENDING_REMOVALS, 2).await;
    story.world.api.finds_problems(WITHHELD, 2).await;
    story.push_quietly("crowd", &[("more.yaml", Some(&more))]);
    let registered = generated(&url("crowd", "many.yaml"));
    removal_is_told(&story, "many.yaml", &registered).await;
    story
        .world
        .api
        .is_well(&generated(&url("crowd", "more.yaml")))
        .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mass_removal_that_nobody_takes_back_is_made_after_its_wait() {
    let wait = json!({"freshet": {"removals": {"wait": {"seconds": 1}}}});
    let mut story = crowd_with(wait).await;
    story.push_quietly("crowd", &[("many.yaml", Some("# all of them gone\n"))]);
    let api = &story.world.api;
    api.no_longer_sees("component:default/many-0").await;
    nothing_is_withheld(&story, &generated(&url("crowd", "many.yaml"))).await;
    let heard = story.world.heard_everything().await;
    for (told, times) in [
        ("problem-opened", 1),
        ("problem-resolved", 1),
        ("deleted", MANY),
    ] {
        let heard = heard.beginning_with(told);
        assert_eq!(heard.len(), times, "{told}: {heard:?}");
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_would_take_away_is_told_of_the_files_that_would_lose_it() {
    let mut story = crowd().await;
    story.roots_become(Vec::new()).await;
    // Of the file and not of the root, which nobody would miss alone.
    let registered = generated(&url("crowd", "many.yaml"));
    let held = removal_is_told(&story, "many.yaml", &registered).await;
    confirm(&story, &[held]).await;
    story
        .world
        .api
        .no_longer_sees("component:default/many-0")
        .await;
    story.world.api.lists(PENDING_REMOVALS, 0).await;
    story.world.api.finds_problems(WITHHELD, 0).await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absence_that_another_repository_makes_count_waits_like_any_mass_removal() {
    let list = |presence: &str| {
        let target = url("crowd", "many.yaml");
        location(
            "all",
            &format!("{{target: '{target}', presence: {presence}}}"),
        )
    };
    let repositories: [(&str, &[(&str, &str)]); 2] = [
        ("crowd", &[("many.yaml", &many())]),
        ("shop", &[("all.yaml", &list("required"))]),
    ];
    let roots = vec![root(&url("shop", "all.yaml"))];
    let mut story = Story::begin(&repositories, roots, json!({})).await;
    story.sees("component:default/many-0").await;
    story.push_quietly("crowd", &[("many.yaml", None)]);
    let api = &story.world.api;
    api.fails_with("location:default/all", "NotFoundError")
        .await;
    story.push_quietly("shop", &[("all.yaml", Some(&list("optional")))]);
    removal_is_told(&story, "many.yaml", "location:default/all").await;
    // Nothing else waits for it.
    story.push_quietly("crowd", &[("README.md", Some("words"))]);
    story.shows("component:default/marker-crowd", "m3").await;
    assert!(story.now("component:default/many-0").await.is_some());
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_are_found_by_repository_owner_kind_rule_and_entity() {
    let broken = component("cart", "t").replace("lifecycle: production, ", "");
    let story = Story::of_shop(
        &[("c.yaml", &broken), ("s.yaml", "kind: [")],
        &["c.yaml", "s.yaml"],
    )
    .await;
    let api = &story.world.api;
    api.finds_problems("level=error", 2).await;
    let problem = &api.finds_problems("entity=component:default/cart", 1).await[0];
    assert_eq!(problem["path"], "c.yaml");
    for key in [
        "line",
        "column",
        "rule",
        "message",
        "hint",
        "firstSeen",
        "lastSeen",
    ] {
        assert!(!problem[key].is_null(), "{key} in {problem}");
    }
    let rule = problem["rule"].as_str().expect("a rule");
    for (query, expected) in [
        ("repository=acme/shop".to_owned(), 2),
        ("repository=acme/other".to_owned(), 0),
        ("owner=group:default/team".to_owned(), 1),
        ("kind=component".to_owned(), 1),
        (format!("rule={rule}"), 1),
    ] {
        api.finds_problems(&format!("level=error&{query}"), expected)
            .await;
    }
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_like_a_secret_is_a_warning_that_does_not_repeat_it() {
    // Taken apart, so that no scanner takes this file for one that leaks.
    let secret = ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
    let file = component_with(
        "cart",
        &format!("annotations: {{acme.example/token: {secret}}}"),
    );
    let story = Story::of_shop(&[("c.yaml", &file)], &["c.yaml"]).await;
    story.sees("component:default/cart").await;
    let warnings = story.world.api.finds_problems("level=warning", 1).await;
    assert_eq!(warnings[0]["path"], "c.yaml");
    assert!(!warnings[0].to_string().contains(&secret));
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_to_nobody_are_listed() {
    let story = Story::of_shop(&[("c.yaml", &component("cart", "t"))], &["c.yaml"]).await;
    eventually("the relation to the team is listed", || async {
        let dangling = story.world.api.list("/api/v1/dangling").await?;
        let is_listed = dangling.iter().any(|item| {
            item["target"] == "group:default/team"
                && item.to_string().contains("component:default/cart")
        });
        is_listed
            .then_some(())
            .ok_or_else(|| format!("{dangling:?}"))
    })
    .await;
    story.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_of_the_configuration_is_served_with_its_relations() {
    let kind = json!({
        "kind": "Robot",
        "apiVersions": ["acme.example/v1"],
        "schema": {"type": "object", "required": ["spec"]},
        "relations": [{"field": "spec.owner", "forward": "ownedBy", "reverse": "ownerOf", "defaultKind": "Group"}],
    });
    let robot =
        "apiVersion: acme.example/v1\nkind: Robot\nmetadata: {name: arm}\nspec: {owner: team}\n";
    let story = Story::begin(
        &[("shop", &[("r.yaml", robot)])],
        vec![root(&url("shop", "r.yaml"))],
        json!({
            "freshet": {"kinds": [kind]},
            "catalog": {"rules": [{"allow": ["Robot", "Component"]}]},
        }),
    )
    .await;
    let arm = story.sees("robot:default/arm").await;
    assert_eq!(
        arm["relations"],
        json!([{"type": "ownedBy", "targetRef": "group:default/team"}])
    );
    story.end().await;
}
