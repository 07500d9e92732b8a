//! Discovery: an account's repositories, observed page by page.
//!
//! Each page is published as soon as it is read, so that the first repositories are on their way
//! while the last are still being listed.

use freshet_proto::message::{Lane, ListingObserved, ListingTarget, Observation};

use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::observation::ObservationHeader;
use crate::source::github::client::GithubClient;
use crate::source::github::listing::{PageError, read_page};

/// Most pages of one listing: a cursor that never ends must not keep a worker for ever.
const PAGES_MAX: usize = 2_000;

/// One step of a listing.
pub(crate) enum PageOutcome {
    /// A page, and there are more.
    Part(Observation),
    /// The last page.
    Last(Observation),
    /// The listing cannot be completed.
    Failed(Failure),
    /// GitHub's limits forbid calls for now; the same page is asked for again by the next step.
    Limited(BudgetClosed),
}

/// A listing in progress.
pub(crate) struct ListingPages<'a> {
    client: &'a GithubClient,
    lane: Lane,
    target: &'a ListingTarget,
    page_size: usize,
    pages: usize,
    cursor: Option<String>,
}

impl<'a> ListingPages<'a> {
    pub(crate) fn new(
        client: &'a GithubClient,
        lane: Lane,
        target: &'a ListingTarget,
        page_size: usize,
    ) -> Self {
        Self {
            client,
            lane,
            target,
            page_size,
            pages: 0,
            cursor: None,
        }
    }

    /// Reads the next page.
    pub(crate) async fn next(&mut self, header: &ObservationHeader<'_>) -> PageOutcome {
        if self.pages == PAGES_MAX {
            return PageOutcome::Failed(Failure::unreadable(format!(
                "the listing has more than {PAGES_MAX} pages"
            )));
        }
        match read_page(
            self.client,
            self.lane,
            self.target,
            self.page_size,
            self.cursor.as_deref(),
        )
        .await
        {
            Ok(page) => {
                let number = self.pages;
                let last = page.next.is_none();
                self.pages += 1;
                self.cursor = page.next;
                let body = ListingObserved {
                    organization: page.organization,
                    repositories: page.repositories,
                };
                let observation = header.listing(number, last, body);
                if last {
                    PageOutcome::Last(observation)
                } else {
                    PageOutcome::Part(observation)
                }
            }
            Err(PageError::Failed(failure)) => PageOutcome::Failed(failure),
            Err(PageError::Limited(closed)) => PageOutcome::Limited(closed),
        }
    }
}
