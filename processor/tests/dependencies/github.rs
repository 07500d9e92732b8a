//! A GitHub with files: answers the queries and listings of the processor from a map.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::stub::{Reply, Stub};

/// Texts longer than this are cut, as GitHub does with much longer ones.
const TEXT_BYTES_MAX: usize = 1_000;

/// What is in one repository.
#[derive(Clone)]
pub(crate) struct Repository {
    pub(crate) name: &'static str,
    pub(crate) head: &'static str,
    pub(crate) files: BTreeMap<&'static str, String>,
    /// A branch that can be asked for by its name; all have the same files.
    pub(crate) branch: &'static str,
    /// Whether its tree is too large to be listed in one answer.
    pub(crate) is_large: bool,
    /// Those of its files that are symbolic links.
    pub(crate) links: &'static [&'static str],
}

impl Repository {
    pub(crate) fn new(
        name: &'static str,
        head: &'static str,
        files: &[(&'static str, &str)],
    ) -> Self {
        Self {
            name,
            head,
            files: files
                .iter()
                .map(|(path, text)| (*path, (*text).to_owned()))
                .collect(),
            branch: "main",
            is_large: false,
            links: &[],
        }
    }

    fn answer(&self, question: &str) -> Value {
        let mut node = json!({
            "id": "R_1", "databaseId": 1, "name": self.name, "url": format!("https://github.test/acme/{}", self.name),
            "isArchived": false, "isEmpty": false, "owner": {"login": "acme"},
            "defaultBranchRef": {"name": "main", "target": {"oid": self.head}},
            "commit": {"oid": self.head}, "branch": null,
        });
        let fields = node.as_object_mut().expect("an object");
        let branch = format!("refs/heads/{}", self.branch);
        if question.contains(&format!("branch: object(expression: \"{branch}\")")) {
            let commit = json!({"__typename": "Commit", "oid": self.head});
            fields.insert("branch".to_owned(), commit);
        }
        // pN: object(expression: "base:path") { … text? }
        for part in question.split(" p").skip(1) {
            let (alias, rest) = part.split_once(": object").expect("an alias");
            let (_, rest) = rest.split_once("(expression: \"").expect("an expression");
            let (expression, selection) = rest.split_once('"').expect("an end");
            let (base, path) = expression.split_once(':').expect("a path");
            let with_text = selection.contains("isTruncated");
            let is_here = base == "HEAD" || base == self.head || base == branch;
            let file = self.files.get(path).filter(|_| is_here);
            let blob = file.map_or(Value::Null, |text| blob(text, with_text));
            fields.insert(format!("p{alias}"), blob);
        }
        node
    }

    fn tree(&self, path: &str, is_recursive: bool) -> Value {
        if is_recursive && self.is_large {
            return json!({"tree": [], "truncated": true});
        }
        let folder = path
            .strip_prefix("tree-of-")
            .map_or(String::new(), |folder| {
                format!("{}/", folder.replace(':', "/"))
            });
        let mut entries: BTreeMap<String, Value> = BTreeMap::new();
        for (path, text) in &self.files {
            let Some(rest) = path.strip_prefix(&*folder) else {
                continue;
            };
            match rest.split_once('/') {
                Some((first, _)) if !is_recursive => {
                    let below = format!("{folder}{first}").replace('/', ":");
                    let entry = json!({"path": first, "mode": "040000", "type": "tree", "sha": format!("tree-of-{below}")});
                    entries.insert(first.to_owned(), entry);
                }
                _ => {
                    let is_link = self.links.contains(path);
                    let mode = if is_link { "120000" } else { "100644" };
                    let entry = json!({"path": rest, "mode": mode, "type": "blob", "sha": oid(text), "size": text.len()});
                    entries.insert(rest.to_owned(), entry);
                }
            }
        }
        json!({"tree": entries.into_values().collect::<Vec<_>>(), "truncated": false})
    }
}

/// The blob id of a text.
pub(crate) fn oid(text: &str) -> String {
    let sum = text.bytes().fold(7u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    format!("b{sum:x}")
}

fn blob(text: &str, with_text: bool) -> Value {
    let mut blob = json!({"__typename": "Blob", "oid": oid(text), "byteSize": text.len()});
    if with_text {
        let cut = text.len() > TEXT_BYTES_MAX;
        let shown = if cut { &text[..1] } else { text };
        let fields = blob.as_object_mut().expect("an object");
        fields.extend(
            json!({"isBinary": false, "isTruncated": cut, "text": shown})
                .as_object()
                .cloned()
                .expect("an object"),
        );
    }
    blob
}

/// Starts a GitHub with these repositories; the first one has the id 1.
pub(crate) async fn start(repositories: Vec<Repository>) -> Stub {
    Stub::start(move |asked, _| match asked.strip_prefix("/repos/acme/") {
        Some(path) => rest(&repositories, path),
        None => Reply::json(json!({ "data": graphql(&repositories, asked) })),
    })
    .await
}

fn graphql(repositories: &[Repository], query: &str) -> Map<String, Value> {
    let is_alias = |at: &usize| {
        let next = query.as_bytes().get(at + 2);
        next.is_some_and(u8::is_ascii_digit)
    };
    let starts: Vec<usize> = query
        .match_indices(" r")
        .map(|(at, _)| at)
        .filter(is_alias)
        .collect();
    let ends = starts.iter().skip(1).copied().chain([query.len()]);
    let questions = starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &query[start + 1..end]);
    questions
        .map(|question| {
            let (alias, rest) = question.split_once(": ").expect("an alias");
            let found = repositories.iter().enumerate().find(|(index, repository)| {
                let is_first = *index == 0 && rest.starts_with("node(id: \"R_");
                let by_name = format!("repository(owner: \"acme\", name: \"{}\")", repository.name);
                is_first || rest.starts_with(&by_name)
            });
            let answer = found.map_or(Value::Null, |(_, repository)| repository.answer(rest));
            (alias.to_owned(), answer)
        })
        .collect()
}

fn rest(repositories: &[Repository], path: &str) -> Reply {
    let (name, path) = path.split_once('/').expect("a repository");
    let repository = repositories
        .iter()
        .find(|repository| repository.name == name)
        .expect("a known repository");
    if let Some(tree) = path.strip_prefix("git/trees/") {
        let (tree, query) = tree.split_once('?').unwrap_or((tree, ""));
        return Reply::json(repository.tree(tree, query == "recursive=1"));
    }
    let wanted = path.strip_prefix("git/blobs/").expect("a blob");
    let text = repository.files.values().find(|text| oid(text) == wanted);
    Reply::status(200, text.expect("a known blob"))
}
