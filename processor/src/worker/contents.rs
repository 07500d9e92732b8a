//! From a reading to observed locations: what has to be read raw is read, what was read is parsed.

use bytes::Bytes;
use freshet_bus::Delivery;
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{
    Content, Failed, Gone, Lane, LocationObserved, Repository, Unchanged,
};

use super::Shared;
use super::held::while_alive;
use crate::budget::Closed;
use crate::content::{content_of, too_large};
use crate::reconcile::{LocationOutcome, LocationRead};
use crate::source::github::client::Client;

/// Files from this size on are parsed off the runtime's own threads.
const BLOCKING_FROM_BYTES: usize = 64 * 1024;

/// Turns what was read for one job into what was observed.
pub(super) struct Contents<'a> {
    pub(super) shared: &'a Shared,
    pub(super) client: &'a Client,
    pub(super) lane: Lane,
    pub(super) delivery: &'a Delivery,
    pub(super) repository: &'a Repository,
}

impl Contents<'_> {
    /// All locations, in their order.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading one of them.
    pub(super) async fn of(
        &self,
        read: Vec<LocationRead>,
    ) -> Result<Vec<LocationObserved>, Closed> {
        let mut locations = Vec::with_capacity(read.len());
        for LocationRead { path, outcome } in read {
            let outcome = Some(self.outcome(outcome).await?);
            locations.push(LocationObserved { path, outcome });
        }
        Ok(locations)
    }

    async fn outcome(&self, read: LocationOutcome) -> Result<Outcome, Closed> {
        Ok(match read {
            LocationOutcome::Unchanged { blob } => Outcome::Unchanged(Unchanged { blob }),
            LocationOutcome::Gone { evidence } => Outcome::Gone(Gone { evidence }),
            LocationOutcome::Failed(failure) => Outcome::Failed(Failed::from(failure)),
            LocationOutcome::Text { blob, text } => {
                Outcome::Content(self.parse(blob, Bytes::from(text)).await)
            }
            LocationOutcome::Raw { blob, size } => {
                while_alive(&[self.delivery], self.raw(blob, size)).await?
            }
        })
    }

    async fn raw(&self, blob: String, size: u64) -> Result<Outcome, Closed> {
        let limits = &self.shared.config.limits;
        if size > u64::try_from(limits.file_bytes).unwrap_or(u64::MAX) {
            return Ok(Outcome::Content(too_large(blob, size, limits)));
        }
        let Repository { owner, name, .. } = self.repository;
        match self
            .client
            .blob(self.lane, owner, name, &blob, limits.file_bytes)
            .await
        {
            Ok(bytes) => Ok(Outcome::Content(self.parse(blob, bytes).await)),
            Err(error) => error
                .failure()
                .map(|failure| Outcome::Failed(Failed::from(failure))),
        }
    }

    async fn parse(&self, blob: String, bytes: Bytes) -> Content {
        let (kinds, limits) = (&self.shared.config.kinds, self.shared.config.limits);
        if bytes.len() < BLOCKING_FROM_BYTES {
            return content_of(blob, &bytes, kinds, &limits);
        }
        let kinds = kinds.clone();
        let parsing =
            tokio::task::spawn_blocking(move || content_of(blob, &bytes, &kinds, &limits));
        match parsing
            .await
            .map_err(tokio::task::JoinError::try_into_panic)
        {
            Ok(content) => content,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            Err(Err(error)) => unreachable!("a parse is never aborted: {error}"),
        }
    }
}
