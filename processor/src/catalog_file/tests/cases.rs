//! What a catalog file comes to, by the numbers of the conformance cases.

use freshet_model::{ErrorClass, Kinds, RuleId};
use serde_json::{Value, json};

use crate::catalog_file::{CatalogFile, read_catalog_file};
use crate::limits::ReadLimits;

fn read(text: impl AsRef<[u8]>) -> CatalogFile {
    read_catalog_file(text.as_ref(), &Kinds::builtin(), &ReadLimits::default())
}

fn component(name: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    )
}

fn names(file: &CatalogFile) -> Vec<&str> {
    let entities = file.entities.iter();
    entities
        .map(|entity| entity.entity.entity_ref().name())
        .collect()
}

/// The file is sound and declares these entities.
#[track_caller]
fn check_declares(text: impl AsRef<[u8]>, expected: &[&str]) {
    let file = read(text);
    assert_eq!(file.problems, []);
    assert_eq!((names(&file), file.is_invalid), (expected.to_vec(), false));
    assert_eq!(file.emitted.len(), expected.len());
}

/// The file is invalid, first of all by this rule of this class.
#[track_caller]
fn check_poison(text: impl AsRef<[u8]>, rule: RuleId, class: ErrorClass) {
    let file = read(text);
    assert!(file.is_invalid, "{file:?}");
    let problem = &file.problems[0];
    assert_eq!((problem.rule, problem.class), (rule, class));
    assert!(problem.is_file && problem.is_error());
}

/// `metadata.x` written like this is this value.
#[track_caller]
fn check_x(written: &str, expected: &Value) {
    let file = read(component("a", &format!("  x: {written}\n")));
    assert_eq!(file.problems, [], "{written}");
    let document = file.entities[0].entity.document();
    assert_eq!(document.pointer("/metadata/x"), Some(expected), "{written}");
}

#[test]
fn a_file_that_says_nothing_declares_nothing() {
    for text in ["", "# a comment\n", "---\n", "~", "null\n", " \n\n"] {
        check_declares(text, &[]);
    }
}

#[test]
fn documents_declare_one_entity_each() {
    check_declares(
        [component("a", ""), component("b", "")].join("---\n"),
        &["a", "b"],
    );
}

#[test]
fn a_broken_document_poisons_its_file() {
    let text = [component("a", ""), "a: [\n".to_owned(), component("c", "")].join("---\n");
    check_poison(text, RuleId::YamlSyntax, ErrorClass::Error);
}

#[test]
fn a_key_may_occur_once() {
    for more in [
        "  x: 1\n  x: 2\n",
        "  x: 1\n  \"x\": 2\n",
        "  y: {x: 1, x: 2}\n",
        "  y:\n    x: 1\n    x: 2\n",
    ] {
        check_poison(
            component("a", more),
            RuleId::YamlDuplicateKey,
            ErrorClass::Error,
        );
    }
}

#[test]
fn a_number_and_a_text_are_two_keys_of_one_name() {
    check_x("{1: a, \"1\": b}", &json!({"1": "b"}));
}

#[test]
fn a_document_is_a_mapping() {
    for text in ["x", "1", "true", "[]", "- a\n"] {
        check_poison(text, RuleId::YamlRoot, ErrorClass::Error);
    }
}

#[test]
fn a_byte_order_mark_is_ignored() {
    check_declares(format!("\u{FEFF}{}", component("a", "")), &["a"]);
}

#[test]
fn a_merge_key_is_a_key_unless_the_document_is_yaml_1_1() {
    let merged = "&b {c: 1}\n  z: {<<: *b}";
    let file = read(component("a", &format!("  x: {merged}\n")));
    let y = file.entities[0]
        .entity
        .document()
        .pointer("/metadata/z")
        .cloned();
    assert_eq!(y, Some(json!({"<<": {"c": 1}})));
    let text = format!(
        "%YAML 1.1\n---\n{}",
        component("a", &format!("  x: {merged}\n"))
    );
    let y = read(text).entities[0]
        .entity
        .document()
        .pointer("/metadata/z")
        .cloned();
    assert_eq!(y, Some(json!({"c": 1})));
}

