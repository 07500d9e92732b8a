//! `${ENV}` in texts, and `$env`, `$file`, `$include` objects, as Backstage's configuration loader has them.

use std::path::Path;

use serde_json::{Map, Value};

use super::mistakes::{Mistake, Mistakes};

/// Substitutes everything in `value`; relative files are relative to `folder`.
///
/// A text with a variable that is not set makes its key absent, as in Backstage.
pub(super) fn substitute(
    value: Value,
    folder: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Value, Mistakes> {
    let mut substitution = Substitution {
        folder,
        env,
        mistakes: Vec::new(),
    };
    let value = substitution.value(value, "").unwrap_or(Value::Null);
    Mistakes::none_or(substitution.mistakes)?;
    Ok(value)
}

struct Substitution<'a> {
    folder: &'a Path,
    env: &'a dyn Fn(&str) -> Option<String>,
    mistakes: Vec<Mistake>,
}

impl Substitution<'_> {
    fn value(&mut self, value: Value, path: &str) -> Option<Value> {
        match value {
            Value::String(text) => self.text(&text).map(Value::String),
            Value::Array(items) => {
                let items = items.into_iter().enumerate();
                Some(Value::Array(
                    items
                        .filter_map(|(index, item)| self.value(item, &format!("{path}[{index}]")))
                        .collect(),
                ))
            }
            Value::Object(object) => self.object(object, path),
            scalar => Some(scalar),
        }
    }

    fn object(&mut self, object: Map<String, Value>, path: &str) -> Option<Value> {
        if let [(key, Value::String(argument))] = object.iter().collect::<Vec<_>>().as_slice() {
            match key.as_str() {
                "$env" => return (self.env)(argument).map(Value::String),
                "$file" => {
                    return self
                        .file(argument, path)
                        .map(|text| Value::String(text.trim().to_owned()));
                }
                "$include" => return self.include(argument, path),
                _ => {}
            }
        }
        let entries = object.into_iter().filter_map(|(key, value)| {
            let inner = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            self.value(value, &inner).map(|value| (key, value))
        });
        Some(Value::Object(entries.collect()))
    }

    fn file(&mut self, name: &str, path: &str) -> Option<String> {
        let file = self.folder.join(name);
        std::fs::read_to_string(&file)
            .map_err(|error| {
                self.mistake(path, format!("{} cannot be read: {error}", file.display()));
            })
            .ok()
    }

    /// `file#a.b.c`: a part of another YAML or JSON file.
    fn include(&mut self, argument: &str, path: &str) -> Option<Value> {
        let (name, part) = argument.split_once('#').unwrap_or((argument, ""));
        let text = self.file(name, path)?;
        let mut included: Value = match serde_yaml::from_str(&text) {
            Ok(value) => value,
            Err(error) => {
                self.mistake(path, format!("{name} is not YAML: {error}"));
                return None;
            }
        };
        for key in part.split('.').filter(|key| !key.is_empty()) {
            match included.get_mut(key) {
                Some(inner) => included = inner.take(),
                None => {
                    self.mistake(path, format!("{name} has no `{part}`"));
                    return None;
                }
            }
        }
        Some(included)
    }

    /// `${NAME}` and `${NAME:-default}` substituted, `$${` taken literally; `None` if a variable is not set.
    fn text(&self, text: &str) -> Option<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if rest[..start].ends_with('$') {
                out.push_str(&rest[..start]);
                out.push('{');
                rest = &rest[start + 2..];
                continue;
            }
            let Some(length) = rest[start..].find('}') else {
                break;
            };
            out.push_str(&rest[..start]);
            out.push_str(&self.variable(&rest[start + 2..start + length])?);
            rest = &rest[start + length + 1..];
        }
        out.push_str(rest);
        Some(out)
    }

    fn variable(&self, expression: &str) -> Option<String> {
        let (name, default) = match expression.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (expression, None),
        };
        (self.env)(name.trim())
            .filter(|value| !value.is_empty())
            .or_else(|| default.map(str::to_owned))
    }

    fn mistake(&mut self, path: &str, message: String) {
        self.mistakes.push(Mistake {
            path: path.to_owned(),
            file: None,
            message,
        });
    }
}
