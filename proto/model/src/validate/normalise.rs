//! The form in which a valid document is kept: what the author left to defaults filled in,
//! what only the catalog may say taken out.

use serde_json::{Map, Value};

use crate::{DEFAULT_NAMESPACE, annotation, utf16_order};

/// Lists of `spec` that are served sorted, whatever the kind.
const SORTED_LISTS: [&str; 7] = [
    "providesApis",
    "consumesApis",
    "dependsOn",
    "dependencyOf",
    "memberOf",
    "children",
    "members",
];

/// Metadata only the catalog may set. An author's own would defeat change detection.
const SERVED_METADATA: [&str; 2] = ["uid", "etag"];

/// Annotations that the catalog writes over the author's before anybody looks at them.
const OVERWRITTEN_ANNOTATIONS: [&str; 2] = [
    annotation::MANAGED_BY_LOCATION,
    annotation::MANAGED_BY_ORIGIN_LOCATION,
];

/// Takes out what the catalog writes over in any case. Nothing is wrong with it, whatever it is,
/// and no file is read for it.
pub fn drop_overwritten(document: &mut Value) {
    let annotations = document.pointer_mut("/metadata/annotations");
    if let Some(Value::Object(annotations)) = annotations {
        for key in OVERWRITTEN_ANNOTATIONS {
            // Keeps the order of the other keys.
            annotations.shift_remove(key);
        }
    }
}

/// `list_fields` are the relation fields of the kind, below `spec`.
pub(super) fn normalise_document(document: &mut Value, list_fields: &[&str]) {
    if let Some(Value::Object(metadata)) = document.get_mut("metadata") {
        normalise_metadata(metadata);
    }
    if let Some(Value::Object(spec)) = document.get_mut("spec") {
        let own = list_fields
            .iter()
            .filter(|field| !SORTED_LISTS.contains(field));
        // Sorted, an author who moves a line has changed nothing, and no event is sent.
        for field in SORTED_LISTS.iter().chain(own) {
            if let Some(Value::Array(items)) = spec.get_mut(*field) {
                sort_strings(items);
            }
        }
    }
}

fn normalise_metadata(metadata: &mut Map<String, Value>) {
    for key in SERVED_METADATA {
        // Keeps the order of the other keys.
        metadata.shift_remove(key);
    }
    if !metadata.contains_key("namespace") {
        metadata.insert("namespace".to_owned(), Value::from(DEFAULT_NAMESPACE));
    }
    match metadata.get_mut("annotations") {
        Some(Value::Object(annotations)) => {
            annotations.shift_remove(annotation::ORPHAN);
        }
        // Anything else that passed counts as absent, and the catalog needs a mapping to add its own
        // annotations to.
        Some(absent) => *absent = Value::Object(Map::new()),
        None => {}
    }
}

/// Lists with anything but strings in them stay as they are.
fn sort_strings(items: &mut [Value]) {
    if items.iter().all(Value::is_string) {
        // As Backstage sorts, by UTF-16 units; by bytes, a few lists would be in another order.
        items.sort_by(|a, b| {
            utf16_order(
                a.as_str().unwrap_or_default(),
                b.as_str().unwrap_or_default(),
            )
        });
    }
}
