//! Which entities a predicate means: set operations over the search index.

use std::borrow::Cow;
use std::ops::ControlFlow;

use roaring::RoaringBitmap;

use super::full_text::FullTextFilter;
use super::predicate::{EntityPredicate, KeyCondition};
use crate::view::{Direction, KeyIndex, SearchIndex};

const UID: &str = "metadata.uid";

/// The entities for which a predicate holds.
pub(crate) fn select_entities<'a>(
    index: &'a SearchIndex,
    predicate: &EntityPredicate,
) -> Cow<'a, RoaringBitmap> {
    match predicate {
        EntityPredicate::All(parts) => {
            let mut parts = parts.iter();
            let Some(first) = parts.next() else {
                return Cow::Borrowed(index.all());
            };
            let mut found = select_entities(index, first);
            for part in parts {
                // What is empty stays empty, however long the list is.
                if found.is_empty() {
                    break;
                }
                *found.to_mut() &= &*select_entities(index, part);
            }
            found
        }
        EntityPredicate::Any(parts) => {
            let mut found = RoaringBitmap::new();
            for part in parts {
                found |= &*select_entities(index, part);
            }
            Cow::Owned(found)
        }
        EntityPredicate::Not(part) => Cow::Owned(index.all() - &*select_entities(index, part)),
        EntityPredicate::Key { key, condition } => match index.key(key) {
            Some(key) => Cow::Owned(select_by_key(key, condition)),
            None => Cow::Owned(RoaringBitmap::new()),
        },
    }
}

fn select_by_key(key: &KeyIndex, condition: &KeyCondition) -> RoaringBitmap {
    match condition {
        KeyCondition::Exists => key.present(),
        KeyCondition::In(values) => {
            let mut found = RoaringBitmap::new();
            for value in values {
                if let Some((_, entities)) = key.table().get(value) {
                    entities.add_to(&mut found);
                }
            }
            found
        }
        KeyCondition::Prefix(prefix) => {
            let mut found = RoaringBitmap::new();
            key.table()
                .walk(Direction::Ascending, Some(prefix), |value, entities| {
                    if !crate::view::fold_case(value).starts_with(prefix.as_str()) {
                        return ControlFlow::Break(());
                    }
                    entities.add_to(&mut found);
                    ControlFlow::Continue(())
                });
            found
        }
    }
}

/// Leaves those of `found` in which the text is; `sorted_by` is where it is looked for if nothing else is said.
pub(crate) fn retain_with_text(
    index: &SearchIndex,
    found: &mut Cow<'_, RoaringBitmap>,
    text: &FullTextFilter,
    sorted_by: Option<&str>,
) {
    if !text.is_given() {
        return;
    }
    let default = [sorted_by.unwrap_or(UID).to_owned()];
    let fields = if text.fields.is_empty() {
        &default[..]
    } else {
        &text.fields
    };
    let mut with_text = RoaringBitmap::new();
    for key in fields.iter().filter_map(|field| index.key(field)) {
        add_with_text(key, &text.term, &mut with_text);
    }
    *found.to_mut() &= with_text;
}

fn add_with_text(key: &KeyIndex, term: &str, found: &mut RoaringBitmap) {
    key.table()
        .walk(Direction::Ascending, None, |value, entities| {
            if crate::view::fold_case(value).contains(term) {
                entities.add_to(found);
            }
            ControlFlow::Continue(())
        });
}
