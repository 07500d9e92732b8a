//! Publishing: one message, or many that are stored together or not at all.

use async_nats::header::HeaderMap;
use async_nats::{Request, RequestErrorKind};
use freshet_proto::envelope::{MESSAGE_ID_HEADER, TRACEPARENT_HEADER};
use serde::Deserialize;

use super::{Nats, NatsCore};
use crate::{BATCH_MESSAGES_MAX, Expect, HEADER_BYTES_MAX, Outbound, PublishError, Published};

const EXPECTED_STREAM_HEADER: &str = "Nats-Expected-Stream";
const EXPECTED_LAST_SEQUENCE_HEADER: &str = "Nats-Expected-Last-Sequence";
const EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER: &str = "Nats-Expected-Last-Subject-Sequence";
const BATCH_ID_HEADER: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE_HEADER: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT_HEADER: &str = "Nats-Batch-Commit";

/// The server's error codes that mean something to us.
mod code {
    pub(super) const INSUFFICIENT_RESOURCES: u64 = 10023;
    pub(super) const MEMORY_EXCEEDED: u64 = 10028;
    pub(super) const STORAGE_EXCEEDED: u64 = 10047;
    pub(super) const MESSAGE_TOO_LARGE: u64 = 10054;
    pub(super) const OTHER_STREAM: u64 = 10060;
    pub(super) const WRONG_LAST_SEQUENCE: u64 = 10071;
    pub(super) const STORE_FAILED: u64 = 10077;
    pub(super) const DUPLICATE_IN_PROCESS: u64 = 10158;
    pub(super) const WRONG_LAST_SEQUENCE_CONSTANT: u64 = 10164;
    pub(super) const BATCH_TOO_LARGE: u64 = 10199;
    pub(super) const DUPLICATE_IN_BATCH: u64 = 10201;
}

/// How the server says that a limit of the stream, not its disk, refused the message.
const LIMIT_REACHED: &str = "maximum";

impl Nats {
    pub(crate) async fn publish(&self, message: Outbound) -> Result<Published, PublishError> {
        let subject = message.subject.to_string();
        let stream = self.core.stream_of(&subject);
        let headers = build_headers(&message, stream.as_deref());
        let request = Request::new().payload(message.payload).headers(headers);
        let answer = self
            .core
            .request_answer(&subject, stream.is_some(), request)
            .await?;
        read_answer(&subject, &answer).map(|answer| Published {
            stream_sequence: answer.seq,
            duplicate: answer.duplicate,
        })
    }

    /// The members travel without a reply; the last one commits, and its answer speaks for all.
    pub(crate) async fn publish_batch(
        &self,
        stream: &str,
        messages: Vec<Outbound>,
        expect_last_sequence: u64,
    ) -> Result<u64, PublishError> {
        if !self.core.is_connected() {
            return Err(PublishError::Unavailable);
        }
        // Two relays may publish at the same time: members of one batch must never mix with those
        // of the other.
        let batch = format!("{:032x}", rand::random::<u128>());
        let last = messages.len();
        for (mut message, number) in messages.into_iter().zip(1..) {
            // The batch has one expectation; a member's own would contradict it.
            message.expect = if number == 1 {
                Expect::StreamSequence(expect_last_sequence)
            } else {
                Expect::Nothing
            };
            let subject = message.subject.to_string();
            let mut headers = build_headers(&message, Some(stream));
            headers.insert(BATCH_ID_HEADER, batch.as_str());
            headers.insert(BATCH_SEQUENCE_HEADER, number.to_string());
            if number == last {
                headers.insert(BATCH_COMMIT_HEADER, "1");
                let request = Request::new().payload(message.payload).headers(headers);
                let answer = self.core.request_answer(&subject, true, request).await?;
                return read_answer(&subject, &answer).map(|answer| answer.seq);
            }
            // An error half way leaves members without a commit, which the server forgets after a while. The
            // caller reads the end of the stream before it sends anything else, so nothing is told of how far
            // this went.
            self.core
                .send_member(subject, message.payload, headers)
                .await?;
        }
        Err(PublishError::BatchSize {
            messages: 0,
            messages_max: BATCH_MESSAGES_MAX,
        })
    }
}

impl NatsCore {
    /// One request, answered in time, or the reason why not. Fails at once without a connection.
    async fn request_answer(
        &self,
        subject: &str,
        is_known: bool,
        request: Request,
    ) -> Result<PublishAnswer, PublishError> {
        // The client would keep the message and send it after a reconnect, when its publisher has
        // long given up on it.
        if !self.is_connected() {
            return Err(PublishError::Unavailable);
        }
        let request = request.timeout(Some(self.request_timeout));
        let answer = tokio::select! {
            answer = self.client.send_request(subject.to_owned(), request) => answer,
            () = self.wait_until_disconnected() => return Err(PublishError::Ambiguous),
        };
        // Every kind has a meaning of its own here: this decides whether a webhook is answered 202
        // or 503.
        let answer = answer.map_err(|error| match error.kind() {
            // A stream we know has no leader at the moment; one we do not know does not exist.
            RequestErrorKind::NoResponders if is_known => PublishError::Unavailable,
            RequestErrorKind::NoResponders | RequestErrorKind::InvalidSubject => {
                PublishError::NoStream {
                    subject: subject.to_owned(),
                }
            }
            RequestErrorKind::MaxPayloadExceeded => PublishError::TooLarge {
                subject: subject.to_owned(),
                bytes: self.client.max_payload(),
                bytes_max: self.client.max_payload(),
            },
            // Stored or not, nobody knows. To say either would lose a webhook, or publish a change twice.
            RequestErrorKind::TimedOut | RequestErrorKind::Other => PublishError::Ambiguous,
        })?;
        serde_json::from_slice(&answer.payload).map_err(|error| PublishError::Server {
            subject: subject.to_owned(),
            code: 0,
            description: format!("an answer that is none: {error}"),
        })
    }

