//! What the reader makes of a stream, as a table of texts and answers.
//!
//! The answers were compared with those of the npm package `yaml` 2.9.1 with its defaults.

mod golden;
mod hostile;
mod limits;
mod property;
mod syntax;

use freshet_model::RuleId;
use serde_json::{Value, json};

use super::{ParsedDocument, SyntaxProblem, TextPosition, read_documents};
use crate::limits::ReadLimits;

fn read(text: impl AsRef<[u8]>) -> Vec<Result<ParsedDocument, SyntaxProblem>> {
    read_documents(text.as_ref(), &ReadLimits::default())
}

/// Each document as its value, or the rule it breaks.
fn outcome(text: impl AsRef<[u8]>) -> Vec<Value> {
    let one = |document: Result<ParsedDocument, SyntaxProblem>| match document {
        Ok(document) => document.value,
        Err(problem) => json!({ "broken": problem.rule }),
    };
    read(text).into_iter().map(one).collect()
}

/// The text has these documents.
#[track_caller]
fn check_all(text: impl AsRef<[u8]>, expected: &Value) {
    let text = text.as_ref();
    let actual = Value::Array(outcome(text));
    assert_eq!(&actual, expected, "{}", String::from_utf8_lossy(text));
}

/// The text is one document with this value.
#[track_caller]
fn check(text: impl AsRef<[u8]>, expected: &Value) {
    check_all(text, &json!([expected]));
}

/// The text is one document that breaks this rule at this place.
#[track_caller]
fn check_broken(text: impl AsRef<[u8]>, rule: RuleId, line: u32, column: u32) {
    let text = text.as_ref();
    let shown = String::from_utf8_lossy(&text[..text.len().min(200)]).into_owned();
    let documents = read(text);
    let [Err(problem)] = documents.as_slice() else {
        panic!("{shown}: {documents:?}");
    };
    let place = (problem.position.line, problem.position.column);
    assert_eq!((problem.rule, place), (rule, (line, column)), "{shown}");
}

#[test]
fn a_key_may_occur_once() {
    check_broken("a: 1\na: 2", RuleId::YamlDuplicateKey, 2, 1);
    check_broken("a: 1\n'a': 2", RuleId::YamlDuplicateKey, 2, 1);
    check_broken("b:\n  a: 1\n  a: 2", RuleId::YamlDuplicateKey, 3, 3);
    check_broken("{\"a\": 1, \"a\": 2}", RuleId::YamlDuplicateKey, 1, 10);
    check_broken("1: a\n0x1: b", RuleId::YamlDuplicateKey, 2, 1);
    check_broken("~: a\nnull: b", RuleId::YamlDuplicateKey, 2, 1);
    check("1: a\n\"1\": b", &json!({"1": "b"}));
    check("? [a]\n: 1\n? [a]\n: 2", &json!({"[ a ]": 2}));
}

#[test]
fn a_merge_key_is_a_key() {
    check(
        "b: &b {x: 1}\nc:\n  <<: *b\n  y: 2",
        &json!({"b": {"x": 1}, "c": {"<<": {"x": 1}, "y": 2}}),
    );
}

#[test]
fn yaml_1_1_is_read_on_request() {
    check("%YAML 1.1\n---\na: yes", &json!({"a": true}));
    check("%YAML 1.1\n---\na: 010", &json!({"a": 8}));
    check(
        "%YAML 1.1\n---\na: 2020-01-01",
        &json!({"a": "2020-01-01T00:00:00.000Z"}),
    );
    check(
        "%YAML 1.1\n---\nb: &b {x: 1, k: 3}\nc:\n  <<: [*b, {k: 5, z: 6}]\n  k: 2",
        &json!({"b": {"x": 1, "k": 3}, "c": {"x": 1, "k": 2, "z": 6}}),
    );
    check("%YAML 1.1\n---\nc: {\"<<\": 1}", &json!({"c": {"<<": 1}}));
    check_broken("%YAML 1.1\n---\nc:\n  <<: 1", RuleId::YamlSyntax, 4, 7);
    check_all(
        "%YAML 1.1\n---\na: yes\n---\na: no",
        &json!([{"a": true}, {"a": false}]),
    );
    check_all(
        "%YAML 1.1\n---\na: yes\n...\n%YAML 1.2\n---\na: no",
        &json!([{"a": true}, {"a": "no"}]),
    );
    check_all(
        "%YAML 1.1\n---\na: yes\n...\n%FOO\n---\na: no",
        &json!([{"a": true}, {"a": "no"}]),
    );
}

