//! Lists an account's repositories page by page: heads and blob ids, no texts.

use freshet_proto::message::{Lane, ListingTarget};
use freshet_runtime::error_chain::Chain;

use super::answer::{self, ListingData, ListingPage};
use super::client::GithubClient;
use super::query;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::metrics::CallKind;

/// Why a page could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageError {
    /// The page proves nothing.
    Failed(Failure),
    /// GitHub's limits forbid asking for now.
    Limited(BudgetClosed),
}

/// Reads the page after the cursor `after`, or the first one.
///
/// # Errors
/// [`PageError`] if there is no page.
pub async fn read_page(
    client: &GithubClient,
    lane: Lane,
    target: &ListingTarget,
    page_size: usize,
    after: Option<&str>,
) -> Result<ListingPage, PageError> {
    let query = query::listing(target, page_size, after);
    match client
        .graphql::<ListingData>(CallKind::Listing, lane, &query)
        .await
    {
        Ok(answer) => answer::listing(answer, &target.catalog_path).map_err(PageError::Failed),
        Err(error) => Err(match error.failure() {
            Ok(failure) => {
                tracing::warn!(error = %Chain(&error), "an account's repositories could not be listed");
                PageError::Failed(failure)
            }
            Err(closed) => PageError::Limited(closed),
        }),
    }
}
