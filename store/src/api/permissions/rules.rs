//! The rules by which a policy may give a right for some entities: what they are called, what they need, and which
//! entities they are about. Pure.

use serde_json::{Map, Value, json};

use super::permission::ENTITY_RESOURCE;

/// A rule that a policy may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntityRule {
    HasAnnotation,
    HasLabel,
    HasMetadata,
    HasSpec,
    IsEntityKind,
    IsEntityOwner,
}

/// A rule as a policy uses it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::api) struct RuleUse {
    /// Its name.
    pub(in crate::api) rule: String,
    /// What it is to be about.
    pub(in crate::api) resource_type: String,
    /// What it needs.
    pub(in crate::api) params: Option<Value>,
}

/// What must hold of an entity: a key of the search index with any value, or with one of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::api) struct EntityTest {
    /// The key.
    pub(in crate::api) key: String,
    /// The values; `None` is any, and an empty list is none.
    pub(in crate::api) values: Option<Vec<String>>,
}

/// Why a rule cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::api) enum RuleFault {
    /// There is no such rule.
    #[error("Permission rule '{rule}' does not exist for resource type '{resource_type}'")]
    Unknown {
        /// What it was to be called.
        rule: String,
        /// What it was to be about.
        resource_type: String,
    },
    /// It needs something else.
    #[error("Parameters to rule are invalid: {0}")]
    Params(String),
}

/// What the parameters of a rule are called and described as.
struct ParamText {
    name: &'static str,
    description: &'static str,
}

impl RuleUse {
    /// What it tests.
    pub(in crate::api) fn to_test(&self) -> Result<EntityTest, RuleFault> {
        let rule = EntityRule::ALL
            .into_iter()
            .find(|rule| rule.name() == self.rule && self.resource_type == ENTITY_RESOURCE);
        let rule = rule.ok_or_else(|| RuleFault::Unknown {
            rule: self.rule.clone(),
            resource_type: self.resource_type.clone(),
        })?;
        let params = self.params.as_ref().and_then(Value::as_object);
        let params = params.ok_or_else(|| RuleFault::Params("an object is required".to_owned()))?;
        rule.test_with(params)
    }
}

impl EntityRule {
    /// In the order in which Backstage lists them.
    const ALL: [Self; 6] = [
        Self::HasAnnotation,
        Self::HasLabel,
        Self::HasMetadata,
        Self::HasSpec,
        Self::IsEntityKind,
        Self::IsEntityOwner,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::HasAnnotation => "HAS_ANNOTATION",
            Self::HasLabel => "HAS_LABEL",
            Self::HasMetadata => "HAS_METADATA",
            Self::HasSpec => "HAS_SPEC",
            Self::IsEntityKind => "IS_ENTITY_KIND",
            Self::IsEntityOwner => "IS_ENTITY_OWNER",
        }
    }

    fn test_with(self, params: &Map<String, Value>) -> Result<EntityTest, RuleFault> {
        let below = |prefix: &str, name: &str| -> Result<EntityTest, RuleFault> {
            Ok(EntityTest {
                key: format!("{prefix}.{}", required_text(params, name)?),
                values: optional_text(params, "value")?.map(|value| vec![value]),
            })
        };
        let one_of = |key: &str, name: &str| -> Result<EntityTest, RuleFault> {
            Ok(EntityTest {
                key: key.to_owned(),
                values: Some(texts(params, name)?),
            })
        };
        match self {
            Self::HasAnnotation => below("metadata.annotations", "annotation"),
            Self::HasLabel => below("metadata.labels", "label"),
            Self::HasMetadata => below("metadata", "key"),
            Self::HasSpec => below("spec", "key"),
            Self::IsEntityKind => one_of("kind", "kinds"),
            Self::IsEntityOwner => one_of("relations.ownedBy", "claims"),
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::HasAnnotation => "Allow entities with the specified annotation",
            Self::HasLabel => "Allow entities with the specified label",
            Self::HasMetadata => "Allow entities with the specified metadata subfield",
            Self::HasSpec => "Allow entities with the specified spec subfield",
            Self::IsEntityKind => "Allow entities matching a specified kind",
            Self::IsEntityOwner => "Allow entities owned by a specified claim",
        }
    }

    /// The parameter that each rule needs.
    fn required_param(self) -> ParamText {
        let (name, description) = match self {
            Self::HasAnnotation => ("annotation", "Name of the annotation to match on"),
            Self::HasLabel => ("label", "Name of the label to match on"),
            Self::HasMetadata => ("key", "Property within the entities metadata to match on"),
            Self::HasSpec => ("key", "Property within the entities spec to match on"),
            Self::IsEntityKind => ("kinds", "List of kinds to match at least one of"),
            Self::IsEntityOwner => (
                "claims",
                "List of claims to match at least one on within ownedBy",
            ),
        };
        ParamText { name, description }
    }

    /// The value that most rules may be narrowed to.
    fn value_description(self) -> Option<&'static str> {
        match self {
            Self::HasAnnotation => Some("Value of the annotation to match on"),
            Self::HasLabel => Some("Value of the label to match on"),
            Self::HasMetadata | Self::HasSpec => Some("Value of the given property to match on"),
            Self::IsEntityKind | Self::IsEntityOwner => None,
        }
    }

    fn params_schema(self) -> Value {
        let ParamText { name, description } = self.required_param();
        let mut properties = Map::new();
        let required = match self.value_description() {
            Some(_) => json!({ "type": "string", "description": description }),
            None => {
                json!({ "type": "array", "items": { "type": "string" }, "description": description })
            }
        };
        properties.insert(name.to_owned(), required);
        if let Some(description) = self.value_description() {
            let value = json!({ "type": "string", "description": description });
            properties.insert("value".to_owned(), value);
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": [name],
            "additionalProperties": false,
            "$schema": "http://json-schema.org/draft-07/schema#",
        })
    }

    fn to_json(self) -> Value {
        json!({
            "name": self.name(),
            "description": self.description(),
            "resourceType": ENTITY_RESOURCE,
            "paramsSchema": self.params_schema(),
        })
    }
}

