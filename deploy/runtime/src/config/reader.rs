//! Typed access to the tree that collects every mistake.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::findings::Findings;
use super::node::{ConfigNode, Located, join_path};
use super::opened::UnknownKeys;
use super::{Mistake, Mistakes, duration};

/// Reads one object of the configuration.
///
/// A getter returns `None` both for what is absent and for what has the wrong type; the latter is also a
/// mistake, so the caller goes on with its default and the process does not start.
#[derive(Clone)]
pub struct Reader<'a> {
    located: &'a Located,
    path: String,
    /// What an unknown key means in the objects that are opened from here.
    inside: UnknownKeys,
    findings: Rc<RefCell<Findings>>,
}

impl<'a> Reader<'a> {
    pub(super) fn root(located: &'a Located) -> Self {
        let root = Self {
            located,
            path: String::new(),
            inside: UnknownKeys::Warned,
            findings: Rc::default(),
        };
        root.track_keys(UnknownKeys::Ignored);
        root
    }

    /// Opens an object. A key of it that nobody reads becomes a warning; inside of an own block, a mistake.
    #[must_use]
    pub fn block(&self, key: &str) -> Option<Reader<'a>> {
        self.open_child(key, self.inside)
    }

    /// Opens an object that nobody else reads: an unknown key, at any depth of it, is a typing error.
    #[must_use]
    pub fn own_block(&self, key: &str) -> Option<Reader<'a>> {
        self.open_child(key, UnknownKeys::Refused)
    }

    /// Opens an object in which others have keys too; unless it is also opened with [`Reader::block`],
    /// unknown keys are ignored.
    #[must_use]
    pub fn open_block(&self, key: &str) -> Option<Reader<'a>> {
        self.open_child(key, UnknownKeys::Ignored)
    }

    /// Says that a key is known and means nothing to us.
    pub fn ignore(&self, key: &str) {
        self.mark_known(key);
    }

    /// Every key that has a value.
    #[must_use]
    pub fn keys(&self) -> Vec<&'a str> {
        let ConfigNode::Block(entries) = &self.located.node else {
            return Vec::new();
        };
        let present = entries.iter().filter(|(_, value)| !value.is_absent());
        present.map(|(key, _)| key.as_str()).collect()
    }

    /// The objects of a list; empty if there is none.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<Reader<'a>> {
        self.open_list(key, self.inside)
    }

    /// The objects of a list in which an unknown key would do harm: at any depth of them it is a mistake.
    #[must_use]
    pub fn strict_list(&self, key: &str) -> Vec<Reader<'a>> {
        self.open_list(key, UnknownKeys::Refused)
    }

    /// The entries of the object under `key`, whose keys the user chose; all of them must be objects.
    #[must_use]
    pub fn entries(&self, key: &str) -> Vec<(String, Reader<'a>)> {
        let Some(block) = self.block(key) else {
            return Vec::new();
        };
        let ConfigNode::Block(entries) = &block.located.node else {
            return Vec::new();
        };
        // The keys are names the user chose, so none of them is unknown.
        entries.keys().for_each(|name| block.mark_known(name));
        let present = entries.iter().filter(|(_, value)| !value.is_absent());
        present
            .filter_map(|(name, _)| Some((name.clone(), block.block(name)?)))
            .collect()
    }

    /// A text.
    #[must_use]
    pub fn string(&self, key: &str) -> Option<String> {
        let value = self.find_present(key)?;
        match &value.node {
            ConfigNode::Text(text) if text.is_empty() => {
                self.refuse_value(key, "must not be empty")
            }
            ConfigNode::Text(text) => Some(text.clone()),
            _ => self.refuse_value(key, &format!("must be text, not {}", value.type_name())),
        }
    }

    /// A text without which there is no going on; empty, with a mistake, if it is absent.
    #[must_use]
    pub fn required_string(&self, key: &str) -> String {
        if !self.has(key) {
            self.mistake(key, "is required");
        }
        self.string(key).unwrap_or_default()
    }

    /// A text that is never printed.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<SecretString> {
        self.string(key).map(SecretString::from)
    }

    /// A boolean, or the text of one.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        let value = self.find_present(key)?;
        let read = value.to_bool();
        read.or_else(|| self.refuse_value(key, "must be true or false"))
    }

    /// A number without sign or fraction, or the text of one.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<u64> {
        let value = self.find_present(key)?;
        let read = match &value.node {
            ConfigNode::Number(number) => number.as_u64(),
            ConfigNode::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        read.or_else(|| self.refuse_value(key, "must be a whole number of at least 0"))
    }

    /// A number, or the text of one.
    #[must_use]
    pub fn float(&self, key: &str) -> Option<f64> {
        let value = self.find_present(key)?;
        let read = match &value.node {
            ConfigNode::Number(number) => number.as_f64(),
            ConfigNode::Text(text) => text
                .trim()
                .parse()
                .ok()
                .filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        read.or_else(|| self.refuse_value(key, "must be a number"))
    }

    /// A list of texts; a single text is a list of one.
    #[must_use]
    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        let value = self.find_present(key)?;
        if self.report_invalid(key, value) {
            return None;
        }
        let texts = match &value.node {
            ConfigNode::Text(text) => Some(vec![text.clone()]),
            ConfigNode::List(items) => items.iter().map(text_of).collect(),
            _ => None,
        };
        texts.or_else(|| self.refuse_value(key, "must be a text or a list of texts"))
    }

    /// A duration: `{minutes: 5}`, `PT5M`, `5m`.
    #[must_use]
    pub fn duration(&self, key: &str) -> Option<Duration> {
        let value = self.find_present(key)?;
        if self.report_invalid(key, value) {
            return None;
        }
        match duration::parse_duration(&value.to_json()) {
            Ok(duration) => Some(duration),
            Err(message) => self.refuse_value(key, &message),
        }
    }

    /// The value as it stands, of whatever type.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Value> {
        let value = self.find_present(key)?;
        self.report_invalid(key, value);
        Some(value.to_json())
    }

    /// Whether there is a value. Asking counts as knowing the key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.mark_known(key);
        self.find_written(key)
            .is_some_and(|value| !value.is_absent())
    }

    /// Whether what is written there is a variable that is not set.
    #[must_use]
    pub fn is_unset(&self, key: &str) -> bool {
        let written = self.find_written(key);
        written.is_some_and(|value| matches!(value.node, ConfigNode::Unset { .. }))
    }

    /// Whether an object is written there. What stands in it is not looked at.
    #[must_use]
    pub fn is_object(&self, key: &str) -> bool {
        let written = self.find_written(key);
        written.is_some_and(|value| matches!(value.node, ConfigNode::Block(_)))
    }

    /// Whether nothing is asked for: absent, false, or an empty list or object. What stands in it is not
    /// looked at.
    #[must_use]
    pub fn is_off(&self, key: &str) -> bool {
        self.mark_known(key);
        self.find_written(key)
            .is_none_or(|value| match &value.node {
                ConfigNode::List(items) => items.is_empty(),
                ConfigNode::Block(entries) => entries.is_empty(),
                ConfigNode::Bool(is_on) => !is_on,
                ConfigNode::Null | ConfigNode::Unset { .. } => true,
                ConfigNode::Invalid { .. } | ConfigNode::Number(_) | ConfigNode::Text(_) => false,
            })
    }

    /// Where this object is, such as `catalog.providers`. Empty for the root.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// Adds a mistake about `key`, or about the object itself if `key` is empty.
    pub fn mistake(&self, key: &str, message: impl Into<String>) {
        let mut mistake = self.describe(key, message.into());
        if let Some(Located {
            node: ConfigNode::Unset { variable },
            ..
        }) = self.find_written(key)
        {
            // A missing variable is the most frequent mistake, and "is required" alone sends people
            // looking into the file.
            mistake
                .message
                .push_str(&format!("; the environment variable {variable} is not set"));
        }
        self.findings.borrow_mut().add_mistakes([mistake]);
    }

    /// Says that `key` is not honoured, and that going on without it does no harm.
    pub fn warn(&self, key: &str, message: impl Into<String>) {
        self.mark_known(key);
        let warning = self.describe(key, message.into());
        self.findings.borrow_mut().add_warning(warning);
    }

    /// Ends the reading, with what every reader of the document has found.
    ///
    /// # Errors
    ///
    /// All mistakes, if there is any; else the warnings are answered. Both are sorted by path.
    pub fn finish(&self) -> Result<Vec<Mistake>, Mistakes> {
        self.findings.borrow().finish()
    }

    fn describe(&self, key: &str, message: String) -> Mistake {
        let located = self.find_written(key).unwrap_or(self.located);
        Mistake {
            path: join_path(&self.path, key),
            file: located.file.as_deref().map(Path::to_owned),
            message,
        }
    }

    fn open_list(&self, key: &str, unknown_keys: UnknownKeys) -> Vec<Reader<'a>> {
        let Some(value) = self.find_present(key) else {
            return Vec::new();
        };
        let ConfigNode::List(items) = &value.node else {
            self.mistake(key, format!("must be a list, not {}", value.type_name()));
            return Vec::new();
        };
        let readers = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.open_object(item, &format!("{key}[{index}]"), unknown_keys));
        readers.flatten().collect()
    }

    fn open_child(&self, key: &str, unknown_keys: UnknownKeys) -> Option<Reader<'a>> {
        let value = self.find_present(key)?;
        self.open_object(value, key, unknown_keys)
    }

    fn open_object(
        &self,
        located: &'a Located,
        key: &str,
        unknown_keys: UnknownKeys,
    ) -> Option<Reader<'a>> {
        let path = join_path(&self.path, key);
        let child = Self {
            located,
            path,
            inside: self.inside.max(match unknown_keys {
                UnknownKeys::Refused => UnknownKeys::Refused,
                UnknownKeys::Ignored | UnknownKeys::Warned => UnknownKeys::Warned,
            }),
            findings: Rc::clone(&self.findings),
        };
        if let ConfigNode::Invalid { message } = &located.node {
            child.mistake("", message);
            return None;
        }
        if !matches!(located.node, ConfigNode::Block(_)) {
            child.mistake(
                "",
                format!("must be an object, not {}", located.type_name()),
            );
            return None;
        }
        child.track_keys(unknown_keys);
        Some(child)
    }

    fn track_keys(&self, unknown_keys: UnknownKeys) {
        if let ConfigNode::Block(entries) = &self.located.node {
            let mut findings = self.findings.borrow_mut();
            findings.track_keys(&self.path, entries, unknown_keys);
        }
    }

    fn mark_known(&self, key: &str) {
        self.findings.borrow_mut().mark_known(&self.path, key);
    }

    fn find_present(&self, key: &str) -> Option<&'a Located> {
        self.mark_known(key);
        let value = self.find_written(key).filter(|value| !value.is_absent())?;
        if let ConfigNode::Invalid { message } = &value.node {
            return self.refuse_value(key, message);
        }
        Some(value)
    }

    /// Reports everything in a value that stands for none, as a value that is read whole is read to its ends.
    fn report_invalid(&self, key: &str, value: &Located) -> bool {
        let invalid = value.find_invalid(&join_path(&self.path, key));
        let found = !invalid.is_empty();
        self.findings.borrow_mut().add_mistakes(invalid);
        found
    }

    fn find_written(&self, key: &str) -> Option<&'a Located> {
        match &self.located.node {
            ConfigNode::Block(entries) => entries.get(key),
            _ => None,
        }
    }

    fn refuse_value<T>(&self, key: &str, message: &str) -> Option<T> {
        self.mistake(key, message);
        None
    }
}

fn text_of(item: &Located) -> Option<String> {
    match &item.node {
        ConfigNode::Text(text) => Some(text.clone()),
        _ => None,
    }
}
