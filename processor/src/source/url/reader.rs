//! Reads plain URLs without being led astray.
//!
//! Every hop is judged by the policy before anything is asked, names are looked up once and only
//! public addresses of them are connected to, no proxy of the environment is used, nothing secret
//! is ever sent, and an answer is cut off where it becomes too long or too slow. Compressed answers
//! are not asked for, and refused.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use freshet_proto::message::FailureKind;
use http::header::{
    ACCEPT, CONTENT_ENCODING, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::policy::{AddressReach, UrlPolicy};
use super::resolver::{AddressResolver, Lookup, is_within, system_lookup};
use crate::failure::Failure;
use crate::source::fetched::Fetched;

/// Most redirects that are followed, as in Backstage.
const HOPS_MAX: usize = 5;
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole reading may take, redirects included.
const READ_TIMEOUT: Duration = Duration::from_secs(15);
/// Most readings at once.
const READS_AT_ONCE: usize = 8;
const AGENT: &str = concat!("freshet/", env!("CARGO_PKG_VERSION"));
/// In front of what tells two versions of a page apart.
const BY_TAG: &str = "etag:";
const BY_DIGEST: &str = "sha256:";

type Connection = Client<HttpsConnector<HttpConnector<AddressResolver>>, Empty<Bytes>>;

/// Reads plain URLs.
pub struct UrlReader {
    policy: UrlPolicy,
    public: Connection,
    loopback: Connection,
    places: Semaphore,
    timeout: Duration,
}

/// What one hop came to.
enum RedirectStep {
    To(Url),
    End(Fetched),
}

impl UrlReader {
    /// A reader that goes by this policy.
    ///
    /// # Errors
    /// If the certificates of the system cannot be loaded.
    pub fn new(policy: UrlPolicy) -> std::io::Result<Self> {
        Self::with_lookup(policy, &system_lookup(), READ_TIMEOUT)
    }

    fn with_lookup(policy: UrlPolicy, lookup: &Lookup, timeout: Duration) -> std::io::Result<Self> {
        Ok(Self {
            policy,
            public: connect(lookup, AddressReach::Public)?,
            loopback: connect(lookup, AddressReach::Loopback)?,
            places: Semaphore::new(READS_AT_ONCE),
            timeout,
        })
    }

    /// Reads a URL of which a version may be held already.
    pub async fn read_page(&self, url: &str, held: &str, bytes_max: usize) -> Fetched {
        // Outside of the time limit: waiting for others says nothing about this server.
        let _place = self.places.acquire().await;
        let reading = self.follow_redirects(url, held, bytes_max);
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(page) => page,
            Err(_) => Fetched::Failed(Failure::unreachable(format!(
                "{url} did not answer within {} s",
                self.timeout.as_secs()
            ))),
        }
    }

    async fn follow_redirects(&self, url: &str, held: &str, bytes_max: usize) -> Fetched {
        let Ok(mut url) = Url::parse(url) else {
            return refuse(format!("{url} is not a URL"));
        };
        // What led here, for whoever has to mend it.
        let mut led_by = String::new();
        for _ in 0..=HOPS_MAX {
            let reach = match self.check_hop(&url) {
                Ok(reach) => reach,
                Err(reason) => return refuse(format!("{led_by}{url} is not read: {reason}")),
            };
            match self.take_hop(&url, reach, held, bytes_max).await {
                RedirectStep::To(next) => {
                    led_by = format!("{url} redirects, and ");
                    url = next;
                }
                RedirectStep::End(page) => return page,
            }
        }
        refuse(format!(
            "{led_by}{url} is not read: it is redirect {} of one reading",
            HOPS_MAX + 1
        ))
    }

    fn check_hop(&self, url: &Url) -> Result<AddressReach, String> {
        let reach = self
            .policy
            .allows_url(url)
            .map_err(|refusal| refusal.to_string())?;
        if literal_is_within(url, reach) {
            Ok(reach)
        } else {
            Err("its address is not public".to_owned())
        }
    }

    async fn take_hop(
        &self,
        url: &Url,
        reach: AddressReach,
        held: &str,
        bytes_max: usize,
    ) -> RedirectStep {
        let connection = match reach {
            AddressReach::Public => &self.public,
            AddressReach::Loopback => &self.loopback,
        };
        let request = match build_request(url, held) {
            Ok(request) => request,
            Err(error) => return RedirectStep::End(refuse(format!("{url}: {error}"))),
        };
        match connection.request(request).await {
            Ok(response) => read_answer(url, held, response, bytes_max).await,
            Err(error) => RedirectStep::End(Fetched::Failed(Failure::unreachable(format!(
                "{url}: {}",
                freshet_runtime::error_chain::Chain(&error)
            )))),
        }
    }
}

