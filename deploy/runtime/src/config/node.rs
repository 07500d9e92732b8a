//! The merged tree.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Number, Value};

/// A value and the file it came from.
#[derive(Clone)]
pub(super) struct Located {
    pub(super) node: Node,
    pub(super) file: Option<Arc<Path>>,
}

/// A value of the configuration after substitution.
#[derive(Clone)]
pub(super) enum Node {
    /// Written as null: absent, also if an earlier file had it.
    Null,
    /// Written with an environment variable that is not set: as if not written, remembered for the message.
    Unset {
        variable: String,
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
            node: Node::Block(BTreeMap::new()),
            file: None,
        }
    }

    /// Whether readers see nothing here.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.node, Node::Null | Node::Unset { .. })
    }

    /// What it is, as the end of "must be text, not …".
    pub(super) fn type_name(&self) -> &'static str {
        match &self.node {
            Node::Null | Node::Unset { .. } => "nothing",
            Node::Bool(_) => "a boolean",
            Node::Number(_) => "a number",
            Node::Text(_) => "text",
            Node::List(_) => "a list",
            Node::Block(_) => "an object",
        }
    }

    /// This tree with a later file's tree over it.
    pub(super) fn merged_with(self, later: Self) -> Self {
        match (self.node, later.node) {
            (Node::Block(mut base), Node::Block(over)) => {
                for (key, value) in over {
                    let merged = match base.remove(&key) {
                        Some(earlier) => earlier.merged_with(value),
                        None => value,
                    };
                    base.insert(key, merged);
                }
                Self {
                    node: Node::Block(base),
                    file: later.file,
                }
            }
            (earlier, Node::Unset { .. }) => Self {
                node: earlier,
                file: self.file,
            },
            (_, over) => Self {
                node: over,
                file: later.file,
            },
        }
    }

    /// The value as JSON, without what is absent.
    pub(super) fn to_json(&self) -> Value {
        match &self.node {
            Node::Null | Node::Unset { .. } => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(value.clone()),
            Node::Text(value) => Value::String(value.clone()),
            Node::List(items) => items.iter().map(Self::to_json).collect(),
            Node::Block(entries) => {
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
pub(super) fn join(path: &str, key: &str) -> String {
    match (path, key) {
        ("", key) => key.to_owned(),
        (path, "") => path.to_owned(),
        (path, key) => format!("{path}.{key}"),
    }
}
