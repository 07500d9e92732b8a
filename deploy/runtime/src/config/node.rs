//! The merged tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Number, Value};

use super::Mistake;

/// Texts that mean true and false, beside the booleans: those that Backstage takes for them.
const TRUE: [&str; 4] = ["true", "yes", "on", "1"];
const FALSE: [&str; 4] = ["false", "no", "off", "0"];

/// A value and the file it came from.
#[derive(Clone)]
pub(super) struct Located {
    pub(super) node: ConfigNode,
    pub(super) file: Option<Arc<Path>>,
}

/// A value of the configuration after substitution.
#[derive(Clone)]
pub(super) enum ConfigNode {
    /// Written as null: absent, also if an earlier file had it.
    Null,
    /// Written with an environment variable that is not set: as if not written, remembered for the message.
    Unset {
        variable: String,
    },
    /// Written in a way that stands for no value. A mistake of whoever reads it, and of nobody else: most of
    /// a configuration belongs to others.
    Invalid {
        message: String,
    },
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Located>),
    Block(BTreeMap<String, Located>),
}

impl Located {
    pub(super) fn empty() -> Self {
        Self {
            node: ConfigNode::Block(BTreeMap::new()),
            file: None,
        }
    }

    /// Whether readers see nothing here.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.node, ConfigNode::Null | ConfigNode::Unset { .. })
    }

    /// What it is, as the end of "must be text, not …".
    pub(super) fn type_name(&self) -> &'static str {
        match &self.node {
            ConfigNode::Null | ConfigNode::Unset { .. } => "nothing",
            ConfigNode::Invalid { .. } => "what stands for no value",
            ConfigNode::Bool(_) => "a boolean",
            ConfigNode::Number(_) => "a number",
            ConfigNode::Text(_) => "text",
            ConfigNode::List(_) => "a list",
            ConfigNode::Block(_) => "an object",
        }
    }

    /// This tree with a later file's tree over it.
    pub(super) fn merged_with(self, later: Self) -> Self {
        match (self.node, later.node) {
            (ConfigNode::Block(mut base), ConfigNode::Block(over)) => {
                for (key, value) in over {
                    let merged = match base.remove(&key) {
                        Some(earlier) => earlier.merged_with(value),
                        None => value,
                    };
                    base.insert(key, merged);
                }
                Self {
                    node: ConfigNode::Block(base),
                    file: later.file,
                }
            }
            // As if it were not written: an override whose variable is missing must not erase what
            // lies under it.
            (earlier, ConfigNode::Unset { .. }) => Self {
                node: earlier,
                file: self.file,
            },
            (_, over) => Self {
                node: over,
                file: later.file,
            },
        }
    }

    /// A mistake for everything in it that stands for no value.
    pub(super) fn find_invalid(&self, path: &str) -> Vec<Mistake> {
        match &self.node {
            ConfigNode::Invalid { message } => vec![Mistake {
                path: path.to_owned(),
                file: self.file.as_deref().map(Path::to_owned),
                message: message.clone(),
            }],
            ConfigNode::List(items) => items
                .iter()
                .enumerate()
                .flat_map(|(index, item)| item.find_invalid(&format!("{path}[{index}]")))
                .collect(),
            ConfigNode::Block(entries) => entries
                .iter()
                .flat_map(|(key, value)| value.find_invalid(&join_path(path, key)))
                .collect(),
            ConfigNode::Null
            | ConfigNode::Unset { .. }
            | ConfigNode::Bool(_)
            | ConfigNode::Number(_)
            | ConfigNode::Text(_) => Vec::new(),
        }
    }

    /// The value as a boolean, if it is one or the text of one.
    pub(super) fn to_bool(&self) -> Option<bool> {
        let text = match &self.node {
            ConfigNode::Bool(value) => return Some(*value),
            // A substituted variable is always text.
            ConfigNode::Text(text) => text.trim().to_ascii_lowercase(),
            _ => return None,
        };
        let text = text.as_str();
        let is_false = FALSE.contains(&text);
        (TRUE.contains(&text) || is_false).then_some(!is_false)
    }

    /// The value as JSON, without what is absent.
    pub(super) fn to_json(&self) -> Value {
        match &self.node {
            // What is invalid was reported before anybody asked for the JSON.
            ConfigNode::Null | ConfigNode::Unset { .. } | ConfigNode::Invalid { .. } => Value::Null,
            ConfigNode::Bool(value) => Value::Bool(*value),
            ConfigNode::Number(value) => Value::Number(value.clone()),
            ConfigNode::Text(value) => Value::String(value.clone()),
            ConfigNode::List(items) => items.iter().map(Self::to_json).collect(),
            ConfigNode::Block(entries) => {
                // Absent keys are left out rather than null: to whoever reads the JSON null would
                // be a value.
                let present = entries.iter().filter(|(_, value)| !value.is_absent());
                Value::Object(
                    present
                        .map(|(key, value)| (key.clone(), value.to_json()))
                        .collect(),
                )
            }
        }
    }
}

/// The path of `key` inside `path`.
pub(super) fn join_path(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}
