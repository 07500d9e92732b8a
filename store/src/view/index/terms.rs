//! What can be searched in an entity: keys and values derived as Backstage's search index derives them.
//!
//! The walk goes depth first, keys joined with `.`, everything compared in lower case. Some paths are left out, and
//! names and identity are added at the end. A key or value longer than 200 UTF-16 units is dropped or counts as
//! present without a value. Relations are no part of the document; [`relation_key`] is the key they have.

use std::borrow::Cow;

use freshet_model::{DEFAULT_NAMESPACE, javascript_text};
use serde_json::Value;

use super::value_table::fold_case;
use crate::change::EntityRecord;

/// Keys and values longer than this many UTF-16 units cannot be searched: the columns of Backstage's index are that wide.
const UNITS_MAX: usize = 200;

const RELATIONS: &str = "relations.";
const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";
const UID: &str = "metadata.uid";

/// Paths that are not walked; some come back in another form.
const SKIPPED: [&str; 7] = [
    "attachments",
    "relations",
    "status",
    NAME,
    NAMESPACE,
    UID,
    "metadata.etag",
];

/// One key of an entity, in lower case, with one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) key: String,
    /// As it is spelled; without one that could be compared, the key is present, and that is all.
    pub(crate) text: Option<String>,
    /// In lower case, if that is another. Terms are compared many times.
    folded: Option<String>,
}

impl Term {
    /// A key with one of its values.
    pub(super) fn new(key: String, text: String) -> Self {
        let folded = match fold_case(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(folded) => Some(folded),
        };
        Self {
            key,
            text: Some(text),
            folded,
        }
    }

    /// The value in lower case.
    pub(crate) fn folded(&self) -> Option<&str> {
        self.folded.as_deref().or(self.text.as_deref())
    }
}

/// The terms of an entity, by key and value, each once.
pub(crate) fn collect_terms(record: &EntityRecord) -> Vec<Term> {
    // What cannot be read cannot be found either, but by its name.
    let document: Value = serde_json::from_str(&record.document).unwrap_or_default();
    let mut terms = Vec::new();
    walk(&mut String::new(), &document, &mut terms);
    let metadata = |key: &str| document.pointer(key).and_then(Value::as_str);
    let name = metadata("/metadata/name").unwrap_or(record.entity_ref.name());
    push_term(NAME, Some(name), &mut terms);
    let namespace = metadata("/metadata/namespace").unwrap_or(DEFAULT_NAMESPACE);
    push_term(NAMESPACE, Some(namespace), &mut terms);
    push_term(UID, Some(&record.uid.to_string()), &mut terms);
    terms.sort_by(|a, b| (&a.key, a.folded()).cmp(&(&b.key, b.folded())));
    terms.dedup_by(|a, b| a.key == b.key && a.folded() == b.folded());
    terms
}

/// The key under which relations of this type are found.
pub(crate) fn relation_key(relation: &str) -> String {
    format!("{RELATIONS}{}", fold_case(relation))
}

fn walk(path: &mut String, value: &Value, terms: &mut Vec<Term>) {
    if SKIPPED.contains(&path.as_str()) {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| {
            walk(path, item, terms);
            // Backstage lets a list be asked for an item by key, as in `metadata.tags.java`.
            if let Value::String(item) = item {
                push_term(&format!("{path}.{item}"), Some("true"), terms);
            }
        }),
        Value::Object(fields) => {
            let parent = path.len();
            for (key, value) in fields {
                if parent > 0 {
                    path.push('.');
                }
                path.push_str(key);
                walk(path, value, terms);
                path.truncate(parent);
            }
        }
        // Present without a value: `filter=spec.owner` finds it, no value does.
        Value::Null => push_term(path, None, terms),
        Value::Bool(true) => push_term(path, Some("true"), terms),
        Value::Bool(false) => push_term(path, Some("false"), terms),
        Value::Number(number) => {
            let text = number.as_f64().map(javascript_text);
            push_term(path, text.as_deref(), terms);
        }
        Value::String(string) => push_term(path, Some(string), terms),
    }
}

fn push_term(key: &str, value: Option<&str>, terms: &mut Vec<Term>) {
    let key = fold_case(key);
    // Backstage's index has a column of that width and drops the row; what it cannot find must not
    // be found here.
    if is_long(&key) {
        return;
    }
    let key = key.into_owned();
    terms.push(match value {
        Some(text) if !is_long(&fold_case(text)) => Term::new(key, text.to_owned()),
        Some(_) | None => Term {
            key,
            text: None,
            folded: None,
        },
    });
}

fn is_long(text: &str) -> bool {
    // A text never has more UTF-16 units than bytes, so most texts need no counting.
    text.len() > UNITS_MAX && text.encode_utf16().count() > UNITS_MAX
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: &Value, expected: &[&str]) {
        let mut terms = Vec::new();
        walk(&mut String::new(), document, &mut terms);
        let mut shown: Vec<String> = terms
            .into_iter()
            .map(|term| format!("{}={}", term.key, term.text.as_deref().unwrap_or("(null)")))
            .collect();
        shown.sort();
        assert_eq!(shown, expected, "{document}");
    }

    #[test]
    fn keys_are_lower_cased_and_values_keep_their_spelling() {
        check(
            &json!({"Spec": {"Type": "Service"}}),
            &["spec.type=Service"],
        );
    }

    #[test]
    fn items_of_a_list_are_values_and_keys() {
        check(
            &json!({"metadata": {"tags": ["Java", "go"], "ports": [80]}}),
            &[
                "metadata.ports=80",
                "metadata.tags.go=true",
                "metadata.tags.java=true",
                "metadata.tags=Java",
                "metadata.tags=go",
            ],
        );
    }

    #[test]
    fn what_is_known_elsewhere_is_left_out() {
        check(
            &json!({"metadata": {"name": "a", "namespace": "b", "uid": "c"}, "relations": [1]}),
            &[],
        );
    }

    #[test]
    fn empty_containers_do_not_exist_but_null_does() {
        check(&json!({"a": {}, "b": [], "c": null}), &["c=(null)"]);
    }

    #[test]
    fn long_values_exist_without_a_value_and_long_keys_do_not_exist() {
        let (longest, long) = ("x".repeat(200), "x".repeat(201));
        check(&json!({"a": longest}), &[&format!("a={longest}")]);
        check(&json!({"a": long}), &["a=(null)"]);
        check(&json!({ longest.as_str(): 1 }), &[&format!("{longest}=1")]);
        check(&json!({ long.as_str(): 1 }), &[]);
    }

    #[test]
    fn numbers_are_printed_as_javascript_does() {
        check(
            &json!({"a": 7.0, "b": 1.5, "c": 1e21, "d": -3}),
            &["a=7", "b=1.5", "c=1e+21", "d=-3"],
        );
    }
}
