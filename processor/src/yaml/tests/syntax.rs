//! Where values begin and end: what other readers of YAML draw elsewhere.

use freshet_model::RuleId;
use serde_json::json;

use super::{check, check_broken};

#[test]
fn json_is_yaml() {
    check(
        "{\n\t\"a\": [1, {\"b\": null}],\n\t\"c\":true\n}",
        &json!({"a": [1, {"b": null}], "c": true}),
    );
    check(
        r#""\ud83d\ude00 \u00e9 \/ \x41""#,
        &json!("\u{1F600} é / A"),
    );
    check(r"'\ud83d\ude00'", &json!(r"\ud83d\ude00"));
}

#[test]
fn what_other_readers_refuse_is_read() {
    check("a:\tb\nc:\t\td", &json!({"a": "b", "c": "d"}));
    check("{a:[b],c:{},d: e}", &json!({"a": ["b"], "c": {}, "d": "e"}));
    check("a: [\n]\nb: {\n}", &json!({"a": [], "b": {}}));
    check_broken("a:\tb: c", RuleId::YamlSyntax, 1, 3);
}

#[test]
fn brackets_and_quotes_reach_as_far_as_their_lines_are_indented() {
    check_broken("a:\n  b: [\n    c\n]\nd: 1", RuleId::YamlSyntax, 4, 1);
    check("a:\n  b: [\n    c\n  ]", &json!({"a": {"b": ["c"]}}));
    check(
        "a:\n  b: {\n    c: 1\n  \t}",
        &json!({"a": {"b": {"c": 1}}}),
    );
    check_broken("a: {\n\tb: 1\n}", RuleId::YamlSyntax, 2, 2);
    check_broken("a: \"x\ny\"\nb: 1", RuleId::YamlSyntax, 1, 4);
    check_broken("a: [b\n", RuleId::YamlSyntax, 1, 4);
}

#[test]
fn tabs_indent_nothing() {
    check_broken("a:\n  \tb: 1", RuleId::YamlSyntax, 2, 3);
    check_broken("a:\n  -\tb: 1", RuleId::YamlSyntax, 2, 4);
    check_broken("a: |\n  x\n\t\nb: 1", RuleId::YamlSyntax, 3, 1);
    check("a:\tb\nc:\n -\td\n", &json!({"a": "b", "c": ["d"]}));
}

#[test]
fn a_key_may_be_written_out() {
    check("a:\n  ? x\n   : 1", &json!({"a": {"x": 1}}));
    check("?", &json!({"": null}));
    check("? x\n\n  # c\n c", &json!({"x": null}));
    check("[a, ? b, :]", &json!(["a", {"b": null}, {"": null}]));
    check("a: {{ a | b }}", &json!({"a": {"{ a | b }": null}}));
}

#[test]
fn a_comment_may_follow_the_head_of_a_block_text() {
    check("a: |4\n   # c\nb: 1", &json!({"a": "", "b": 1}));
    check("a: |2\n   #", &json!({"a": " #\n"}));
    check_broken("a: |4\n   x", RuleId::YamlSyntax, 2, 4);
}

#[test]
fn a_carriage_return_alone_breaks_no_line() {
    check("a: b\r", &json!({"a": "b\r"}));
    check("a:\r", &json!({"a": "\r"}));
    check("a: |\n  x\r", &json!({"a": "x\n"}));
    check("\r", &json!("\r"));
}
