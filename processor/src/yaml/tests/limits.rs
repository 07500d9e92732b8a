//! How much of a text is read, and how deep.

use freshet_model::RuleId;
use serde_json::json;

use super::{check, check_all, check_broken, read, read_documents};
use crate::json_depth::count_levels;
use crate::limits::{DEPTH_HIGHEST, ReadLimits};

#[test]
fn limits_are_kept() {
    let limits = ReadLimits {
        file_bytes: 100,
        documents: 2,
        depth: 3,
        nodes: 8,
        scalar_bytes: 10,
        ..ReadLimits::default()
    };
    let rules = |text: &str| -> Vec<Option<RuleId>> {
        let documents = read_documents(text.as_bytes(), &limits);
        documents
            .iter()
            .map(|document| document.as_ref().err().map(|p| p.rule))
            .collect()
    };
    let content = Some(RuleId::YamlLimitContent);
    let broken = |rule| [Some(rule)];
    assert_eq!(rules(&" ".repeat(100)), []);
    assert_eq!(rules(&" ".repeat(101)), broken(RuleId::YamlLimitFileSize));
    assert_eq!(rules("--- 1\n--- 2\n"), [None, None]);
    for beyond in [
        "--- 1\n--- 2\n--- 3",
        "1\n---\n2\n...\n3",
        "--- 1\n--- 2\n--- 3\n---",
    ] {
        let documents = Some(RuleId::YamlLimitDocuments);
        assert_eq!(rules(beyond), [None, None, documents], "{beyond}");
    }
    assert_eq!(rules("[[[1]]]"), [None]);
    assert_eq!(rules("[[[[1]]]]"), broken(RuleId::YamlLimitDepth));
    assert_eq!(rules("[1, 2, 3, 4, 5, 6, 7]"), [None]);
    assert_eq!(rules("[1, 2, 3, 4, 5, 6, 7, 8]"), [content]);
    assert_eq!(rules("[1, 2, 3]\n---\n[1, 2, 3, 4]"), [None, content]);
    assert_eq!(rules("!!binary aGkh"), [None]);
    assert_eq!(rules("!!binary aGkhaGkh"), [content]);
    assert_eq!(rules("[!!binary aGkh]"), [None]);
    assert_eq!(rules("[[!!binary aA==]]"), broken(RuleId::YamlLimitDepth));
    assert_eq!(rules("a: 123456789"), [None]);
    assert_eq!(rules("a: 1234567890"), [content]);
    assert_eq!(rules("a: &a 12345\nb: *a"), [content]);
}

#[test]
fn a_file_of_ten_thousand_documents_is_read_and_of_one_more_is_not() {
    let read = |documents: usize| {
        let text = "--- 1\n".repeat(documents);
        let read = read_documents(text.as_bytes(), &ReadLimits::default());
        let last = read.last().map(|it| it.as_ref().err().map(|it| it.rule));
        (read.len(), last.flatten())
    };
    assert_eq!(read(10_000), (10_000, None));
    let (_, beyond) = read(10_001);
    assert_eq!(beyond, Some(RuleId::YamlLimitDocuments));
}

#[test]
fn what_an_alias_stands_for_is_as_deep_as_if_it_were_written_out() {
    let nested = |levels: usize, inner: &str| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{open}{inner}{close}")
    };
    let text = |levels: usize| {
        format!(
            "a: &a {}\nb: {}\n",
            nested(40, "x"),
            nested(levels - 1, "*a")
        )
    };
    let documents = read(text(60));
    let value = documents[0].as_ref().map(|document| &document.value);
    let levels = value.map(count_levels);
    assert_eq!(levels, Ok(100));
    check_broken(text(61), RuleId::YamlLimitDepth, 2, 64);
    let twice = format!(
        "a: &a {}\nb: &b {}\nc: {}\n",
        nested(40, "x"),
        nested(40, "*a"),
        nested(20, "*b")
    );
    check_broken(twice, RuleId::YamlLimitDepth, 3, 24);
    let merged = format!(
        "%YAML 1.1\n---\na: &a {{b: {}}}\nc: {}\n",
        nested(50, "x"),
        nested(50, "{<<: *a}")
    );
    check_broken(merged, RuleId::YamlLimitDepth, 4, 59);
    check_broken(nested(99, "!!pairs [x]"), RuleId::YamlLimitDepth, 1, 108);
}

#[test]
fn tags_are_declared_in_bounded_number_and_length() {
    let declared = |count: usize| -> String {
        let lines = (0..count).map(|n| format!("%TAG !t{n}! tag:yaml.org,2002:\n"));
        lines.collect()
    };
    let used = "---\na: !t0!int \"7\"\n";
    check(declared(100) + used, &json!({"a": 7}));
    check_broken(declared(101) + used, RuleId::YamlLimitContent, 101, 1);
    check_all(
        format!("{used}...\n{}{used}{used}", declared(101)).replace("!t0!", "!!"),
        &json!([{"a": 7}, {"broken": RuleId::YamlLimitContent}]),
    );
    let prefix = |bytes: usize| format!("%TAG ! {}\n---\na: !x 7\n", "p".repeat(bytes));
    check(prefix(1_000), &json!({"a": "7"}));
    check_broken(prefix(1_001), RuleId::YamlLimitContent, 1, 1);
    check(
        format!("{}{}{used}", declared(1).replace("yaml", "x"), declared(1)),
        &json!({"a": 7}),
    );
    check_all(
        format!("%YAML 1.1\n{}{used}{used}", declared(1)),
        &json!([{"a": 7}, {"a": 7}]),
    );
}

#[test]
fn the_deepest_nesting_that_may_be_allowed_is_read() {
    let limits = ReadLimits {
        depth: DEPTH_HIGHEST,
        ..ReadLimits::default()
    };
    let nested = |open: &str, close: &str| {
        let text = [open.repeat(DEPTH_HIGHEST), close.repeat(DEPTH_HIGHEST)].concat();
        read_documents(text.as_bytes(), &limits)
    };
    assert!(nested("[", "]")[0].is_ok());
    assert!(nested("- ", "")[0].is_ok());
    assert!(
        nested("? ", "")[0].is_err(),
        "its name doubles with each level"
    );
}
