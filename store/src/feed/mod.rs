//! The change feed: the log, from any position in it, for readers outside.
//!
//! Every reader has his own position and reads the log for himself; a commit only wakes him. So a
//! reader that resumes sees exactly what follows his position, and one that is slow holds a page of
//! rows and a few events, never a growing queue. One that takes nothing for a while is dropped, and
//! may resume. A reader without a position starts behind the newest change.

mod event;
mod position;

use std::sync::Arc;

use freshet_model::Revision;
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::change::{ChangeRow, Op};
use crate::config::FeedLimits;
use crate::metrics::{FeedEnd, RefusedRead, StoreMetrics};
use crate::repo::{LogState, Repo, RepoError};
use crate::view::View;

pub(crate) use event::Publication;
pub use position::{FeedPosition, OutOfReach};

/// One event for one reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Position of the event, to resume after it.
    pub position: FeedPosition,
    /// What happened.
    pub op: Op,
    /// The CloudEvent in structured mode, JSON.
    pub json: String,
}

/// Why a reader is turned away.
#[derive(Debug, thiserror::Error)]
pub enum SubscribeError {
    /// His position is not one of this log, or no longer.
    #[error(transparent)]
    OutOfReach(#[from] OutOfReach),
    /// There are as many readers as there may be.
    #[error("there are {subscribers_max} subscribers already")]
    Full {
        /// How many there may be.
        subscribers_max: usize,
    },
    /// The log could not be looked at.
    #[error("the change log could not be read")]
    Unreadable(#[source] RepoError),
}

/// What a reader subscribes to.
#[derive(Clone)]
pub struct ChangeFeed(Arc<FeedState>);

struct FeedState {
    repo: Repo,
    view: Arc<View>,
    clock: Clock,
    base_url: String,
    limits: FeedLimits,
    metrics: Arc<StoreMetrics>,
    slots: Arc<Semaphore>,
    readers: TaskTracker,
    shutdown: CancellationToken,
}

/// What a feed stands on.
pub struct FeedDeps {
    /// The log.
    pub repo: Repo,
    /// Wakes readers when it moves.
    pub view: Arc<View>,
    /// What time it is.
    pub clock: Clock,
    /// Where the API is reached from outside.
    pub base_url: String,
    /// How much readers may cost.
    pub limits: FeedLimits,
    /// What is counted.
    pub metrics: Arc<StoreMetrics>,
    /// Ends every subscription.
    pub shutdown: CancellationToken,
}

impl ChangeFeed {
    /// A feed without readers.
    #[must_use]
    pub fn new(deps: FeedDeps) -> Self {
        let slots = Arc::new(Semaphore::new(deps.limits.subscribers_max));
        Self(Arc::new(FeedState {
            repo: deps.repo,
            view: deps.view,
            clock: deps.clock,
            base_url: deps.base_url,
            limits: deps.limits,
            metrics: deps.metrics,
            slots,
            readers: TaskTracker::new(),
            shutdown: deps.shutdown,
        }))
    }

    /// How much readers may cost.
    #[must_use]
    pub fn limits(&self) -> FeedLimits {
        self.0.limits
    }

    /// Opens a subscription to everything after `after`, or after the newest change. The channel
    /// closes when the subscription ends; the reader may then resume.
    ///
    /// # Errors
    ///
    /// If the position is out of reach, there are too many readers or the log cannot be read.
    pub async fn subscribe(
        &self,
        after: Option<FeedPosition>,
    ) -> Result<mpsc::Receiver<FeedEvent>, SubscribeError> {
        let inner = Arc::clone(&self.0);
        let refused = |reason| inner.metrics.count_refused_feed(reason);
        // Turned away at once instead of queued: a client behind a proxy would see a connection
        // that says nothing.
        let Ok(slot) = Arc::clone(&self.0.slots).try_acquire_owned() else {
            refused(RefusedRead::Full);
            let subscribers_max = self.0.limits.subscribers_max;
            return Err(SubscribeError::Full { subscribers_max });
        };
        // Asked of the database and not of the view, which knows where the log ends and not where it begins.
        let meta = self
            .0
            .repo
            .meta()
            .await
            .map_err(SubscribeError::Unreadable)?;
        let revision = self
            .find_start(after, &meta)
            .await
            .inspect_err(|error| match error {
                SubscribeError::OutOfReach(_) => refused(RefusedRead::Gone),
                SubscribeError::Full { .. } | SubscribeError::Unreadable(_) => {}
            })?;
        // A short queue: the log itself is the buffer of a slow reader.
        let (events, receiver) = mpsc::channel(self.0.limits.pending_events_max);
        let reader = FeedReader {
            epoch: meta.epoch,
            revision,
            events,
            feed: Arc::clone(&self.0),
        };
        self.0.metrics.count_opened_feed();
        self.0.readers.spawn(reader.run(slot));
        Ok(receiver)
    }

    /// The revision after which a reader starts, if it is in this log and is what he saw.
    async fn find_start(
        &self,
        after: Option<FeedPosition>,
        meta: &LogState,
    ) -> Result<Revision, SubscribeError> {
        let start = position::starting_revision(after.as_ref(), meta)?;
        let seen = after.and_then(|after| Some((after.seen_revision()?, after)));
        let Some((revision, after)) = seen else {
            return Ok(start);
        };
        let rows = self.0.repo.changes_after(revision.previous(), 1).await;
        let rows = rows.map_err(SubscribeError::Unreadable)?;
        // The change itself may have been taken out of the log; then there is nothing to compare.
        if let Some(row) = rows.iter().find(|row| row.revision == revision) {
            after.check_seen(row)?;
        }
        Ok(start)
    }

    /// Waits until every subscription has ended, which a shutdown makes them do.
    pub async fn wait_until_closed(&self) {
        self.0.readers.close();
        self.0.readers.wait().await;
    }
}

/// One subscription at work.
struct FeedReader {
    epoch: String,
    revision: Revision,
    events: mpsc::Sender<FeedEvent>,
    feed: Arc<FeedState>,
}

impl FeedReader {
    async fn run(mut self, slot: OwnedSemaphorePermit) {
        // Subscribed before the log is read, so that no commit in between is missed.
        let mut revisions = self.feed.view.revisions();
        let end = loop {
            if let Err(end) = self.catch_up().await {
                break end;
            }
            if let Err(end) = self.wait_for_change(&mut revisions).await {
                break end;
            }
        };
        self.feed.metrics.count_closed_feed(end);
        drop(slot);
    }

    async fn wait_for_change(
        &self,
        revisions: &mut watch::Receiver<Revision>,
    ) -> Result<(), FeedEnd> {
        let revision = self.revision;
        tokio::select! {
            () = self.feed.shutdown.cancelled() => Err(FeedEnd::Stopped),
            // A reader that went away is noticed although nothing happens that could be sent to
            // him.
            () = self.events.closed() => Err(FeedEnd::Closed),
            moved = revisions.wait_for(|reached| *reached > revision) => {
                moved.map(drop).map_err(|_| FeedEnd::Stopped)
            }
        }
    }

    async fn catch_up(&mut self) -> Result<(), FeedEnd> {
        loop {
            let page_size_max = self.feed.limits.page_size_max;
            let rows = self
                .feed
                .repo
                .changes_after(self.revision, page_size_max)
                .await
                .map_err(|error| {
                    freshet_runtime::summed_up!(warn, error = %Chain(&error), "A subscription ended, as the change log could not be read");
                    FeedEnd::Failed
                })?;
            for row in &rows {
                self.send_row(row).await?;
            }
            // Whether anything followed a page that was not full, the view tells.
            if rows.len() < usize::try_from(page_size_max).unwrap_or_default() {
                return Ok(());
            }
        }
    }

    async fn send_row(&mut self, row: &ChangeRow) -> Result<(), FeedEnd> {
        // Rows that were taken out of the log while we read leave a hole, which would look like
        // "nothing happened" to the reader.
        if row.revision != self.revision.next() {
            return Err(FeedEnd::Failed);
        }
        let now = self.feed.clock.now_micros();
        let publication = Publication::new(row, &self.epoch, &self.feed.base_url);
        let event = FeedEvent {
            position: FeedPosition::after(&self.epoch, row),
            op: row.op,
            json: publication.structured_json(now),
        };
        let sent = tokio::select! {
            () = self.feed.shutdown.cancelled() => return Err(FeedEnd::Stopped),
            sent = self.events.send_timeout(event, self.feed.limits.stalled_after) => sent,
        };
        match sent {
            Ok(()) => {
                self.revision = row.revision;
                Ok(())
            }
            // Dropped and not skipped: he resumes from the last event he took, and misses none.
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => Err(FeedEnd::Stalled),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(FeedEnd::Closed),
        }
    }
}
