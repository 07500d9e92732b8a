//! From the text of a file to a tree: YAML, variables, `$env`, `$file`, `$include`.
//!
//! What stands for no value, such as `$file` of a file that is not there, becomes a node that says so. It is
//! a mistake only once somebody reads it: the file holds the settings of many plugins, and those of others
//! may be meant for other machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Number;
use serde_yaml::Value;

use super::Mistake;
use super::node::{ConfigNode, Located, join_path};
use super::substitute::{Substituted, substitute_variables};

/// How deep files may include each other; a cycle ends here.
const INCLUDE_DEPTH_MAX: u8 = 8;

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Resolves documents and collects what goes wrong.
pub(super) struct ConfigResolver<'a> {
    env: Environment<'a>,
    mistakes: Vec<Mistake>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct ValuePlace<'a> {
    path: &'a str,
    directory: Option<&'a Path>,
    file: Option<&'a Arc<Path>>,
    depth: u8,
}

/// An object that stands for a value from elsewhere.
#[derive(Clone, Copy)]
enum ValueReference {
    Env,
    File,
    Include,
}

impl ValueReference {
    const ALL: [Self; 3] = [Self::Env, Self::File, Self::Include];

    fn key(self) -> &'static str {
        match self {
            Self::Env => "$env",
            Self::File => "$file",
            Self::Include => "$include",
        }
    }
}

impl<'a> ConfigResolver<'a> {
    pub(super) fn new(env: Environment<'a>) -> Self {
        Self {
            env,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    pub(super) fn add_mistake(
        &mut self,
        path: &str,
        file: Option<&Path>,
        message: impl Into<String>,
    ) {
        self.mistakes.push(Mistake {
            path: path.to_owned(),
            file: file.map(Path::to_owned),
            message: message.into(),
        });
    }

    /// Resolves one whole file. Other files it names are looked for beside it, in `directory`.
    pub(super) fn resolve_document(
        &mut self,
        text: &str,
        directory: Option<&Path>,
        file: Option<&Arc<Path>>,
    ) -> Located {
        let place = ValuePlace {
            path: "",
            directory,
            file,
            depth: 0,
        };
        let value = match serde_yaml::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                let message = format!("is not valid YAML: {error}");
                self.add_mistake("", file.map(AsRef::as_ref), message);
                Value::Null
            }
        };
        match untag(value) {
            Value::Null => Located {
                file: file.cloned(),
                ..Located::empty()
            },
            value @ Value::Mapping(_) => self.resolve_value(value, place),
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_) => {
                let message = "must be an object at the top level";
                self.add_mistake("", file.map(AsRef::as_ref), message);
                Located::empty()
            }
        }
    }

    fn resolve_value(&self, value: Value, place: ValuePlace<'_>) -> Located {
        let node = match value {
            Value::Null => ConfigNode::Null,
            Value::Bool(value) => ConfigNode::Bool(value),
            Value::Number(number) => match json_number(&number) {
                Some(number) => ConfigNode::Number(number),
                None => invalid("must be a finite number"),
            },
            Value::String(text) => self.resolve_text(&text),
            Value::Sequence(items) => ConfigNode::List(self.resolve_list(items, place)),
            Value::Mapping(entries) => return self.resolve_mapping(entries, place),
            tagged @ Value::Tagged(_) => return self.resolve_value(untag(tagged), place),
        };
        Located {
            node,
            file: place.file.cloned(),
        }
    }

    fn resolve_text(&self, text: &str) -> ConfigNode {
        match substitute_variables(text, self.env) {
            Substituted::Text(text) => ConfigNode::Text(text),
            Substituted::Unset { variable } => ConfigNode::Unset { variable },
        }
    }

    /// The items, without those whose variable is not set.
    fn resolve_list(&self, items: Vec<Value>, place: ValuePlace<'_>) -> Vec<Located> {
        let resolved = items.into_iter().enumerate().map(|(index, item)| {
            let path = format!("{}[{index}]", place.path);
            self.resolve_value(
                item,
                ValuePlace {
                    path: &path,
                    ..place
                },
            )
        });
        resolved
            // One unset variable means one item less, and not a list that is not there.
            .filter(|item| !matches!(item.node, ConfigNode::Unset { .. }))
            .collect()
    }

    fn resolve_mapping(&self, entries: serde_yaml::Mapping, place: ValuePlace<'_>) -> Located {
        let node = match ValueReference::ALL
            .into_iter()
            .find(|reference| entries.contains_key(reference.key()))
        {
            Some(reference) => return self.resolve_reference(reference, &entries, place),
            None => self.resolve_block(entries, place),
        };
        Located {
            node,
            file: place.file.cloned(),
        }
    }

    fn resolve_block(&self, entries: serde_yaml::Mapping, place: ValuePlace<'_>) -> ConfigNode {
        let mut block = BTreeMap::new();
        for (key, value) in entries {
            let key = key_text(&key);
            let path = join_path(place.path, &key);
            block.insert(
                key,
                self.resolve_value(
                    value,
                    ValuePlace {
                        path: &path,
                        ..place
                    },
                ),
            );
        }
        ConfigNode::Block(block)
    }

    fn resolve_reference(
        &self,
        reference: ValueReference,
        entries: &serde_yaml::Mapping,
        place: ValuePlace<'_>,
    ) -> Located {
        let key = reference.key();
        let here = |node| Located {
            node,
            file: place.file.cloned(),
        };
        let target = match entries.get(key) {
            // With anything beside it, it is unclear which of the two was meant.
            Some(Value::String(target)) if entries.len() == 1 => self.resolve_text(target),
            _ => {
                return here(invalid(format!(
                    "must hold `{key}: TEXT` and nothing beside it"
                )));
            }
        };
        match (reference, target) {
            (ValueReference::Env, ConfigNode::Text(name)) => here(self.resolve_variable(&name)),
            (ValueReference::File, ConfigNode::Text(file)) => here(self.resolve_file(&file, place)),
            (ValueReference::Include, ConfigNode::Text(target)) => {
                self.resolve_include(&target, place)
            }
            (_, unset) => here(unset),
        }
    }

    fn resolve_variable(&self, name: &str) -> ConfigNode {
        match (self.env)(name) {
            // Secrets that come out of files mostly end with a line break, which no password has.
            Some(value) => ConfigNode::Text(value.trim().to_owned()),
            None => ConfigNode::Unset {
                variable: name.to_owned(),
            },
        }
    }

    fn resolve_file(&self, file: &str, place: ValuePlace<'_>) -> ConfigNode {
        match read_named_file(file, place) {
            Ok((_, text)) => ConfigNode::Text(text.trim().to_owned()),
            Err(message) => invalid(message),
        }
    }

    fn resolve_include(&self, target: &str, place: ValuePlace<'_>) -> Located {
        match read_included(target, place) {
            Ok((path, value)) => {
                let source: Arc<Path> = path.into();
                self.resolve_value(
                    value,
                    ValuePlace {
                        directory: source.parent(),
                        file: Some(&source),
                        depth: place.depth + 1,
                        ..place
                    },
                )
            }
            Err(message) => Located {
                node: invalid(message),
                file: place.file.cloned(),
            },
        }
    }
}

