//! A list on its way to a client: chosen in one go, its text made piece by piece as the client takes it.
//!
//! Whatever can go wrong with a list is decided before its first byte. A client that goes away ends the work,
//! wherever it stands: while it waits for its turn, or because nobody asks for another piece.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use freshet_model::EntityRef;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;

use super::by_query::page_end;
use super::error::ApiProblem;
use super::{Api, JSON};
use crate::metrics::StoreMetrics;
use crate::query::{
    Absent, FieldSelection, ListQuery, ListText, PageQuery, select_list, select_page,
};
use crate::view::View;

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
            self.metrics.count_abandoned_list();
        }
    }
}

/// Answers with the entities that a query asks for.
///
/// # Errors
///
/// If choosing them panicked.
pub(super) async fn answer_list(api: &Api, query: ListQuery) -> Result<AnsweredList, ApiProblem> {
    let (response, next) = answer_chosen(api, move |view| {
        let list = select_list(view, &query);
        let text = ListText::new(Arc::clone(view), list.refs, query.fields);
        (text, list.next)
    })
    .await?;
    Ok(AnsweredList { response, next })
}

/// Answers with a page, its cursors and its total.
///
/// # Errors
///
/// If choosing its entities panicked.
pub(super) async fn answer_page(api: &Api, query: PageQuery) -> Result<Response, ApiProblem> {
    let (response, ()) = answer_chosen(api, move |view| {
        let page = select_page(view, &query);
        let end = page_end(page.total, page.next.as_deref(), page.previous.as_deref());
        let text = ListText::new(Arc::clone(view), page.refs, query.fields);
        (text.within("{\"items\":", &end), ())
    })
    .await?;
    Ok(response)
}

/// Answers with entities in the order they were asked for.
///
/// # Errors
///
/// If making their text panicked.
pub(super) async fn answer_refs(
    api: &Api,
    refs: Vec<Option<EntityRef>>,
    fields: Option<FieldSelection>,
) -> Result<Response, ApiProblem> {
    let (response, ()) = answer_chosen(api, move |view| {
        let text = ListText::with_gaps(Arc::clone(view), refs, fields, Absent::Null);
        (text.within("{\"items\":", "}"), ())
    })
    .await?;
    Ok(response)
}

/// Answers with what is chosen, and with what else there is to say of it.
async fn answer_chosen<T: Send + 'static>(
    api: &Api,
    choose: impl FnOnce(&Arc<View>) -> (ListText, T) + Send + 'static,
) -> Result<(Response, T), ApiProblem> {
    let permit = permit_list_work(api).await;
    let (view, metrics) = (Arc::clone(&api.view), Arc::clone(&api.metrics));
    // A list may be the whole catalog: not on a thread that serves connections.
    let choosing = tokio::task::spawn_blocking(move || {
        // Here and not in the caller: the work goes on for a moment when that is dropped, and the
        // next list must not begin before it has ended.
        let _held_until_done = permit;
        let (mut text, said) = choose(&view);
        // Most lists are one piece, and then this is all there is to do.
        let made = Some(text.make_piece());
        let unsent = UnsentList {
            metrics,
            text,
            made,
        };
        (unsent, said)
    });
    let (unsent, said) = choosing.await.map_err(|_panicked| ApiProblem::Internal)?;
    Ok((send_list(api.clone(), unsent), said))
}

/// Lists and pieces of lists are made by few at a time: a hundred at once would take the processors from the
/// pipeline. Waiting costs a client time only.
pub(super) async fn permit_list_work(api: &Api) -> OwnedSemaphorePermit {
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
