//! `GET /.well-known/backstage/permissions/metadata`: the rights and rules there are, for those who write policies.

use axum::response::Response;
use serde_json::{Value, json};

use super::permission::Permission;
use super::rules::all_rules;
use crate::api::answer_json;

/// Every right and every rule.
pub(in crate::api) async fn get_metadata() -> Response {
    answer_json(&metadata())
}

fn metadata() -> Value {
    let permissions: Vec<Value> = Permission::ALL
        .into_iter()
        .map(Permission::to_json)
        .collect();
    json!({ "permissions": permissions, "rules": all_rules() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the router of Backstage's catalog 4.0.5 answers.
    const OF_BACKSTAGE: &str = include_str!("metadata.json");

    #[test]
    fn the_rights_and_rules_are_those_of_backstage() {
        let theirs: Value = serde_json::from_str(OF_BACKSTAGE).expect("JSON");
        assert_eq!(metadata(), theirs);
        // The order of keys too, as somebody may compare texts.
        assert_eq!(metadata().to_string(), theirs.to_string());
    }
}
