//! From an authentic delivery to a signal. Pure: the table of what each event means.

use std::collections::BTreeSet;

use freshet_proto::envelope::delivery_id;
use freshet_proto::message::{Ignored, Push, Repository, RepositoryTraits, Signal, signal};
use freshet_proto::origin::GITHUB;
use freshet_proto::timestamp::parse_rfc3339;
use serde_json::Value;

use super::payload;

const PUSH: &str = "push";
/// Event token of deliveries that ask for nothing.
const IGNORED: &str = "ignored";

/// GitHub lists at most this many commits of a push, without saying that it stopped there.
const COMMITS_LISTED_MAX: usize = 2048;
/// GitHub lists at most this many added, removed and modified files of a commit, each.
const FILES_LISTED_MAX: usize = 3000;
/// A push that touches more paths than this is simply read: the list would not fit a message.
const TOUCHED_MAX: usize = 2000;
/// The same for the length of all its paths together; half of what a message may have.
const TOUCHED_BYTES_MAX: usize = 256 * 1024;
/// Longest event name kept; GitHub's longest is about half of it.
const EVENT_NAME_BYTES_MAX: usize = 100;
/// Longest reason kept. A parser's message quotes what it did not expect, however long that is.
const REASON_BYTES_MAX: usize = 300;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// What the headers of an authentic delivery say.
#[derive(Clone, Copy, Debug)]
pub(super) struct WebhookDelivery<'a> {
    pub(super) guid: &'a str,
    pub(super) event: &'a str,
    pub(super) host: &'a str,
    pub(super) received_at: i64,
}

/// The signal of a delivery. A delivery that asks for nothing becomes one too, with the reason, so
/// that the ledger can account for every GUID.
pub(super) fn translate_delivery(delivery: &WebhookDelivery<'_>, body: &[u8]) -> Signal {
    let (event, body) = match delivery.event {
        PUSH => match serde_json::from_slice(body) {
            Ok(push) => (PUSH, signal::Body::Push(translate_push(push))),
            // Not an error to GitHub: it would list the delivery as failed, and a redelivery could
            // never succeed. The ledger keeps the reason.
            Err(error) => (
                IGNORED,
                ignored_body(PUSH, &format!("unreadable payload: {error}")),
            ),
        },
        other => (
            IGNORED,
            ignored_body(&name_event(other, body), "event not used"),
        ),
    };
    Signal {
        id: delivery_id(delivery.host, delivery.guid),
        provider: GITHUB.to_owned(),
        host: delivery.host.to_owned(),
        event: event.to_owned(),
        received_at: delivery.received_at,
        body: Some(body),
    }
}

fn ignored_body(event: &str, reason: &str) -> signal::Body {
    signal::Body::Ignored(Ignored {
        event: shorten_text(event, EVENT_NAME_BYTES_MAX).to_owned(),
        reason: shorten_text(reason, REASON_BYTES_MAX).to_owned(),
    })
}

