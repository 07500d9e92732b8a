//! Which plain URLs may be read. Pure.
//!
//! `backend.reading.allow` names hosts; nothing else on the network may be read. The decision is
//! made about the parsed URL, once per hop, and about the host as a name: which addresses it may
//! have is decided where it is looked up.

use std::ops::RangeInclusive;

use url::Url;

/// One entry of `backend.reading.allow`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingAllow {
    /// A host, with `*.` in front for all hosts below it, and optionally `:port` or `:from-to`.
    pub host: String,
    /// Prefixes of paths, at step boundaries; `None` is every path.
    pub paths: Option<Vec<String>>,
}

/// Which plain URLs may be read.
#[derive(Clone, Debug, Default)]
pub struct UrlPolicy {
    entries: Vec<AllowedHost>,
}

#[derive(Clone, Debug)]
struct AllowedHost {
    host: HostPattern,
    ports: Option<RangeInclusive<u16>>,
    paths: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
enum HostPattern {
    Exactly(String),
    /// With the dot in front.
    Below(String),
}

/// Why a URL may not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefusal {
    /// Neither https, nor http at an address that is allowed with its port.
    #[error("only https is read")]
    Scheme,
    /// It holds a user or a password.
    #[error("a URL with a user or a password is not read")]
    Credentials,
    /// Its host or path is not in the list.
    #[error("its host or path is not in backend.reading.allow")]
    NotAllowed,
    /// It has a wildcard in its path.
    #[error("a URL on this host cannot be a pattern")]
    Pattern,
}

/// What a URL that may be read may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressReach {
    /// Public addresses only.
    Public,
    /// This machine too: the operator allowed it by name and port.
    Loopback,
}

impl ReadingAllow {
    /// Whether it can be read as a host and ports.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        AllowedHost::new(self).is_some()
    }
}

impl UrlPolicy {
    /// The policy of these entries; what cannot be read as a host allows nothing.
    #[must_use]
    pub fn new(allow: &[ReadingAllow]) -> Self {
        Self {
            entries: allow.iter().filter_map(AllowedHost::new).collect(),
        }
    }

    /// Whether a URL may be read.
    ///
    /// # Errors
    /// Why it may not.
    pub fn allows_url(&self, url: &Url) -> Result<AddressReach, UrlRefusal> {
        // A password in a catalog file is shown to everybody, and is to be sent to nobody.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlRefusal::Credentials);
        }
        if !matches!(url.scheme(), "https" | "http") {
            return Err(UrlRefusal::Scheme);
        }
        let entry = self.entries.iter().find(|entry| entry.admits_url(url));
        let entry = entry.ok_or(UrlRefusal::NotAllowed)?;
        let reach = entry.address_reach();
        // Plain http would let anyone on the way write the catalog.
        if url.scheme() == "http" && reach != AddressReach::Loopback {
            return Err(UrlRefusal::Scheme);
        }
        if url.path().contains('*') {
            return Err(UrlRefusal::Pattern);
        }
        Ok(reach)
    }
}

impl AllowedHost {
    fn new(allow: &ReadingAllow) -> Option<Self> {
        let (host, ports) = match allow.host.rsplit_once(':') {
            // A literal address of the sixth version is full of colons.
            Some((host, ports)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port_range(ports)?))
            }
            _ => (allow.host.as_str(), None),
        };
        let host = host.to_lowercase();
        let host = match host.strip_prefix('*') {
            Some(below) if below.len() > 1 && below.starts_with('.') => {
                HostPattern::Below(below.to_owned())
            }
            Some(_) => return None,
            None if host.is_empty() || host.contains(['*', '/', '@']) => return None,
            None => HostPattern::Exactly(host),
        };
        Some(Self {
            host,
            ports,
            paths: allow.paths.clone(),
        })
    }

    fn admits_url(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else {
            return false;
        };
        let named = match &self.host {
            HostPattern::Exactly(name) => name == host,
            HostPattern::Below(suffix) => {
                host.len() > suffix.len() && host.ends_with(suffix.as_str())
            }
        };
        let at_port = match (&self.ports, url.port_or_known_default()) {
            (Some(ports), Some(port)) => ports.contains(&port),
            (Some(_), None) => false,
            // Without ports in the entry only the default port of the scheme is meant, as in
            // Backstage.
            (None, _) => url.port().is_none(),
        };
        named && at_port && self.admits_path(url.path())
    }

    fn admits_path(&self, path: &str) -> bool {
        let Some(prefixes) = &self.paths else {
            return true;
        };
        // Encoded dots and slashes could mean another path to the server.
        let lower = path.to_lowercase();
        if ["%2e", "%2f", "%5c"].iter().any(|it| lower.contains(it)) {
            return false;
        }
        prefixes.iter().any(|prefix| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| {
                rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/')
            })
        })
    }

    fn address_reach(&self) -> AddressReach {
        let is_loopback = match &self.host {
            HostPattern::Exactly(host) => {
                matches!(host.as_str(), "localhost" | "127.0.0.1" | "[::1]")
            }
            HostPattern::Below(_) => false,
        };
        // A name alone is not enough: what listens on other ports of this machine was never meant.
        if is_loopback && self.ports.is_some() {
            AddressReach::Loopback
        } else {
            AddressReach::Public
        }
    }
}

