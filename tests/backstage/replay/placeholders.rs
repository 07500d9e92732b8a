//! What placeholders become.

use std::collections::{BTreeMap, HashMap};

use freshet_model::{GitRef, Kinds, RepositoryName};
use freshet_processor::catalog_file::{
    FileOrigin, FileRequest, PendingFile, ReadPolicy, RepositoryFile,
};
use freshet_processor::limits::ReadLimits;
use freshet_processor::source::fetched::Fetched;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{Answers, KnownDifference, as_doubles, check_answers};

#[derive(Deserialize)]
struct Recorded {
    files: BTreeMap<String, String>,
    /// What stands at `spec.x`, and what it becomes; nothing where it is an error.
    rows: Vec<Vec<Value>>,
}

const KNOWN: &[KnownDifference] = &[
    KnownDifference {
        reason: "A NUL character is an error of its entity, which Backstage could never show.",
        explains: |it| it.freshet == json!([]) && it.backstage.to_string().contains("\\u0000"),
        inputs: 5,
    },
    KnownDifference {
        reason: "What could mean two things to two readers is refused: an encoded dot or slash, a line break, a user.",
        explains: |it| {
            let odd = ["%2e", "%2E", "%2F", "%5C", "\\n", "user@"];
            it.freshet == json!([]) && odd.iter().any(|odd| it.input.contains(odd))
        },
        inputs: 8,
    },
    KnownDifference {
        reason: "A path is decoded once; Backstage decodes it twice, so that `#`, `?` and `%` in names cannot be written.",
        explains: |it| it.input.contains('%') && it.freshet != json!([]),
        inputs: 8,
    },
    KnownDifference {
        reason: "A step `-` is how GitLab writes its URLs, so that Backstage does not understand it.",
        explains: |it| it.input.contains("/-/") && it.backstage == json!([]),
        inputs: 1,
    },
    KnownDifference {
        reason: "GitHub knows a repository by its name in any case, and with `.git`.",
        explains: |it| {
            let named = ["github.com/O/R/", "github.com/o/r.git/"];
            it.backstage == json!([]) && named.iter().any(|name| it.input.contains(name))
        },
        inputs: 2,
    },
    KnownDifference {
        reason: "Keys that differ only by case are an error of their entity, which Backstage could never show.",
        explains: |it| {
            it.freshet == json!([]) && ["$TEXT", "$text"].iter().all(|key| it.input.contains(key))
        },
        inputs: 1,
    },
];

fn origin() -> RepositoryFile {
    RepositoryFile {
        repository: RepositoryName::new("github.com", "o", "r"),
        git_ref: GitRef::parse("main").expect("a ref"),
        path: "svc/c.yaml".to_owned(),
    }
}

fn read(files: &BTreeMap<String, String>, request: &FileRequest) -> Fetched {
    let own = origin();
    match request {
        FileRequest::File(file)
            if file.repository == own.repository && file.git_ref == own.git_ref =>
        {
            match files.get(&file.path) {
                Some(text) => Fetched::Content {
                    version: "v".to_owned(),
                    bytes: text.clone().into(),
                },
                None => Fetched::absent("there is no such file"),
            }
        }
        _ => Fetched::absent("there is no such file"),
    }
}

/// What `spec.x` becomes; nothing where it is an error.
fn fill(files: &BTreeMap<String, String>, kinds: &Kinds, shape: &Value) -> Value {
    let entity = json!({
        "apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "a"},
        "spec": {"type": "service", "lifecycle": "production", "owner": "o", "x": shape},
    });
    let limits = ReadLimits::default();
    let policy = ReadPolicy {
        hosts: vec!["github.com".to_owned()],
        ..ReadPolicy::default()
    };
    let origin = FileOrigin::Repository(origin());
    let pending = PendingFile::parse(entity.to_string().as_bytes(), &limits);
    let requests = pending.requests(&origin, &policy, &limits);
    let fetched: HashMap<FileRequest, Fetched> = requests
        .into_iter()
        .map(|request| (request.clone(), read(files, &request)))
        .collect();
    let file = pending.finish(&origin, &policy, &fetched, kinds, &limits);
    match file.entities.as_slice() {
        [one] => json!([as_doubles(one.entity.document()["spec"]["x"].clone())]),
        _ => json!([]),
    }
}

#[test]
fn a_placeholder_becomes_what_it_becomes_in_backstage() {
    let Recorded { files, rows } =
        serde_json::from_str(include_str!("../recorded/placeholders.json")).expect("a record");
    let kinds = Kinds::builtin();
    let content = |shape: &Value| {
        let value = shape.as_object()?.values().next()?.as_str()?;
        files.get(&value.replacen('.', "svc", 1))
    };
    let all: Vec<Answers> = rows
        .iter()
        .map(|row| Answers {
            input: match content(&row[0]) {
                Some(content) => format!("{} of {content:?}", row[0]),
                None => row[0].to_string(),
            },
            backstage: row[1..].iter().cloned().map(as_doubles).collect(),
            freshet: fill(&files, &kinds, &row[0]),
        })
        .collect();
    check_answers(&all, KNOWN);
}
