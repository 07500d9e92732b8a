//! An organisation that cannot be listed is a problem, of whoever wrote the configuration.

use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::setup::ORGANIZATION;
use serde_json::{Value, json};

use crate::pay::{PAY, catalog_with_pay};

const MISSPELT: &str = "acmee";
const QUERY: &str = "rule=provider.unreadable";

/// The provider of every story, with this organisation. Swept anew at each start: the slot is another one.
fn provider_of(organization: &str, seconds: u64) -> Value {
    json!({"catalog": {"providers": {"github": {"story": {
        "organization": organization,
        "schedule": {"frequency": {"seconds": seconds}},
    }}}}})
}

/// What subscribers heard of problems, in order.
async fn heard_of_problems(world: &TestCatalog) -> Vec<String> {
    let heard = world.heard_everything().await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = heard.events.iter().map(|event| {
        let (verb, subject) = (text(&event["data"]["op"]), text(&event["subject"]));
        format!("{verb} {subject}")
    });
    told.filter(|it| it.starts_with("problem-")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_organisation_is_a_problem_until_it_is_corrected() {
    let (mut world, pay) = catalog_with_pay(Profile::Embedded).await;
    world.restart_with(provider_of(MISSPELT, 2)).await;
    let problem = world.api.finds_problems(QUERY, 1).await.remove(0);
    assert_eq!(
        problem["path"],
        "catalog.providers.github.story.organization"
    );
    assert_eq!(problem["repository"], "github:story");
    assert_eq!(
        (&problem["class"], &problem["level"]),
        (&json!("NotFoundError"), &json!("error"))
    );
    let text = |key: &str| problem[key].as_str().expect("a text").to_owned();
    assert!(text("message").contains(MISSPELT), "{problem}");
    assert!(
        text("hint").starts_with("Whoever runs Freshet"),
        "{problem}"
    );
    // What was discovered before stays, and is read as before.
    pay.says("second");
    world.api.shows(PAY, "second").await;
    // The same after a restart: the view is loaded from the database then.
    world.restart_with(provider_of(MISSPELT, 3)).await;
    let again = world.api.finds_problems(QUERY, 1).await.remove(0);
    assert_eq!(
        (&again["id"], &again["repository"], &again["path"]),
        (&problem["id"], &problem["repository"], &problem["path"])
    );

    world.restart_with(provider_of(ORGANIZATION, 4)).await;
    world.api.finds_problems(QUERY, 0).await;
    let id = &problem["id"];
    assert_eq!(
        heard_of_problems(&world).await,
        [
            format!("problem-opened problem:{id}"),
            format!("problem-resolved problem:{id}")
        ]
    );
    world.api.sees(PAY).await;
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_problem_of_a_provider_goes_with_it() {
    let (mut world, _pay) = catalog_with_pay(Profile::Embedded).await;
    let other = json!({"catalog": {"providers": {"github": {"other": {
        "organization": MISSPELT,
        "host": world.github.address().to_string(),
    }}}}});
    world.restart_with(other).await;
    world.api.finds_problems(QUERY, 1).await;
    world.restart_with(json!({})).await;
    world.api.finds_problems(QUERY, 0).await;
    world.api.sees(PAY).await;
    world.finish().await;
}
