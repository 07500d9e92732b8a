//! The numbered cases of the model, each a change to one ordinary component.

mod envelope;
mod kinds;
mod metadata;
mod properties;
mod relations;

use serde_json::{Value, json};

use super::*;
use crate::{BlastRadius, ErrorClass};

/// A valid component named `n`, owned by `team`.
fn base() -> Value {
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Component",
        "metadata": { "name": "n" },
        "spec": { "type": "service", "lifecycle": "prod", "owner": "team" },
    })
}

/// A document of this kind and spec.
fn of_kind(kind: &str, spec: Value) -> Value {
    with(with(base(), "/kind", json!(kind)), "/spec", spec)
}

/// The document with one value replaced or added; a pointer's last step may be new.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let key = key.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(parent).expect("the parent exists");
    parent
        .as_object_mut()
        .expect("the parent is a mapping")
        .insert(key, value);
    document
}

/// The document with one value removed.
fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer has a slash");
    let parent = document.pointer_mut(parent).expect("the parent exists");
    parent
        .as_object_mut()
        .expect("the parent is a mapping")
        .remove(key);
    document
}

fn metadata(key: &str, value: Value) -> Value {
    with(base(), &format!("/metadata/{key}"), value)
}

fn run(document: &Value) -> Result<ValidDocument, Vec<Violation>> {
    thread_local!(static KINDS: Kinds = Kinds::builtin());
    KINDS.with(|kinds| validate(document.clone(), kinds))
}

#[track_caller]
fn accepts(document: &Value) -> ValidDocument {
    match run(document) {
        Ok(checked) => checked,
        Err(violations) => panic!("refused {document}: {violations:#?}"),
    }
}

#[track_caller]
fn violations(document: &Value) -> Vec<Violation> {
    match run(document) {
        Ok(_) => panic!("accepted {document}"),
        Err(violations) => {
            assert!(
                !violations.is_empty(),
                "refused {document} without a reason"
            );
            violations
        }
    }
}

/// The first violation costs the entity only.
#[track_caller]
fn refuses(document: &Value, pointer: &str, rule: &str) {
    let first = &violations(document)[0];
    assert_eq!(
        (first.pointer.as_str(), first.rule.as_str()),
        (pointer, rule),
        "{document}: {first:?}"
    );
    assert_eq!(
        (first.blast_radius, first.class),
        (BlastRadius::Entity, ErrorClass::InputError),
        "{document}"
    );
}

/// The first violation costs the whole file.
#[track_caller]
fn poisons(document: &Value, class: ErrorClass, rule: &str) {
    let first = &violations(document)[0];
    assert_eq!(
        (first.rule.as_str(), first.class, first.blast_radius),
        (rule, class, BlastRadius::File),
        "{document}"
    );
}

/// The relations as `forward target` and `target reverse`.
fn arrows(checked: &ValidDocument) -> Vec<String> {
    let arrow =
        |relation: &RelationDeclaration| format!("{} {}", relation.forward, relation.target);
    checked.relations.iter().map(arrow).collect()
}