#[test]
fn directives_that_mean_nothing_are_ignored() {
    check("%YAML 1.3\n---\na: yes", &json!({"a": "yes"}));
    check("%FOO bar\n---\na: 1", &json!({"a": 1}));
    check_all("%YAML 1.2", &json!([]));
    check_broken("%YAML 1.2\na: 1", RuleId::YamlSyntax, 2, 1);
    check_broken("%YAML x\n---\na: 1", RuleId::YamlSyntax, 1, 1);
    check(
        "%TAG !e! tag:yaml.org,2002:\n---\na: !e!int \"7\"",
        &json!({"a": 7}),
    );
    check_broken("a: !e!int 7", RuleId::YamlSyntax, 1, 4);
}

#[test]
fn an_anchor_is_a_copy() {
    check("a: &x [1, 2]\nb: *x", &json!({"a": [1, 2], "b": [1, 2]}));
    check("a: &x 1\nb: &x 2\nc: *x", &json!({"a": 1, "b": 2, "c": 2}));
    check("a: &k key\n*k : v", &json!({"a": "key", "key": "v"}));
}

#[test]
fn an_alias_needs_an_anchor_before_it_in_its_document() {
    check_broken("a: *x", RuleId::YamlAliasUndefined, 1, 4);
    check_broken("a: &x {b: *x}", RuleId::YamlAliasCycle, 1, 11);
    check_all(
        "a: &x 1\n---\nb: *x",
        &json!([{"a": 1}, {"broken": "yaml.alias.undefined"}]),
    );
}

#[test]
fn an_anchor_may_be_used_ninety_nine_times() {
    let uses = |n| format!("a: &x s\nb: [{}]", vec!["*x"; n].join(", "));
    assert!(read(uses(99))[0].is_ok());
    check_all(uses(100), &json!([{"broken": "yaml.alias.limit"}]));
}

#[test]
fn nested_anchors_multiply() {
    let nested = |n: usize, scalar: &str| {
        let a = vec!["*a"; n].join(",");
        let b = vec!["*b"; n].join(",");
        format!("a: &a [{scalar}]\nb: &b [{a}]\nc: [{b}]")
    };
    assert!(read(nested(9, "1"))[0].is_ok());
    check_all(nested(10, "1"), &json!([{"broken": "yaml.alias.limit"}]));
    assert!(
        read(nested(11, ""))[0].is_ok(),
        "without a scalar nothing counts"
    );
}

#[test]
fn scalars_are_those_of_yaml_1_2() {
    check(
        "[yes, no, on, off, y, n, TRUE, False, ~, Null, nULL]",
        &json!([
            "yes", "no", "on", "off", "y", "n", true, false, null, null, "nULL"
        ]),
    );
    check(
        "[010, 0755, 0o10, 0x1F, 0b11, 1_000, 12:30:45, 1.10, 5., .5, +1, -0, 1e3]",
        &json!([
            10, 755, 8, 31, "0b11", "1_000", "12:30:45", 1.1, 5, 0.5, 1, 0, 1000
        ]),
    );
    check(
        "[9007199254740993, 12345678901234567890, 18446744073709551616]",
        &json!([
            9_007_199_254_740_992_u64,
            12_345_678_901_234_567_000_u64,
            18_446_744_073_709_551_616.0
        ]),
    );
    check("[.inf, -.Inf, .nan]", &json!([null, null, null]));
    check(
        "[2020-01-01, \"1\", '~', \"\"]",
        &json!(["2020-01-01", "1", "~", ""]),
    );
    check("a:\nb: ''", &json!({"a": null, "b": ""}));
}

