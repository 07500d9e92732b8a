//! Lists an account's repositories page by page: heads and blob ids, no texts.

use freshet_proto::message::{Lane, ListingTarget};
use freshet_runtime::error_chain::Chain;

use super::client::GithubClient;
use super::error::NotRead;
use super::listing_answer::{ListingData, ListingPage, read_listing};
use super::query;
use crate::metrics::CallKind;

/// Reads the page after the cursor `after`, or the first one.
///
/// # Errors
/// [`NotRead`] if there is no page.
pub async fn read_page(
    client: &GithubClient,
    lane: Lane,
    target: &ListingTarget,
    page_size: usize,
    after: Option<&str>,
) -> Result<ListingPage, NotRead> {
    let query = query::write_listing(target, page_size, after);
    match client
        .ask_graphql::<ListingData>(CallKind::Listing, lane, &query)
        .await
    {
        Ok(answer) => read_listing(answer, &target.catalog_path).map_err(|failure| {
            // GitHub has answered, so no call has failed; a name that is spelled wrong looks like this.
            tracing::warn!(
                provider.id = %target.provider_id,
                organization = %target.organization,
                reason = %failure.message,
                "the repositories of an organisation could not be listed; is its name right, and may the token see it?"
            );
            NotRead::Failed(failure)
        }),
        Err(error) => {
            let not_read = NotRead::from(&error);
            if let NotRead::Failed(_) = &not_read {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "an account's repositories could not be listed");
            }
            Err(not_read)
        }
    }
}
