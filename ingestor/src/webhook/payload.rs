//! The few fields of GitHub's payloads that Freshet reads. Everything else is skipped while
//! parsing, so a payload of 25 MB costs no more memory than its bytes.

use serde::Deserialize;

/// The fields every event may have.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AnyEvent {
    #[serde(default)]
    pub(super) action: Option<String>,
}

/// A `push` event. See "Webhook events and payloads" in GitHub's documentation.
#[derive(Debug, Deserialize)]
pub(super) struct PushPayload {
    #[serde(rename = "ref")]
    pub(super) git_ref: String,
    pub(super) before: String,
    pub(super) after: String,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) forced: bool,
    #[serde(default)]
    pub(super) commits: Vec<CommitPayload>,
    pub(super) repository: RepositoryPayload,
    #[serde(default)]
    pub(super) sender: Option<SenderPayload>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CommitPayload {
    pub(super) id: String,
    #[serde(default)]
    pub(super) added: Vec<String>,
    #[serde(default)]
    pub(super) removed: Vec<String>,
    #[serde(default)]
    pub(super) modified: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RepositoryPayload {
    pub(super) id: u64,
    pub(super) node_id: String,
    pub(super) name: String,
    pub(super) owner: OwnerPayload,
    pub(super) html_url: String,
    pub(super) default_branch: String,
    #[serde(default)]
    pub(super) archived: bool,
    #[serde(default)]
    pub(super) fork: Option<bool>,
    /// Older servers tell neither these nor the topics.
    #[serde(default)]
    pub(super) visibility: Option<String>,
    #[serde(default)]
    pub(super) topics: Option<Vec<String>>,
    /// Seconds in `push` events, RFC 3339 text elsewhere.
    #[serde(default)]
    pub(super) pushed_at: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OwnerPayload {
    pub(super) login: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SenderPayload {
    pub(super) login: String,
}