#[test]
fn tags_choose_a_meaning_or_are_ignored() {
    check(
        "[!!str 12, !!int \"7\", !custom x, ! 5, !custom [y], !!float 1]",
        &json!(["12", 7, "x", "5", ["y"], "1"]),
    );
    check(
        "!!binary aGk=",
        &json!({"type": "Buffer", "data": [104, 105]}),
    );
    check(
        "a: !!set {x, y}\nb: !!omap [x: 1]",
        &json!({"a": {}, "b": {}}),
    );
    check("!!pairs [x: 1, x: 2]", &json!([{"x": 1}, {"x": 2}]));
    check_broken("!!set {x: 1}", RuleId::YamlSyntax, 1, 7);
    check_broken("!!timestamp x", RuleId::YamlSyntax, 1, 13);
}

#[test]
fn keys_are_texts() {
    check(
        "1: a\ntrue: b\n~: c\n1.10: d\n[x, y]: e",
        &json!({"1": "a", "true": "b", "": "c", "1.1": "d", "[ x, y ]": "e"}),
    );
    check("a: {{ x }}", &json!({"a": {"{ x }": null}}));
    check("a: ${{ x }}", &json!({"a": "${{ x }}"}));
    check(".inf: a", &json!({"Infinity": "a"}));
    check(
        "__proto__: 1\nconstructor: 2",
        &json!({"__proto__": 1, "constructor": 2}),
    );
}

#[test]
fn documents_stand_for_themselves() {
    check_all("a: 1\n---\nb: 2\n", &json!([{"a": 1}, {"b": 2}]));
    for broken in ["[", "\"x", "x: y: z", "a: |\n x\n  y\nb", "*x"] {
        let text = format!("a: 1\n---\n{broken}\n---\nc: 3");
        let documents = outcome(&text);
        assert_eq!(documents.len(), 3, "{broken}");
        assert_eq!(documents[2], json!({"c": 3}), "{broken}");
        assert!(documents[1].get("broken").is_some(), "{broken}");
    }
    check_all(
        "a: |\n  x\n---\n- y\n...\n# c\nb: 2\n...\n",
        &json!([{"a": "x\n"}, ["y"], {"b": 2}]),
    );
}

#[test]
fn empty_documents_are_null_and_an_empty_stream_has_none() {
    for text in ["", " \n", "\t\n", "# c", "\u{FEFF}", "\r\n"] {
        check_all(text, &json!([]));
    }
    for text in ["---", "~", "null", "--- # c\n", "...", "---\n..."] {
        check_all(text, &json!([null]));
    }
    check_all("---\n---\n---\n{}", &json!([null, null, {}]));
    check_all("a: 1\n---\n", &json!([{"a": 1}, null]));
    check_all("a: 1\n...\n...\nb: 2", &json!([{"a": 1}, null, {"b": 2}]));
}

#[test]
fn a_byte_order_mark_is_ignored_only_at_the_start() {
    check("\u{FEFF}a: 1", &json!({"a": 1}));
    check_all(
        "a: 1\n---\n\u{FEFF}b: 1",
        &json!([{"a": 1}, {"\u{FEFF}b": 1}]),
    );
    check_all(
        "a: 1\n...\n\u{FEFF}b: 1\n...\n\u{FEFF}---\nc: 1",
        &json!([{"a": 1}, {"b": 1}, {"c": 1}]),
    );
}

