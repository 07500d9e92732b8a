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
use super::resolver::{Lookup, Resolver, is_within, system};
use crate::failure::Failure;

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

type Connection = Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>;

/// What a URL shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The version that is held.
    Unchanged,
    /// A version and its content.
    Content {
        /// Tells versions apart.
        version: String,
        /// The whole content.
        bytes: Bytes,
    },
    /// The server says that there is nothing.
    Gone {
        /// Its answer.
        evidence: String,
    },
    /// More than may be read.
    TooLarge,
    /// Nothing is proved.
    Failed(Failure),
}

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
    End(Page),
}

impl UrlReader {
    /// A reader that goes by this policy.
    ///
    /// # Errors
    /// If the certificates of the system cannot be loaded.
    pub fn new(policy: UrlPolicy) -> std::io::Result<Self> {
        Self::with(policy, &system(), READ_TIMEOUT)
    }

    fn with(policy: UrlPolicy, lookup: &Lookup, timeout: Duration) -> std::io::Result<Self> {
        Ok(Self {
            policy,
            public: connection(lookup, AddressReach::Public)?,
            loopback: connection(lookup, AddressReach::Loopback)?,
            places: Semaphore::new(READS_AT_ONCE),
            timeout,
        })
    }

    /// Reads a URL of which a version may be held already.
    pub async fn read(&self, url: &str, held: &str, bytes_max: usize) -> Page {
        let _place = self.places.acquire().await;
        let reading = self.follow(url, held, bytes_max);
        match tokio::time::timeout(self.timeout, reading).await {
            Ok(page) => page,
            Err(_) => Page::Failed(Failure::unreachable(format!(
                "{url} did not answer within {} s",
                self.timeout.as_secs()
            ))),
        }
    }

    async fn follow(&self, url: &str, held: &str, bytes_max: usize) -> Page {
        let Ok(mut url) = Url::parse(url) else {
            return refused(format!("{url} is not a URL"));
        };
        for _ in 0..=HOPS_MAX {
            match self.hop(&url, held, bytes_max).await {
                RedirectStep::To(next) => url = next,
                RedirectStep::End(page) => return page,
            }
        }
        refused(format!("more than {HOPS_MAX} redirects, the last to {url}"))
    }

    async fn hop(&self, url: &Url, held: &str, bytes_max: usize) -> RedirectStep {
        let reach = match self.policy.allows(url) {
            Ok(reach) => reach,
            Err(refusal) => {
                return RedirectStep::End(refused(format!("{url} is not read: {refusal}")));
            }
        };
        if !literal_is_within(url, reach) {
            return RedirectStep::End(refused(format!(
                "{url} is not read: its address is not public"
            )));
        }
        let connection = match reach {
            AddressReach::Public => &self.public,
            AddressReach::Loopback => &self.loopback,
        };
        let request = match request(url, held) {
            Ok(request) => request,
            Err(error) => return RedirectStep::End(refused(format!("{url}: {error}"))),
        };
        match connection.request(request).await {
            Ok(response) => answer(url, held, response, bytes_max).await,
            Err(error) => RedirectStep::End(Page::Failed(Failure::unreachable(format!(
                "{url}: {}",
                freshet_runtime::error_chain::Chain(&error)
            )))),
        }
    }
}

fn connection(lookup: &Lookup, reach: AddressReach) -> std::io::Result<Connection> {
    let mut connector = HttpConnector::new_with_resolver(Resolver {
        lookup: lookup.clone(),
        reach,
    });
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.enforce_http(false);
    let builder = HttpsConnectorBuilder::new().with_native_roots()?;
    let connector = match reach {
        AddressReach::Public => builder
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

fn request(url: &Url, held: &str) -> Result<Request<Empty<Bytes>>, http::Error> {
    let mut url = url.clone();
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

async fn answer(
    url: &Url,
    held: &str,
    response: Response<Incoming>,
    bytes_max: usize,
) -> RedirectStep {
    let status = response.status();
    let page = match status {
        StatusCode::OK => content(url, held, response, bytes_max).await,
        StatusCode::NOT_MODIFIED if held.starts_with(BY_TAG) => Page::Unchanged,
        StatusCode::NOT_FOUND | StatusCode::GONE => Page::Gone {
            evidence: format!("{url} answers {status}"),
        },
        _ if status.is_redirection() => match target(url, &response) {
            Some(next) => return RedirectStep::To(next),
            None => failed(
                FailureKind::Unreadable,
                format!("{url} redirects to nowhere"),
            ),
        },
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            failed(FailureKind::Denied, format!("{url} answers {status}"))
        }
        StatusCode::TOO_MANY_REQUESTS => {
            let after = response.headers().get(RETRY_AFTER);
            let after = after.and_then(|after| after.to_str().ok());
            let after = after.map_or_else(String::new, |after| format!(", retry after {after}"));
            failed(
                FailureKind::RateLimited,
                format!("{url} answers {status}{after}"),
            )
        }
        _ => failed(FailureKind::Unreachable, format!("{url} answers {status}")),
    };
    RedirectStep::End(page)
}

fn target(url: &Url, response: &Response<Incoming>) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    url.join(location).ok()
}

async fn content(url: &Url, held: &str, response: Response<Incoming>, bytes_max: usize) -> Page {
    if response.headers().contains_key(CONTENT_ENCODING) {
        let message = format!("{url} answers in a compressed form that was not asked for");
        return failed(FailureKind::Unreadable, message);
    }
    let tag = response.headers().get(ETAG);
    let tag = tag.and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = Limited::new(response.into_body(), bytes_max);
    let bytes = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => return Page::TooLarge,
        Err(error) => return Page::Failed(Failure::unreachable(format!("{url}: {error}"))),
    };
    let version = match tag {
        Some(tag) => format!("{BY_TAG}{tag}"),
        None => version_of(&bytes),
    };
    if version == held {
        Page::Unchanged
    } else {
        Page::Content { version, bytes }
    }
}

/// Tells versions of a content apart where nobody else does.
#[must_use]
pub fn version_of(bytes: &[u8]) -> String {
    format!("{BY_DIGEST}{}", hex::encode(Sha256::digest(bytes)))
}

fn refused(message: String) -> Page {
    failed(FailureKind::Refused, message)
}

fn failed(kind: FailureKind, message: String) -> Page {
    Page::Failed(Failure { kind, message })
}

#[cfg(test)]
mod tests;