fn shorten_text(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// `event.action`, or `event` where there is no action.
fn name_event(event: &str, body: &[u8]) -> String {
    // Unreadable is as good as without an action: this is only a name for people.
    let any: payload::AnyEvent = serde_json::from_slice(body).unwrap_or_default();
    match any.action {
        Some(action) => format!("{event}.{action}"),
        None => event.to_owned(),
    }
}

fn translate_push(push: payload::PushPayload) -> Push {
    let touched = list_touched(&push);
    Push {
        pushed_at: read_pushed_at(push.repository.pushed_at.as_ref()),
        repository: Some(translate_repository(push.repository)),
        r#ref: push.git_ref,
        before: push.before,
        after: push.after,
        forced: push.forced,
        deleted: push.deleted,
        complete: touched.is_some(),
        touched: touched.unwrap_or_default(),
        actor: push.sender.map(|sender| sender.login).unwrap_or_default(),
    }
}

fn translate_repository(repository: payload::RepositoryPayload) -> Repository {
    Repository {
        id: repository.id,
        node_id: repository.node_id,
        owner: repository.owner.login,
        name: repository.name,
        html_url: repository.html_url,
        default_branch: repository.default_branch,
        archived: repository.archived,
        traits: translate_traits(repository.fork, repository.visibility, repository.topics),
    }
}

/// `None` unless the payload tells all of them.
fn translate_traits(
    fork: Option<bool>,
    visibility: Option<String>,
    topics: Option<Vec<String>>,
) -> Option<RepositoryTraits> {
    Some(RepositoryTraits {
        fork: fork?,
        visibility: visibility?,
        topics: topics?,
    })
}

/// Every path the push touches, or `None` where the payload does not prove that it lists all.
fn list_touched(push: &payload::PushPayload) -> Option<Vec<String>> {
    // GitHub cuts long lists without a word. Only one that reaches the new head can be whole, and
    // behind a forced push lie commits that no payload lists.
    let ends_at_after = push.commits.iter().any(|commit| commit.id == push.after);
    if push.forced || !ends_at_after || push.commits.len() >= COMMITS_LISTED_MAX {
        return None;
    }
    let mut paths = BTreeSet::new();
    for commit in &push.commits {
        for list in [&commit.added, &commit.removed, &commit.modified] {
            if list.len() >= FILES_LISTED_MAX {
                return None;
            }
            paths.extend(list.iter().map(String::as_str));
        }
        if paths.len() > TOUCHED_MAX {
            return None;
        }
    }
    let bytes: usize = paths.iter().map(|path| path.len()).sum();
    (bytes <= TOUCHED_BYTES_MAX).then(|| paths.into_iter().map(str::to_owned).collect())
}

fn read_pushed_at(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Number(seconds)) => seconds
            .as_i64()
            .unwrap_or(0)
            .saturating_mul(MICROS_PER_SECOND),
        Some(Value::String(text)) => parse_rfc3339(text).unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use serde_json::json;

    use super::*;

    const DELIVERY: WebhookDelivery<'static> = WebhookDelivery {
        guid: "72d3162e",
        event: "push",
        host: "github.com",
        received_at: 7,
    };

    fn push_payload() -> Value {
        json!({
            "ref": "refs/heads/main",
            "before": "aaa",
            "after": "ccc",
            "deleted": false,
            "forced": false,
            "commits": [
                {"id": "bbb", "added": ["catalog-info.yaml"], "removed": [], "modified": ["README.md"]},
                {"id": "ccc", "added": [], "removed": ["old.yaml"], "modified": ["README.md"]},
            ],
            "repository": {
                "id": 417, "node_id": "R_1", "name": "pay", "owner": {"login": "acme"},
                "html_url": "https://github.com/acme/pay", "default_branch": "main",
                "archived": false, "pushed_at": 1_700_000_000,
            },
            "sender": {"login": "rosa"},
            "installation": {"id": 1},
        })
    }

    fn push_of(payload: &Value) -> Push {
        match translate_delivery(&DELIVERY, payload.to_string().as_bytes()).body {
            Some(signal::Body::Push(push)) => push,
            other => panic!("not a push: {other:?}"),
        }
    }

    #[test]
    fn what_repositories_are_filtered_by_is_told_whole_or_not_at_all() {
        let mut payload = push_payload();
        let traits_of = |payload: &Value| push_of(payload).repository.and_then(|it| it.traits);
        payload["repository"]["fork"] = json!(true);
        payload["repository"]["visibility"] = json!("internal");
        assert_eq!(traits_of(&payload), None);
        payload["repository"]["topics"] = json!(["pay", "tier-1"]);
        let told = RepositoryTraits {
            fork: true,
            visibility: "internal".to_owned(),
            topics: vec!["pay".to_owned(), "tier-1".to_owned()],
        };
        assert_eq!(traits_of(&payload), Some(told));
    }

    #[track_caller]
    fn check_incomplete(change: impl FnOnce(&mut Value)) {
        let mut payload = push_payload();
        change(&mut payload);
        let push = push_of(&payload);
        assert!(!push.complete && push.touched.is_empty(), "{push:?}");
    }

    #[test]
    fn a_push_names_its_repository_and_every_touched_path_once() {
        let push = push_of(&push_payload());
        assert!(push.complete);
        assert_eq!(push.touched, ["README.md", "catalog-info.yaml", "old.yaml"]);
        assert_eq!(push.pushed_at, 1_700_000_000_000_000);
        assert_eq!(push.actor, "rosa");
        assert_eq!(push.repository.map(|repository| repository.id), Some(417));
    }

    #[test]
    fn a_push_that_may_hide_paths_is_not_complete() {
        check_incomplete(|payload| payload["forced"] = json!(true));
        check_incomplete(|payload| payload["commits"] = json!([]));
        check_incomplete(|payload| payload["after"] = json!("ddd"));
        check_incomplete(|payload| {
            payload["commits"][0]["added"] = json!(vec!["x"; FILES_LISTED_MAX]);
        });
        check_incomplete(|payload| {
            payload["commits"] = json!(vec![json!({"id": "ccc"}); COMMITS_LISTED_MAX]);
        });
        check_incomplete(|payload| {
            let many: Vec<String> = (0..=TOUCHED_MAX).map(|number| number.to_string()).collect();
            payload["commits"][0]["added"] = json!(many);
        });
        check_incomplete(|payload| {
            let long: Vec<String> = (0..1000).map(|number| format!("{number:0300}")).collect();
            payload["commits"][0]["added"] = json!(long);
        });
    }

    #[track_caller]
    fn check_ignored(event: &str, body: &str, expected_event: &str, expected_reason: &str) {
        let delivery = WebhookDelivery { event, ..DELIVERY };
        let signal = translate_delivery(&delivery, body.as_bytes());
        assert_eq!(
            (signal.id.as_str(), signal.event.as_str()),
            ("gh:github.com:72d3162e", "ignored")
        );
        match signal.body {
            Some(signal::Body::Ignored(ignored)) => {
                assert_eq!(ignored.event, expected_event);
                assert!(
                    ignored.reason.starts_with(expected_reason),
                    "{}",
                    ignored.reason
                );
            }
            other => panic!("not ignored: {other:?}"),
        }
    }

    #[test]
    fn what_asks_for_nothing_is_still_accounted_for() {
        check_ignored("ping", "{}", "ping", "event not used");
        check_ignored(
            "repository",
            r#"{"action":"created"}"#,
            "repository.created",
            "event not used",
        );
        check_ignored("star", "not json", "star", "event not used");
        check_ignored("push", "{}", "push", "unreadable payload");
    }

    #[test]
    fn what_is_not_understood_is_not_quoted_at_length() {
        let long = "ä".repeat(1_000_000);
        let body =
            json!({"ref": "r", "before": "a", "after": "b", "deleted": long, "action": long});
        for event in ["push", "star", long.as_str()] {
            let delivery = WebhookDelivery { event, ..DELIVERY };
            let signal = translate_delivery(&delivery, body.to_string().as_bytes());
            assert!(signal.encoded_len() < 1_000, "{}", signal.encoded_len());
        }
    }
}
