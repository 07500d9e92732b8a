//! Looks up hosts and hands on only the addresses that may be connected to.
//!
//! The connector uses the very addresses that were checked: there is no second look-up that could
//! answer differently.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::client::legacy::connect::dns::Name;
use tower::Service;

use super::address::is_public;
use super::policy::AddressReach;

/// How a name is looked up.
pub(super) type Lookup =
    Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The look-up of the operating system.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
    })
}

/// Looks up names within a reach.
#[derive(Clone)]
pub(super) struct AddressResolver {
    pub(super) lookup: Lookup,
    pub(super) reach: AddressReach,
}

impl Service<Name> for AddressResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let looking = (self.lookup)(name.as_str().to_owned());
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = looking
                .await?
                .into_iter()
                // Dropped and not refused as a whole: a name may well have an address inside
                // beside a public one.
                .filter(|address| is_within(reach, *address))
                .collect();
            if found.is_empty() {
                let message = format!("{name} has no address that may be connected to");
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
            }
            Ok(found.into_iter())
        })
    }
}

/// Whether an address may be connected to.
pub(super) fn is_within(reach: AddressReach, address: SocketAddr) -> bool {
    match reach {
        AddressReach::Public => is_public(address.ip()),
        AddressReach::Loopback => address.ip().is_loopback(),
    }
}
