//! The JSON bodies of webhooks, in GitHub's shape. Pure: facts in, document out.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::git::{Changes, CommitRecord, Oid, Person};
use crate::repository::{Facts, Visibility};

/// GitHub lists at most this many commits in a push, without saying so.
pub(super) const PUSHED_COMMITS_MAX: usize = 2048;
/// GitHub lists at most this many paths per commit and kind of change.
const COMMIT_PATHS_MAX: usize = 3000;
/// Id of the account that pushes.
const PUSHER_ID: u64 = 9001;
/// Login of the account that pushes.
pub(super) const PUSHER_LOGIN: &str = "ada";

/// A commit of a push.
#[derive(Clone, Debug)]
pub(super) struct PushedCommit {
    pub(super) record: CommitRecord,
    pub(super) changes: Changes,
    /// Not reachable from another branch.
    pub(super) distinct: bool,
}

/// One ref moved by a push.
#[derive(Clone, Debug)]
pub(super) struct Push {
    pub(super) ref_name: String,
    pub(super) before: Option<Oid>,
    pub(super) after: Option<Oid>,
    pub(super) forced: bool,
    /// Oldest first.
    pub(super) commits: Vec<PushedCommit>,
}

/// Which repository, of whom, and how it is reached.
pub(super) struct Scene<'a> {
    /// Address of the emulator, without a slash at the end.
    pub(super) base: &'a str,
    /// What addresses of pages begin with.
    pub(super) web: &'a str,
    pub(super) organization_id: u64,
    pub(super) organization_node_id: &'a str,
    pub(super) repository_id: u64,
    pub(super) repository_node_id: &'a str,
    pub(super) facts: &'a Facts,
    pub(super) installation: Option<u64>,
}

/// Whether times are epoch numbers, as in a push, or text, as everywhere else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    Numbers,
    Text,
}

/// The body of a `push` event that lists at most so many commits, the oldest ones.
pub(super) fn push(push: &Push, listed_max: usize, scene: &Scene<'_>) -> Value {
    let commits: Vec<Value> = push
        .commits
        .iter()
        .take(listed_max)
        .map(|one| commit(one, scene))
        .collect();
    let head = push
        .commits
        .last()
        .filter(|_| push.after.is_some())
        .map(|one| commit(one, scene));
    let mut body = json!({
        "ref": push.ref_name,
        "before": hex_or_zeros(push.before),
        "after": hex_or_zeros(push.after),
        "repository": repository(scene, Times::Numbers),
        "pusher": { "name": PUSHER_LOGIN, "email": "ada@example.com" },
        "created": push.before.is_none(),
        "deleted": push.after.is_none(),
        "forced": push.forced,
        "base_ref": null,
        "compare": compare(push, scene),
        "commits": commits,
        "head_commit": head,
    });
    add_actors(&mut body, scene);
    body
}

/// The body of a `repository` event.
pub(super) fn repository_event(action: &str, changes: Option<Value>, scene: &Scene<'_>) -> Value {
    let mut body = json!({ "action": action, "repository": repository(scene, Times::Text) });
    if let Some(changes) = changes {
        body["changes"] = changes;
    }
    add_actors(&mut body, scene);
    body
}

fn add_actors(body: &mut Value, scene: &Scene<'_>) {
    let Scene { base, facts, .. } = scene;
    body["organization"] = json!({
        "login": facts.owner,
        "id": scene.organization_id,
        "node_id": scene.organization_node_id,
        "url": format!("{base}/api/v3/orgs/{}", facts.owner),
        "repos_url": format!("{base}/api/v3/orgs/{}/repos", facts.owner),
        "description": "",
    });
    body["sender"] = json!({
        "login": PUSHER_LOGIN,
        "id": PUSHER_ID,
        "node_id": super::ids::node_id("U", PUSHER_ID),
        "url": format!("{base}/api/v3/users/{PUSHER_LOGIN}"),
        "html_url": format!("{base}/{PUSHER_LOGIN}"),
        "type": "User",
        "site_admin": false,
    });
    if let Some(id) = scene.installation {
        body["installation"] = json!({ "id": id, "node_id": super::ids::node_id("MDIz", id) });
    }
}

