//! Plugins and users of Backstage: their tokens, and the rights that users have.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::settings::Settings;
use super::stub::{Signer, StubBackstage, bearer};
use super::world::{BEGIN, World};
use crate::api::{AuthConfig, PermissionPolicy};

const ENTITIES: &str = "/api/catalog/entities";
pub(super) const ANA: &str = "user:default/ana";

/// A Backstage with a plugin and users, and a catalog that belongs to it.
pub(super) struct Installation {
    pub(super) backstage: StubBackstage,
    pub(super) search: Signer,
    pub(super) users: Signer,
    pub(super) world: World,
}

impl Installation {
    pub(super) async fn start(permissions: PermissionPolicy) -> Self {
        let (search, users) = (Signer::new(), Signer::new());
        let backstage = StubBackstage::start().await;
        backstage.publish("search", &[&search]);
        backstage.publish_users(&[&users]);
        let auth = AuthConfig {
            permissions,
            ..backstage.auth_config()
        };
        Self {
            backstage,
            search,
            users,
            world: World::start_with(Settings::guarded(auth)).await,
        }
    }

    /// Status and message of the answer to somebody with this token.
    async fn ask(&self, target: &str, token: &str) -> (u16, String) {
        let answer = self.world.request("GET", target, &bearer(token)).await;
        let message = match answer.status {
            200 => String::new(),
            _ => answer.json()["error"]["message"]
                .as_str()
                .expect("a message")
                .to_owned(),
        };
        (answer.status, message)
    }

    async fn check(&self, token: &str, expected: Result<(), &str>) {
        let answer = self.ask(ENTITIES, token).await;
        let expected = match expected {
            Ok(()) => (200, String::new()),
            Err(message) => (401, message.to_owned()),
        };
        assert_eq!(answer, expected, "{token}");
    }
}

#[tokio::test]
async fn a_plugin_is_whom_its_own_keys_say() {
    const REFUSED: Result<(), &str> = Err("Failed plugin token verification");
    let all = Installation::start(PermissionPolicy::default()).await;
    let (search, other) = (&all.search, Signer::new());
    all.backstage.publish("other", &[&other]);
    all.check(&search.plugin_token("search", &[]), Ok(())).await;
    // The keys of one plugin are no keys of another.
    all.check(&other.plugin_token("search", &[]), REFUSED).await;
    all.check(&search.plugin_token("other", &[]), REFUSED).await;
    all.check(&search.plugin_token("nowhere", &[]), REFUSED)
        .await;
    for instead in [
        ("exp", json!(BEGIN)),
        ("exp", Value::Null),
        ("iat", Value::Null),
        ("aud", json!("search")),
        ("aud", Value::Null),
        ("nbf", json!(BEGIN + 1)),
    ] {
        all.check(&search.plugin_token("search", &[instead]), REFUSED)
            .await;
    }
    for subject in ["../auth", "a/b", "", "a b"] {
        let token = search.plugin_token("search", &[("sub", json!(subject))]);
        all.check(
            &token,
            Err("Invalid plugin token: forbidden subject format"),
        )
        .await;
    }
    // What it was signed for is not what it says now.
    let (good, bad) = (
        search.plugin_token("search", &[]),
        search.plugin_token("search", &[("aud", json!("search"))]),
    );
    let claims = good.split('.').nth(1).expect("claims");
    let parts: Vec<&str> = bad.split('.').collect();
    all.check(&format!("{}.{claims}.{}", parts[0], parts[2]), REFUSED)
        .await;
    all.world.stop().await;
}

