//! The relay: from the change log to the stream CHANGES, in order, each row once.
//!
//! The stream itself is the cursor and the fence. Its last message says how far it got, read from the
//! leader; every publication expects exactly that last sequence. So any number of relays may race,
//! stop or hang: one is accepted, the others are refused and look again. After any error the tail is
//! read again before anything else is sent.
//!
//! It refuses to publish into a stream it does not understand: one of another epoch, or one that is
//! ahead of the database. Both mean that a backup was restored, and a person must decide.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::{
    BATCH_MESSAGES_MAX, Bus, Expect, Outbound, PublishError, ReadError, StoredMessage, Tail,
};
use freshet_model::Revision;
use freshet_proto::envelope::{EPOCH_HEADER, Envelope, REVISION_HEADER, change_id};
use freshet_proto::stream::CHANGES;
use freshet_proto::subject::{Subject, Subjects};
use freshet_runtime::admin::{Readiness, ReadyState};
use freshet_runtime::clock::Clock;
use freshet_runtime::error_chain::Chain;
use freshet_runtime::progress::ProgressBoard;
use tokio_util::sync::CancellationToken;

use crate::change::ChangeRow;
use crate::feed::Publication;
use crate::metrics::{PublishedRevision, StoreMetrics};
use crate::progress::PublishingProgress;
use crate::repo::{LogState, Repo, RepoError};
use crate::view::View;

const READINESS_CONDITION: &str = "store.relay";
/// A wake-up may be lost with the process that committed; the log is looked at this often anyway.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// How long a stream that must not be written to is left alone.
const RETRY_MISFIT_AFTER: Duration = Duration::from_secs(5);
/// A batch is sent in one go and held in memory by the server; rows beyond this wait for the next one.
const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What no two changes have in common that histories apart from each other gave the same revision.
const IDENTIFYING_HEADERS: [&str; 2] = ["ce-subject", "ce-time"];

/// What the relay stands on.
pub(crate) struct ChangeRelay {
    pub(crate) repo: Repo,
    pub(crate) bus: Bus,
    pub(crate) view: Arc<View>,
    pub(crate) clock: Clock,
    pub(crate) subjects: Subjects,
    pub(crate) base_url: String,
    pub(crate) metrics: Arc<StoreMetrics>,
    pub(crate) reached: PublishedRevision,
    pub(crate) readiness: Readiness,
    pub(crate) progress: ProgressBoard,
}

/// How far the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamCursor {
    /// Revision of its last message.
    revision: Revision,
    /// Sequence of its last message.
    sequence: u64,
}

/// What was published in one go.
#[derive(Clone, Copy, Debug)]
struct PublishedPage {
    /// How far the stream is now.
    cursor: StreamCursor,
    /// Whether nothing followed when the log was read.
    is_last: bool,
}

/// A stream that must not be written to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum StreamMismatch {
    #[error("its last message has no revision")]
    Foreign,
    #[error("it is of the log {found}, the database of {expected}")]
    OtherEpoch { found: String, expected: String },
    #[error("its revision {revision} is another change than the database has under that number")]
    OtherWay { revision: Revision },
    #[error("it is at revision {stream}, ahead of the database at {database}")]
    Ahead {
        stream: Revision,
        database: Revision,
    },
    #[error("revisions after {stream} are needed, and the log begins at {oldest}")]
    Behind { stream: Revision, oldest: Revision },
}

