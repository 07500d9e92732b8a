//! One call to GitHub, within the budget of its credential.

use std::time::{Duration, Instant};

use bytes::Bytes;
use freshet_proto::message::Lane;
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use octocrab::{OctoBody, Octocrab};
use secrecy::SecretString;
use serde::Deserialize;

use super::error::CallError;
use crate::budget::RateBudget;
use crate::budget::headers::{RateHeaders, RateLimit, Resource, limit_of};
use crate::config::Timeouts;
use crate::metrics::{CallKind, CallOutcome, ProcessorMetrics};

/// Largest answer that is read, in bytes: a hundred files of the largest size GraphQL shows.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Longest part of a refusal's message that is kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// One credential's connection to GitHub.
pub(super) struct GithubConnection {
    pub(super) octocrab: Octocrab,
    pub(super) installation: String,
    pub(super) timeouts: Timeouts,
    pub(super) budget: RateBudget,
    pub(super) metrics: ProcessorMetrics,
}

/// An answer with what it says about limits.
pub(super) struct CallAnswer {
    pub(super) headers: RateHeaders,
    pub(super) body: Bytes,
}

#[derive(Deserialize)]
struct RefusalBody {
    #[serde(default)]
    message: String,
}

impl GithubConnection {
    /// Makes one call within the budget and learns from its headers.
    pub(super) async fn make_call(
        &self,
        kind: CallKind,
        lane: Lane,
        resource: Resource,
        request: Request<OctoBody>,
    ) -> Result<CallAnswer, CallError> {
        let operation = kind.as_str();
        let slot = self
            .budget
            .admit_call(lane, resource)
            .await
            .map_err(|closed| CallError::Limited { operation, closed })?;
        let started = Instant::now();
        let result = self
            .exchange_within_limits(operation, resource, request)
            .await;
        // The next call may begin: from here on nothing of GitHub's is used.
        drop(slot);
        let outcome = match &result {
            Ok(_) => CallOutcome::Answered,
            Err(CallError::Limited { .. }) => CallOutcome::Limited,
            Err(_) => CallOutcome::Failed,
        };
        self.metrics.count_call(kind, outcome, started.elapsed());
        self.metrics.note_remaining(
            &self.installation,
            resource,
            self.budget.remaining(resource),
        );
        result
    }

    async fn exchange_within_limits(
        &self,
        operation: &'static str,
        resource: Resource,
        request: Request<OctoBody>,
    ) -> Result<CallAnswer, CallError> {
        let after = self.timeouts.call;
        let answer = tokio::time::timeout(after, self.send_request(operation, request))
            .await
            .map_err(|_| CallError::TimedOut { operation, after })??;
        let headers = RateHeaders::parse(answer.headers());
        let (status, body) = (answer.status().as_u16(), answer.into_body());
        // octocrab follows redirects, as after a rename, so below 400 there is an answer.
        if status < 400 {
            self.budget.learn_headers(resource, &headers);
            return Ok(CallAnswer { headers, body });
        }
        // Only a text that names a limit makes a limit of a refusal without numbers.
        let message = read_refusal(&body);
        if let Some(limit) = limit_of(status, &headers, &message) {
            return Err(self.close_budget(operation, resource, &headers, limit));
        }
        self.budget.learn_headers(resource, &headers);
        Err(CallError::Status {
            operation,
            status,
            message,
        })
    }

    /// Closes the budget after a limit was reported; the error says until when.
    pub(super) fn close_budget(
        &self,
        operation: &'static str,
        resource: Resource,
        headers: &RateHeaders,
        limit: RateLimit,
    ) -> CallError {
        let closed = self.budget.close_after(resource, headers, limit);
        self.metrics.count_limit(&self.installation);
        CallError::Limited { operation, closed }
    }

    async fn send_request(
        &self,
        operation: &'static str,
        request: Request<OctoBody>,
    ) -> Result<Response<Bytes>, CallError> {
        let answer =
            self.octocrab
                .execute(request)
                .await
                .map_err(|source| CallError::Unreachable {
                    operation,
                    source: Box::new(source),
                })?;
        let (parts, body) = answer.into_parts();
        // A body without end must not fill the memory of the processor.
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|source| CallError::Body { operation, source })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }
}

/// octocrab for this credential, with nothing but connection and authentication.
pub(super) fn build_octocrab(
    origin: &str,
    token: Option<&SecretString>,
    timeouts: Timeouts,
) -> Result<Octocrab, octocrab::Error> {
    let within = |timeout: Duration| Some(timeout);
    // No retries of its own: they would not know of the budget, and would ask again at once.
    let builder = Octocrab::builder()
        .base_uri(origin)?
        .set_connect_timeout(within(timeouts.connect))
        .set_read_timeout(within(timeouts.call))
        .set_write_timeout(within(timeouts.call));
    match token {
        Some(token) => builder.personal_token(token.clone()).build(),
        None => builder.build(),
    }
}

fn read_refusal(body: &[u8]) -> String {
    let message = serde_json::from_slice::<RefusalBody>(body).map_or_else(
        |_| String::from_utf8_lossy(body).into_owned(),
        |refusal| refusal.message,
    );
    shorten_message(&message)
}

/// As much of a message as is kept.
pub(super) fn shorten_message(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}
