//! How a database is reached.

use freshet_store::DatabaseConfig;
use secrecy::ExposeSecret as _;

use super::tests::{check_warnings, read};

#[track_caller]
fn check_ssl(ssl: &str, expected: &str) {
    check_connection(&format!("host: db.acme.example, ssl: {ssl}"), expected);
}

#[track_caller]
fn check_connection(connection: &str, expected: &str) {
    let text = format!("backend: {{database: {{client: pg, connection: {{{connection}}}}}}}\n");
    let config = read(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let DatabaseConfig::Postgres { url, .. } = config.store.database else {
        panic!("not PostgreSQL")
    };
    let url = url.expose_secret();
    assert!(url.ends_with(expected), "{connection}: {url}");
}

#[test]
fn an_address_that_says_nothing_of_encryption_is_used_as_what_stands_beside_it_says() {
    for (connection, expected) in [
        (
            "connectionString: 'postgresql://u@db/x', ssl: true",
            "/x?sslmode=verify-full",
        ),
        (
            "connectionString: 'postgresql://u@db/x?a=b', ssl: no-verify",
            "?a=b&sslmode=require",
        ),
        (
            "connectionString: 'postgresql://u@db/x?sslmode=disable', ssl: true",
            "?sslmode=disable",
        ),
        ("connectionString: 'postgresql://u@db/x'", "@db/x"),
    ] {
        check_connection(connection, expected);
    }
}

#[test]
fn a_database_reached_by_tls_proves_who_it_is_unless_told_otherwise() {
    check_ssl("false", "?sslmode=prefer");
    check_ssl("true", "?sslmode=verify-full");
    check_ssl("'true'", "?sslmode=verify-full");
    check_ssl("'false'", "?sslmode=prefer");
    check_ssl("require", "?sslmode=verify-full");
    check_ssl("no-verify", "?sslmode=require");
    check_ssl("{rejectUnauthorized: true}", "?sslmode=verify-full");
    check_ssl("{rejectUnauthorized: false}", "?sslmode=require");
    check_ssl("{require: true}", "?sslmode=verify-full");
    check_warnings(
        "backend: {database: {client: pg, connection: {host: db.acme.example, ssl: {odd: 1}}}}\n",
        &["backend.database.connection.ssl.odd"],
    );
}