#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("the end of the stream cannot be read")]
    Tail(#[from] ReadError),
    #[error("the change log cannot be read")]
    Log(#[from] RepoError),
    #[error("changes cannot be published")]
    Publish(#[from] PublishError),
    #[error("the stream of changes must not be written to")]
    StreamMismatch(#[from] StreamMismatch),
}

impl ChangeRelay {
    /// Publishes until `shutdown`.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> Result<(), Infallible> {
        let mut published = None;
        let mut progress = PublishingProgress::new(self.progress.clone());
        loop {
            let pause = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                error = self.publish_until_error(&mut published, &mut progress) => {
                    self.tell_stuck(&error, published, &mut progress);
                    self.report_and_back_off(&error)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Publishes until something goes wrong. `published` is the furthest this relay ever got.
    ///
    /// Being dropped half way is harmless: what was sent is either in the stream or not, and the tail
    /// tells.
    async fn publish_until_error(
        &self,
        published: &mut Option<StreamCursor>,
        progress: &mut PublishingProgress,
    ) -> RelayError {
        // Before the tail is read: a commit in between would otherwise wake nobody.
        let mut revisions = self.view.revisions();
        let mut cursor = match self.find_cursor(*published).await {
            Ok(cursor) => cursor,
            Err(error) => return error,
        };
        progress.note_reached(cursor.revision, self.view.revision());
        loop {
            let page = self.publish_page(cursor).await;
            if page.is_ok() {
                self.readiness.set(READINESS_CONDITION, ReadyState::Ready);
            }
            let page = match page {
                Ok(page) => page,
                Err(error) => return error,
            };
            if page.cursor != cursor {
                cursor = page.cursor;
                *published = Some(cursor);
            }
            progress.note_reached(cursor.revision, self.view.revision());
            if page.is_last {
                let revision = cursor.revision;
                let moved = revisions.wait_for(|reached| *reached > revision);
                // Timing out is as good: the log is looked at either way.
                let _moved = tokio::time::timeout(LOOK_EVERY, moved).await;
            }
        }
    }

    async fn find_cursor(
        &self,
        published: Option<StreamCursor>,
    ) -> Result<StreamCursor, RelayError> {
        // From the leader: a follower may be behind, and what is published after its tail is refused.
        let tail = self.bus.last_message(CHANGES).await?;
        let meta = self.repo.meta().await?;
        let cursor = locate_cursor(&tail, &meta, published)?;
        if let Some(message) = &tail.message {
            self.check_same_way(message, &meta, cursor.revision).await?;
        }
        self.reached.set(cursor.revision);
        if published.is_some_and(|published| published.revision > cursor.revision) {
            tracing::error!(
                stream.revision = cursor.revision.get(),
                "The stream of changes lost events that were published; they are published again"
            );
            self.metrics.count_rollback();
        }
        Ok(cursor)
    }

    /// Whether the last message is the change that the log has under its number. It is not if an older
    /// copy of the database was put back and has grown past the stream since.
    async fn check_same_way(
        &self,
        message: &StoredMessage,
        meta: &LogState,
        revision: Revision,
    ) -> Result<(), RelayError> {
        let rows = self.repo.changes_after(revision.previous(), 1).await?;
        // Without the row there is nothing to compare.
        match rows.iter().find(|row| row.revision == revision) {
            Some(row) if !is_same_change(message, row, &meta.epoch) => {
                Err(StreamMismatch::OtherWay { revision }.into())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Publishes what follows the cursor.
    async fn publish_page(&self, cursor: StreamCursor) -> Result<PublishedPage, RelayError> {
        let page_size_max = i64::try_from(BATCH_MESSAGES_MAX).unwrap_or(i64::MAX);
        // From the log and not from what was just folded: after a restart, or behind another writer, only the
        // log has all of it.
        let rows = self
            .repo
            .changes_after(cursor.revision, page_size_max)
            .await?;
        if rows.is_empty() {
            return Ok(PublishedPage {
                cursor,
                is_last: true,
            });
        }
        let epoch = self.view.read(|state| state.epoch().to_owned());
        let messages = self.build_messages(&rows, &epoch);
        let sent = messages.len();
        let sequence = self.send_messages(messages, cursor.sequence).await?;
        let now = self.clock.now_micros();
        for row in &rows[..sent] {
            self.metrics.observe_publication(row.committed_at, now);
        }
        let revision = rows[sent - 1].revision;
        self.reached.set(revision);
        Ok(PublishedPage {
            cursor: StreamCursor { revision, sequence },
            // A page that was full, or too much for one batch, is followed by another. After any other
            // the log is not asked what the view will tell.
            is_last: sent == rows.len() && rows.len() < BATCH_MESSAGES_MAX,
        })
    }

    /// Messages for as many rows as fit one batch, at least one.
    fn build_messages(&self, rows: &[ChangeRow], epoch: &str) -> Vec<Outbound> {
        let now = self.clock.now_micros();
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(rows.len());
        for row in rows {
            let publication = Publication::new(row, epoch, &self.base_url);
            let body = publication.bounded_body(now);
            // The size of a batch is known only as it is made, so the row that is too much is left
            // for the next one.
            bytes += body.len();
            if bytes > BATCH_BYTES_MAX && !messages.is_empty() {
                break;
            }
            let id = change_id(epoch, row.revision.get());
            let message = Outbound::new(change_subject(&self.subjects, row), body)
                .enveloped(Envelope::with_id(id))
                .with_headers(publication.headers());
            messages.push(message);
        }
        messages
    }

    async fn send_messages(
        &self,
        mut messages: Vec<Outbound>,
        sequence: u64,
    ) -> Result<u64, PublishError> {
        // An atomic batch costs one confirmation. A single message is published by itself, which
        // servers before 2.12 can do as well.
        if messages.len() > 1 {
            return self.bus.publish_batch(CHANGES, messages, sequence).await;
        }
        let message = messages.pop().expect("a page has at least one message");
        let message = message.expecting(Expect::StreamSequence(sequence));
        Ok(self.bus.publish(message).await?.stream_sequence)
    }

    fn tell_stuck(
        &self,
        error: &RelayError,
        published: Option<StreamCursor>,
        progress: &mut PublishingProgress,
    ) {
        // Another relay publishes instead, and the next look shows how far it is.
        if matches!(error, RelayError::Publish(PublishError::Refused)) {
            return;
        }
        let reason = if self.bus.is_connected() {
            Chain(error).to_string()
        } else {
            "the bus is not connected".to_owned()
        };
        let published = published.map(|cursor| cursor.revision);
        progress.note_stuck(published, self.view.revision(), reason);
    }

    /// Reports an error and says how long to wait before the tail is read again.
    fn report_and_back_off(&self, error: &RelayError) -> Duration {
        match error {
            // Another relay was first. That is how it is meant to be.
            RelayError::Publish(PublishError::Refused) => {
                self.metrics.count_fenced_publication();
                tracing::debug!("Another relay was first");
                Duration::ZERO
            }
            RelayError::StreamMismatch(misfit) => {
                freshet_runtime::summed_up!(error, error = %Chain(error), "Changes are not published");
                let reason = format!("the stream of changes: {misfit}");
                self.readiness
                    .set(READINESS_CONDITION, ReadyState::NotReady(reason));
                RETRY_MISFIT_AFTER
            }
            // The same event would be refused again, and none after it may be published.
            RelayError::Publish(PublishError::TooLarge { .. }) => {
                freshet_runtime::summed_up!(error, error = %Chain(error), "A change is too large for its stream, and none after it is published");
                let reason = "a change is too large for the stream of changes".to_owned();
                self.readiness
                    .set(READINESS_CONDITION, ReadyState::NotReady(reason));
                RETRY_MISFIT_AFTER
            }
            RelayError::Tail(_) | RelayError::Log(_) | RelayError::Publish(_) => {
                freshet_runtime::summed_up!(warn, error = %Chain(error), "Publishing changes was interrupted");
                RETRY_AFTER
            }
        }
    }
}

/// Where the stream is, and whether it may be continued from the log.
fn locate_cursor(
    tail: &Tail,
    meta: &LogState,
    published: Option<StreamCursor>,
) -> Result<StreamCursor, StreamMismatch> {
    let sequence = tail.last_sequence;
    let revision = match &tail.message {
        Some(message) => {
            let epoch = message
                .header(EPOCH_HEADER)
                .ok_or(StreamMismatch::Foreign)?;
            // Revisions of two logs cannot be compared; continuing would mix two histories.
            if epoch != meta.epoch {
                return Err(StreamMismatch::OtherEpoch {
                    found: epoch.to_owned(),
                    expected: meta.epoch.clone(),
                });
            }
            message
                .header(REVISION_HEADER)
                .and_then(|revision| revision.parse().ok())
                .map(Revision::new)
                .ok_or(StreamMismatch::Foreign)?
        }
        // Everything has aged out. What this relay published last was that message, if the sequence
        // says so; otherwise all that is left of the log is published (again): readers know a
        // revision they have, and would not know one they never got.
        None => published
            .filter(|published| published.sequence == sequence)
            .map_or(meta.oldest.previous(), |published| published.revision),
    };
    if revision > meta.revision {
        let (stream, database) = (revision, meta.revision);
        return Err(StreamMismatch::Ahead { stream, database });
    }
    // A hole in a stream that promises none is worse than a stream that stands still.
    if revision.next() < meta.oldest {
        let (stream, oldest) = (revision, meta.oldest);
        return Err(StreamMismatch::Behind { stream, oldest });
    }
    Ok(StreamCursor { revision, sequence })
}

/// Whether a message is the event of a row: of the same thing, committed at the same time.
fn is_same_change(message: &StoredMessage, row: &ChangeRow, epoch: &str) -> bool {
    let headers = Publication::new(row, epoch, "").headers();
    headers
        .iter()
        .filter(|(name, _)| IDENTIFYING_HEADERS.contains(&name.as_str()))
        .all(|(name, value)| message.header(name) == Some(value))
}

fn change_subject(subjects: &Subjects, row: &ChangeRow) -> Subject {
    match (&row.problem, &row.entity_ref) {
        (None, Some(entity_ref)) => subjects.change(entity_ref, row.op),
        (problem, _) => {
            let provider = problem.as_ref().map_or("", |problem| &problem.provider);
            subjects.problem(provider, row.source_id.get(), row.op)
        }
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
