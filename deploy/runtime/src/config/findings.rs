//! What the readers of one document have found, all of them together.

use std::collections::BTreeMap;

use super::node::Located;
use super::opened::{OpenedBlock, UnknownKeys};
use super::{Mistake, Mistakes};

/// Shared by all readers of a document, so that one end knows of all of it.
#[derive(Default)]
pub(super) struct Findings {
    mistakes: Vec<Mistake>,
    warnings: Vec<Mistake>,
    opened: BTreeMap<String, OpenedBlock>,
}

impl Findings {
    pub(super) fn add_mistakes(&mut self, mistakes: impl IntoIterator<Item = Mistake>) {
        self.mistakes.extend(mistakes);
    }

    pub(super) fn add_warning(&mut self, warning: Mistake) {
        self.warnings.push(warning);
    }

    /// Begins or tightens the bookkeeping of an object.
    pub(super) fn track_keys(
        &mut self,
        path: &str,
        entries: &BTreeMap<String, Located>,
        unknown_keys: UnknownKeys,
    ) {
        self.opened
            .entry(path.to_owned())
            .or_insert_with(|| OpenedBlock::new(entries, unknown_keys))
            .tighten(unknown_keys);
    }

    pub(super) fn mark_known(&mut self, path: &str, key: &str) {
        if let Some(opened) = self.opened.get_mut(path) {
            opened.mark_known(key);
        }
    }

    /// The warnings, if there is nothing worse.
    pub(super) fn finish(&self) -> Result<Vec<Mistake>, Mistakes> {
        let unknown = |sort| {
            let opened = self.opened.iter();
            opened.flat_map(move |(path, opened)| opened.find_unknown(path, sort))
        };
        let mistakes = self.mistakes.iter().cloned();
        let warnings = self.warnings.iter().cloned();
        Mistakes::from_lists(
            mistakes.chain(unknown(UnknownKeys::Refused)).collect(),
            warnings.chain(unknown(UnknownKeys::Warned)).collect(),
        )
    }
}
