//! A list on its way to a client: chosen in one go, its text made piece by piece as the client takes it.
//!
//! Whatever can go wrong with a list is decided before its first byte. A client that goes away ends the work,
//! wherever it stands: while entities are chosen by the token, afterwards because nobody asks for a piece.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

use super::error::ApiProblem;
use super::{Api, JSON};
use crate::metrics::{ListStage, StoreMetrics};
use crate::query::{ListQuery, ListText, select_page};

/// A list that is answered.
pub(super) struct AnsweredList {
    /// The answer, without a link to the next page.
    pub(super) response: Response,
    /// Token of the page after it.
    pub(super) next: Option<String>,
}

/// A list of which not all is sent.
struct UnsentList {
    metrics: Arc<StoreMetrics>,
    text: ListText,
    /// A piece that is made already.
    made: Option<String>,
}

impl Drop for UnsentList {
    fn drop(&mut self) {
        if !self.text.is_complete() {
            self.metrics.count_abandoned_list(ListStage::Sending);
        }
    }
}

/// Answers with the entities that a query asks for.
///
/// # Errors
///
/// If choosing them panicked.
pub(super) async fn answer_list(api: &Api, query: ListQuery) -> Result<AnsweredList, ApiProblem> {
    let permit = permit_list_work(api).await;
    let abandoned = CancellationToken::new();
    // The server drops this future as soon as the client is gone.
    let _abandons_when_dropped = abandoned.clone().drop_guard();
    let (view, metrics) = (Arc::clone(&api.view), Arc::clone(&api.metrics));
    // A list may look at every entity: not on a thread that serves connections.
    let choosing = tokio::task::spawn_blocking(move || {
        // Here and not in the caller: the work goes on for a moment when that is dropped, and the
        // next list must not begin before it has ended.
        let _held_until_done = permit;
        let Ok(page) = select_page(&view, &query, &abandoned) else {
            metrics.count_abandoned_list(ListStage::Choosing);
            return None;
        };
        let mut text = ListText::new(view, page.refs, query.fields);
        // Most lists are one piece, and then this is all there is to do.
        let made = Some(text.make_piece());
        let unsent = UnsentList {
            metrics,
            text,
            made,
        };
        Some((unsent, page.next))
    });
    let chosen = choosing.await.map_err(|_panicked| ApiProblem::Internal)?;
    let (unsent, next) = chosen.expect("abandoned only when this future is dropped");
    Ok(AnsweredList {
        response: send_list(api.clone(), unsent),
        next,
    })
}

/// Lists and pieces of lists are made by few at a time: a hundred at once would take the processors from the
/// pipeline. Waiting costs a client time only.
async fn permit_list_work(api: &Api) -> OwnedSemaphorePermit {
    let permit = Arc::clone(&api.0.lists).acquire_owned();
    permit.await.expect("it is never closed")
}

/// Without a length or an entity tag, as Backstage streams its lists.
fn send_list(api: Api, unsent: UnsentList) -> Response {
    let pieces = stream::try_unfold((api, unsent), |(api, mut unsent)| async move {
        let piece = match unsent.made.take() {
            Some(piece) => piece,
            None if unsent.text.is_complete() => return Ok(None),
            None => {
                // Taken for each piece: a slow client holds none while nothing is made for it.
                let permit = permit_list_work(&api).await;
                let made;
                (made, unsent) = make_piece(unsent, permit).await?;
                made
            }
        };
        Ok::<_, JoinError>(Some((piece, (api, unsent))))
    });
    ([(header::CONTENT_TYPE, JSON)], Body::from_stream(pieces)).into_response()
}

/// The next piece. If making it panics, the answer ends without its end, which every client notices.
async fn make_piece(
    mut unsent: UnsentList,
    permit: OwnedSemaphorePermit,
) -> Result<(String, UnsentList), JoinError> {
    tokio::task::spawn_blocking(move || {
        let _held_until_done = permit;
        let piece = unsent.text.make_piece();
        (piece, unsent)
    })
    .await
}