/// Every rule, as Backstage's plugins tell them to each other.
pub(in crate::api) fn all_rules() -> Vec<Value> {
    EntityRule::ALL
        .into_iter()
        .map(EntityRule::to_json)
        .collect()
}

fn required_text(params: &Map<String, Value>, name: &str) -> Result<String, RuleFault> {
    optional_text(params, name)?.ok_or_else(|| RuleFault::Params(format!("'{name}' is required")))
}

fn optional_text(params: &Map<String, Value>, name: &str) -> Result<Option<String>, RuleFault> {
    match params.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(RuleFault::Params(format!("'{name}' must be a string"))),
    }
}

fn texts(params: &Map<String, Value>, name: &str) -> Result<Vec<String>, RuleFault> {
    let list = params.get(name).and_then(Value::as_array);
    let texts = list.and_then(|list| {
        let texts = list.iter().map(|item| item.as_str().map(str::to_owned));
        texts.collect::<Option<Vec<String>>>()
    });
    texts.ok_or_else(|| RuleFault::Params(format!("'{name}' must be a list of strings")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule_use(rule: &str, params: Value) -> RuleUse {
        RuleUse {
            rule: rule.to_owned(),
            resource_type: ENTITY_RESOURCE.to_owned(),
            params: Some(params),
        }
    }

    #[track_caller]
    fn check(rule: &str, params: Value, key: &str, values: Option<&[&str]>) {
        let expected = EntityTest {
            key: key.to_owned(),
            values: values.map(|values| values.iter().map(|&value| value.to_owned()).collect()),
        };
        assert_eq!(rule_use(rule, params).to_test(), Ok(expected));
    }

    #[test]
    fn a_rule_is_about_a_key_of_the_index() {
        check(
            "HAS_ANNOTATION",
            json!({"annotation": "a.b/c"}),
            "metadata.annotations.a.b/c",
            None,
        );
        check(
            "HAS_ANNOTATION",
            json!({"annotation": "a", "value": "X"}),
            "metadata.annotations.a",
            Some(&["X"]),
        );
        check(
            "HAS_LABEL",
            json!({"label": "tier", "value": ""}),
            "metadata.labels.tier",
            Some(&[""]),
        );
        check(
            "HAS_METADATA",
            json!({"key": "tags.java"}),
            "metadata.tags.java",
            None,
        );
        check(
            "HAS_SPEC",
            json!({"key": "type", "value": "service", "more": 1}),
            "spec.type",
            Some(&["service"]),
        );
        check(
            "IS_ENTITY_KIND",
            json!({"kinds": ["API", "Component"]}),
            "kind",
            Some(&["API", "Component"]),
        );
        check(
            "IS_ENTITY_OWNER",
            json!({"claims": []}),
            "relations.ownedBy",
            Some(&[]),
        );
    }

    #[track_caller]
    fn check_refused(rule: &RuleUse, message: &str) {
        let fault = rule.to_test().expect_err("it cannot be used");
        assert_eq!(fault.to_string(), message);
    }

    #[test]
    fn a_rule_that_cannot_be_used_says_why() {
        check_refused(
            &rule_use("IS_OLD", json!({})),
            "Permission rule 'IS_OLD' does not exist for resource type 'catalog-entity'",
        );
        let elsewhere = RuleUse {
            resource_type: "scaffolder-template".to_owned(),
            ..rule_use("HAS_SPEC", json!({"key": "a"}))
        };
        check_refused(
            &elsewhere,
            "Permission rule 'HAS_SPEC' does not exist for resource type 'scaffolder-template'",
        );
        let invalid = |text: &str| format!("Parameters to rule are invalid: {text}");
        check_refused(
            &rule_use("HAS_SPEC", json!({})),
            &invalid("'key' is required"),
        );
        check_refused(
            &rule_use("HAS_SPEC", json!({"key": "a", "value": null})),
            &invalid("'value' must be a string"),
        );
        check_refused(
            &rule_use("IS_ENTITY_KIND", json!({"kinds": "API"})),
            &invalid("'kinds' must be a list of strings"),
        );
        check_refused(
            &rule_use("IS_ENTITY_KIND", json!({"kinds": [1]})),
            &invalid("'kinds' must be a list of strings"),
        );
        let without = RuleUse {
            params: None,
            ..rule_use("HAS_SPEC", json!({}))
        };
        check_refused(&without, &invalid("an object is required"));
    }
}
