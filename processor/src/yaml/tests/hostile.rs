//! Files made to hurt the reader.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use freshet_model::{Kinds, RuleId};
use serde_json::json;

use super::{check_all, check_broken, read};
use crate::catalog_file::{FileOrigin, PendingFile, ReadPolicy};
use crate::limits::ReadLimits;

/// Long enough for an unoptimised build on a busy machine, short enough to notice a blow-up.
const PATIENCE: Duration = Duration::from_secs(60);

#[track_caller]
fn check_hostile(name: &str, text: &str) {
    let started = Instant::now();
    let documents = read(text);
    let took = started.elapsed();
    assert!(took < PATIENCE, "{name} took {took:?}");
    assert!(
        documents.len() <= ReadLimits::default().documents + 1,
        "{name}"
    );
}

/// A whole catalog file, with one document that has this in `metadata` or `spec`.
#[track_caller]
fn check_hostile_file(name: &str, metadata: &str, spec: &str) {
    let text = format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: a\n{metadata}spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n{spec}"
    );
    let (limits, kinds) = (ReadLimits::default(), Kinds::builtin());
    let (base, policy) = (
        FileOrigin::Url("https://example.com/a".to_owned()),
        ReadPolicy::default(),
    );
    let started = Instant::now();
    let draft = PendingFile::parse(text.as_bytes(), &limits);
    let asked = draft.requests(&base, &policy, &limits);
    let file = draft.finish(&base, &policy, &HashMap::new(), &kinds, &limits);
    let took = started.elapsed();
    assert!(took < PATIENCE, "{name} took {took:?}");
    assert!(asked.len() <= limits.placeholders, "{name}");
    assert!(file.problems.len() <= limits.problems + 1, "{name}");
}

#[test]
fn hostile_entities_are_judged_in_bounded_time() {
    let list = |item: &str| format!("[{}]", vec![item; 15_000].join(", "));
    let map = |value: &str| -> String {
        let members = (0..15_000).map(|n| format!("k{n}: {value}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
    };
    for item in ["1", "{ $text: ./a }", "{ $text: 1 }", "a b", "''"] {
        check_hostile_file("depends", "", &format!("  dependsOn: {}\n", list(item)));
        check_hostile_file("tags", &format!("  tags: {}\n", list(item)), "");
        check_hostile_file("links", &format!("  links: {}\n", list(item)), "");
        check_hostile_file("labels", &format!("  labels: {}\n", map(item)), "");
        check_hostile_file("other", &format!("  x: {}\n", map(item)), "");
    }
    let token = format!("ghp_{}", "a".repeat(36));
    check_hostile_file("secrets", &format!("  x: {}\n", list(&token)), "");
}

/// What a file of nothing else may cost more than its length.
const PIECES: [&str; 31] = [
    "[",
    "]",
    "{",
    "- ",
    "? ",
    ": ",
    "\"",
    "'",
    "a: ",
    "a:\t",
    "{a:[",
    "&a ",
    "!t ",
    "*a ",
    "- a\n",
    "a\n",
    "|\n",
    "\n",
    " ",
    "\t",
    "#",
    "\\",
    "\r",
    "\0",
    "\u{FEFF}",
    "%YAML 1.1\n",
    "...\n",
    "\"\\ud83d",
    "!!pairs [",
    "[a: ",
    "x",
];

#[test]
fn hostile_files_are_read_in_bounded_time() {
    // A quarter of a file is enough to show a cost that grows faster than the text.
    let max = ReadLimits::default().file_bytes / 4;
    let of = |piece: &str| piece.repeat(max / piece.len());
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(",");
        writeln!(bomb, "a{level}: &a{level} [{aliases}]").expect("a string can be written to");
    }
    check_broken(&bomb, RuleId::YamlAliasLimit, 4, 10);
    let wide = format!("a: &a [{}]\n", "x,".repeat(10_000));
    let copies = format!("{wide}b: [{}]\n", vec!["*a"; 90].join(","));
    check_all(&copies, &json!([{"broken": "yaml.limit.content"}]));
    check_hostile(
        "many pairs in brackets",
        &format!("[{}]", "{a:[]},".repeat(1500)),
    );
    check_hostile("pairs on a long line", &format!("[{}", of("{a:[]},")));
    check_hostile(
        "documents that each expand",
        &vec![
            format!(
                "a: &a [{}]\nb: [{}]\n",
                "x,".repeat(900),
                vec!["*a"; 90].join(",")
            );
            1000
        ]
        .join("---\n"),
    );
    check_hostile("nested 2,000 deep", &"[".repeat(2000));
    check_hostile(
        "keys within keys",
        &format!("{}a{}", "{".repeat(90), "}".repeat(90)),
    );
    check_hostile("100,000 documents", &"---\n".repeat(100_000));
    let nested_anchors: String = (0..90).map(|level| format!("&x{level} [")).collect();
    check_hostile(
        "nested anchors",
        &format!("{nested_anchors}{}*x", "y,".repeat(100_000)),
    );
    check_hostile(
        "tags of many documents",
        &format!(
            "%YAML 1.1\n{}{}",
            "%TAG a b\n".repeat(50_000),
            "---\n".repeat(10_000)
        ),
    );
    check_hostile(
        "a tag that stands for much",
        &format!(
            "%TAG ! {}\n---\n{}",
            "p".repeat(max),
            "- !x a\n".repeat(100_000)
        ),
    );
    check_hostile(
        "mappings that are keys, behind much",
        &format!("#{}\n{}", "x".repeat(4_000_000), "? a: \n".repeat(100_000)),
    );
    check_hostile(
        "numeric keys",
        &(0..200_000)
            .map(|n| format!("{n}: x\n"))
            .collect::<String>(),
    );
    for piece in PIECES {
        check_hostile(piece, &of(piece));
    }
}