#[tokio::test]
async fn a_public_key_and_no_key_at_all_sign_nothing() {
    let all = Installation::start(PermissionPolicy::default()).await;
    let claims = json!({"sub": "search", "aud": "catalog", "iat": BEGIN, "exp": BEGIN + 60});
    let public = all.search.key.public().to_string();
    for typ in ["vnd.backstage.plugin", "vnd.backstage.user"] {
        let header = Header {
            typ: Some(typ.to_owned()),
            kid: Some(all.search.key.id().to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        for secret in [public.as_bytes(), b""] {
            let token =
                encode(&header, &claims, &EncodingKey::from_secret(secret)).expect("a token");
            let (status, message) = all.ask(ENTITIES, &token).await;
            assert_eq!(status, 401);
            assert!(message.starts_with("Failed "), "{message}");
        }
        let unsigned = all.search.sign(Some(typ), &claims);
        let claims = unsigned.split('.').nth(1).expect("claims");
        for head in [
            // {"alg":"none","typ":"vnd.backstage.plugin"} and the same for a user.
            "eyJhbGciOiJub25lIiwidHlwIjoidm5kLmJhY2tzdGFnZS5wbHVnaW4ifQ",
            "eyJhbGciOiJub25lIiwidHlwIjoidm5kLmJhY2tzdGFnZS51c2VyIn0",
        ] {
            all.check(&format!("{head}.{claims}."), Err("Illegal token"))
                .await;
        }
    }
    // Nothing was looked for on account of these.
    assert!(all.backstage.asked().is_empty());
    all.world.stop().await;
}

#[tokio::test]
async fn a_user_is_whom_backstage_signed_and_not_half_of_him() {
    let all = Installation::start(PermissionPolicy::default()).await;
    all.check(&all.users.user_token(ANA, &[]), Ok(())).await;
    let failed = Err("Failed user token verification");
    all.check(&Signer::new().user_token(ANA, &[]), failed).await;
    all.check(&all.users.user_token(ANA, &[("exp", json!(BEGIN))]), failed)
        .await;
    all.check(&all.users.user_token(ANA, &[("sub", Value::Null)]), failed)
        .await;
    all.check(&all.users.user_token(ANA, &[("sub", json!(""))]), failed)
        .await;
    all.check(
        &all.users.limited_token(ANA),
        Err("Illegal limited user token"),
    )
    .await;
    all.check(&all.search.limited_token(ANA), failed).await;
    // As it was issued before tokens said what they are.
    let claims = json!({"sub": ANA, "aud": "backstage", "iat": BEGIN, "exp": BEGIN + 60});
    all.check(&all.users.sign(None, &claims), Ok(())).await;
    all.world.stop().await;
}

#[tokio::test]
async fn a_plugin_asks_for_a_user_with_what_he_gave_it() {
    let all = Installation::start(PermissionPolicy::default()).await;
    let with = |obo: Value| all.search.plugin_token("search", &[("obo", obo)]);
    all.check(&with(json!(all.users.limited_token(ANA))), Ok(()))
        .await;
    let invalid = Err("Invalid user token in plugin token obo claim");
    all.check(&with(json!("nonsense")), invalid).await;
    all.check(&with(json!(7)), invalid).await;
    all.check(
        &with(json!(all.search.plugin_token("search", &[]))),
        invalid,
    )
    .await;
    let failed = Err("Failed user token verification");
    all.check(&with(json!(all.search.limited_token(ANA))), failed)
        .await;
    all.world.stop().await;
}

#[tokio::test]
async fn a_user_has_the_rights_that_the_permission_plugin_gives_him() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    let token = all.users.user_token(ANA, &[]);
    let problems = "/api/v1/problems";
    all.backstage.decide(&json!({"id": "0", "result": "ALLOW"}));
    assert_eq!(all.ask(problems, &token).await.0, 200);
    all.backstage.decide(&json!({"id": "0", "result": "DENY"}));
    let refused = (403, "catalog.entity.read is not allowed".to_owned());
    assert_eq!(all.ask(problems, &token).await, refused);
    // What tells of everything is not shown to who may see some.
    all.backstage.decide(&json!({"id": "0", "result": "CONDITIONAL", "pluginId": "catalog", "resourceType": "catalog-entity",
        "conditions": {"rule": "IS_ENTITY_KIND", "resourceType": "catalog-entity", "params": {"kinds": ["API"]}}}));
    assert_eq!(all.ask(problems, &token).await, refused);
    let asked = all.backstage.times_asked("/api/permission/authorize");
    assert_eq!(asked, 3);
    // Services are not asked about.
    let plugin = all.search.plugin_token("search", &[]);
    assert_eq!(all.ask(problems, &plugin).await.0, 200);
    assert_eq!(
        all.backstage.times_asked("/api/permission/authorize"),
        asked
    );
    all.world.stop().await;
}

#[tokio::test]
async fn the_permission_plugin_is_told_who_asks_and_can_believe_it() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    all.backstage.decide(&json!({"id": "0", "result": "ALLOW"}));
    let limited = all.users.limited_token(ANA);
    let delegated = all
        .search
        .plugin_token("search", &[("obo", json!(limited))]);
    for token in [all.users.user_token(ANA, &[]), delegated] {
        assert_eq!(all.ask("/api/v1/problems", &token).await.0, 200);
        let asked = all.backstage.asked().pop().expect("a question");
        assert_eq!(asked.path, "/api/permission/authorize");
        assert_eq!(
            asked.body["items"][0]["permission"]["name"],
            "catalog.entity.read"
        );
        let token = asked.token.expect("a token");
        let token = token.strip_prefix("Bearer ").expect("a bearer");
        let claims = verify_with_published_keys(&all.world, token).await;
        // A user's token would say more; this is all that is passed on.
        let who = json!({"sub": "catalog", "aud": "permission", "iat": BEGIN, "exp": BEGIN + 1_800, "obo": limited_claims(&limited)});
        let mut claims = claims;
        claims["obo"] = limited_claims(claims["obo"].as_str().expect("a token"));
        assert_eq!(claims, who);
    }
    all.world.stop().await;
}

