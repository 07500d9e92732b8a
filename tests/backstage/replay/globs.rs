//! Which files the pattern of a Location entity leads to, in a repository and in a folder.

use std::fs;

use freshet_model::glob::Pattern;
use freshet_model::location::{FILE, LocationRef, ResolvedTarget, Target, URL, split_ref};
use freshet_processor::limits::FolderLimits;
use freshet_processor::source::file::find_matches;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{Answers, KnownDifference, check_answers};

#[derive(Deserialize)]
struct Recorded {
    names: Vec<String>,
    rows: Vec<(String, Value, Value)>,
}

const NAME_FIRST: KnownDifference = KnownDifference {
    reason: "A file of that very name comes before what the name matches as a pattern.",
    explains: |it| it.freshet == json!([it.input]),
    inputs: 4,
};

const IN_REPOSITORY: &[KnownDifference] = &[
    KnownDifference {
        reason: "Everything but what is named is refused, which nobody can mean who names files; !(…) is a group.",
        explains: |it| it.input.trim_start_matches(['/', '\\']).starts_with('!'),
        inputs: 109,
    },
    KnownDifference {
        reason: "A question mark that begins no query is a wildcard; to Backstage it ends the path.",
        explains: |it| it.input.contains('?'),
        inputs: 36,
    },
    KnownDifference {
        inputs: 3,
        ..NAME_FIRST
    },
    KnownDifference {
        reason: "What is percent-encoded is a name and no pattern.",
        explains: |it| it.input.contains('%'),
        inputs: 3,
    },
    KnownDifference {
        reason: "What ends with a slash is a folder; to Backstage the slash says nothing.",
        explains: |it| it.input.ends_with('/') && it.freshet == json!("error"),
        inputs: 3,
    },
    KnownDifference {
        reason: "A step `-` is how GitLab writes its URLs, so that Backstage does not understand it.",
        explains: |it| {
            let mut steps = it.input.split(['/', '\\']);
            steps.any(|step| step == "-") && it.backstage == json!("error")
        },
        inputs: 2,
    },
    KnownDifference {
        reason: "A pattern is what has the syntax of one; Backstage asks another package, which does not see it here.",
        explains: |it| it.input == "[]a].yaml",
        inputs: 1,
    },
];

const IN_FOLDER: &[KnownDifference] = &[
    KnownDifference {
        reason: "A folder that the pattern matches as well makes Backstage read none; here only files are matched.",
        explains: |it| it.backstage.get("folder") == Some(&it.freshet),
        inputs: 31,
    },
    NAME_FIRST,
];

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../recorded/globs.json")).expect("a record")
}

fn resolve(own: &str, location_type: &str, pattern: &str) -> Option<Target> {
    let own = LocationRef::parse(own).expect("a location");
    let target = format!("./{pattern}");
    let resolved =
        ResolvedTarget::resolve(&own, location_type, &target, &["github.com".to_owned()]);
    resolved.ok().map(|it| it.target)
}

/// Those of the names that are found.
fn keep_names(names: &[String], is_found: impl Fn(&String) -> bool) -> Value {
    names
        .iter()
        .filter(|name| is_found(name))
        .cloned()
        .collect()
}

fn match_in_repository(names: &[String], pattern: &str) -> Value {
    let target = resolve(
        "url:https://github.com/o/r/blob/main/all.yaml",
        URL,
        pattern,
    );
    let Some(Target::RepositoryFile {
        rest, is_pattern, ..
    }) = target
    else {
        return json!("error");
    };
    let (_, path) = split_ref(&rest).expect("a ref and a path");
    if !is_pattern {
        return keep_names(names, |name| name == path);
    }
    let Ok(pattern) = Pattern::new(path) else {
        return json!("error");
    };
    if names.iter().any(|name| pattern.is_name_of(name)) {
        return keep_names(names, |name| pattern.is_name_of(name));
    }
    keep_names(names, |name| pattern.is_match(name))
}

fn match_in_folder(names: &[String], folder: &str, pattern: &str) -> Value {
    let found = match resolve(&format!("file:{folder}/all.yaml"), FILE, pattern) {
        Some(Target::LocalFile { path, is_pattern }) if is_pattern => {
            find_matches(&path, &FolderLimits::default()).ok()
        }
        Some(Target::LocalFile { path, .. }) => Some(vec![path]),
        _ => None,
    };
    let Some(found) = found else {
        return json!("error");
    };
    keep_names(names, |name| found.contains(&format!("{folder}/{name}")))
}

/// What was recorded, with names in the place of their numbers.
fn with_names(names: &[String], recorded: Value) -> Value {
    match recorded {
        Value::Array(indices) => indices
            .iter()
            .filter_map(Value::as_u64)
            .filter_map(|index| names.get(usize::try_from(index).ok()?))
            .cloned()
            .collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, value)| (key, with_names(names, value)))
            .collect(),
        other => other,
    }
}

#[test]
fn a_pattern_leads_to_the_files_of_a_repository_that_backstage_reads() {
    let Recorded { names, rows } = recorded();
    let all: Vec<Answers> = rows
        .into_iter()
        .map(|(pattern, backstage, _)| Answers {
            freshet: match_in_repository(&names, &pattern),
            input: pattern,
            backstage: with_names(&names, backstage),
        })
        .collect();
    check_answers(&all, IN_REPOSITORY);
}

#[test]
fn a_pattern_leads_to_the_files_of_a_folder_that_backstage_reads() {
    let Recorded { names, rows } = recorded();
    let folder = tempfile::tempdir().expect("a folder");
    for name in &names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, "").expect("a file");
    }
    let folder = folder.path().to_str().expect("a text");
    let all: Vec<Answers> = rows
        .into_iter()
        .map(|(pattern, _, backstage)| Answers {
            freshet: match_in_folder(&names, folder, &pattern),
            input: pattern,
            backstage: with_names(&names, backstage),
        })
        .collect();
    check_answers(&all, IN_FOLDER);
}
