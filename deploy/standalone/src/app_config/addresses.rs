//! Addresses as several blocks write them.

use freshet_runtime::config::Reader;
use freshet_runtime::listen::{self, ListenAddress};
use url::Url;

/// The host that an entry without one is about, as in Backstage.
pub(super) const GITHUB_COM: &str = "github.com";

/// Reads a listen address: `7008`, `:7008`, `127.0.0.1:7008` or `{host, port}`. Absent, it is this port of
/// loopback.
pub(super) fn read_listen(block: &Reader<'_>, key: &str, port_default: u16) -> ListenAddress {
    let default = ListenAddress::loopback(port_default);
    let Some(value) = block.value(key) else {
        return default;
    };
    if value.is_object()
        && let Some(parts) = block.block(key)
    {
        // Read below; named here, so that the keys beside them are found.
        parts.ignore("host");
        parts.ignore("port");
    }
    listen::parse(&value, port_default).unwrap_or_else(|message| {
        // Reading goes on with the default, so that all mistakes are reported in one run.
        block.mistake(key, message);
        default
    })
}

/// The host that an entry is about.
pub(super) fn read_host(reader: &Reader<'_>) -> String {
    let Some(written) = reader.string("host") else {
        return GITHUB_COM.to_owned();
    };
    let plain = plain_host(&written);
    // Written as a URL, it would be the host of no URL, and everything there would be a stranger's.
    if plain != written {
        reader.mistake("host", format!("must be a host alone: write `{plain}`"));
    }
    plain
}

/// The host, with its port if there is one, of what may have been written as a URL.
fn plain_host(written: &str) -> String {
    let after_scheme = written.split_once("://").map_or(written, |(_, rest)| rest);
    let authority = after_scheme
        .split(['/', '?', '#'])
        .next()
        .unwrap_or_default();
    // What stands before an `@` may be a secret.
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.trim().to_owned()
}

/// Whether `text` is a URL with a host and one of these schemes.
pub(super) fn is_url(text: &str, schemes: &[&str]) -> bool {
    // `nats:4222` parses as a URL too, but there is no host in it to connect to.
    Url::parse(text).is_ok_and(|url| schemes.contains(&url.scheme()) && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_written_as_a_url_is_told_as_it_should_be() {
        for (written, expected) in [
            ("github.com", "github.com"),
            ("ghe.acme.example:8443", "ghe.acme.example:8443"),
            ("https://ghe.acme.example", "ghe.acme.example"),
            ("ghe.acme.example/", "ghe.acme.example"),
            (
                "https://bot:s3cret@ghe.acme.example:8443/acme?x",
                "ghe.acme.example:8443",
            ),
        ] {
            assert_eq!(plain_host(written), expected);
        }
    }
}
