//! The API over TLS.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::settings::Settings;
use super::world::World;
use crate::api::ApiCertificate;

const CERTIFICATE: &str = include_str!("tls/certificate.pem");
const KEY: &str = include_str!("tls/key.pem");

fn connector() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("PEM");
    roots.add(certificate).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn the_api_shows_its_certificate_and_waits_for_nobody() {
    let world = World::start_with(Settings {
        certificate: Some(ApiCertificate {
            certificate: CERTIFICATE.to_owned(),
            key: SecretString::from(KEY),
        }),
        ..Settings::default()
    })
    .await;
    // Connects and says nothing, and says something else.
    let _silent = TcpStream::connect(world.address)
        .await
        .expect("a connection");
    let mut plain = TcpStream::connect(world.address)
        .await
        .expect("a connection");
    plain
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("sent");
    let stream = TcpStream::connect(world.address)
        .await
        .expect("a connection");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut stream = connector()
        .connect(name, stream)
        .await
        .expect("a handshake");
    let request =
        b"GET /api/catalog/entities HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let mut refused = Vec::new();
    let _reset = plain.read_to_end(&mut refused).await;
    assert!(!refused.starts_with(b"HTTP"), "nothing is told in the open");
    world.stop().await;
}
