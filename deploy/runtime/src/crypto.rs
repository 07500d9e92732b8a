//! The one cryptography provider of the process.

/// Installs ring for rustls. First thing in `main`: with several providers compiled in by
/// dependencies, rustls refuses to choose.
pub fn install_crypto_provider() {
    // A second installation in one process, as tests do, changes nothing.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
}
