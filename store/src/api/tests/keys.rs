//! How often and for whom key sets are fetched.

use std::time::Duration;

use serde_json::json;

use super::settings::Settings;
use super::stub::{Signer, StubBackstage, bearer};
use super::world::World;

const KEYS: &str = "/api/search/.backstage/auth/v1/jwks.json";
const ENTITIES: &str = "/api/catalog/entities";

async fn status(world: &World, token: &str) -> u16 {
    world.request("GET", ENTITIES, &bearer(token)).await.status
}

#[tokio::test]
async fn keys_are_fetched_once_and_again_when_a_new_one_is_named() {
    let backstage = StubBackstage::start().await;
    let (first, second) = (Signer::new(), Signer::new());
    backstage.publish("search", &[&first]);
    let world = World::start_with(Settings::guarded(backstage.auth_config())).await;
    let token = first.plugin_token("search", &[]);
    for _ in 0..3 {
        assert_eq!(status(&world, &token).await, 200);
    }
    assert_eq!(backstage.times_asked(KEYS), 1);
    // Backstage has changed its key, and publishes both for a while.
    backstage.publish("search", &[&first, &second]);
    assert_eq!(
        status(&world, &second.plugin_token("search", &[])).await,
        200
    );
    assert_eq!(status(&world, &token).await, 200);
    assert_eq!(backstage.times_asked(KEYS), 2);
    world.stop().await;
}

#[tokio::test]
async fn keys_that_nobody_has_are_looked_for_ten_times_a_minute() {
    let backstage = StubBackstage::start().await;
    let (known, unknown) = (Signer::new(), Signer::new());
    backstage.publish("search", &[&known]);
    let world = World::start_with(Settings::guarded(backstage.auth_config())).await;
    assert_eq!(
        status(&world, &known.plugin_token("search", &[])).await,
        200
    );
    for _ in 0..30 {
        assert_eq!(
            status(&world, &unknown.plugin_token("search", &[])).await,
            401
        );
    }
    assert_eq!(backstage.times_asked(KEYS), 1 + 10);
    assert_eq!(
        status(&world, &known.plugin_token("search", &[])).await,
        200
    );
    world.hand.advance(Duration::from_secs(60));
    assert_eq!(
        status(&world, &unknown.plugin_token("search", &[])).await,
        401
    );
    assert_eq!(backstage.times_asked(KEYS), 1 + 10 + 1);
    world.stop().await;
}

#[tokio::test]
async fn a_backstage_that_is_away_lets_in_whom_it_has_let_in_and_nobody_else() {
    let backstage = StubBackstage::start().await;
    let signer = Signer::new();
    let long = [("exp", json!(4_000_000_000_i64))];
    let token = signer.plugin_token("search", &long);
    let world = World::start_with(Settings::guarded(backstage.auth_config())).await;
    for _ in 0..3 {
        assert_eq!(status(&world, &token).await, 401);
    }
    assert_eq!(
        backstage.times_asked(KEYS),
        1,
        "it is left alone for a while"
    );
    backstage.publish("search", &[&signer]);
    world.hand.advance(Duration::from_secs(10));
    assert_eq!(status(&world, &token).await, 200);
    backstage.answer_with(KEYS, 503, &json!({}));
    world.hand.advance(Duration::from_secs(20 * 60));
    assert_eq!(
        status(&world, &token).await,
        200,
        "it may only be starting anew"
    );
    world.hand.advance(Duration::from_secs(60 * 60));
    assert_eq!(status(&world, &token).await, 401);
    world.stop().await;
}

#[tokio::test]
async fn invented_plugins_make_nobody_fetch_without_end() {
    let backstage = StubBackstage::start().await;
    let (signer, real) = (Signer::new(), Signer::new());
    backstage.publish("search", &[&real]);
    let world = World::start_with(Settings::guarded(backstage.auth_config())).await;
    assert_eq!(status(&world, &real.plugin_token("search", &[])).await, 200);
    for number in 0..200 {
        let token = signer.plugin_token(&format!("invented-{number}"), &[]);
        assert_eq!(status(&world, &token).await, 401);
    }
    assert!(backstage.asked().len() <= 60, "{}", backstage.asked().len());
    // Who was known before still is.
    assert_eq!(status(&world, &real.plugin_token("search", &[])).await, 200);
    assert_eq!(backstage.times_asked(KEYS), 1);
    world.stop().await;
}

#[tokio::test]
async fn answers_that_are_no_key_set_or_too_long_are_nobodys_keys() {
    let backstage = StubBackstage::start().await;
    let signer = Signer::new();
    let world = World::start_with(Settings::guarded(backstage.auth_config())).await;
    let mut long = super::stub::key_set(&[&signer]);
    long["padding"] = "x".repeat(300 * 1024).into();
    for (number, body) in [json!([]), json!({}), json!("keys"), long]
        .iter()
        .enumerate()
    {
        let plugin = format!("plugin-{number}");
        let path = format!("/api/{plugin}/.backstage/auth/v1/jwks.json");
        backstage.answer_with(&path, 200, body);
        assert_eq!(
            status(&world, &signer.plugin_token(&plugin, &[])).await,
            401
        );
    }
    world.stop().await;
}
