//! What browsers may send to an API that asks for no credentials.

use super::settings::Settings;
use super::stub::bearer;
use super::world::World;
use crate::config::CorsConfig;

const CONFIRM: &str = "/api/v1/removals/confirm";

async fn start() -> World {
    World::start_with(Settings {
        cors: Some(CorsConfig {
            origins: vec!["http://localhost:3000".to_owned()],
            ..CorsConfig::default()
        }),
        ..Settings::default()
    })
    .await
}

/// With another host than the client's own.
async fn status_at(world: &World, host: &str) -> u16 {
    let request =
        format!("GET /api/catalog/entities HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    world.exchange_raw(&request).await.status
}

#[tokio::test]
async fn a_name_that_leads_here_is_not_enough_to_be_answered() {
    let world = start().await;
    for host in [
        "localhost",
        "127.0.0.1:7007",
        "[::1]:7007",
        "localhost:7007",
    ] {
        assert_eq!(status_at(&world, host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:7007",
        "localhost.evil.example",
    ] {
        assert_eq!(status_at(&world, host).await, 403, "{host}");
    }
    let health = "GET /.backstage/health/v1/liveness HTTP/1.1\r\nhost: pod.cluster\r\nconnection: close\r\n\r\n";
    assert_eq!(world.exchange_raw(health).await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn pages_of_others_change_nothing() {
    let world = start().await;
    for (headers, status) in [
        ("", 404),
        ("origin: http://localhost:3000\r\n", 404),
        ("origin: http://localhost\r\n", 404),
        ("origin: https://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("sec-fetch-site: cross-site\r\n", 403),
    ] {
        let answer = world
            .post_with(CONFIRM, headers, r#"{"locations":[1]}"#)
            .await;
        assert_eq!(answer.status, status, "{headers}");
    }
    let read = world
        .request(
            "GET",
            "/api/v1/problems",
            "origin: https://evil.example\r\n",
        )
        .await;
    assert_eq!(read.status, 200);
    assert_eq!(read.header("access-control-allow-origin"), None);
    world.stop().await;
}

#[tokio::test]
async fn credentials_vouch_for_who_has_them_wherever_he_is() {
    let caller = crate::api::ExternalAccess::with_token(
        &secrecy::SecretString::from("all-of-it"),
        "a-tool",
        crate::api::PluginRestrictions::default(),
    );
    let world = World::start_with(Settings::guarded_for(vec![caller])).await;
    let headers = format!(
        "{}origin: https://somewhere.example\r\n",
        bearer("all-of-it")
    );
    let answer = world
        .post_with(CONFIRM, &headers, r#"{"locations":[1]}"#)
        .await;
    assert_eq!(answer.status, 404);
    world.stop().await;
}
