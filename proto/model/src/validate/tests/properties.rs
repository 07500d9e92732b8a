use proptest::prelude::*;

use super::*;
use crate::canonical_json;

/// Documents that look a little like entities, with anything anywhere.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-zA-Z:/._\\-\0é ]{0,12}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "apiVersion",
            "kind",
            "metadata",
            "name",
            "namespace",
            "labels",
            "annotations",
            "tags",
            "links",
            "url",
            "spec",
            "owner",
            "type",
            "lifecycle",
            "dependsOn",
            "dependencyOf",
            "relations",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z./é~]{0,4}",
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// The ordinary component with random values put over its own.
fn component() -> impl Strategy<Value = Value> {
    let paths = vec![
        "/kind",
        "/metadata/name",
        "/metadata/namespace",
        "/metadata/labels",
        "/metadata/annotations",
        "/metadata/tags",
        "/metadata/links",
        "/metadata/uid",
        "/spec",
        "/spec/owner",
        "/spec/dependsOn",
        "/spec/dependencyOf",
        "/spec/more",
        "/more",
    ];
    prop::collection::vec((prop::sample::select(paths), document()), 0..4).prop_map(|changes| {
        changes.into_iter().fold(base(), |document, (path, value)| {
            let parent = path.rsplit_once('/').expect("a pointer has a slash").0;
            match document.pointer(parent) {
                Some(Value::Object(_)) => with(document, path, value),
                _ => document,
            }
        })
    })
}

proptest! {
    #[test]
    fn any_document_is_accepted_or_refused_with_reasons(document in prop_oneof![document(), component()]) {
        match run(&document) {
            Ok(_) => {}
            Err(violations) => {
                prop_assert!(!violations.is_empty());
                for violation in violations {
                    prop_assert!(document.pointer(&violation.pointer).is_some(), "{:?}", violation);
                }
            }
        }
    }

    #[test]
    fn what_was_accepted_is_accepted_again_and_says_the_same(document in component()) {
        if let Ok(first) = run(&document) {
            let again = run(first.entity.document()).expect("accepted before");
            prop_assert_eq!(canonical_json(again.entity.document()), canonical_json(first.entity.document()));
            prop_assert_eq!(again, first);
        }
    }
}
