//! What the permission backend is asked, and what its answer means. Pure.

use serde_json::{Value, json};

use super::criteria::Criteria;
use super::permission::{ENTITY_RESOURCE, Permission};
use super::rules::{EntityTest, RuleFault, RuleUse};

/// What the one item of a question is called: there is nothing to tell it from.
const ITEM: &str = "0";

/// For which entities a right is given.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::api) enum Decision {
    /// For all.
    Everything,
    /// For none.
    Nothing,
    /// For those of which this holds.
    Matching(Criteria<EntityTest>),
}

/// Why an answer decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum UndecidedAnswer {
    /// It is not what was asked for.
    #[error("the permission backend answers with something that is no decision")]
    Malformed,
    /// It uses a rule that there is not.
    #[error(transparent)]
    Rule(#[from] RuleFault),
}

/// The body of the question whether somebody has a right, which the token beside it names.
pub(super) fn ask_for(permission: Permission) -> String {
    json!({ "items": [{ "id": ITEM, "permission": permission.to_json() }] }).to_string()
}

/// What an answer to that decides.
pub(super) fn read_decision(body: &[u8]) -> Result<Decision, UndecidedAnswer> {
    let answer: Value = serde_json::from_slice(body).map_err(|_| UndecidedAnswer::Malformed)?;
    let items = answer["items"].as_array().map(Vec::as_slice);
    let Some([item]) = items else {
        return Err(UndecidedAnswer::Malformed);
    };
    if item["id"] != ITEM {
        return Err(UndecidedAnswer::Malformed);
    }
    match item["result"].as_str() {
        Some("ALLOW") => Ok(Decision::Everything),
        Some("DENY") => Ok(Decision::Nothing),
        Some("CONDITIONAL") => read_conditions(item).map(Decision::Matching),
        Some(_) | None => Err(UndecidedAnswer::Malformed),
    }
}

fn read_conditions(item: &Value) -> Result<Criteria<EntityTest>, UndecidedAnswer> {
    // Conditions on things of other plugins say nothing of entities.
    if item["resourceType"] != ENTITY_RESOURCE {
        return Err(UndecidedAnswer::Malformed);
    }
    let criteria: Option<Criteria<RuleUse>> = Criteria::read(&item["conditions"]);
    Ok(criteria.ok_or(UndecidedAnswer::Malformed)?.to_tests()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_the_one_of_backstages_plugins() {
        let question: Value = serde_json::from_str(&ask_for(Permission::EntityRead)).expect("JSON");
        assert_eq!(
            question,
            json!({"items": [{"id": "0", "permission": {"type": "resource", "name": "catalog.entity.read", "attributes": {"action": "read"}, "resourceType": "catalog-entity"}}]})
        );
    }

    #[track_caller]
    fn check(item: &Value, expected: &Result<Decision, UndecidedAnswer>) {
        let body = json!({ "items": [item] }).to_string();
        assert_eq!(&read_decision(body.as_bytes()), expected, "{item}");
    }

    #[test]
    fn an_answer_gives_a_right_for_all_for_some_or_for_none() {
        check(
            &json!({"id": "0", "result": "ALLOW"}),
            &Ok(Decision::Everything),
        );
        check(
            &json!({"id": "0", "result": "DENY"}),
            &Ok(Decision::Nothing),
        );
        let conditional = |resource: &str, rule: &str| {
            json!({"id": "0", "result": "CONDITIONAL", "pluginId": "catalog", "resourceType": resource,
                "conditions": {"rule": rule, "resourceType": "catalog-entity", "params": {"kinds": ["API"]}}})
        };
        let test = EntityTest {
            key: "kind".to_owned(),
            values: Some(vec!["API".to_owned()]),
        };
        check(
            &conditional("catalog-entity", "IS_ENTITY_KIND"),
            &Ok(Decision::Matching(Criteria::Rule(test))),
        );
        check(
            &conditional("scaffolder-template", "IS_ENTITY_KIND"),
            &Err(UndecidedAnswer::Malformed),
        );
        assert!(matches!(
            read_decision(
                json!({"items": [conditional("catalog-entity", "IS_OLD")]})
                    .to_string()
                    .as_bytes()
            ),
            Err(UndecidedAnswer::Rule(RuleFault::Unknown { .. }))
        ));
    }

    #[test]
    fn what_does_not_decide_gives_no_right() {
        check(&json!({"id": "0"}), &Err(UndecidedAnswer::Malformed));
        check(
            &json!({"id": "1", "result": "ALLOW"}),
            &Err(UndecidedAnswer::Malformed),
        );
        check(
            &json!({"id": "0", "result": "allow"}),
            &Err(UndecidedAnswer::Malformed),
        );
        check(
            &json!({"id": "0", "result": "CONDITIONAL"}),
            &Err(UndecidedAnswer::Malformed),
        );
        for body in [
            "",
            "[]",
            "{}",
            r#"{"items":[]}"#,
            r#"{"items":[{"id":"0","result":"ALLOW"},{"id":"0","result":"ALLOW"}]}"#,
        ] {
            assert_eq!(
                read_decision(body.as_bytes()),
                Err(UndecidedAnswer::Malformed),
                "{body}"
            );
        }
    }
}