#[test]
fn bytes_that_are_not_text_are_replaced() {
    check(b"a: \xff", &json!({"a": "\u{FFFD}"}));
    check(b"a: x\0y", &json!({"a": "x\0y"}));
    check_broken([0xff, 0xfe, b'a', 0, b':', 0], RuleId::YamlEncoding, 1, 1);
}

#[test]
fn line_breaks_are_line_feeds() {
    check(
        "a: |\r\n  x\r\n  y\r\nb: 1\r\n",
        &json!({"a": "x\ny\n", "b": 1}),
    );
    check("a: x\ry", &json!({"a": "x\ry"}));
    check("a: \"x\r\n  y\"", &json!({"a": "x y"}));
}

#[test]
fn block_scalars_are_folded_and_chomped() {
    check("a: |+\n x\n\n", &json!({"a": "x\n\n"}));
    check("a: >-\n x\n y\n\n z\n", &json!({"a": "x y\nz"}));
    check("a: |\n  x\n  ", &json!({"a": "x\n"}));
    check("a: |2\n   x", &json!({"a": " x\n"}));
}

#[test]
fn columns_are_those_of_the_file() {
    let documents = read("{a:[b],c:[d], a: 1}");
    let problem = documents[0].as_ref().expect_err("duplicate key");
    assert_eq!(
        problem.position,
        TextPosition {
            line: 1,
            column: 15
        }
    );
}

#[test]
fn what_is_not_yaml_is_refused() {
    for text in [
        "a:\n\tb: 1",
        "a: @x",
        "a: `x",
        "a: %x",
        "a: b: c",
        "a: [b",
        "a: ]",
        "a: 'x",
        "a: 'b' c",
        "a: 1\n b: 2",
        "a:\n  b: 1\n c: 2",
        "- a\nb: c",
        "a\nb: c",
        "{a: 1}{b: 2}",
        "[a,,b]",
        "a: |x",
        "a: \"\\q\"",
        "... x\na: 1\n...x",
    ] {
        let documents = outcome(text);
        let broken = documents
            .iter()
            .any(|document| document.get("broken").is_some());
        assert!(broken, "{text}: {documents:?}");
    }
}

#[test]
fn an_implicit_key_has_an_end() {
    let key = |n| "x".repeat(n);
    assert!(read(format!("{}: 1", key(1000)))[0].is_ok());
    assert!(read(format!("{}: 1", key(1100)))[0].is_err());
    assert!(read(format!("\"{}\": 1", key(1100)))[0].is_err());
    assert!(read(format!("? {}\n: 1", key(1100)))[0].is_ok());
}

#[test]
fn everything_has_a_place() {
    let text =
        "# c\n---\nmetadata:\n  name: pay\n  tags: [a, \"b\"]\nspec:\n  - x: |\n      y\n  - *no\n";
    let text = text.replace("*no", "{z: &n 1, w: *n}");
    let documents = read(text);
    let document = documents[0].as_ref().expect("valid");
    let at = |line, column| TextPosition { line, column };
    assert_eq!(document.start, at(2, 1));
    for (pointer, value, key) in [
        ("", at(3, 1), at(3, 1)),
        ("/metadata", at(4, 3), at(3, 1)),
        ("/metadata/name", at(4, 9), at(4, 3)),
        ("/metadata/tags/1", at(5, 13), at(5, 13)),
        ("/metadata/nothing", at(4, 3), at(3, 1)),
        ("/spec/1/w", at(9, 18), at(9, 15)),
    ] {
        assert_eq!(document.positions.value_at(pointer), value, "{pointer}");
        assert_eq!(document.positions.key_at(pointer), key, "{pointer}");
    }
}

#[test]
fn places_count_from_the_start_of_the_file() {
    let documents = read("a: 1\r\n---\r\n\r\nb: 'é' x\r\n");
    let problem = documents[1]
        .as_ref()
        .expect_err("text after a quoted scalar");
    assert_eq!(problem.position, TextPosition { line: 4, column: 8 });
}
