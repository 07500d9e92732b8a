//! What a catalog file declares, and what its owner is told.

use freshet_model::{Kinds, Problem, RuleId};

use crate::catalog_file::{CatalogFile, read_catalog_file};
use crate::limits::ReadLimits;

fn read(text: &str) -> CatalogFile {
    read_catalog_file(text.as_bytes(), &Kinds::builtin(), &ReadLimits::default())
}

fn component(name: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n{more}spec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    )
}

/// The file declares these entities, and has problems at these places.
#[track_caller]
fn check(text: &str, entities: &[&str], problems: &[&str], is_invalid: bool) {
    let file = read(text);
    let refs: Vec<_> = file
        .entities
        .iter()
        .map(|e| e.entity.entity_ref().to_string())
        .collect();
    assert_eq!(refs, entities, "{text}");
    let places: Vec<_> = file
        .problems
        .iter()
        .map(|p| format!("{}:{} {}", p.line, p.column, p.rule))
        .collect();
    assert_eq!(places, problems, "{text}");
    assert_eq!(file.is_invalid, is_invalid, "{text}");
    for problem in &file.problems {
        assert!(
            !problem.message.is_empty() && !problem.hint.is_empty(),
            "{problem:?}"
        );
    }
}

#[test]
fn each_document_declares_an_entity() {
    let text = [
        component("a", ""),
        "# nothing\n".to_owned(),
        component("b", ""),
    ]
    .join("---\n");
    check(
        &text,
        &["component:default/a", "component:default/b"],
        &[],
        false,
    );
    let file = read(&text);
    let places: Vec<_> = file
        .entities
        .iter()
        .map(|e| (e.index, e.position.line))
        .collect();
    assert_eq!(places, [(0, 1), (2, 11)]);
    assert_eq!(
        file.entities[0].relations[0].target.to_string(),
        "group:default/team-a"
    );
}

#[test]
fn a_file_without_entities_is_fine() {
    for text in ["", "# c\n", "---\n", "~\n"] {
        check(text, &[], &[], false);
    }
}

#[test]
fn an_invalid_entity_leaves_its_siblings_alone() {
    let text = [
        component("a", ""),
        component("'b '", ""),
        component("c", ""),
    ]
    .join("---\n");
    check(
        &text,
        &["component:default/a", "component:default/c"],
        &["13:9 metadata.name.format"],
        false,
    );
    let problem = &read(&text).problems[0];
    let entity_ref = problem.entity_ref.as_ref().map(ToString::to_string);
    assert_eq!(entity_ref.as_deref(), Some("component:default/b "));
}

#[test]
fn a_document_without_an_envelope_poisons_the_file() {
    let text = [component("a", ""), component("7", "")].join("---\n");
    let file = read(&text);
    assert!(file.is_invalid);
    assert_eq!((file.problems[0].line, file.problems[0].column), (13, 9));
    for text in ["{}", "apiVersion: backstage.io/v1alpha1\nkind: Component\n"] {
        assert!(read(text).is_invalid, "{text}");
    }
    assert!(read(&component("a", "  annotations: []\n")).is_invalid);
    assert!(!read(&component("a", "  labels: []\n")).is_invalid);
}

#[test]
fn a_document_that_is_no_mapping_poisons_the_file() {
    for (text, place, what) in [
        ("x", "1:1 yaml.root", "a text"),
        ("--- 5", "1:5 yaml.root", "a number"),
        ("- a", "1:1 yaml.root", "a list"),
        ("true", "1:1 yaml.root", "a boolean"),
    ] {
        check(text, &[], &[place], true);
        assert!(read(text).problems[0].message.contains(what), "{text}");
    }
}

#[test]
fn a_syntax_error_poisons_the_file_and_the_rest_is_still_read() {
    let text = [
        component("a", ""),
        "x: [\n".to_owned(),
        component("'c '", ""),
    ]
    .join("---\n");
    let file = read(&text);
    assert!(file.is_invalid);
    let rules: Vec<_> = file.problems.iter().map(|p| p.rule).collect();
    assert_eq!(rules, [RuleId::YamlSyntax, RuleId::MetadataNameFormat]);
    assert_eq!(file.entities.len(), 1);
}

#[test]
fn the_last_declaration_of_an_entity_wins() {
    let text = [
        component("a", "  title: one\n"),
        component("A", "  title: two\n"),
    ]
    .join("---\n");
    check(
        &text,
        &["component:default/a"],
        &["14:9 entity.duplicate"],
        false,
    );
    assert_eq!(read(&text).entities[0].index, 1);
}

#[test]
fn an_invalid_last_declaration_replaces_a_valid_one() {
    let text = [component("a", ""), component("a", "  title: ''\n")].join("---\n");
    let file = read(&text);
    assert!(file.entities.is_empty());
    assert_eq!(file.problems[0].rule, RuleId::EntityDuplicate);
    assert_eq!(file.problems[1].line, 14);
}

#[test]
fn what_is_missing_is_reported_at_its_parent() {
    let text = component("a", "").replace("  owner: team-a\n", "");
    let file = read(&text);
    assert_eq!(file.problems.len(), 1);
    assert_eq!((file.problems[0].line, file.problems[0].column), (5, 1));
}

#[test]
fn problems_have_an_end() {
    let limits = ReadLimits {
        problems: 2,
        ..ReadLimits::default()
    };
    let read = |documents: usize| {
        let text = "[]\n---\n".repeat(documents);
        read_catalog_file(text.as_bytes(), &Kinds::builtin(), &limits).problems
    };
    let rules = |problems: &[Problem]| -> Vec<RuleId> { problems.iter().map(|p| p.rule).collect() };
    let root = RuleId::YamlRoot;
    assert_eq!(rules(&read(2)), [root, root]);
    for (documents, left_out) in [(3, '1'), (5, '3')] {
        let problems = read(documents);
        assert_eq!(rules(&problems), [root, root, RuleId::YamlLimitProblems]);
        let message = &problems[2].message;
        assert!(message.contains(left_out), "{message}");
    }
}
