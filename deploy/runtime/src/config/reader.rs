//! Typed reading that remembers what was read and collects every mistake.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use super::duration;
use super::mistakes::{Mistake, Mistakes};

/// Reads one object of the configuration.
///
/// A value of the wrong type is a mistake and reads as absent. A key that nobody read in a block opened with
/// [`Reader::block`], [`Reader::list`] or [`Reader::entries`] is a mistake at [`Reader::finish`].
#[derive(Clone)]
pub struct Reader<'a> {
    value: &'a Value,
    path: String,
    sink: Rc<RefCell<Sink>>,
}

#[derive(Default)]
struct Sink {
    mistakes: Vec<Mistake>,
    /// Closed blocks by path: their keys, and which of them were read.
    closed: BTreeMap<String, BTreeSet<String>>,
    read: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn root(value: &'a Value) -> Self {
        Self {
            value,
            path: String::new(),
            sink: Rc::default(),
        }
    }

    /// Opens an object that is ours alone: a key nobody reads in it is a mistake.
    #[must_use]
    pub fn block(&self, key: &str) -> Option<Self> {
        let reader = self.open_block(key)?;
        reader.close();
        Some(reader)
    }

    /// Opens an object in which other plugins have keys too.
    #[must_use]
    pub fn open_block(&self, key: &str) -> Option<Self> {
        let value = self.get(key)?;
        if !value.is_object() {
            self.mistake(key, "must be an object");
            return None;
        }
        Some(self.inner(value, self.path_of(key)))
    }

    /// The objects of a list; a single object reads as a list of one.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<Self> {
        let path = self.path_of(key);
        let items: Vec<Self> = match self.get(key) {
            None => Vec::new(),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.inner(item, format!("{path}[{index}]")))
                .collect(),
            Some(value) => vec![self.inner(value, path)],
        };
        items.into_iter().filter(Self::is_closed_object).collect()
    }

    /// The values of an object whose keys the user chose.
    #[must_use]
    pub fn entries(&self, key: &str) -> Vec<(String, Self)> {
        let Some(block) = self.open_block(key) else {
            return Vec::new();
        };
        let Value::Object(object) = block.value else {
            return Vec::new();
        };
        let entries = object
            .iter()
            .map(|(name, value)| (name.clone(), self.inner(value, block.path_of(name))));
        entries
            .filter(|(_, reader)| reader.is_closed_object())
            .collect()
    }

    /// Accepts a key without reading it.
    pub fn ignore(&self, key: &str) {
        self.get(key);
    }

    /// Whether the key is there, with a value.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(|value| !value.is_null())
    }

    /// The value as it stands.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Value> {
        self.get(key).cloned()
    }

    /// A text. Numbers and booleans are accepted, as environment variables make no difference.
    #[must_use]
    pub fn string(&self, key: &str) -> Option<String> {
        match self.get(key)? {
            Value::String(text) => Some(text.clone()),
            scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
            _ => self.wrong(key, "must be a text"),
        }
    }

    /// A text that must be there and not be empty; otherwise a mistake and an empty text.
    #[must_use]
    pub fn required_string(&self, key: &str) -> String {
        let text = self.string(key).unwrap_or_default();
        if text.is_empty() {
            self.mistake(key, "is required");
        }
        text
    }

    /// A text that must never be shown. An empty one reads as absent.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<SecretString> {
        self.string(key)
            .filter(|text| !text.is_empty())
            .map(SecretString::from)
    }

    /// A truth value, also as a text.
    #[must_use]
    pub fn bool(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) if text == "true" => Some(true),
            Value::String(text) if text == "false" => Some(false),
            _ => self.wrong(key, "must be true or false"),
        }
    }

    /// A whole number, also as a text.
    #[must_use]
    pub fn integer(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        number.or_else(|| self.wrong(key, "must be a whole number"))
    }

    /// A list of texts; a single text reads as a list of one.
    #[must_use]
    pub fn strings(&self, key: &str) -> Option<Vec<String>> {
        match self.get(key)? {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => {
                let texts: Option<Vec<String>> = items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect();
                texts.or_else(|| self.wrong(key, "must be a list of texts"))
            }
            _ => self.wrong(key, "must be a list of texts"),
        }
    }

    /// A duration: `{minutes: 5}`, `PT5M` or `5m`.
    #[must_use]
    pub fn duration(&self, key: &str) -> Option<Duration> {
        let parsed = duration::parse(self.get(key)?);
        parsed.or_else(|| self.wrong(key, "must be a duration such as {minutes: 5}, PT5M or 5m"))
    }

    /// Where this object is, such as `catalog.providers`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Reports a mistake at `key` of this object.
    pub fn mistake(&self, key: &str, message: impl Into<String>) {
        let mistake = Mistake {
            path: self.path_of(key),
            file: None,
            message: message.into(),
        };
        self.sink.borrow_mut().mistakes.push(mistake);
    }

    /// Ends the reading of the whole configuration.
    ///
    /// # Errors
    ///
    /// Every mistake made known through this reader or one opened from it, and every key nobody read in a closed block.
    pub fn finish(&self) -> Result<(), Mistakes> {
        let sink = self.sink.borrow();
        let unread = sink
            .closed
            .values()
            .flatten()
            .filter(|path| !sink.read.contains(*path));
        let unknown = unread.map(|path| Mistake {
            path: path.clone(),
            file: None,
            message: "is not a known key".to_owned(),
        });
        Mistakes::none_or(sink.mistakes.iter().cloned().chain(unknown).collect())
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.sink.borrow_mut().read.insert(self.path_of(key));
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn inner(&self, value: &'a Value, path: String) -> Self {
        Self {
            value,
            path,
            sink: Rc::clone(&self.sink),
        }
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn is_closed_object(&self) -> bool {
        if self.value.is_object() {
            self.close();
            return true;
        }
        let mistake = Mistake {
            path: self.path.clone(),
            file: None,
            message: "must be an object".to_owned(),
        };
        self.sink.borrow_mut().mistakes.push(mistake);
        false
    }

    fn close(&self) {
        if let Value::Object(object) = self.value {
            let keys = object.keys().map(|key| self.path_of(key)).collect();
            self.sink
                .borrow_mut()
                .closed
                .insert(self.path.clone(), keys);
        }
    }

    fn wrong<T>(&self, key: &str, message: &str) -> Option<T> {
        self.mistake(key, message);
        None
    }
}
