//! The `fields` parameter: which parts of an entity are wanted.
//!
//! A path is resolved greedily: a segment is taken if the object has it, otherwise it is joined to
//! the next one by a dot. So `metadata.annotations.github.com/project-slug` finds the annotation.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::InvalidQuery;

/// The wanted paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldSelection {
    paths: Vec<String>,
}

impl FieldSelection {
    /// Reads the values of all `fields` parameters; `None` if there is no path in them.
    ///
    /// # Errors
    ///
    /// If a path asks for an item of a list by `[`.
    pub(crate) fn parse<'a>(
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Self>, InvalidQuery> {
        let paths = parameters
            .into_iter()
            .flat_map(|parameter| parameter.split(','));
        Self::parse_each(paths)
    }

    /// Reads paths that are separate already, and may have a comma in them.
    ///
    /// # Errors
    ///
    /// If a path asks for an item of a list by `[`.
    pub(crate) fn parse_each<'a>(
        given: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Self>, InvalidQuery> {
        let mut paths: Vec<String> = Vec::new();
        for path in given {
            let path = path.trim();
            // Backstage cannot pick an item of a list either, and refuses it in the same words.
            if path.contains('[') {
                return Err(InvalidQuery(
                    "invalid fields, array type fields are not supported".to_owned(),
                ));
            }
            if !path.is_empty() && !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        }
        Ok((!paths.is_empty()).then_some(Self { paths }))
    }

    /// The wanted parts of an entity, both as JSON text.
    pub(crate) fn project_text(&self, entity: &str) -> String {
        let mut text = serde_json::Deserializer::from_str(entity);
        // Most of an entity is in parts that nobody asked for, and those are passed over.
        let read = WantedParts(self).deserialize(&mut text);
        self.project_entity(&read.unwrap_or_default()).to_string()
    }

    /// Whether a path leads into what the entity has under this key.
    fn leads_into(&self, key: &str) -> bool {
        let mut paths = self.paths.iter();
        paths.any(|path| {
            let rest = path.strip_prefix(key);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    /// The wanted parts of an entity, nested as they were.
    fn project_entity(&self, entity: &Value) -> Value {
        let mut projected = Value::Object(Map::new());
        for path in &self.paths {
            if let Some((steps, value)) = resolve_path(entity, path) {
                insert_at(&mut projected, &steps, value.clone());
            }
        }
        projected
    }
}

/// Reads those parts of an entity that a path leads into.
struct WantedParts<'a>(&'a FieldSelection);

impl<'de> DeserializeSeed<'de> for WantedParts<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WantedParts<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an entity")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Value, M::Error> {
        let mut wanted = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.0.leads_into(&key) {
                wanted.insert(key, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Value::Object(wanted))
    }
}

/// From a value to one inside it.
#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    /// Of a list. There is such an item, so that nobody can ask for a list longer than the one there is.
    Item(usize),
}

/// The steps that lead to a path's value, and the value.
fn resolve_path<'a>(entity: &'a Value, path: &'a str) -> Option<(Vec<Step<'a>>, &'a Value)> {
    let mut value = entity;
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        // The shortest key first: a field that exists by that name hides one whose name has a dot
        // in it.
        let ends = rest
            .match_indices('.')
            .map(|(at, _)| at)
            .chain([rest.len()]);
        let (end, (step, inner)) = ends
            .into_iter()
            .find_map(|end| Some((end, child_of(value, &rest[..end])?)))?;
        steps.push(step);
        value = inner;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some((steps, value))
}

fn child_of<'a>(value: &'a Value, key: &'a str) -> Option<(Step<'a>, &'a Value)> {
    match value {
        Value::Object(fields) => Some((Step::Member(key), fields.get(key)?)),
        Value::Array(items) => {
            let index = key.parse().ok()?;
            Some((Step::Item(index), items.get(index)?))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// Puts a value behind these steps; what is on the way there is made, and `null` stands for items that nobody asked for.
fn insert_at(target: &mut Value, steps: &[Step<'_>], value: Value) {
    let Some((first, rest)) = steps.split_first() else {
        *target = value;
        return;
    };
    let inner = match (first, target) {
        (Step::Member(key), target) => {
            if target.is_null() {
                *target = Value::Object(Map::new());
            }
            let fields = target.as_object_mut();
            fields.map(|fields| fields.entry(*key).or_insert(Value::Null))
        }
        (Step::Item(index), target) => {
            if target.is_null() {
                *target = Value::Array(Vec::new());
            }
            target.as_array_mut().map(|items| {
                let length = items.len().max(index + 1);
                items.resize(length, Value::Null);
                &mut items[*index]
            })
        }
    };
    // Two paths lead over the same steps of one entity, so what the first one made is what the second needs.
    let inner = inner.expect("the same entity");
    insert_at(inner, rest, value);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(fields: &str, expected: &Value) {
        let entity = json!({
            "kind": "Component",
            "metadata": {
                "name": "a",
                "annotations": {"github.com/project-slug": "o/r", "x": null},
                "links": [{"url": "u"}, {"url": "v", "title": "t"}],
            },
        });
        let fields = FieldSelection::parse([fields])
            .expect("valid")
            .expect("at least one path");
        assert_eq!(fields.project_entity(&entity), *expected);
        let text: Value =
            serde_json::from_str(&fields.project_text(&entity.to_string())).expect("JSON");
        assert_eq!(text, *expected);
    }

    #[test]
    fn paths_keep_their_nesting() {
        check(
            "kind, metadata.name",
            &json!({"kind": "Component", "metadata": {"name": "a"}}),
        );
        check(
            "metadata.annotations.x",
            &json!({"metadata": {"annotations": {"x": null}}}),
        );
    }

    #[test]
    fn keys_with_dots_are_found() {
        check(
            "metadata.annotations.github.com/project-slug",
            &json!({"metadata": {"annotations": {"github.com/project-slug": "o/r"}}}),
        );
    }

    #[test]
    fn what_is_missing_is_left_out() {
        check(
            "spec.type,kind.x,metadata.links.0.url",
            &json!({"metadata": {"links": [{"url": "u"}]}}),
        );
    }

    #[test]
    fn an_item_of_a_list_stays_in_a_list() {
        check(
            "metadata.links.1.url,metadata.links.2.url,metadata.links.1.title",
            &json!({"metadata": {"links": [null, {"url": "v", "title": "t"}]}}),
        );
        check(
            "metadata.links,metadata.links.0.url",
            &json!({"metadata": {"links": [{"url": "u"}, {"url": "v", "title": "t"}]}}),
        );
    }

    #[test]
    fn no_path_is_no_projection_and_brackets_are_refused() {
        assert_eq!(FieldSelection::parse([" , "]), Ok(None));
        assert!(FieldSelection::parse(["metadata.links[0]"]).is_err());
    }
}