/// A signature differs each time it is made; what it is of does not.
fn limited_claims(token: &str) -> Value {
    let parts: Vec<&str> = token.split('.').take(2).collect();
    json!(parts)
}

async fn verify_with_published_keys(world: &World, token: &str) -> Value {
    let keys = world.get("/api/catalog/.backstage/auth/v1/jwks.json").await;
    assert_eq!(keys.status, 200);
    let header = jsonwebtoken::decode_header(token).expect("a header");
    assert_eq!(header.typ.as_deref(), Some("vnd.backstage.plugin"));
    let keys: jsonwebtoken::jwk::JwkSet = serde_json::from_value(keys.json()).expect("a key set");
    let key = keys
        .find(&header.kid.expect("a key"))
        .expect("it is published")
        .clone();
    let key = jsonwebtoken::DecodingKey::from_jwk(&key).expect("a key");
    let mut validation = jsonwebtoken::Validation::new(Algorithm::ES256);
    validation.validate_aud = false;
    validation.validate_exp = false;
    jsonwebtoken::decode::<Value>(token, &key, &validation)
        .expect("it is ours")
        .claims
}

#[tokio::test]
async fn what_is_not_decided_is_not_allowed() {
    let all = Installation::start(PermissionPolicy::Ask).await;
    let token = all.users.user_token(ANA, &[]);
    let undecided = (503, "The permission plugin does not decide".to_owned());
    let problems = "/api/v1/problems";
    // It is not there, it refuses, or it says something else.
    assert_eq!(all.ask(problems, &token).await, undecided);
    for (status, body) in [
        (401, json!({})),
        (500, json!({})),
        (200, json!({})),
        (200, json!({"items": []})),
        (200, json!({"items": [{"id": "0", "result": "MAYBE"}]})),
    ] {
        all.backstage
            .answer_with("/api/permission/authorize", status, &body);
        assert_eq!(
            all.ask(problems, &token).await,
            undecided,
            "{status} {body}"
        );
    }
    all.backstage.decide(
        &json!({"id": "0", "result": "CONDITIONAL", "resourceType": "catalog-entity",
        "conditions": {"rule": "IS_OLD", "resourceType": "catalog-entity"}}),
    );
    let (status, message) = all.ask(problems, &token).await;
    assert_eq!(status, 403);
    assert!(message.contains("'IS_OLD' does not exist"), "{message}");
    // Who cannot be proved to others is not asked for as ourselves.
    let without_proof = all.users.user_token(ANA, &[("uip", Value::Null)]);
    assert_eq!(all.ask(problems, &without_proof).await.0, 401);
    all.world.stop().await;
}
