//! Location entities: the ones the catalog makes, and what those of a file ask for.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::generated_location_name;
use crate::TextPosition;
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

    /// Where the targets stand in the document, in the same order.
    #[must_use]
    pub fn target_pointers(document: &Value) -> Vec<String> {
        let single = document.pointer("/spec/target").filter(|it| it.is_string());
        let single = single.map(|_| "/spec/target".to_owned());
        let many = document.pointer("/spec/targets").and_then(Value::as_array);
        let many = many.into_iter().flatten().enumerate();
        let many = many
            .filter(|(_, target)| target.is_string())
            .map(|(index, _)| format!("/spec/targets/{index}"));
        single.into_iter().chain(many).collect()
    }
}

/// Where in its file a Location entity says what it points at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetPlaces {
    /// Its type, or what stands nearest if it has none; `None` if it stands in no file.
    pub location_type: Option<TextPosition>,
    /// Its targets, in the order of [`LocationSpec::targets`].
    pub targets: Vec<TextPosition>,
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
    fn each_target_has_a_pointer() {
        let document = json!({"spec": {"target": "c", "targets": ["a", 1, "b"]}});
        assert_eq!(LocationSpec::read(&document).targets, ["c", "a", "b"]);
        assert_eq!(
            LocationSpec::target_pointers(&document),
            ["/spec/target", "/spec/targets/0", "/spec/targets/2"]
        );
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