fn invalid(message: impl Into<String>) -> ConfigNode {
    ConfigNode::Invalid {
        message: message.into(),
    }
}

/// `file` or `file#path.inside`; the error is why there is no value.
fn read_included(target: &str, place: ValuePlace<'_>) -> Result<(PathBuf, Value), String> {
    // A depth and no list of files seen: the same file may be included twice on purpose.
    if place.depth >= INCLUDE_DEPTH_MAX {
        return Err(format!("includes files more than {INCLUDE_DEPTH_MAX} deep"));
    }
    let (file, inside) = target.split_once('#').unwrap_or((target, ""));
    let (path, text) = read_named_file(file, place)?;
    let value = serde_yaml::from_str(&text)
        .map_err(|error| format!("includes {file}, which is not valid YAML: {error}"))?;
    let part = select_part(value, inside)
        .ok_or_else(|| format!("includes `{inside}`, which {file} does not have"))?;
    Ok((path, part))
}

fn read_named_file(file: &str, place: ValuePlace<'_>) -> Result<(PathBuf, String), String> {
    // Never relative to the working directory: the same file would mean something else when
    // started from elsewhere.
    let directory = place
        .directory
        .ok_or("names a file, but this configuration is not in one")?;
    let path = directory.join(file);
    match super::read_file(&path) {
        Ok(text) => Ok((path, text)),
        Err(error) => Err(format!(
            "names {}, which cannot be read: {error}",
            path.display()
        )),
    }
}

/// What a value is without its tag, as in Backstage, to which tags mean nothing: what stands behind one is
/// text, unless it is a list or an object.
fn untag(value: Value) -> Value {
    let Value::Tagged(tagged) = value else {
        return value;
    };
    match untag(tagged.value) {
        Value::Null => Value::String(String::new()),
        Value::Bool(value) => Value::String(value.to_string()),
        Value::Number(value) => Value::String(value.to_string()),
        other => other,
    }
}

/// The part of an included file after `#`, keys separated by dots.
fn select_part(value: Value, inside: &str) -> Option<Value> {
    let keys = inside.split('.').filter(|key| !key.is_empty());
    keys.into_iter().try_fold(value, |value, key| match value {
        Value::Mapping(mut entries) => entries.remove(key),
        _ => None,
    })
}

/// A key as text. YAML allows a list as a key; it gets a name that nobody asks for.
fn key_text(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => String::new(),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => {
            serde_json::to_string(key).unwrap_or_else(|_| "{…}".to_owned())
        }
    }
}

fn json_number(number: &serde_yaml::Number) -> Option<Number> {
    // Integers first: as a float, a large id would lose its last digits.
    let unsigned = number.as_u64().map(Number::from);
    let signed = || number.as_i64().map(Number::from);
    let float = || number.as_f64().and_then(Number::from_f64);
    unsigned.or_else(signed).or_else(float)
}