fn compare(push: &Push, scene: &Scene<'_>) -> String {
    let short = |oid: Oid| oid.to_hex_with_len(12).to_string();
    let range = match (push.before, push.after) {
        (Some(before), Some(after)) => format!("compare/{}...{}", short(before), short(after)),
        (None, Some(after)) => format!("commit/{}", short(after)),
        (before, None) => format!(
            "compare/{}...000000000000",
            before.map(short).unwrap_or_default()
        ),
    };
    format!("{}/{}/{range}", scene.web, scene.facts.full_name())
}

fn commit(pushed: &PushedCommit, scene: &Scene<'_>) -> Value {
    let PushedCommit {
        record,
        changes,
        distinct,
    } = pushed;
    let first = |paths: &[String]| paths[..paths.len().min(COMMIT_PATHS_MAX)].to_vec();
    json!({
        "id": record.id.to_string(),
        "tree_id": record.tree.to_string(),
        "distinct": distinct,
        "message": record.message.trim_end(),
        "timestamp": text_time(record.time),
        "url": format!("{}/{}/commit/{}", scene.web, scene.facts.full_name(), record.id),
        "author": person(&record.author),
        "committer": person(&record.committer),
        "added": first(&changes.added),
        "removed": first(&changes.removed),
        "modified": first(&changes.modified),
    })
}

fn person(person: &Person) -> Value {
    json!({ "name": person.name, "email": person.email, "username": PUSHER_LOGIN })
}

/// A repository as REST and webhooks show it.
pub(super) fn repository(scene: &Scene<'_>, times: Times) -> Value {
    let Scene {
        base, web, facts, ..
    } = scene;
    let full_name = facts.full_name();
    let api = format!("{base}/api/v3/repos/{full_name}");
    let html = format!("{web}/{full_name}");
    let time = |seconds: i64| match times {
        Times::Numbers => json!(seconds),
        Times::Text => json!(text_time(seconds)),
    };
    let mut document = json!({
        "id": scene.repository_id,
        "node_id": scene.repository_node_id,
        "name": facts.name,
        "full_name": full_name,
        "private": facts.options.visibility != Visibility::Public,
        "owner": owner(scene),
        "html_url": html,
        "description": facts.options.description,
        "fork": facts.options.fork,
        "url": api,
        "contents_url": format!("{api}/contents/{{+path}}"),
        "trees_url": format!("{api}/git/trees{{/sha}}"),
        "blobs_url": format!("{api}/git/blobs{{/sha}}"),
        "commits_url": format!("{api}/commits{{/sha}}"),
        "created_at": time(facts.created_at),
        "updated_at": text_time(facts.pushed_at),
        "pushed_at": time(facts.pushed_at),
        "clone_url": format!("{html}.git"),
        "git_url": format!("{html}.git"),
        "homepage": null,
        "size": 1,
        "language": null,
        "archived": facts.options.archived,
        "disabled": false,
        "is_template": false,
        "topics": facts.options.topics,
        "visibility": facts.options.visibility.as_str(),
        "default_branch": facts.options.default_branch,
    });
    if times == Times::Numbers {
        document["master_branch"] = json!(facts.options.default_branch);
        document["organization"] = json!(facts.owner);
    }
    document
}

fn owner(scene: &Scene<'_>) -> Value {
    let Scene { base, facts, .. } = scene;
    json!({
        "name": facts.owner,
        "email": null,
        "login": facts.owner,
        "id": scene.organization_id,
        "node_id": scene.organization_node_id,
        "avatar_url": format!("{base}/avatars/{}", scene.organization_id),
        "gravatar_id": "",
        "url": format!("{base}/api/v3/users/{}", facts.owner),
        "html_url": format!("{base}/{}", facts.owner),
        "type": "Organization",
        "site_admin": false,
    })
}

/// Forty zeros stand for "no commit".
pub(super) fn hex_or_zeros(oid: Option<Oid>) -> String {
    oid.unwrap_or_else(|| Oid::null(gix::hash::Kind::Sha1))
        .to_string()
}

/// A time as GitHub writes it outside of pushes.
pub(super) fn text_time(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_default()
}
