//! What stands for a Backstage: key sets that plugins publish, and a permission plugin that decides.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, Header, encode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::world::BEGIN;
use crate::api::AuthConfig;
use crate::api::auth::SigningKey;

/// Most bytes of what it is sent.
const BODY_BYTES: usize = 64 * 1024;
const AUTH_KEYS: &str = "/api/auth/.well-known/jwks.json";

/// Answers under `/api`, as told.
pub(super) struct StubBackstage {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<String, (u16, String)>,
    asked: Vec<StubCall>,
}

/// One request that it got.
#[derive(Clone, Debug)]
pub(super) struct StubCall {
    pub(super) path: String,
    pub(super) token: Option<String>,
    pub(super) body: Value,
}

/// Somebody who signs.
pub(super) struct Signer {
    pub(super) key: SigningKey,
}

impl StubBackstage {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's task ends with its runtime"
        )]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shared }
    }

    pub(super) fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a catalog is told that belongs to it.
    pub(super) fn auth_config(&self) -> AuthConfig {
        AuthConfig::new(&self.base_url())
    }

    pub(super) fn answer_with(&self, path: &str, status: u16, body: &Value) {
        let mut shared = self.shared.lock().expect("no panic");
        shared
            .answers
            .insert(path.to_owned(), (status, body.to_string()));
    }

    /// Publishes the keys of a plugin.
    pub(super) fn publish(&self, plugin: &str, signers: &[&Signer]) {
        let path = format!("/api/{plugin}/.backstage/auth/v1/jwks.json");
        self.answer_with(&path, 200, &key_set(signers));
    }

    /// Publishes the keys of users' tokens.
    pub(super) fn publish_users(&self, signers: &[&Signer]) {
        self.answer_with(AUTH_KEYS, 200, &key_set(signers));
    }

    /// Decides every question about rights alike.
    pub(super) fn decide(&self, decision: &Value) {
        self.answer_with(
            "/api/permission/authorize",
            200,
            &json!({ "items": [decision] }),
        );
    }

    /// How often a path was asked for.
    pub(super) fn times_asked(&self, path: &str) -> usize {
        self.asked()
            .iter()
            .filter(|asked| asked.path == path)
            .count()
    }

    pub(super) fn asked(&self) -> Vec<StubCall> {
        self.shared.lock().expect("no panic").asked.clone()
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let token = request.headers().get(header::AUTHORIZATION);
    let token = token
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body = to_bytes(request.into_body(), BODY_BYTES)
        .await
        .expect("a body");
    let mut shared = shared.lock().expect("no panic");
    shared.asked.push(StubCall {
        path: path.clone(),
        token,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    match shared.answers.get(&path) {
        Some((status, body)) => {
            let status = StatusCode::from_u16(*status).expect("a status");
            (status, body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) fn key_set(signers: &[&Signer]) -> Value {
    let keys: Vec<&Value> = signers.iter().map(|signer| signer.key.public()).collect();
    json!({ "keys": keys })
}

impl Signer {
    pub(super) fn new() -> Self {
        Self {
            key: SigningKey::generate(),
        }
    }

    pub(super) fn header(&self, typ: Option<&str>) -> Header {
        Header {
            typ: typ.map(str::to_owned),
            kid: Some(self.key.id().to_owned()),
            ..Header::new(Algorithm::ES256)
        }
    }

    pub(super) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        encode(&self.header(typ), claims, self.key.private()).expect("a token")
    }

    /// A token of a plugin for this catalog, with these claims instead of the usual ones.
    pub(super) fn plugin_token(&self, plugin: &str, instead: &[(&str, Value)]) -> String {
        let mut claims =
            json!({"sub": plugin, "aud": "catalog", "iat": BEGIN, "exp": BEGIN + 3_600});
        replace(&mut claims, instead);
        self.sign(Some("vnd.backstage.plugin"), &claims)
    }

    /// What says who a user is, and nothing else.
    pub(super) fn limited_token(&self, user: &str) -> String {
        let claims = json!({"sub": user, "iat": BEGIN, "exp": BEGIN + 1_800});
        self.sign(Some("vnd.backstage.limited-user"), &claims)
    }

    /// A user's token, with these claims instead of the usual ones.
    pub(super) fn user_token(&self, user: &str, instead: &[(&str, Value)]) -> String {
        let limited = self.limited_token(user);
        let proof = limited.rsplit('.').next();
        let mut claims = json!({"iss": "http://localhost/api/auth", "sub": user, "aud": "backstage", "iat": BEGIN, "exp": BEGIN + 1_800, "uip": proof});
        replace(&mut claims, instead);
        self.sign(Some("vnd.backstage.user"), &claims)
    }
}

fn replace(claims: &mut Value, instead: &[(&str, Value)]) {
    for (name, value) in instead {
        claims[*name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(*name);
        }
    }
}

/// A request header with a token.
pub(super) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}
