//! Which keys of an object nobody asked for, and what that means.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::Mistake;
use super::node::{ConfigNode, Located, join_path};

/// Keys that differ in no more than one letter of so many are taken for each other.
const LETTERS_PER_TYPING_ERROR: usize = 3;

/// What a key means that nobody asked for. The strictest of those who opened its object decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UnknownKeys {
    /// It belongs to another plugin.
    Ignored,
    /// It belongs to nobody who reads this file. A Backstage that reads it too starts all the same.
    Warned,
    /// It is a typing error: only we read this object, or going on without it would do harm.
    Refused,
}

/// The bookkeeping of one object that was opened.
pub(super) struct OpenedBlock {
    /// Every key written in it, with its file.
    written: BTreeMap<String, Option<Arc<Path>>>,
    /// Every key somebody asked for.
    known: BTreeSet<String>,
    unknown_keys: UnknownKeys,
}

impl OpenedBlock {
    pub(super) fn new(entries: &BTreeMap<String, Located>, unknown_keys: UnknownKeys) -> Self {
        let written = entries
            .iter()
            // One that is null is not there, whatever its name: that is how a later file takes a key away.
            .filter(|(_, value)| !matches!(value.node, ConfigNode::Null))
            .map(|(key, value)| (key.clone(), value.file.clone()))
            .collect();
        Self {
            written,
            known: BTreeSet::new(),
            unknown_keys,
        }
    }

    /// Whoever opened it strictly decides, whether before or after the one who did not mind.
    pub(super) fn tighten(&mut self, unknown_keys: UnknownKeys) {
        self.unknown_keys = self.unknown_keys.max(unknown_keys);
    }

    pub(super) fn mark_known(&mut self, key: &str) {
        self.known.insert(key.to_owned());
    }

    /// The keys nobody asked for, if they are of this sort.
    pub(super) fn find_unknown(&self, path: &str, sort: UnknownKeys) -> Vec<Mistake> {
        if self.unknown_keys != sort {
            return Vec::new();
        }
        let unknown = self
            .written
            .iter()
            .filter(|(key, _)| !self.known.contains(*key));
        let mistake = |(key, file): (&String, &Option<Arc<Path>>)| Mistake {
            path: join_path(path, key),
            file: file.as_deref().map(Path::to_owned),
            message: format!("is not a known key{}", self.describe_known(key)),
        };
        unknown.map(mistake).collect()
    }

    fn describe_known(&self, key: &str) -> String {
        if let Some(near) = self.find_near(key) {
            return format!("; did you mean `{near}`?");
        }
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        format!(" (known here: {})", known.join(", "))
    }

    /// The known key that was most likely meant.
    fn find_near(&self, key: &str) -> Option<&str> {
        let key = key.to_lowercase();
        let distances = self.known.iter().map(|known| {
            let distance = strsim::osa_distance(&key, &known.to_lowercase());
            (distance, known.as_str())
        });
        let (distance, near) = distances.min()?;
        let letters = key.chars().count().max(near.chars().count());
        (distance * LETTERS_PER_TYPING_ERROR <= letters).then_some(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_near(key: &str, expected: Option<&str>) {
        let mut opened = OpenedBlock::new(&BTreeMap::new(), UnknownKeys::Warned);
        for known in ["organization", "processingInterval", "rules", "host"] {
            opened.mark_known(known);
        }
        assert_eq!(opened.find_near(key), expected, "{key}");
    }

    #[test]
    fn a_key_is_taken_for_one_that_is_spelt_much_like_it() {
        check_near("organisation", Some("organization"));
        check_near("Rules", Some("rules"));
        check_near("rule", Some("rules"));
        check_near("pollingInterval", Some("processingInterval"));
        check_near("spec", None);
        check_near("<<", None);
        check_near("", None);
    }
}
