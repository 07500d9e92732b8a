//! Who is let in, from the configuration of a whole process to its answers.

use freshet_tests::http::Http;
use freshet_tests::services::Services;
use serde_json::{Value, json};

const TOKEN: &str = "0123456789";

/// As Backstage's own tool writes it: it listens everywhere, and says no more of who may call.
fn config_of_create_app() -> Value {
    json!({
        "app": {"baseUrl": "http://localhost:3000"},
        "backend": {
            "baseUrl": "http://localhost:7007",
            "listen": ":0",
            "cors": {"origin": "http://localhost:3000", "methods": ["GET", "HEAD", "PATCH", "POST", "PUT", "DELETE"], "credentials": true},
            "database": {"client": "better-sqlite3", "connection": ":memory:"},
        },
        "permission": {"enabled": true},
        "freshet": {"webhooks": {"listen": "127.0.0.1:0"}, "admin": {"listen": "127.0.0.1:0"}},
    })
}

async fn start(config: &Value) -> (Services, String) {
    let services = Services::start(config).await;
    let port = services.addresses.api.expect("all roles").port();
    (services, format!("http://127.0.0.1:{port}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_backstage_starts_and_lets_nobody_in_unknown() {
    let (services, url) = start(&config_of_create_app()).await;
    let http = Http::default();
    let refused = http
        .get(&format!("{url}/api/catalog/entities?limit=1"))
        .await;
    let refused = refused.expect("an answer");
    assert_eq!(refused.status, 401);
    let expected = json!({
        "error": {"name": "AuthenticationError", "message": "Missing credentials"},
        "request": {"method": "GET", "url": "/entities?limit=1"},
        "response": {"statusCode": 401},
    });
    assert_eq!(refused.json(), expected);
    let keys = http
        .get(&format!("{url}/api/catalog/.backstage/auth/v1/jwks.json"))
        .await;
    let keys = keys.expect("an answer").json();
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    services.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_the_configuration_is_let_in_whatever_users_may() {
    let mut config = config_of_create_app();
    config["backend"]["auth"] = json!({"externalAccess": [
        {"type": "static", "options": {"token": TOKEN, "subject": "a-tool"}},
    ]});
    let (services, url) = start(&config).await;
    let http = Http::default();
    let bearer = format!("Bearer {TOKEN}");
    let url = format!("{url}/api/catalog/entities");
    let headers = [("authorization", bearer.as_str())];
    let answer = http.send(http::Method::GET, &url, &headers, bytes::Bytes::new());
    assert_eq!(answer.await.expect("an answer").status, 200);
    services.stop().await;
}
