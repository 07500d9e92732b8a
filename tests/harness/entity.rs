//! Entities as JSON: who they are, and what of them was declared.

use serde_json::Value;

/// The canonical ref of a served or declared entity.
#[must_use]
pub fn read_ref(entity: &Value) -> String {
    let text = |pointer: &str| {
        entity
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_lowercase()
    };
    format!(
        "{}:{}/{}",
        text("/kind"),
        text("/metadata/namespace"),
        text("/metadata/name")
    )
}

/// Without what the server adds when it serves an entity.
#[must_use]
pub fn strip_served_fields(entity: &Value) -> Value {
    let mut entity = entity.clone();
    if let Some(object) = entity.as_object_mut() {
        object.remove("relations");
        object.remove("status");
    }
    if let Some(metadata) = entity.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("uid");
        metadata.remove("etag");
    }
    entity
}
