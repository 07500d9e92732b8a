//! What a browser may send to an API that asks for no credentials. Pure.
//!
//! Where nobody needs credentials, a page of anybody can make the browser of somebody who reaches the API send what it
//! likes. So the name by which the API was called must be one of its own, or a name of a stranger could lead here and
//! his pages read everything; and what changes something must not come from a page of another origin.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, Method, header};
use url::{Host, Url};

/// How a browser says from where a page sends something.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const LOCALHOST: &str = "localhost";
const BELOW_LOCALHOST: &str = ".localhost";

/// By which names the API is called, and from which pages it may be.
#[derive(Clone, Debug, Default)]
pub(super) struct TrustedOrigins {
    /// Names of hosts, lower-case, without ports.
    hosts: BTreeSet<String>,
}

/// Why a request without credentials is not let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum OriginRefusal {
    /// It was sent to another host.
    Host(String),
    /// It would change something, and is from a page of another origin.
    CrossSite,
}

impl TrustedOrigins {
    /// Trusts the hosts of these URLs, and these names.
    pub(super) fn new(urls: &[String], names: &[String]) -> Self {
        let hosts = urls.iter().filter_map(|url| {
            let url = Url::parse(url).ok()?;
            url.host_str().map(str::to_lowercase)
        });
        Self {
            hosts: hosts
                .chain(names.iter().map(|name| name.to_lowercase()))
                .collect(),
        }
    }

    /// Whether a request may be answered. `is_cors_origin` says which other origins the operator lets browsers call from.
    pub(super) fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        is_cors_origin: impl FnOnce(&str) -> bool,
    ) -> Result<(), OriginRefusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // Whoever sends none is no browser.
        let host = text(header::HOST);
        if let Some(host) = host
            && !self.is_own_host(host)
        {
            return Err(OriginRefusal::Host(host.to_owned()));
        }
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Ok(());
        }
        let is_ours = match text(header::ORIGIN) {
            Some(origin) => is_same_origin(origin, host) || is_cors_origin(origin),
            // A browser of today says so for every request; another program says nothing.
            None => text(FETCH_SITE).is_none_or(|site| matches!(site, "same-origin" | "none")),
        };
        if is_ours {
            Ok(())
        } else {
            Err(OriginRefusal::CrossSite)
        }
    }

    fn is_own_host(&self, authority: &str) -> bool {
        match parse_host(authority) {
            // An address cannot be made to lead elsewhere.
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == LOCALHOST || name.ends_with(BELOW_LOCALHOST) || self.hosts.contains(name)
            }
            None => false,
        }
    }
}

/// The host of `host:port`, lower-case.
fn parse_host(authority: &str) -> Option<Host<String>> {
    // An IPv6 address in brackets, as every client writes it, is one to this parser too.
    let url = Url::parse(&format!("http://{authority}/")).ok()?;
    // Whatever else a URL may have is nothing that stands in this header.
    let is_plain = url.path() == "/" && !authority.contains(['@', '?', '#']);
    let host = url.host()?.to_owned();
    is_plain.then_some(host)
}

/// Whether a page of this origin is of the host that it sends to. Whether it was encrypted on its way is not known here:
/// something in front may have done that.
fn is_same_origin(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|authority| host.is_some_and(|host| authority.eq_ignore_ascii_case(host)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(method: &Method, headers: &[(HeaderName, &str)]) -> Result<(), OriginRefusal> {
        let trusted = TrustedOrigins::new(
            &["https://Catalog.acme.example:8443/api/catalog".to_owned()],
            &["freshet.svc".to_owned()],
        );
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a value")))
            .collect();
        trusted.check(method, &headers, |origin| origin == "http://localhost:3000")
    }

    #[track_caller]
    fn check_host(host: &str, is_ours: bool) {
        let refused = Err(OriginRefusal::Host(host.to_owned()));
        let expected = if is_ours { Ok(()) } else { refused };
        assert_eq!(
            outcome(&Method::GET, &[(header::HOST, host)]),
            expected,
            "{host}"
        );
    }

    #[test]
    fn the_api_is_called_by_its_own_names() {
        for host in [
            "localhost",
            "localhost:7007",
            "LOCALHOST:7007",
            "localhost.:7007",
            "catalog.localhost",
            "127.0.0.1:7007",
            "[::1]:7007",
            "10.0.0.7",
            "catalog.acme.example",
            "freshet.svc:80",
        ] {
            check_host(host, true);
        }
        for host in [
            "evil.example",
            "evil.example:7007",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.evil.example",
            "acme.example",
            "localhost@evil.example",
            "localhost/",
            "evil.example/localhost",
            "localhost?",
            "localhost#",
            "",
        ] {
            check_host(host, false);
        }
        assert_eq!(outcome(&Method::GET, &[]), Ok(()));
    }

    #[track_caller]
    fn check_write(headers: &[(HeaderName, &str)], is_let_in: bool) {
        let with_host = [&[(header::HOST, "localhost:7007")], headers].concat();
        let expected = if is_let_in {
            Ok(())
        } else {
            Err(OriginRefusal::CrossSite)
        };
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(outcome(&method, &with_host), expected, "{headers:?}");
        }
        assert_eq!(
            outcome(&Method::GET, &with_host),
            Ok(()),
            "reading: {headers:?}"
        );
    }

    #[test]
    fn pages_of_others_change_nothing() {
        check_write(&[], true);
        check_write(&[(header::ORIGIN, "http://localhost:7007")], true);
        check_write(&[(header::ORIGIN, "http://localhost:3000")], true);
        check_write(&[(header::ORIGIN, "http://localhost:8080")], false);
        check_write(&[(header::ORIGIN, "https://evil.example")], false);
        check_write(&[(header::ORIGIN, "null")], false);
        check_write(&[(FETCH_SITE, "same-origin")], true);
        check_write(&[(FETCH_SITE, "none")], true);
        check_write(&[(FETCH_SITE, "same-site")], false);
        check_write(&[(FETCH_SITE, "cross-site")], false);
    }
}
