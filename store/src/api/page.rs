//! Pages of our own lists: `limit`, `offset`, or the `after` of the `Link` to the next page.

use axum::http::header;
use axum::response::Response;
use serde::Serialize;

use super::error::Problem;
use super::ok_json;
use super::parameters::Parameters;
use crate::query::Page;

/// Items of a page where no limit is asked for.
const PAGE_SIZE: usize = 1_000;
const PAGE_SIZE_MAX: usize = 10_000;

/// Parameters every paged list takes.
pub(super) const LIMIT: &str = "limit";
pub(super) const OFFSET: &str = "offset";
pub(super) const AFTER: &str = "after";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a, T> {
    items: &'a [T],
    total_items: usize,
}

/// The page that is asked for.
pub(super) fn asked(parameters: &Parameters) -> Result<Page, Problem> {
    let page = match parameters.one(AFTER)? {
        Some(token) => Page::after(token)?,
        None => Page {
            limit: parameters.integer(LIMIT, 1)?,
            offset: parameters.integer(OFFSET, 0)?,
        },
    };
    let limit = page.limit.unwrap_or(PAGE_SIZE);
    if limit > PAGE_SIZE_MAX {
        return Err(Problem::Input(format!(
            "Query parameter '{LIMIT}' must be at most {PAGE_SIZE_MAX}"
        )));
    }
    Ok(Page {
        limit: Some(limit),
        offset: page.offset,
    })
}

/// Answers with one page of `total` items; `route` is relative to where our API is mounted.
pub(super) fn answer<T: Serialize>(
    route: &str,
    parameters: &Parameters,
    page: Page,
    total: usize,
    items: &[T],
) -> Response {
    let listed = Listed {
        items,
        total_items: total,
    };
    let json = serde_json::to_string(&listed).expect("items are plain data");
    let mut response = ok_json(json);
    if let Some(token) = page.next(total) {
        let mut query = parameters.without(&[OFFSET, AFTER]);
        let query = query.append_pair(AFTER, &token).finish();
        if let Ok(link) = format!("</{route}?{query}>; rel=\"next\"").parse() {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}
