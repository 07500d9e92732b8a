//! From the text of a file to a tree: YAML, variables, `$env`, `$file`, `$include`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Number;
use serde_yaml::Value;

use super::Mistake;
use super::node::{Located, Node, join};
use super::substitute::{Substituted, substitute};

/// How deep files may include each other; a cycle ends here.
const INCLUDE_DEPTH_MAX: u8 = 8;

type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Resolves documents and collects what goes wrong.
pub(super) struct Resolver<'a> {
    env: Env<'a>,
    mistakes: Vec<Mistake>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a> {
    path: &'a str,
    directory: Option<&'a Path>,
    file: Option<&'a Arc<Path>>,
    depth: u8,
}

/// An object that stands for a value from elsewhere.
#[derive(Clone, Copy)]
enum Reference {
    Env,
    File,
    Include,
}

impl Reference {
    const ALL: [Self; 3] = [Self::Env, Self::File, Self::Include];

    fn key(self) -> &'static str {
        match self {
            Self::Env => "$env",
            Self::File => "$file",
            Self::Include => "$include",
        }
    }
}

impl<'a> Resolver<'a> {
    pub(super) fn new(env: Env<'a>) -> Self {
        Self {
            env,
            mistakes: Vec::new(),
        }
    }

    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    pub(super) fn mistake(&mut self, path: &str, file: Option<&Path>, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            path: path.to_owned(),
            file: file.map(Path::to_owned),
            message: message.into(),
        });
    }

    /// Resolves one whole file. Other files it names are looked for beside it, in `directory`.
    pub(super) fn document(
        &mut self,
        text: &str,
        directory: Option<&Path>,
        file: Option<&Arc<Path>>,
    ) -> Located {
        let place = Place {
            path: "",
            directory,
            file,
            depth: 0,
        };
        let value = match serde_yaml::from_str(text) {
            Ok(value) => value,
            Err(error) => {
                self.wrong(place, format!("is not valid YAML: {error}"));
                Value::Null
            }
        };
        match value {
            Value::Null => Located {
                file: file.cloned(),
                ..Located::empty()
            },
            Value::Mapping(_) => self.value(value, place),
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_) => {
                self.wrong(place, "must be an object at the top level");
                Located::empty()
            }
        }
    }

    fn wrong(&mut self, place: Place<'_>, message: impl Into<String>) -> Node {
        self.mistake(place.path, place.file.map(AsRef::as_ref), message);
        Node::Null
    }

    fn value(&mut self, value: Value, place: Place<'_>) -> Located {
        let node = match value {
            Value::Null => Node::Null,
            Value::Bool(value) => Node::Bool(value),
            Value::Number(number) => match json_number(&number) {
                Some(number) => Node::Number(number),
                None => self.wrong(place, "must be a finite number"),
            },
            Value::String(text) => self.text(&text),
            Value::Sequence(items) => Node::List(self.list(items, place)),
            Value::Mapping(entries) => return self.mapping(entries, place),
            Value::Tagged(_) => self.wrong(place, "has a YAML tag, which means nothing here"),
        };
        Located {
            node,
            file: place.file.cloned(),
        }
    }

    fn text(&self, text: &str) -> Node {
        match substitute(text, self.env) {
            Substituted::Text(text) => Node::Text(text),
            Substituted::Unset { variable } => Node::Unset { variable },
        }
    }

    /// The items, without those whose variable is not set.
    fn list(&mut self, items: Vec<Value>, place: Place<'_>) -> Vec<Located> {
        let resolved = items.into_iter().enumerate().map(|(index, item)| {
            let path = format!("{}[{index}]", place.path);
            self.value(
                item,
                Place {
                    path: &path,
                    ..place
                },
            )
        });
        resolved
            .filter(|item| !matches!(item.node, Node::Unset { .. }))
            .collect()
    }

    fn mapping(&mut self, entries: serde_yaml::Mapping, place: Place<'_>) -> Located {
        let node = match Reference::ALL
            .into_iter()
            .find(|reference| entries.contains_key(reference.key()))
        {
            Some(reference) => return self.reference(reference, &entries, place),
            None => self.block(entries, place),
        };
        Located {
            node,
            file: place.file.cloned(),
        }
    }

    fn block(&mut self, entries: serde_yaml::Mapping, place: Place<'_>) -> Node {
        let mut block = BTreeMap::new();
        for (key, value) in entries {
            let Some(key) = key_text(&key) else {
                self.wrong(place, "has a key that is not text");
                continue;
            };
            let path = join(place.path, &key);
            block.insert(
                key,
                self.value(
                    value,
                    Place {
                        path: &path,
                        ..place
                    },
                ),
            );
        }
        Node::Block(block)
    }

    fn reference(
        &mut self,
        reference: Reference,
        entries: &serde_yaml::Mapping,
        place: Place<'_>,
    ) -> Located {
        let key = reference.key();
        let here = |node| Located {
            node,
            file: place.file.cloned(),
        };
        let target = match entries.get(key) {
            Some(Value::String(target)) if entries.len() == 1 => self.text(target),
            _ => {
                return here(self.wrong(
                    place,
                    format!("must hold `{key}: TEXT` and nothing beside it"),
                ));
            }
        };
        match (reference, target) {
            (Reference::Env, Node::Text(name)) => here(self.variable(&name)),
            (Reference::File, Node::Text(file)) => here(self.file(&file, place)),
            (Reference::Include, Node::Text(target)) => self.include(&target, place),
            (_, unset) => here(unset),
        }
    }

    fn variable(&self, name: &str) -> Node {
        match (self.env)(name) {
            Some(value) => Node::Text(value.trim().to_owned()),
            None => Node::Unset {
                variable: name.to_owned(),
            },
        }
    }

    fn file(&mut self, file: &str, place: Place<'_>) -> Node {
        match self.read(file, place) {
            Some((_, text)) => Node::Text(text.trim().to_owned()),
            None => Node::Null,
        }
    }

    /// `file` or `file#path.inside`.
    fn include(&mut self, target: &str, place: Place<'_>) -> Located {
        let null = Located {
            node: Node::Null,
            file: place.file.cloned(),
        };
        if place.depth >= INCLUDE_DEPTH_MAX {
            self.wrong(
                place,
                format!("includes files more than {INCLUDE_DEPTH_MAX} deep"),
            );
            return null;
        }
        let (file, inside) = target.split_once('#').unwrap_or((target, ""));
        let Some((path, text)) = self.read(file, place) else {
            return null;
        };
        match serde_yaml::from_str(&text).map(|value| select(value, inside)) {
            Ok(Some(value)) => {
                let source: Arc<Path> = path.into();
                self.value(
                    value,
                    Place {
                        directory: source.parent(),
                        file: Some(&source),
                        depth: place.depth + 1,
                        ..place
                    },
                )
            }
            Ok(None) => {
                self.wrong(
                    place,
                    format!("includes `{inside}`, which {file} does not have"),
                );
                null
            }
            Err(error) => {
                self.wrong(
                    place,
                    format!("includes {file}, which is not valid YAML: {error}"),
                );
                null
            }
        }
    }

    fn read(&mut self, file: &str, place: Place<'_>) -> Option<(PathBuf, String)> {
        let Some(directory) = place.directory else {
            self.wrong(place, "names a file, but this configuration is not in one");
            return None;
        };
        let path = directory.join(file);
        match super::read(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => {
                self.wrong(
                    place,
                    format!("names {}, which cannot be read: {error}", path.display()),
                );
                None
            }
        }
    }
}

/// The part of an included file after `#`, keys separated by dots.
fn select(value: Value, inside: &str) -> Option<Value> {
    let keys = inside.split('.').filter(|key| !key.is_empty());
    keys.into_iter().try_fold(value, |value, key| match value {
        Value::Mapping(mut entries) => entries.remove(key),
        _ => None,
    })
}

fn key_text(key: &Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => None,
    }
}

fn json_number(number: &serde_yaml::Number) -> Option<Number> {
    let unsigned = number.as_u64().map(Number::from);
    let signed = || number.as_i64().map(Number::from);
    let float = || number.as_f64().and_then(Number::from_f64);
    unsigned.or_else(signed).or_else(float)
}