fn port_range(text: &str) -> Option<RangeInclusive<u16>> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to): (u16, u16) = (from.parse().ok()?, to.parse().ok()?);
    (from <= to).then_some(from..=to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, paths: Option<&[&str]>, allowed: &[&str], refused: &[&str]) {
        let policy = UrlPolicy::new(&[ReadingAllow {
            host: host.to_owned(),
            paths: paths.map(|all| all.iter().map(|it| (*it).to_owned()).collect()),
        }]);
        let is_allowed =
            |url: &str| Url::parse(url).is_ok_and(|url| policy.allows_url(&url).is_ok());
        for url in allowed {
            assert!(is_allowed(url), "{host} allows {url}");
        }
        for url in refused {
            assert!(!is_allowed(url), "{host} refuses {url}");
        }
    }

    #[test]
    fn a_host_is_allowed_by_its_whole_name() {
        check(
            "example.com",
            None,
            &["https://example.com/x.yaml", "https://EXAMPLE.com/x.yaml"],
            &[
                "https://a.example.com/x",
                "https://example.com.evil.org/x",
                "https://notexample.com/x",
                "https://example.com:8443/x",
                "https://example.com@evil.org/x",
                "https://user:word@example.com/x",
                "https://user@example.com/x",
                "https://example.com./x",
                "http://example.com/x",
                "ftp://example.com/x",
                "file:///etc/passwd",
                "https://example.com/*.yaml",
            ],
        );
    }

    #[test]
    fn a_star_stands_for_the_hosts_below() {
        check(
            "*.example.com",
            None,
            &["https://a.example.com/x", "https://a.b.example.com/x"],
            &["https://example.com/x", "https://.example.com/x"],
        );
        for host in ["*", "*.", "*example.com", "a.*.com", ""] {
            check(
                host,
                None,
                &[],
                &["https://example.com/x", "https://a.com/x"],
            );
        }
    }

    #[test]
    fn ports_are_named_or_the_usual_one() {
        check(
            "example.com:8443",
            None,
            &["https://example.com:8443/x"],
            &["https://example.com/x", "https://example.com:8444/x"],
        );
        check(
            "example.com:8000-8002",
            None,
            &["https://example.com:8001/x"],
            &["https://example.com:8003/x"],
        );
        check("example.com:x", None, &[], &["https://example.com/x"]);
    }

    #[test]
    fn paths_are_prefixes_at_steps() {
        check(
            "example.com",
            Some(&["/catalogs", "/open/"]),
            &[
                "https://example.com/catalogs",
                "https://example.com/catalogs/a.yaml",
                "https://example.com/open/a.yaml",
            ],
            &[
                "https://example.com/catalogs2/a.yaml",
                "https://example.com/",
                "https://example.com/catalogs/../secret",
                "https://example.com/catalogs/%2e%2e/secret",
                "https://example.com/catalogs/..%2fsecret",
            ],
        );
    }

    #[test]
    fn this_machine_is_reached_only_where_it_is_named_with_a_port() {
        let reach = |host: &str, url: &str| {
            let policy = UrlPolicy::new(&[ReadingAllow {
                host: host.to_owned(),
                paths: None,
            }]);
            policy.allows_url(&Url::parse(url).expect("a URL"))
        };
        let local = "http://127.0.0.1:9000/x";
        assert_eq!(reach("127.0.0.1:9000", local), Ok(AddressReach::Loopback));
        assert_eq!(
            reach("127.0.0.1:9000", "http://127.0.0.1:9001/x"),
            Err(UrlRefusal::NotAllowed)
        );
        assert_eq!(
            reach("127.0.0.1", "https://127.0.0.1/x"),
            Ok(AddressReach::Public)
        );
        assert_eq!(
            reach("localhost", "http://localhost/x"),
            Err(UrlRefusal::Scheme)
        );
        // However an address is written, the URL parser spells it one way.
        for odd in [
            "http://2130706433:9000/x",
            "http://0x7f.1:9000/x",
            "http://0177.0.0.1:9000/x",
        ] {
            assert_eq!(
                reach("127.0.0.1:9000", odd),
                Ok(AddressReach::Loopback),
                "{odd}"
            );
            assert_eq!(
                reach("example.com", odd),
                Err(UrlRefusal::NotAllowed),
                "{odd}"
            );
        }
    }
}
