//! What is taken for a secret, and what is not.

use serde_json::json;

use super::scan::SLACK_WEBHOOK;
use super::*;

#[track_caller]
fn check(text: &str, expected: Option<SecretKind>) {
    let kinds: Vec<_> = secret_spans(text)
        .into_iter()
        .map(|span| span.kind)
        .collect();
    assert_eq!(kinds, Vec::from_iter(expected), "{text}");
}

/// Put together here, so that no scanner takes this file for a leak.
fn token(prefix: &str, length: usize) -> String {
    let body = "aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0";
    prefix
        .chars()
        .chain(body.chars().cycle().take(length))
        .collect()
}

fn web_token() -> String {
    format!(
        "{}.{}.{}",
        token("eyJ", 33),
        token("eyJ", 40),
        token("", 43)
    )
}

#[test]
fn tokens_of_known_issuers_are_secrets() {
    for prefix in ["ghp_", "gho_", "ghs_", "ghu_", "ghr_"] {
        check(&token(prefix, 36), Some(SecretKind::Github));
    }
    check(&token("github_pat_", 82), Some(SecretKind::Github));
    check("AKIAIOSFODNN7EXAMPLE", Some(SecretKind::Aws));
    check("ASIAIOSFODNN7EXAMPLE", Some(SecretKind::Aws));
    check(&token("AIza", 35), Some(SecretKind::Google));
    check(&token("xoxb-123456789012-", 24), Some(SecretKind::Slack));
    check(&token("npm_", 36), Some(SecretKind::Npm));
    check(&token("pypi-AgEIcHlwaS5vcmc", 60), Some(SecretKind::Pypi));
    check(&token("glpat-", 20), Some(SecretKind::Gitlab));
}

#[test]
fn a_secret_is_found_inside_a_text() {
    let token = token("ghp_", 36);
    check(
        &format!("Authorization: Bearer {token}."),
        Some(SecretKind::Github),
    );
    check(&format!("TOKEN={token}"), Some(SecretKind::Github));
    check(&format!("ä{token}ä"), Some(SecretKind::Github));
}

#[test]
fn a_web_token_has_three_parts() {
    let whole = web_token();
    check(&whole, Some(SecretKind::Jwt));
    check(&format!("ghs_1234_{whole}"), Some(SecretKind::Jwt));
    let (two, _) = whole.rsplit_once('.').expect("it has dots");
    check(two, None);
    check(&token("eyJ", 400), None);
    check("eyJhbGciOiJIUzI1NiJ9.eyJ9.x", None);
}

#[test]
fn a_private_key_is_a_secret_and_a_public_one_is_not() {
    check(
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQ\n-----END RSA PRIVATE KEY-----\n",
        Some(SecretKind::PrivateKey),
    );
    check(
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r",
        Some(SecretKind::PrivateKey),
    );
    check(
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx",
        Some(SecretKind::PrivateKey),
    );
    check(
        "-----BEGIN PUBLIC KEY-----\nMIIBIjAN\n-----END PUBLIC KEY-----",
        None,
    );
    check(
        "-----BEGIN CERTIFICATE-----\nMIIBIjAN\n-----END CERTIFICATE-----",
        None,
    );
}

#[test]
fn a_password_in_a_url_is_a_secret() {
    check(
        "https://user:pass@git.acme.example/x",
        Some(SecretKind::UrlPassword),
    );
    check(
        "postgres://app:hunter2@db:5432/app",
        Some(SecretKind::UrlPassword),
    );
    check("see https://a:b@c, please", Some(SecretKind::UrlPassword));
}

#[test]
fn a_slack_webhook_is_a_secret() {
    let url = format!(
        "https://{SLACK_WEBHOOK}{}",
        "T01ABCDEF/B01ABCDEF/aB3dE5gH7jK9mN1p"
    );
    check(&url, Some(SecretKind::SlackWebhook));
    check(&format!("https://{SLACK_WEBHOOK}..."), None);
}

#[test]
fn ordinary_values_are_no_secrets() {
    for text in [
        "",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        "https://github.com/acme/pay/blob/main/catalog-info.yaml",
        "https://git@github.com/acme/pay.git",
        "git@github.com:acme/pay.git",
        "https://host:8080/a@b:c",
        "https://user:${PASSWORD}@host/",
        "https://user:{{password}}@host/",
        "https://user:<password>@host/",
        "https://user:***@host/",
        "https://user:xxxx@host/",
        "postgres://localhost:5432/app?a=b@c",
        "ghp_short",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "highp_aB3dE5gH7jK9mN1pQ2sT4vW6yZ8bC0aB3dE5",
        "AKIAIOSFODNN7",
        "BAKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLEX",
        "npm_config_registry",
        "pypi-server",
        "xoxb-your-token",
        "glpat-token",
        "component:default/eyJ",
        "-----BEGIN ",
        "://",
        "a://:@",
    ] {
        check(text, None);
    }
}

#[test]
fn values_and_keys_of_a_document_are_looked_at() {
    let document = json!({
        "metadata": {"annotations": {"a/b": token("ghp_", 36)}},
        "spec": {"env": [{"name": "X", "value": "AKIAIOSFODNN7EXAMPLE"}], token("glpat-", 20): 1},
    });
    let found = secret_values(&document);
    let pointers: Vec<_> = found.iter().map(|found| found.pointer.as_str()).collect();
    assert_eq!(
        pointers[..2],
        ["/metadata/annotations/a~1b", "/spec/env/0/value"]
    );
    assert_eq!(found[2].kind, SecretKind::Gitlab);
    assert_eq!(found.len(), 3);
}

#[test]
fn blanking_keeps_lines_and_columns() {
    let token = token("ghp_", 36);
    let text = format!("ä: {token} # x");
    assert_eq!(blank_secrets(&text), format!("ä: {} # x", "*".repeat(40)));
    let key = "k: |\n  -----BEGIN PRIVATE KEY-----\n  MIIE\n  -----END PRIVATE KEY-----\nz: 1";
    let shown = blank_secrets(key);
    assert_eq!(shown.lines().count(), 5);
    assert!(!shown.contains("MIIE"), "{shown}");
    assert!(shown.ends_with("\nz: 1"), "{shown}");
    assert_eq!(blank_secrets("https://u:p@h/"), "https://u:*@h/");
    assert!(matches!(blank_secrets("nothing"), Cow::Borrowed("nothing")));
}

#[test]
fn the_beginning_of_a_secret_is_blanked_where_a_quotation_was_cut() {
    assert_eq!(
        blank_secrets("\"see ghp_aB3d\"… is bad"),
        "\"see ********\"… is bad"
    );
    assert_eq!(blank_secrets("\"https://a:b\"…"), "\"https******\"…");
    assert_eq!(blank_secrets("\"just long\"… ghp_"), "\"just long\"… ghp_");
}

#[test]
fn a_message_never_repeats_the_value() {
    let message = SecretKind::Github.message();
    assert!(message.contains("GitHub token"), "{message}");
    assert!(!HINT.is_empty());
}

/// Each of these would take minutes if a rule looked at the same bytes again and again.
#[test]
fn the_scan_is_linear_in_hostile_texts() {
    const BYTES: usize = 512 * 1024;
    for piece in [
        "eyJ-",
        "eyJ.",
        "a://",
        "ghp_",
        "-ghp_a",
        "-----BEGIN ",
        "xoxb-",
        "-glpat-",
        "a://a:@",
    ] {
        let text = piece.repeat(BYTES / piece.len());
        let _ = secret_spans(&text);
    }
}
