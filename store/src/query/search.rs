//! What can be searched in an entity: keys and values derived as Backstage's search index derives
//! them.
//!
//! The walk goes depth first, keys joined with `.`, everything lower-cased. Some paths are left out, and
//! names, identity and relations are added at the end. A key or value longer than 200 UTF-16 units is
//! dropped or counts as present without a value.

use std::borrow::Cow;

use freshet_model::EntityRef;
use serde_json::Value;

use crate::change::EntityRecord;

/// Keys and values longer than this many UTF-16 units cannot be searched.
const UNITS_MAX: usize = 200;

const RELATIONS: &str = "relations.";

/// Paths that are not walked; some come back in another form.
const SKIPPED: [&str; 7] = [
    "attachments",
    "relations",
    "status",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "metadata.etag",
];

/// One key of an entity, with one of its values. `None` is a value that cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SearchTerm {
    pub(super) key: String,
    pub(super) value: Option<String>,
}

/// One candidate: an entity and what is known about it without parsing.
pub(super) struct SearchCandidate<'a> {
    pub(super) record: &'a EntityRecord,
    pub(super) relations: &'a [(String, EntityRef)],
    parsed: Option<Vec<SearchTerm>>,
}

impl<'a> SearchCandidate<'a> {
    pub(super) fn new(record: &'a EntityRecord, relations: &'a [(String, EntityRef)]) -> Self {
        Self {
            record,
            relations,
            parsed: None,
        }
    }

    /// All values of a (lower-case) key.
    pub(super) fn values_of(&mut self, key: &str) -> Vec<Option<Cow<'_, str>>> {
        let entity_ref = &self.record.entity_ref;
        // Nearly every filter names a kind, and the ref answers that without parsing the document.
        let known = match key {
            "kind" => Some(entity_ref.kind()),
            "metadata.name" => Some(entity_ref.name()),
            "metadata.namespace" => Some(entity_ref.namespace()),
            _ => None,
        };
        if let Some(known) = known {
            return vec![Some(Cow::Borrowed(known))];
        }
        if key == "metadata.uid" {
            return vec![Some(Cow::Owned(self.record.uid.to_string()))];
        }
        if let Some(relation) = key.strip_prefix(RELATIONS) {
            return self.relation_targets(relation);
        }
        self.parsed_terms()
            .iter()
            .filter(|term| term.key == key)
            .map(|term| term.value.as_deref().map(Cow::Borrowed))
            .collect()
    }

    fn relation_targets(&self, relation: &str) -> Vec<Option<Cow<'_, str>>> {
        self.relations
            .iter()
            // Keys are lower-case in the index; types of relations, such as `ownedBy`, are not.
            .filter(|(own, _)| own.to_lowercase() == relation)
            .map(|(_, target)| Some(Cow::Borrowed(target.as_str())))
            .collect()
    }

    fn parsed_terms(&mut self) -> &[SearchTerm] {
        self.parsed.get_or_insert_with(|| {
            let document: Value = serde_json::from_str(&self.record.document).unwrap_or_default();
            search_terms(&document)
        })
    }
}

/// Whether a key asks for relations, which a [`SearchCandidate`] must then have.
pub(super) fn is_relation(key: &str) -> bool {
    key.starts_with(RELATIONS)
}

/// The terms a document itself gives.
fn search_terms(document: &Value) -> Vec<SearchTerm> {
    let mut terms = Vec::new();
    collect_terms(&mut String::new(), document, &mut terms);
    terms.sort_unstable();
    terms.dedup();
    terms
}

fn collect_terms(path: &mut String, value: &Value, terms: &mut Vec<SearchTerm>) {
    if SKIPPED.contains(&path.as_str()) {
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| {
            collect_terms(path, item, terms);
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
                collect_terms(path, value, terms);
                path.truncate(parent);
            }
        }
        // Present without a value: `filter=spec.owner` finds it, no value does.
        Value::Null => push_term(path, None, terms),
        Value::Bool(true) => push_term(path, Some("true"), terms),
        Value::Bool(false) => push_term(path, Some("false"), terms),
        Value::Number(number) => push_term(path, Some(&format_ecmascript(number)), terms),
        Value::String(string) => push_term(path, Some(string), terms),
    }
}

fn push_term(key: &str, value: Option<&str>, terms: &mut Vec<SearchTerm>) {
    let key = key.to_lowercase();
    // Backstage's index has a column of that width and drops the row; what it cannot find must not
    // be found here.
    if is_long(&key) {
        return;
    }
    let value = value.map(str::to_lowercase).filter(|value| !is_long(value));
    terms.push(SearchTerm { key, value });
}

fn is_long(text: &str) -> bool {
    // A text never has more UTF-16 units than bytes, so most texts need no counting.
    text.len() > UNITS_MAX && text.encode_utf16().count() > UNITS_MAX
}

/// A number as JavaScript prints it, for the numbers catalogs have: `7.0` is `7`.
fn format_ecmascript(number: &serde_json::Number) -> String {
    const PLAIN_MAX: f64 = 1e21;
    match number.as_f64() {
        Some(float) if !number.is_i64() && !number.is_u64() => {
            if float.abs() < PLAIN_MAX {
                format!("{float}")
            } else {
                format!("{float:e}").replace('e', "e+")
            }
        }
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: &Value, expected: &[&str]) {
        let shown: Vec<String> = search_terms(document)
            .into_iter()
            .map(|term| format!("{}={}", term.key, term.value.unwrap_or("(null)".to_owned())))
            .collect();
        assert_eq!(shown, expected, "{document}");
    }

    #[test]
    fn keys_and_values_are_lower_cased() {
        check(
            &json!({"Spec": {"Type": "Service"}}),
            &["spec.type=service"],
        );
    }

    #[test]
    fn items_of_a_list_are_values_and_keys() {
        check(
            &json!({"metadata": {"tags": ["Java", "go"], "ports": [80]}}),
            &[
                "metadata.ports=80",
                "metadata.tags=go",
                "metadata.tags=java",
                "metadata.tags.go=true",
                "metadata.tags.java=true",
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
        let long = "x".repeat(201);
        check(&json!({"a": long}), &["a=(null)"]);
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
