//! `backend.https`: the certificate that the API shows.

use freshet_runtime::config::Reader;
use freshet_store::ApiCertificate;
use secrecy::SecretString;

/// Reads the certificate, if there is one.
pub(super) fn read_certificate(backend: &Reader<'_>) -> Option<ApiCertificate> {
    if backend.is_off("https") {
        return None;
    }
    if !backend.is_object("https") {
        backend.warn(
            "https",
            "is not honoured: Freshet makes no certificates and speaks plain HTTP; name one in backend.https.certificate, or put something in front that speaks TLS",
        );
        return None;
    }
    let certificate = backend.block("https")?.block("certificate")?;
    let chain = certificate.required_string("cert");
    let key = certificate.required_string("key");
    // Each is reported where it is missing. Without them everything would be sent in the open.
    if chain.is_empty() || key.is_empty() {
        return None;
    }
    let pair = ApiCertificate {
        certificate: chain,
        key: SecretString::from(key),
    };
    if let Err(error) = pair.check() {
        certificate.mistake("", format!("cannot be used: {error}"));
    }
    Some(pair)
}
