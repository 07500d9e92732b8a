//! Discovery: an account's repositories, observed page by page.
//!
//! Each page is published as soon as it is read, so that the first repositories are on their way
//! while the last are still being listed.

use std::time::Duration;

use freshet_proto::message::{ListingObserved, ListingTarget};

use super::disposition::JobDisposition;
use super::handler::JobHandler;
use super::job::ReceivedJob;
use super::pause::{PauseEnd, log_limit, pause_for};
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::metrics::JobOutcome;
use crate::source::github::client::GithubClient;
use crate::source::github::error::NotRead;
use crate::source::github::listing::read_page;

/// Observes all repositories of an account.
pub(super) async fn list_account(
    handler: &JobHandler,
    client: &GithubClient,
    job: &ReceivedJob,
    target: &ListingTarget,
) -> JobDisposition {
    let (header, attempt) = (handler.header_of(&job.job), job.delivery.attempt);
    let page_size = handler.context.config.listing_page;
    let pages_max = client.limits().listing_pages;
    let (mut waited, mut cursor) = (Duration::ZERO, None);
    let mut page_number = 0;
    let failure = loop {
        // A stop waits for the page that is being read, and for no other.
        if handler.shutdown.is_cancelled() {
            return JobDisposition::GiveBack(Duration::ZERO);
        }
        // A cursor that leads back to an earlier page would make a listing without an end.
        if page_number == pages_max {
            break Failure::unreadable(format!("the listing has more than {pages_max} pages"));
        }
        match read_page(client, handler.lane, target, page_size, cursor.as_deref()).await {
            Ok(page) => {
                let body = ListingObserved {
                    organization: page.organization,
                    repositories: page.repositories,
                };
                // Page by page with one time for all: together they are one observation, and its
                // parts are told by their number.
                let observation = header.listing(page_number, page.next.is_none(), body);
                if let Err(disposition) = handler.publish_part(observation, attempt).await {
                    return disposition;
                }
                if page.next.is_none() {
                    return JobDisposition::Done(JobOutcome::Observed);
                }
                page_number += 1;
                cursor = page.next;
            }
            Err(NotRead::Failed(failure)) => break failure,
            // The same page is asked for again.
            Err(NotRead::Limited(closed)) => {
                if let Err(delay) = wait_out(handler, client, closed, &mut waited).await {
                    return JobDisposition::GiveBack(delay);
                }
            }
        }
    };
    let observation = header.failed_after(page_number, failure);
    handler.conclude(job, observation, JobOutcome::Failed).await
}

/// Waits until GitHub's limits allow calls.
///
/// # Errors
/// How long it takes, if that is longer than jobs may be held, or nothing after the stop.
async fn wait_out(
    handler: &JobHandler,
    client: &GithubClient,
    closed: BudgetClosed,
    waited: &mut Duration,
) -> Result<(), Duration> {
    let wait = client.budget().remaining_wait(closed);
    log_limit(closed);
    // Summed up over all pages: a limit met on each of them would hold the job for hours, page by page.
    *waited += wait;
    if *waited > handler.context.config.hold_max {
        return Err(wait);
    }
    match pause_for(&handler.shutdown, wait).await {
        PauseEnd::Over => Ok(()),
        PauseEnd::Stopped => Err(Duration::ZERO),
    }
}
