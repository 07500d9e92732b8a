//! One call to GitHub, within the budget of its credential.

use std::time::{Duration, Instant};

use bytes::Bytes;
use freshet_proto::message::Lane;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use octocrab::{OctoBody, Octocrab};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::error::CallError;
use super::redirect::redirect_target;
use crate::budget::RateBudget;
use crate::budget::headers::{RateHeaders, RateLimit, Resource, limit_of};
use crate::config::Timeouts;
use crate::metrics::{CallKind, CallOutcome, ProcessorMetrics};

/// Most bytes of a refusal that are read; the texts of real ones are short.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;
/// Longest part of a refusal's message that is kept.
const MESSAGE_CHARS_MAX: usize = 300;

/// One credential's connection to GitHub.
pub(super) struct GithubConnection {
    pub(super) octocrab: Octocrab,
    /// What the paths of requests are below.
    pub(super) origin: Url,
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
        bytes_max: usize,
    ) -> Result<CallAnswer, CallError> {
        let operation = kind.as_str();
        let slot = self
            .budget
            .admit_call(lane, resource)
            .await
            .map_err(|closed| CallError::Limited { operation, closed })?;
        let started = Instant::now();
        let result = self
            .exchange_within_limits(operation, resource, request, bytes_max)
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
        bytes_max: usize,
    ) -> Result<CallAnswer, CallError> {
        let after = self.timeouts.call;
        let exchange = self.follow_redirects(operation, request, bytes_max);
        let answer = tokio::time::timeout(after, exchange)
            .await
            .map_err(|_| CallError::TimedOut { operation, after })??;
        let headers = RateHeaders::parse(answer.headers());
        let (status, body) = (answer.status().as_u16(), answer.into_body());
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

    /// Sends a request, and again to where the answer leads as far as that may be followed.
    async fn follow_redirects(
        &self,
        operation: &'static str,
        mut request: Request<OctoBody>,
        bytes_max: usize,
    ) -> Result<Response<Bytes>, CallError> {
        let method = request.method().clone();
        let headers = request.headers().clone();
        let mut url = self.url_of(&request);
        for followed in 0.. {
            let answer = self.send_request(operation, request).await?;
            if !leads_elsewhere(&answer) {
                return read_answer(operation, answer, bytes_max).await;
            }
            let target = redirect_target(&method, &url, answer.headers(), followed)
                .map_err(|refusal| CallError::Redirected { operation, refusal })?;
            request = repeat_request(&headers, target.path);
            url = target.url;
        }
        unreachable!("redirects are followed a few times");
    }

    fn url_of(&self, request: &Request<OctoBody>) -> Url {
        // Whatever cannot be joined is not sent either.
        let path = request.uri().to_string();
        self.origin
            .join(&path)
            .unwrap_or_else(|_| self.origin.clone())
    }

    async fn send_request(
        &self,
        operation: &'static str,
        request: Request<OctoBody>,
    ) -> Result<Answer, CallError> {
        self.octocrab
            .execute(request)
            .await
            .map_err(|source| CallError::Unreachable {
                operation,
                source: Box::new(source),
            })
    }
}

type Answer = Response<BoxBody<Bytes, octocrab::Error>>;

fn leads_elsewhere(answer: &Answer) -> bool {
    // 304 is the one of its class that does not.
    matches!(answer.status().as_u16(), 300..=303 | 305..=399)
}

/// The request without a body that `headers` belonged to, at another path of the same origin.
fn repeat_request(headers: &HeaderMap, path: Uri) -> Request<OctoBody> {
    let mut request = Request::new(OctoBody::empty());
    *request.method_mut() = Method::GET;
    *request.headers_mut() = headers.clone();
    // Its path alone: octocrab puts the origin and the token in front of nothing else.
    *request.uri_mut() = path;
    request
}

/// Reads an answer as it arrives, and stops where it becomes longer than it may be.
async fn read_answer(
    operation: &'static str,
    answer: Answer,
    bytes_max: usize,
) -> Result<Response<Bytes>, CallError> {
    let (parts, body) = answer.into_parts();
    let is_refusal = parts.status.as_u16() >= 400;
    let bytes_max = if is_refusal {
        REFUSAL_BYTES_MAX
    } else {
        bytes_max
    };
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(Response::from_parts(parts, body.to_bytes())),
        // The status says enough.
        Err(error) if is_refusal && error.is::<LengthLimitError>() => {
            Ok(Response::from_parts(parts, Bytes::new()))
        }
        Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLarge {
            operation,
            bytes_max,
        }),
        Err(source) => Err(CallError::Body { operation, source }),
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