fn connect(lookup: &Lookup, reach: AddressReach) -> std::io::Result<Connection> {
    let mut connector = HttpConnector::new_with_resolver(AddressResolver {
        lookup: lookup.clone(),
        reach,
    });
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    // The connector below TLS is asked for https addresses too.
    connector.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_native_roots()?;
    let connector = match reach {
        AddressReach::Public => builder
            // The policy says so as well; a connector that cannot speak http needs no trust in
            // that.
            .https_only()
            .enable_http1()
            .wrap_connector(connector),
        AddressReach::Loopback => builder
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector),
    };
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// A host written as an address is never looked up, so it is judged here.
fn literal_is_within(url: &Url, reach: AddressReach) -> bool {
    let at = |address| is_within(reach, SocketAddr::new(address, 0));
    match url.host() {
        Some(Host::Ipv4(address)) => at(address.into()),
        Some(Host::Ipv6(address)) => at(address.into()),
        Some(Host::Domain(_)) | None => true,
    }
}

fn build_request(url: &Url, held: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut url = url.clone();
    // The fragment is for the reader of a page and is not sent.
    url.set_fragment(None);
    let request = Request::get(url.as_str())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*");
    let request = match held.strip_prefix(BY_TAG) {
        Some(tag) => request.header(IF_NONE_MATCH, tag),
        None => request,
    };
    request.body(Empty::new())
}

async fn read_answer(
    url: &Url,
    held: &str,
    response: Response<Incoming>,
    bytes_max: usize,
) -> RedirectStep {
    let status = response.status();
    let page = match status {
        StatusCode::OK => read_content(url, held, response, bytes_max).await,
        // Only in answer to a tag; a server that says so unasked has shown nothing.
        StatusCode::NOT_MODIFIED if held.starts_with(BY_TAG) => Fetched::Unchanged {
            version: held.to_owned(),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            Fetched::absent(format!("{url} answers {status}"))
        }
        _ if status.is_redirection() => match redirect_target(url, &response) {
            Some(next) => return RedirectStep::To(next),
            None => Fetched::failed(
                FailureKind::Unreadable,
                format!("{url} redirects to nowhere"),
            ),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Fetched::failed(FailureKind::Denied, format!("{url} answers {status}"))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let after = response.headers().get(RETRY_AFTER);
            let after = after.and_then(|after| after.to_str().ok());
            let after = after.map_or_else(String::new, |after| format!(", retry after {after}"));
            Fetched::failed(
                FailureKind::RateLimited,
                format!("{url} answers {status}{after}"),
            )
        }
        _ => Fetched::failed(FailureKind::Unreachable, format!("{url} answers {status}")),
    };
    RedirectStep::End(page)
}

fn redirect_target(url: &Url, response: &Response<Incoming>) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    url.join(location).ok()
}

async fn read_content(
    url: &Url,
    held: &str,
    response: Response<Incoming>,
    bytes_max: usize,
) -> Fetched {
    // A few kilobytes could unpack to gigabytes, and the limit is on what arrives.
    if response.headers().contains_key(CONTENT_ENCODING) {
        let message = format!("{url} answers in a compressed form that was not asked for");
        return Fetched::failed(FailureKind::Unreadable, message);
    }
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), bytes_max);
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return too_large(bytes_max);
        }
        Err(error) => return Fetched::Failed(Failure::unreachable(format!("{url}: {error}"))),
    };
    let version = match tag {
        Some(tag) => format!("{BY_TAG}{tag}"),
        None => version_of(&bytes),
    };
    if version == held {
        Fetched::Unchanged { version }
    } else {
        Fetched::Content { version, bytes }
    }
}

/// Tells versions of a content apart where nobody else does.
#[must_use]
pub fn version_of(bytes: &[u8]) -> String {
    format!("{BY_DIGEST}{}", hex::encode(Sha256::digest(bytes)))
}

// The answer was cut off, so neither its size nor its version is known.
fn too_large(bytes_max: usize) -> Fetched {
    Fetched::TooLarge {
        version: "too-large".to_owned(),
        bytes: u64::try_from(bytes_max).unwrap_or(u64::MAX),
        bytes_max,
    }
}

fn refuse(message: String) -> Fetched {
    Fetched::failed(FailureKind::Refused, message)
}

#[cfg(test)]
mod tests;
