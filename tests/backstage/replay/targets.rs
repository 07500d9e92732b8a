//! What a target means in the file at a base, and the references and links that Backstage writes of a URL.

use freshet_model::glob::has_magic;
use freshet_model::location::{
    LocationRef, ResolvedTarget, Target, URL, edit_url, source_location, split_ref,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::answers::{Answers, KnownDifference, check_answers};

#[derive(Deserialize)]
struct Recorded {
    bases: Vec<String>,
    targets: Vec<String>,
    /// Base, target, URL (0 is the target as written), what github.com is asked for (0 is another host).
    rows: Vec<(usize, usize, Value, Value)>,
    /// URL, then where it is edited and its folder.
    annotations: Vec<(String, Value)>,
    references: Vec<(String, Value)>,
}

const OF_TARGETS: &[KnownDifference] = &[
    KnownDifference {
        reason: "What ends with a slash is a folder, and a ref alone is one too; Backstage asks for it and cannot read it.",
        explains: |it| {
            it.freshet.is_null()
                && (it.backstage[0].as_str().is_some_and(ends_with_slash)
                    || it.backstage[1][2] == json!(""))
        },
        inputs: 156,
    },
    KnownDifference {
        reason: "A relative target may not climb out of its branch.",
        explains: |it| {
            it.freshet.is_null() && target_of(it).contains("..") && !target_of(it).contains("://")
        },
        inputs: 53,
    },
    KnownDifference {
        reason: "The folder of a file is a name, also if it is called `[slug]`; Backstage reads it as a pattern, and cuts it at the root.",
        explains: |it| it.input.ends_with("/%5Bslug%5D/c.yaml") && !it.freshet.is_null(),
        inputs: 30,
    },
    KnownDifference {
        reason: "The root of a repository is found whatever is encoded in the path; Backstage counts decoded characters.",
        explains: |it| {
            let base = it.input.rsplit(' ').next().unwrap_or_default();
            target_of(it).starts_with('/') && ["a%20b", "é"].iter().any(|odd| base.contains(odd))
        },
        inputs: 8,
    },
    KnownDifference {
        reason: "A slash in front is the root of the host of a plain URL, as everywhere on the web; Backstage writes it behind the file.",
        explains: |it| {
            target_of(it).starts_with('/') && it.input.contains(" in https://files.example/")
        },
        inputs: 26,
    },
    KnownDifference {
        reason: "A step `-` is how GitLab writes its URLs, so that Backstage does not understand it.",
        explains: |it| it.backstage.is_null() && target_of(it).contains("-/"),
        inputs: 5,
    },
    KnownDifference {
        reason: "A page is known by its place; to Backstage a later step `tree` or `blob` is the page of a URL with `raw`.",
        explains: |it| {
            it.backstage.is_null() && it.input.contains(" in https://github.com/o/r/raw/")
        },
        inputs: 9,
    },
    KnownDifference {
        reason: "A percent sign that escapes nothing is itself; Backstage cannot read such a URL.",
        explains: |it| it.backstage.is_null() && target_of(it).contains('%'),
        inputs: 16,
    },
    KnownDifference {
        reason: "Two slashes in a row are one to GitHub as well.",
        explains: |it| {
            it.backstage.is_null()
                && target_of(it).starts_with("https://github.com/")
                && target_of(it)[8..].contains("//")
        },
        inputs: 12,
    },
    KnownDifference {
        reason: "A question mark that begins no query is a wildcard.",
        explains: |it| target_of(it).contains('?') && it.freshet[1][0] == json!("*"),
        inputs: 16,
    },
    KnownDifference {
        reason: "What is behind a query or a fragment is no part of a path, also of one from the root.",
        explains: |it| {
            target_of(it).starts_with('/')
                && target_of(it).contains(['?', '#'])
                && (it.freshet.is_null() || it.backstage[0] == it.freshet[0])
        },
        inputs: 15,
    },
    KnownDifference {
        reason: "No ref is a pattern, but what looks like one makes one of the path here; it matches the same file.",
        explains: |it| {
            let asked = (&it.backstage[1], &it.freshet[1]);
            asked.1[0] == json!("*")
                && asked.0[1] == asked.1[2]
                && asked.1[2].as_str().is_some_and(has_magic)
        },
        inputs: 2,
    },
    KnownDifference {
        reason: "GitHub knows a repository with `.git` as well.",
        explains: |it| it.input.contains(".git") && it.backstage[0] == it.freshet[0],
        inputs: 49,
    },
    KnownDifference {
        reason: "`refs/heads/main` is a branch; Backstage takes `refs` for it.",
        explains: |it| target_of(it).contains("/refs/heads/"),
        inputs: 10,
    },
    KnownDifference {
        reason: "No integration reads such a URL, and no reader of plain URLs either.",
        explains: |it| it.backstage.is_null() && it.freshet[1] == json!(0),
        inputs: 9,
    },
];

const OF_ANNOTATIONS: &[KnownDifference] = &[];

const OF_REFERENCES: &[KnownDifference] = &[];

/// The target of an input, quoted.
fn target_of(it: &Answers) -> &str {
    let quoted = it
        .input
        .rsplit_once(" in ")
        .map_or("", |(target, _)| target);
    quoted.trim_matches('"')
}

fn ends_with_slash(url: &str) -> bool {
    url.split(['?', '#'])
        .next()
        .is_some_and(|path| path.ends_with('/'))
}

fn recorded() -> Recorded {
    serde_json::from_str(include_str!("../recorded/targets.json")).expect("a record")
}

/// The URL under which it is known, and what is asked for; null if nothing is.
fn resolve(base: &str, target: &str) -> Value {
    let own = LocationRef::new(URL, base).expect("a location");
    let hosts = ["github.com".to_owned()];
    let Ok(resolved) = ResolvedTarget::resolve(&own, URL, target, &hosts) else {
        return Value::Null;
    };
    let asked = match resolved.target {
        Target::RepositoryFile {
            repository,
            rest,
            is_pattern,
        } => {
            let (git_ref, path) = split_ref(&rest).expect("a ref and a path");
            let name = repository.written_slug();
            if is_pattern {
                json!(["*", name, git_ref])
            } else {
                json!([name, git_ref, path])
            }
        }
        Target::Url(_) | Target::LocalFile { .. } => json!(0),
    };
    json!([resolved.spelling, asked])
}

#[test]
fn a_target_means_what_it_means_to_backstage() {
    let recorded = recorded();
    let all: Vec<Answers> = recorded
        .rows
        .into_iter()
        .map(|(base, target, url, asked)| {
            let (base, target) = (&recorded.bases[base], &recorded.targets[target]);
            let url = url.as_str().unwrap_or(target);
            let is_readable = !asked.is_null() && url::Url::parse(url).is_ok();
            Answers {
                input: format!("{target:?} in {base}"),
                backstage: if is_readable {
                    json!([url, asked])
                } else {
                    Value::Null
                },
                freshet: resolve(base, target),
            }
        })
        .collect();
    check_answers(&all, OF_TARGETS);
}

#[test]
fn links_to_a_file_are_those_of_backstage() {
    let all: Vec<Answers> = recorded()
        .annotations
        .into_iter()
        .map(|(url, backstage)| {
            let is_github = url::Url::parse(&url)
                .is_ok_and(|it| it.host_str() == Some("github.com") && it.port().is_none());
            let freshet = if is_github {
                json!([edit_url(&url), source_location(&url)])
            } else {
                json!([null, null])
            };
            Answers {
                input: url,
                backstage,
                freshet,
            }
        })
        .collect();
    check_answers(&all, OF_ANNOTATIONS);
}

#[test]
fn a_text_is_a_location_reference_if_it_is_one_to_backstage() {
    let all: Vec<Answers> = recorded()
        .references
        .into_iter()
        .map(|(text, backstage)| Answers {
            freshet: LocationRef::parse(&text)
                .map_or(Value::Null, |it| json!([it.location_type(), it.target()])),
            input: text,
            backstage,
        })
        .collect();
    check_answers(&all, OF_REFERENCES);
}
