//! One TLS implementation for the process.
//!
//! Two of our dependencies bring rustls without naming a cryptography provider, and the first handshake
//! panics if none is installed. `main` calls this before anything else.

/// Makes `ring` the provider of rustls. Calling it again changes nothing.
pub fn install_crypto_provider() {
    // An error means that a provider is installed already, which is all that is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
