//! The API over TLS, with the certificate of `backend.https`.
//!
//! A client that takes its time with the handshake keeps nobody else waiting: handshakes go on beside each other, each
//! for a limited time, and only connections that are through are handed on.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Handshakes at once; whoever comes then waits.
const HANDSHAKES_MAX: usize = 256;
const HTTP_1_1: &[u8] = b"http/1.1";

/// A certificate with its key, each as PEM.
#[derive(Clone, Debug)]
pub struct ApiCertificate {
    /// The certificate, and those that lead from it to one that clients know.
    pub certificate: String,
    /// The key of the first.
    pub key: SecretString,
}

/// Why a certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// There is none.
    #[error("it holds no certificate")]
    NoCertificate,
    /// It is not written as one.
    #[error("the certificate is no PEM")]
    Certificate(#[source] rustls::pki_types::pem::Error),
    /// The key is not written as one.
    #[error("the key is no PEM")]
    Key(#[source] rustls::pki_types::pem::Error),
    /// They do not belong together, or are of a sort that is not spoken.
    #[error("the certificate and its key cannot be used together")]
    Pair(#[source] rustls::Error),
}

impl ApiCertificate {
    /// Whether it can be shown.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn check(&self) -> Result<(), CertificateError> {
        self.server_config().map(|_config| ())
    }

    fn server_config(&self) -> Result<ServerConfig, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain: Result<Vec<CertificateDer<'static>>, _> = chain.collect();
        let chain = chain.map_err(CertificateError::Certificate)?;
        if chain.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(self.key.expose_secret().as_bytes());
        let key = key.map_err(CertificateError::Key)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider speaks the versions of today")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(CertificateError::Pair)?;
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(config)
    }
}

/// A listener whose connections have a handshake behind them.
pub(super) struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: FuturesUnordered<BoxFuture<'static, Option<TlsConnection>>>,
}

type TlsConnection = (TlsStream<TcpStream>, SocketAddr);

impl TlsListener {
    pub(super) fn new(
        listener: TcpListener,
        certificate: &ApiCertificate,
    ) -> Result<Self, CertificateError> {
        Ok(Self {
            listener,
            acceptor: TlsAcceptor::from(Arc::new(certificate.server_config()?)),
            handshakes: FuturesUnordered::new(),
        })
    }

    fn begin_handshake(&self, stream: TcpStream, peer: SocketAddr) {
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
        self.handshakes.push(Box::pin(async move {
            // Whoever breaks off or speaks something else is told so by the protocol.
            let stream = handshake.await.ok()?.ok()?;
            Some((stream, peer))
        }));
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    /// Nothing is lost if it is dropped halfway: what has begun is in `self`.
    async fn accept(&mut self) -> TlsConnection {
        loop {
            let has_room = self.handshakes.len() < HANDSHAKES_MAX;
            tokio::select! {
                Some(done) = self.handshakes.next(), if !self.handshakes.is_empty() => {
                    if let Some(connection) = done {
                        return connection;
                    }
                }
                // Its own way of accepting waits out what passes, such as too many open files.
                (stream, peer) = Listener::accept(&mut self.listener), if has_room => {
                    self.begin_handshake(stream, peer);
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = include_str!("tests/tls/certificate.pem");
    const KEY: &str = include_str!("tests/tls/key.pem");

    #[track_caller]
    fn check(certificate: &str, key: &str, expected: Result<(), &str>) {
        let pair = ApiCertificate {
            certificate: certificate.to_owned(),
            key: SecretString::from(key),
        };
        let outcome = pair.check().map_err(|error| error.to_string());
        assert_eq!(outcome, expected.map_err(str::to_owned));
    }

    #[test]
    fn a_certificate_needs_its_key() {
        check(CERTIFICATE, KEY, Ok(()));
        check("", KEY, Err("it holds no certificate"));
        check("nonsense", KEY, Err("it holds no certificate"));
        check(CERTIFICATE, "nonsense", Err("the key is no PEM"));
        check(CERTIFICATE, CERTIFICATE, Err("the key is no PEM"));
        let other = include_str!("tests/tls/other-key.pem");
        let together = "the certificate and its key cannot be used together";
        check(CERTIFICATE, other, Err(together));
    }
}
