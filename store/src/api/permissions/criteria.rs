//! The conditions of a decision: rules, joined by "all of", "any of" and "not". Pure.

use serde_json::{Map, Value};

use super::rules::{EntityTest, RuleFault, RuleUse};
use crate::query::EntityPredicate;

/// Rules that are joined; `R` is a rule as it is written, or what it tests.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::api) enum Criteria<R> {
    /// Every one of these holds.
    AllOf(Vec<Self>),
    /// One of these holds.
    AnyOf(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// This rule holds.
    Rule(R),
}

impl<R> Criteria<R> {
    fn map_rules<T, E>(self, change: &mut impl FnMut(R) -> Result<T, E>) -> Result<Criteria<T>, E> {
        let mut map_all = |parts: Vec<Self>| -> Result<Vec<Criteria<T>>, E> {
            parts
                .into_iter()
                .map(|part| part.map_rules(change))
                .collect()
        };
        Ok(match self {
            Self::AllOf(parts) => Criteria::AllOf(map_all(parts)?),
            Self::AnyOf(parts) => Criteria::AnyOf(map_all(parts)?),
            Self::Not(part) => Criteria::Not(Box::new(part.map_rules(change)?)),
            Self::Rule(rule) => Criteria::Rule(change(rule)?),
        })
    }
}

impl Criteria<RuleUse> {
    /// Reads what another plugin sent; `None` if it is no condition.
    pub(in crate::api) fn read(written: &Value) -> Option<Self> {
        let object = written.as_object()?;
        // In this order, if several could be meant, as Backstage's own reader tries them.
        if let Some(parts) = object.get("anyOf") {
            return Some(Self::AnyOf(read_all(parts)?));
        }
        if let Some(parts) = object.get("allOf") {
            return Some(Self::AllOf(read_all(parts)?));
        }
        if let Some(part) = object.get("not") {
            return Some(Self::Not(Box::new(Self::read(part)?)));
        }
        Some(Self::Rule(read_rule(object)?))
    }

    /// What the rules test.
    pub(in crate::api) fn to_tests(&self) -> Result<Criteria<EntityTest>, RuleFault> {
        self.clone().map_rules(&mut |rule: RuleUse| rule.to_test())
    }
}

/// None at all would be a decision about everything or nothing, which has a form of its own.
fn read_all(parts: &Value) -> Option<Vec<Criteria<RuleUse>>> {
    let parts = parts.as_array().filter(|parts| !parts.is_empty())?;
    parts.iter().map(Criteria::read).collect()
}

fn read_rule(object: &Map<String, Value>) -> Option<RuleUse> {
    let text = |name| object.get(name).and_then(Value::as_str);
    let params = object.get("params");
    if params.is_some_and(|params| !params.is_object()) {
        return None;
    }
    Some(RuleUse {
        rule: text("rule")?.to_owned(),
        resource_type: text("resourceType")?.to_owned(),
        params: params.cloned(),
    })
}

impl Criteria<EntityTest> {
    /// As a predicate over entities.
    pub(in crate::api) fn to_predicate(&self) -> EntityPredicate {
        let all = |parts: &[Self]| parts.iter().map(Self::to_predicate).collect();
        match self {
            Self::AllOf(parts) => EntityPredicate::All(all(parts)),
            Self::AnyOf(parts) => EntityPredicate::Any(all(parts)),
            Self::Not(part) => EntityPredicate::Not(Box::new(part.to_predicate())),
            Self::Rule(EntityTest { key, values }) => match values {
                None => EntityPredicate::exists(key),
                Some(values) => EntityPredicate::is_in(key, values.iter().map(String::as_str)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(name: &str, params: &Value) -> Value {
        json!({"rule": name, "resourceType": "catalog-entity", "params": params})
    }

    #[track_caller]
    fn check(written: &Value, predicate: &Value) {
        let criteria = Criteria::read(written).expect("conditions");
        let tests = criteria.to_tests().expect("rules that there are");
        let expected = EntityPredicate::parse(predicate).expect("a predicate");
        assert_eq!(tests.to_predicate(), expected, "{written}");
    }

    #[test]
    fn conditions_become_a_predicate() {
        let owner = rule(
            "IS_ENTITY_OWNER",
            &json!({"claims": ["user:default/ana", "group:default/a"]}),
        );
        let kind = rule("IS_ENTITY_KIND", &json!({"kinds": ["Template"]}));
        let annotation = rule("HAS_ANNOTATION", &json!({"annotation": "a.b/c"}));
        let owned = json!({"relations.ownedBy": {"$in": ["user:default/ana", "group:default/a"]}});
        let template = json!({"kind": {"$in": ["Template"]}});
        check(&owner, &owned);
        check(
            &annotation,
            &json!({"metadata.annotations.a.b/c": {"$exists": true}}),
        );
        check(
            &json!({"anyOf": [owner, {"allOf": [kind, {"not": annotation}]}]}),
            &json!({"$any": [owned, {"$all": [template, {"$not": {"metadata.annotations.a.b/c": {"$exists": true}}}]}]}),
        );
    }

    #[test]
    fn what_is_no_condition_is_not_read_as_one() {
        for written in [
            json!(null),
            json!([]),
            json!({}),
            json!({"anyOf": []}),
            json!({"allOf": []}),
            json!({"allOf": {}}),
            json!({"not": []}),
            json!({"anyOf": [{}]}),
            json!({"rule": "HAS_SPEC"}),
            json!({"rule": "HAS_SPEC", "resourceType": 1}),
            json!({"rule": "HAS_SPEC", "resourceType": "catalog-entity", "params": []}),
        ] {
            assert_eq!(Criteria::read(&written), None, "{written}");
        }
    }

    #[test]
    fn one_rule_that_is_not_there_spoils_the_whole() {
        let written =
            json!({"anyOf": [rule("HAS_SPEC", &json!({"key": "a"})), rule("IS_OLD", &json!({}))]});
        let criteria = Criteria::read(&written).expect("conditions");
        assert!(matches!(
            criteria.to_tests(),
            Err(RuleFault::Unknown { .. })
        ));
    }
}
