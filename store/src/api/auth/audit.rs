//! What is kept of every refusal: who, what, and how it was answered. What is kept of writes is told where they are made.
//!
//! Events of the target `audit`, which an operator can send elsewhere and keep longer than other lines. Never a token,
//! a header, a query, a body or an address: what is written there is read by people who may not see those.

use std::time::Instant;

use axum::http::{Method, StatusCode};
use freshet_runtime::summed_up::RepeatedLine;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AuditedRequest {
    method: Method,
    path: String,
}

/// How a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefusalKind {
    /// For who sends it.
    Sender,
    /// As there were too many; of such a flood not every request is kept.
    Flood,
}

impl AuditedRequest {
    /// `path` is as it was written.
    pub(super) fn new(method: &Method, path: &str) -> Self {
        Self {
            method: method.clone(),
            path: path.to_owned(),
        }
    }

    /// Keeps how it was answered, if that is a refusal.
    pub(super) fn record(&self, caller: &str, status: StatusCode) {
        static FLOOD: RepeatedLine = RepeatedLine::new();
        let (message, left_out) = match refusal_of(status) {
            None => return,
            Some(RefusalKind::Sender) => ("a request is refused", None),
            Some(RefusalKind::Flood) => match FLOOD.admit("", Instant::now()) {
                Some(left_out) => (
                    "requests are refused, as there are too many",
                    Some(left_out),
                ),
                None => return,
            },
        };
        tracing::info!(
            target: "audit",
            caller,
            request.method = self.method.as_str(),
            request.path = self.path,
            response.status = status.as_u16(),
            left_out,
            "{message}"
        );
    }
}

fn refusal_of(status: StatusCode) -> Option<RefusalKind> {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Some(RefusalKind::Sender),
        StatusCode::TOO_MANY_REQUESTS => Some(RefusalKind::Flood),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_kept_and_nothing_else() {
        for (status, expected) in [
            (401, Some(RefusalKind::Sender)),
            (403, Some(RefusalKind::Sender)),
            (429, Some(RefusalKind::Flood)),
            (200, None),
            (404, None),
            (503, None),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(refusal_of(status), expected, "{status}");
        }
    }
}
