//! Who is let in by the configuration, and what the others are told.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;

use super::settings::Settings;
use super::stub::{Signer, StubBackstage, bearer, key_set};
use super::world::{BEGIN, World};
use crate::api::{
    AccessRestrictions, AuthConfig, DefaultPolicy, ExternalAccess, ForeignIssuer,
    PluginRestrictions,
};
use crate::config::CorsConfig;

fn caller(token: &str, restrictions: PluginRestrictions) -> ExternalAccess {
    ExternalAccess::with_token(&SecretString::from(token), "a-tool", restrictions)
}

fn restricted_to(plugin: &str, permission: &str) -> PluginRestrictions {
    let mut restrictions = PluginRestrictions::default();
    restrictions.insert(
        plugin,
        AccessRestrictions {
            permissions: Some(BTreeSet::from([permission.to_owned()])),
            actions: None,
        },
    );
    restrictions
}

#[tokio::test]
async fn beyond_loopback_nobody_is_answered_without_credentials() {
    let world = World::start_with(Settings::guarded_for(Vec::new())).await;
    let expected = json!({
        "error": {"name": "AuthenticationError", "message": "Missing credentials"},
        "request": {"method": "GET", "url": "/entities?limit=1"},
        "response": {"statusCode": 401},
    });
    let answer = world.get("/api/catalog/entities?limit=1").await;
    assert_eq!((answer.status, answer.json()), (401, expected));
    for target in [
        "/",
        "/API/Catalog/entities",
        "/api/catalog/entities/by-name/component/default/pay",
        "/api/catalog/entities?minRevision=7",
        "/api/catalog/.well-known/backstage/permissions/metadata",
        "/api/v1/changes",
        "/api/v1/sources",
        "/nothing",
    ] {
        let answer = world.get(target).await;
        assert_eq!(answer.status, 401, "{target}");
        assert_eq!(answer.header("catalog-revision"), None, "{target}");
        let illegal = bearer("somebody-else");
        let answer = world.request("GET", target, &illegal).await;
        assert_eq!(answer.json()["error"]["message"], "Illegal token");
    }
    let confirm = world
        .post("/api/v1/removals/confirm", "application/json", "{}")
        .await;
    assert_eq!(confirm.status, 401);
    let health = world.get("/.backstage/health/v1/liveness").await;
    assert_eq!(health.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn callers_with_credentials_may_do_what_these_are_good_for() {
    let world = World::start_with(Settings::guarded_for(vec![
        caller("all-of-it", PluginRestrictions::default()),
        caller(
            "only-reads",
            restricted_to("catalog", "catalog.entity.read"),
        ),
        caller("of-others", restricted_to("events", "events.receive")),
    ]))
    .await;
    for (method, target, token, status) in [
        ("GET", "/api/v1/problems", "all-of-it", 200),
        ("GET", "/api/v1/problems", "only-reads", 200),
        ("GET", "/api/v1/problems", "of-others", 403),
        ("GET", "/api/catalog/entities", "of-others", 403),
        ("POST", "/api/v1/removals/confirm", "only-reads", 403),
        ("POST", "/api/v1/removals/confirm", "all-of-it", 400),
    ] {
        let headers = format!("{}content-length: 0\r\n", bearer(token));
        let answer = world.request(method, target, &headers).await;
        assert_eq!(answer.status, status, "{token} {target}");
    }
    let refused = world
        .request("GET", "/api/catalog/entities", &bearer("of-others"))
        .await;
    let error = refused.json()["error"].clone();
    assert_eq!(error["name"], "NotAllowedError");
    assert_eq!(
        error["message"],
        "This token's access is restricted to plugin(s) 'events'"
    );
    world.stop().await;
}

#[tokio::test]
async fn a_browser_may_ask_what_it_may_send_before_it_has_credentials() {
    let world = World::start_with(Settings {
        cors: Some(CorsConfig {
            origins: vec!["http://localhost:*".to_owned()],
            credentials: true,
            ..CorsConfig::default()
        }),
        ..Settings::guarded_for(Vec::new())
    })
    .await;
    let headers = "origin: http://localhost:3000\r\naccess-control-request-method: PUT\r\naccess-control-request-headers: authorization,content-type\r\n";
    let preflight = world
        .request("OPTIONS", "/api/catalog/entities", headers)
        .await;
    assert_eq!(preflight.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "http://localhost:3000"),
        (
            "access-control-allow-methods",
            "GET,HEAD,PUT,PATCH,POST,DELETE",
        ),
        ("access-control-allow-headers", "authorization,content-type"),
        ("access-control-allow-credentials", "true"),
    ] {
        assert_eq!(preflight.header(name), Some(value));
    }
    let answer = world.request("GET", "/api/catalog/entities", headers).await;
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    world.stop().await;
}

#[tokio::test]
async fn tokens_of_other_issuers_count_as_the_configuration_says() {
    let (backstage, signer, stranger) =
        (StubBackstage::start().await, Signer::new(), Signer::new());
    backstage.answer_with("/keys", 200, &key_set(&[&signer]));
    let issuer = ForeignIssuer {
        url: format!("{}/keys", backstage.base_url()),
        issuers: vec!["https://idp".to_owned()],
        audiences: vec!["acme".to_owned()],
        ..ForeignIssuer::default()
    };
    let world = World::start_with(Settings::guarded_for(vec![
        ExternalAccess::with_issuer(issuer, PluginRestrictions::default()),
        caller("all-of-it", PluginRestrictions::default()),
    ]))
    .await;
    let claims = |audience: &str| json!({"sub": "ci", "iss": "https://idp", "aud": audience, "exp": BEGIN + 60});
    for (token, status) in [
        (signer.sign(Some("JWT"), &claims("acme")), 200),
        (signer.sign(None, &claims("acme")), 200),
        (signer.sign(None, &claims("other")), 401),
        (stranger.sign(None, &claims("acme")), 401),
        ("all-of-it".to_owned(), 200),
    ] {
        let answer = world
            .request("GET", "/api/catalog/entities", &bearer(&token))
            .await;
        assert_eq!(answer.status, status, "{token}");
    }
    world.stop().await;
}

#[tokio::test]
async fn where_credentials_are_not_needed_those_that_are_not_good_are_refused_all_the_same() {
    let auth = AuthConfig {
        default_policy: DefaultPolicy::Disabled,
        ..AuthConfig::new("http://127.0.0.1:9")
    };
    for settings in [Settings::guarded(auth), Settings::default()] {
        let world = World::start_with(settings).await;
        for header in [
            "",
            "authorization: Basic abc\r\n",
            "authorization: Bearer\r\n",
        ] {
            let answer = world.request("GET", "/api/catalog/entities", header).await;
            assert_eq!(answer.status, 200, "{header}");
        }
        let answer = world
            .request("GET", "/api/catalog/entities", &bearer("somebody-else"))
            .await;
        assert_eq!(answer.status, 401);
        assert_eq!(
            answer.json()["error"]["message"],
            "Could not resolve credentials; caused by AuthenticationError: Illegal token"
        );
        world.stop().await;
    }
}

#[tokio::test]
async fn whoever_asks_too_often_is_told_to_wait_and_nobody_else() {
    let mut settings = Settings::guarded_for(vec![
        caller("all-of-it", PluginRestrictions::default()),
        ExternalAccess::with_token(
            &SecretString::from("of-another"),
            "another-tool",
            PluginRestrictions::default(),
        ),
    ]);
    settings.auth.requests_per_second = NonZeroU32::new(1);
    let world = World::start_with(settings).await;
    let ask = async |token: &str| {
        world
            .request("GET", "/api/catalog/entities", &bearer(token))
            .await
    };
    assert_eq!(ask("all-of-it").await.status, 200);
    assert_eq!(ask("all-of-it").await.status, 200);
    let limited = ask("all-of-it").await;
    assert_eq!(
        (limited.status, limited.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(
        limited.json(),
        json!({
            "error": {"name": "Error", "message": "Too many requests, please try again later"},
            "request": {"method": "GET", "url": "/entities"},
            "response": {"statusCode": 429},
        })
    );
    assert_eq!(ask("of-another").await.status, 200);
    // Whoever guesses is limited as well.
    assert_eq!(ask("guess-1").await.status, 401);
    assert_eq!(ask("guess-2").await.status, 401);
    assert_eq!(ask("guess-3").await.status, 429);
    world.hand.advance(Duration::from_secs(1));
    assert_eq!(ask("all-of-it").await.status, 200);
    world.stop().await;
}
