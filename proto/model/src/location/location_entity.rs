//! Location entities: the ones the catalog makes, and what those of a file ask for.

use serde_json::{Map, Value, json};

use super::generated_location_name;
use crate::entity_ref::DEFAULT_NAMESPACE;

/// The Location entity that stands for a registered, configured or discovered location, as it
/// would be declared.
///
/// It is named by what it points at, so that the same location has the same name in every
/// catalog. `presence` is left out where nothing is said about it.
#[must_use]
pub fn generated_location(location_type: &str, target: &str, presence: Option<&str>) -> Value {
    let mut spec = Map::new();
    if let Some(presence) = presence {
        spec.insert("presence".to_owned(), presence.into());
    }
    spec.insert("target".to_owned(), target.into());
    spec.insert("type".to_owned(), location_type.into());
    json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {
            "name": generated_location_name(location_type, target),
            "namespace": DEFAULT_NAMESPACE,
        },
        "spec": spec,
    })
}

/// What a Location entity asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocationSpec {
    /// The type of its targets; `None` is that of the file it stands in.
    pub location_type: Option<String>,
    /// The targets as written, `target` before `targets`.
    pub targets: Vec<String>,
    /// Whether a target that does not exist is an error.
    pub is_required: bool,
}

impl LocationSpec {
    /// Reads a valid Location document; what is missing asks for nothing.
    #[must_use]
    pub fn read(document: &Value) -> Self {
        let text = |pointer| document.pointer(pointer).and_then(Value::as_str);
        let many = document.pointer("/spec/targets").and_then(Value::as_array);
        let many = many.into_iter().flatten().filter_map(Value::as_str);
        Self {
            location_type: text("/spec/type").map(str::to_owned),
            targets: text("/spec/target")
                .into_iter()
                .chain(many)
                .map(str::to_owned)
                .collect(),
            // Anything else means required, as in Backstage: a misspelt `optional` must not hide a
            // missing file.
            is_required: text("/spec/presence") != Some("optional"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::URL;
    use super::*;

    #[test]
    fn a_location_without_targets_asks_for_nothing() {
        let spec = LocationSpec::read(&json!({"kind": "Location", "spec": {}}));
        assert_eq!(spec.targets, [""; 0]);
        assert_eq!(spec.location_type, None);
        assert!(spec.is_required);
    }

    #[test]
    fn a_generated_location_is_named_by_its_target() {
        let target = "https://github.com/o/r/blob/main/catalog-info.yaml";
        let document = generated_location(URL, target, Some("optional"));
        assert_eq!(
            document["metadata"]["name"],
            "generated-7c55750a4675b0187bd394fa668346a2ab626ab7"
        );
        let spec = LocationSpec::read(&document);
        assert_eq!(spec.targets, [target]);
        assert!(!spec.is_required);
        let bare = generated_location(URL, target, None);
        assert!(bare["spec"].get("presence").is_none());
        assert!(LocationSpec::read(&bare).is_required);
    }
}
