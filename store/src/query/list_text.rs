//! The text of a list, made piece by piece while somebody reads it.
//!
//! The whole text of a large catalog is gigabytes. A piece is made when there is room for it, from the
//! view as it is then, so a slow client holds nothing but names.

use std::sync::Arc;
use std::vec;

use freshet_model::EntityRef;

use super::FieldSelection;
use crate::view::View;

/// A piece is complete with the entity that brings it to this many bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// Entities rendered under one lock.
const RENDERED_AT_ONCE: usize = 32;

/// A JSON array of entities that is not written yet.
pub(crate) struct ListText {
    view: Arc<View>,
    refs: vec::IntoIter<Option<EntityRef>>,
    /// What stands for an entity that is not there.
    absent: Absent,
    /// Which parts of each; `None` is everything.
    fields: Option<FieldSelection>,
    /// What stands before the array and behind it.
    around: (String, String),
    progress: Progress,
}

/// What stands in a list for an entity that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    /// Nothing.
    LeftOut,
    /// `null`, as somebody asked for it by name.
    Null,
}

/// How far the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Not a byte of it is made.
    Nothing,
    /// The array is open and has no entity.
    Opened,
    /// The array has an entity.
    Filled,
    /// The array is closed.
    Complete,
}

impl ListText {
    /// The text of these entities, in this order.
    pub(crate) fn new(
        view: Arc<View>,
        refs: Vec<EntityRef>,
        fields: Option<FieldSelection>,
    ) -> Self {
        let refs = refs.into_iter().map(Some).collect();
        Self::with_gaps(view, refs, fields, Absent::LeftOut)
    }

    /// The text of these entities, in this order, where some may be missing.
    pub(crate) fn with_gaps(
        view: Arc<View>,
        refs: Vec<Option<EntityRef>>,
        fields: Option<FieldSelection>,
        absent: Absent,
    ) -> Self {
        Self {
            view,
            refs: refs.into_iter(),
            absent,
            fields,
            around: (String::new(), String::new()),
            progress: Progress::Nothing,
        }
    }

    /// With a text before the array and one behind it.
    pub(crate) fn within(mut self, before: &str, behind: &str) -> Self {
        self.around = (before.to_owned(), behind.to_owned());
        self
    }

    /// Whether all of it was made.
    pub(crate) fn is_complete(&self) -> bool {
        self.progress == Progress::Complete
    }

    /// The next piece; empty once it is complete.
    pub(crate) fn make_piece(&mut self) -> String {
        let mut piece = String::new();
        if self.progress == Progress::Nothing {
            piece.push_str(&self.around.0);
            piece.push('[');
            self.progress = Progress::Opened;
        }
        while !self.is_complete() && piece.len() < PIECE_BYTES {
            self.push_entities(&mut piece);
        }
        piece
    }

    /// The next few entities, or the end.
    fn push_entities(&mut self, piece: &mut String) {
        let refs = self.refs.by_ref().take(RENDERED_AT_ONCE);
        let served: Vec<Option<Arc<str>>> = self.view.read(|state| {
            // It may have been removed since it was chosen. A list that is one shorter costs less than
            // a lock over all of it.
            refs.map(|one| state.served_json(&one?)).collect()
        });
        for entity in served {
            if entity.is_none() && self.absent == Absent::LeftOut {
                continue;
            }
            if self.progress == Progress::Filled {
                piece.push(',');
            }
            self.progress = Progress::Filled;
            match (&entity, &self.fields) {
                (None, _) => piece.push_str("null"),
                (Some(entity), None) => piece.push_str(entity),
                (Some(entity), Some(fields)) => piece.push_str(&fields.project_text(entity)),
            }
        }
        if self.refs.as_slice().is_empty() {
            piece.push(']');
            piece.push_str(&self.around.1);
            self.progress = Progress::Complete;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::change::sample::entity;
    use crate::change::{EntityRecord, Snapshot};

    fn entities(count: usize) -> Vec<EntityRecord> {
        let document = r#"{"kind":"Component","metadata":{"name":"a"},"spec":{}}"#;
        let names = (0..count).map(|number| format!("component:default/e{number:05}"));
        names.map(|name| entity(&name, document, &[])).collect()
    }

    #[track_caller]
    fn check(count: usize, removed: usize, pieces_min: usize) {
        let entities = entities(count);
        let refs: Vec<EntityRef> = entities.iter().map(|it| it.entity_ref.clone()).collect();
        let view = View::load(Snapshot {
            entities: entities.into_iter().skip(removed).collect(),
            ..Snapshot::default()
        });
        let mut text = ListText::new(view, refs, None);
        let mut pieces = Vec::new();
        while !text.is_complete() {
            pieces.push(text.make_piece());
        }
        assert_eq!(text.make_piece(), "", "nothing comes after the end");
        assert!(pieces.len() >= pieces_min, "{} pieces", pieces.len());
        assert!(pieces.iter().all(|piece| piece.len() < 2 * PIECE_BYTES));
        let list: Vec<Value> = serde_json::from_str(&pieces.concat()).expect("a JSON array");
        assert_eq!(list.len(), count - removed);
    }

    #[test]
    fn a_list_is_one_array_in_however_many_pieces() {
        check(0, 0, 1);
        check(1, 0, 1);
        check(5_000, 0, 10);
    }

    #[test]
    fn what_left_since_it_was_chosen_is_left_out() {
        check(1, 1, 1);
        check(100, 40, 1);
        check(5_000, 4_999, 1);
    }
}
