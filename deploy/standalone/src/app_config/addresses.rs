//! Addresses as several blocks write them.

use std::net::SocketAddr;

use freshet_runtime::config::Reader;
use url::Url;

/// The host that an entry without one is about, as in Backstage.
pub(super) const GITHUB_COM: &str = "github.com";

/// Reads a listen address: `7008`, `:7008`, `127.0.0.1:7008` or `{host, port}`.
pub(super) fn read_listen(block: &Reader<'_>, key: &str, default: SocketAddr) -> SocketAddr {
    let Some(value) = block.value(key) else {
        return default;
    };
    freshet_runtime::listen::parse(&value).unwrap_or_else(|message| {
        // Reading goes on with the default, so that all mistakes are reported in one run.
        block.mistake(key, message);
        default
    })
}

/// Whether `text` is a URL with a host and one of these schemes.
pub(super) fn is_url(text: &str, schemes: &[&str]) -> bool {
    // `nats:4222` parses as a URL too, but there is no host in it to connect to.
    Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}
