//! What other plugins ask: whether conditions hold of entities. Pure; which entities there are is handed in.

use serde::Deserialize;
use serde_json::{Value, json};

use super::criteria::Criteria;
use super::permission::ENTITY_RESOURCE;
use super::rules::{EntityTest, RuleFault, RuleUse};

/// The body of a question.
#[derive(Deserialize)]
pub(super) struct ConditionsBody {
    items: Vec<Value>,
}

/// One condition, and the entities it is to be applied to.
#[derive(Clone, Debug, PartialEq)]
struct ConditionItem {
    id: String,
    refs: ItemRefs,
    resource_type: String,
    criteria: Criteria<RuleUse>,
}

/// Entities as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum ItemRefs {
    One(String),
    Several(Vec<String>),
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConditionsFault {
    /// Something in it is not as it should be.
    #[error(
        "Item {0} is no condition on entities: it needs an id, a resourceRef, a resourceType and conditions"
    )]
    Malformed(usize),
    /// It is about things of others.
    #[error("Unexpected resource types: {0}.")]
    ResourceTypes(String),
    /// A rule cannot be applied.
    #[error(transparent)]
    Rule(#[from] RuleFault),
}

/// Whether what is tested holds of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TestOutcome {
    Holds,
    Fails,
}

/// Answers a question. `test` is asked for each entity; `None` is one that is not there.
pub(super) fn answer_conditions(
    body: &ConditionsBody,
    is_known: impl Fn(&str) -> bool,
    test: impl Fn(&str, &Criteria<EntityTest>) -> TestOutcome,
) -> Result<Value, ConditionsFault> {
    let items = read_items(&body.items)?;
    let decide = |item: &ConditionItem, written: &str| -> Result<&'static str, ConditionsFault> {
        // Of what is not there nothing holds, not even that a condition does not.
        if !is_known(written) {
            return Ok("DENY");
        }
        Ok(match test(written, &item.criteria.to_tests()?) {
            TestOutcome::Holds => "ALLOW",
            TestOutcome::Fails => "DENY",
        })
    };
    let answers = items.iter().map(|item| {
        let result = match &item.refs {
            ItemRefs::One(written) => json!(decide(item, written)?),
            ItemRefs::Several(refs) => {
                let results = refs.iter().map(|written| decide(item, written));
                json!(results.collect::<Result<Vec<_>, _>>()?)
            }
        };
        Ok(json!({ "id": item.id, "result": result }))
    });
    let answers: Result<Vec<Value>, ConditionsFault> = answers.collect();
    Ok(json!({ "items": answers? }))
}

fn read_items(written: &[Value]) -> Result<Vec<ConditionItem>, ConditionsFault> {
    let items = written.iter().enumerate().map(|(index, item)| {
        let item = read_item(item);
        item.ok_or(ConditionsFault::Malformed(index))
    });
    let items: Vec<ConditionItem> = items.collect::<Result<_, _>>()?;
    let others = items.iter().map(|item| item.resource_type.as_str());
    let others: Vec<&str> = others.filter(|it| *it != ENTITY_RESOURCE).collect();
    if others.is_empty() {
        Ok(items)
    } else {
        Err(ConditionsFault::ResourceTypes(others.join(", ")))
    }
}

fn read_item(written: &Value) -> Option<ConditionItem> {
    let text = |name: &str| written[name].as_str().map(str::to_owned);
    let refs: ItemRefs = serde_json::from_value(written["resourceRef"].clone()).ok()?;
    if refs == ItemRefs::Several(Vec::new()) {
        return None;
    }
    Some(ConditionItem {
        id: text("id")?,
        refs,
        resource_type: text("resourceType")?,
        criteria: Criteria::read(&written["conditions"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::EntityPredicate;

    /// Pay is there and is a component, and nothing else is.
    #[track_caller]
    fn check(items: &Value, expected: Result<Value, &str>) {
        let body = ConditionsBody {
            items: items.as_array().expect("a list").clone(),
        };
        let is_component = EntityPredicate::is_in("kind", ["Component"]);
        let test = |_: &str, criteria: &Criteria<EntityTest>| {
            if criteria.to_predicate() == is_component {
                TestOutcome::Holds
            } else {
                TestOutcome::Fails
            }
        };
        let answer = answer_conditions(&body, |written| written == "component:default/pay", test);
        let expected = expected.map(|items| json!({ "items": items }));
        assert_eq!(
            answer.map_err(|fault| fault.to_string()),
            expected.map_err(str::to_owned),
            "{items}"
        );
    }

    fn kind(kind: &str) -> Value {
        json!({"rule": "IS_ENTITY_KIND", "resourceType": "catalog-entity", "params": {"kinds": [kind]}})
    }

    fn item(resource: &Value, conditions: &Value) -> Value {
        json!({"id": "1", "resourceRef": resource, "resourceType": "catalog-entity", "conditions": conditions})
    }

    #[test]
    fn each_entity_is_answered_in_its_place() {
        let (pay, none) = ("component:default/pay", "component:default/none");
        check(&json!([]), Ok(json!([])));
        let allowed = json!({"id": "1", "result": "ALLOW"});
        check(
            &json!([item(&json!(pay), &kind("Component"))]),
            Ok(json!([allowed])),
        );
        check(
            &json!([
                item(&json!([pay, none, pay]), &kind("Component")),
                item(&json!(pay), &kind("API"))
            ]),
            Ok(json!([
                {"id": "1", "result": ["ALLOW", "DENY", "ALLOW"]},
                {"id": "1", "result": "DENY"},
            ])),
        );
        // Even of what is denied by a rule that there is not.
        let unknown = json!({"not": {"rule": "IS_OLD", "resourceType": "catalog-entity"}});
        check(
            &json!([item(&json!(none), &unknown)]),
            Ok(json!([{"id": "1", "result": "DENY"}])),
        );
    }

    #[test]
    fn what_cannot_be_answered_says_why() {
        let pay = json!("component:default/pay");
        let unknown = json!({"rule": "IS_OLD", "resourceType": "catalog-entity"});
        check(
            &json!([item(&pay, &unknown)]),
            Err("Permission rule 'IS_OLD' does not exist for resource type 'catalog-entity'"),
        );
        let mut other = item(&pay, &kind("API"));
        other["resourceType"] = json!("scaffolder-template");
        check(
            &json!([other, other]),
            Err("Unexpected resource types: scaffolder-template, scaffolder-template."),
        );
        let malformed = "Item 0 is no condition on entities: it needs an id, a resourceRef, a resourceType and conditions";
        for (name, value) in [
            ("id", json!(1)),
            ("resourceRef", json!([])),
            ("resourceRef", json!(null)),
            ("resourceType", json!(null)),
            ("conditions", json!({})),
        ] {
            let mut item = item(&pay, &kind("API"));
            item[name] = value;
            check(&json!([item]), Err(malformed));
        }
    }
}