    async fn send_member(
        &self,
        subject: String,
        payload: bytes::Bytes,
        headers: HeaderMap,
    ) -> Result<(), PublishError> {
        let sending = self.client.publish_with_headers(subject, headers, payload);
        match tokio::time::timeout(self.request_timeout, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PublishError::Ambiguous),
        }
    }

    /// The provisioned stream that captures a subject.
    fn stream_of(&self, subject: &str) -> Option<String> {
        let made = self.lock_made();
        let captures = |filter: &freshet_proto::subject::SubjectFilter| filter.matches(subject);
        let stream = made
            .topology
            .streams
            .iter()
            .find(|stream| stream.subjects.iter().any(captures));
        stream.map(|stream| stream.name.clone())
    }
}

fn build_headers(message: &Outbound, stream: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in &message.headers {
        headers.insert(name.as_str(), value.as_str());
    }
    if let Some(id) = &message.envelope.id {
        headers.insert(MESSAGE_ID_HEADER, id.as_str());
    }
    if let Some(traceparent) = &message.envelope.traceparent {
        headers.insert(TRACEPARENT_HEADER, traceparent.as_str());
    }
    if let Some(stream) = stream {
        // A stream of somebody else that captures the subject would confirm a message nobody of
        // ours reads.
        headers.insert(EXPECTED_STREAM_HEADER, stream);
    }
    let expected = match message.expect {
        Expect::Nothing => None,
        Expect::SubjectEmpty => Some((EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER, 0)),
        Expect::StreamSequence(sequence) => Some((EXPECTED_LAST_SEQUENCE_HEADER, sequence)),
    };
    if let Some((name, sequence)) = expected {
        headers.insert(name, sequence.to_string());
    }
    headers
}

/// What the server answers to a message for a stream.
#[derive(Debug, Deserialize)]
struct PublishAnswer {
    error: Option<ServerError>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct ServerError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

fn read_answer<'a>(
    subject: &str,
    answer: &'a PublishAnswer,
) -> Result<&'a PublishAnswer, PublishError> {
    let Some(error) = &answer.error else {
        return Ok(answer);
    };
    let subject = subject.to_owned();
    Err(match error.err_code {
        code::WRONG_LAST_SEQUENCE
        | code::WRONG_LAST_SEQUENCE_CONSTANT
        | code::DUPLICATE_IN_BATCH => PublishError::Refused,
        // The first copy is on its way through the cluster; it may still fail.
        code::DUPLICATE_IN_PROCESS => PublishError::Ambiguous,
        code::STORE_FAILED if error.description.contains(LIMIT_REACHED) => {
            PublishError::Full { subject }
        }
        // The account or the server is full rather than the stream. For the publisher it is the
        // same: later it may fit.
        code::INSUFFICIENT_RESOURCES | code::MEMORY_EXCEEDED | code::STORAGE_EXCEEDED => {
            PublishError::Full { subject }
        }
        code::MESSAGE_TOO_LARGE => PublishError::TooLarge {
            subject,
            bytes: HEADER_BYTES_MAX,
            bytes_max: HEADER_BYTES_MAX,
        },
        code::OTHER_STREAM => PublishError::NoStream { subject },
        code::BATCH_TOO_LARGE => PublishError::BatchSize {
            messages: BATCH_MESSAGES_MAX + 1,
            messages_max: BATCH_MESSAGES_MAX,
        },
        code => PublishError::Server {
            subject,
            code,
            description: error.description.clone(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(json: &str) -> Result<u64, PublishError> {
        let answer: PublishAnswer = serde_json::from_str(json).expect("an answer");
        read_answer("a.b", &answer).map(|answer| answer.seq)
    }

    #[test]
    fn an_answer_without_an_error_is_a_confirmation() {
        assert_eq!(answer(r#"{"stream":"S","seq":7}"#).expect("confirmed"), 7);
    }

    #[test]
    fn an_unmet_expectation_is_told_from_a_full_stream_and_from_a_broken_disk() {
        let error = |code, text| {
            answer(&format!(
                r#"{{"error":{{"code":400,"err_code":{code},"description":"{text}"}}}}"#
            ))
        };
        assert!(matches!(
            error(10071, "wrong last sequence: 5"),
            Err(PublishError::Refused)
        ));
        assert!(matches!(
            error(10077, "maximum bytes exceeded"),
            Err(PublishError::Full { .. })
        ));
        assert!(matches!(
            error(10077, "no space left on device"),
            Err(PublishError::Server { code: 10077, .. })
        ));
        assert!(matches!(
            error(10158, "in process"),
            Err(PublishError::Ambiguous)
        ));
        assert!(matches!(
            error(99999, "news"),
            Err(PublishError::Server { code: 99999, .. })
        ));
    }
}