#[test]
fn anchors_are_copies() {
    let file = read(component("a", "  x: &b [1]\n  y: *b\n"));
    let y = file.entities[0]
        .entity
        .document()
        .pointer("/metadata/y")
        .cloned();
    assert_eq!(y, Some(json!([1])));
}

#[test]
fn an_alias_needs_an_anchor_in_its_document() {
    let undefined = RuleId::YamlAliasUndefined;
    check_poison(component("a", "  x: *b\n"), undefined, ErrorClass::Error);
    let text = [component("a", "  x: &b 1\n"), component("c", "  x: *b\n")].join("---\n");
    check_poison(text, undefined, ErrorClass::Error);
}

#[test]
fn an_anchor_is_used_ninety_nine_times_at_most() {
    let uses = |times: usize| {
        let aliases = vec!["*b"; times].join(", ");
        component("a", &format!("  x: &b [1]\n  y: [{aliases}]\n"))
    };
    check_declares(uses(99), &["a"]);
    check_poison(uses(100), RuleId::YamlAliasLimit, ErrorClass::Error);
}

#[test]
fn scalars_are_those_of_yaml_1_2() {
    check_x("yes", &json!("yes"));
    check_x("TRUE", &json!(true));
    check_x("010", &json!(10));
    check_x("0o10", &json!(8));
    check_x("1_000", &json!("1_000"));
}

#[test]
fn a_label_is_a_text() {
    let file = read(component("a", "  labels:\n    version: 1.10\n"));
    assert_eq!((file.entities.len(), file.is_invalid), (0, false));
    let problem = &file.problems[0];
    assert_eq!(
        (problem.class, problem.is_file),
        (ErrorClass::InputError, false)
    );
    assert_eq!((problem.line, problem.column), (6, 14));
}

#[test]
fn a_tab_is_no_indentation() {
    let text = component("a", "").replace("  type", "\ttype");
    check_poison(text, RuleId::YamlSyntax, ErrorClass::Error);
}

#[test]
fn a_plain_text_cannot_begin_with_an_at_sign() {
    let text = component("a", "").replace("team-a", "@team");
    check_poison(text, RuleId::YamlSyntax, ErrorClass::Error);
}

#[test]
fn lines_may_end_as_on_windows() {
    check_declares(component("a", "").replace('\n', "\r\n"), &["a"]);
}

#[test]
fn json_is_yaml() {
    let text = r#"{"apiVersion": "backstage.io/v1alpha1", "kind": "Component", "metadata": {"name": "a"},
	"spec": {"type": "service", "lifecycle": "production", "owner": "team-a"}}"#;
    check_declares(text, &["a"]);
}

#[test]
fn an_empty_mapping_has_no_envelope() {
    let file = read("{}");
    assert!(file.is_invalid && file.emitted.is_empty());
    assert_eq!(file.problems[0].class, ErrorClass::TypeError);
}

#[test]
fn a_date_is_a_text() {
    check_x("2020-01-01", &json!("2020-01-01"));
}

#[test]
fn annotations_that_are_no_mapping_poison_the_file() {
    let text = component("a", "  annotations: [x]\n");
    check_poison(text, RuleId::MetadataAnnotationsType, ErrorClass::Error);
}

#[test]
fn a_namespace_of_null_poisons_the_file() {
    let file = read([component("a", ""), component("b", "  namespace:\n")].join("---\n"));
    assert!(file.is_invalid);
    assert_eq!(file.problems[0].class, ErrorClass::TypeError);
}

#[test]
fn an_alias_inside_its_own_value_is_an_error_with_a_place() {
    let text = component("a", "  x: &a {b: *a}\n");
    check_poison(text, RuleId::YamlAliasCycle, ErrorClass::Error);
}

#[test]
fn numbers_are_those_of_javascript() {
    check_x(".inf", &Value::Null);
    let file = read(component("a", "  x: 12345678901234567890\n"));
    let document = freshet_model::canonical_json(file.entities[0].entity.document());
    assert!(
        document.contains("\"x\":12345678901234567000"),
        "{document}"
    );
}
