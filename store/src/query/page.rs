//! Running `by-query`: what was selected, sorted by one key at most, and a page of it with cursors to its neighbours.

use freshet_model::EntityRef;

use super::FieldSelection;
use super::cursor::PageCursor;
use super::owned::expand_owners;
use super::predicate::EntityPredicate;
use super::select::{retain_with_text, select_entities};
use super::sort::{Catalog, Part, Row, SortMark, pick_by_uid, pick_by_value};
use crate::view::{Direction, View};

/// A page that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct PageQuery {
    /// Which entities, in which order, from where.
    pub(crate) cursor: PageCursor,
    /// Which of them whoever asks may see.
    pub(crate) visible: EntityPredicate,
    /// Most entities; 0 only counts.
    pub(crate) limit: usize,
    /// Which parts of each; `None` is everything.
    pub(crate) fields: Option<FieldSelection>,
}

/// Where a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PagePosition {
    /// At the beginning, or so many entities behind it.
    Start {
        /// How many.
        offset: usize,
    },
    /// Behind a row.
    Behind {
        /// That row.
        mark: SortMark,
        /// The first row of the first page, before which there is none.
        first: SortMark,
    },
    /// Before a row.
    Before {
        /// That row.
        mark: SortMark,
        /// The first row of the first page, before which there is none.
        first: SortMark,
    },
}

/// How many entities there are on all pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageTotal {
    /// To be counted.
    Count,
    /// Counted with the first page, or not wanted and then 0.
    Known(u64),
}

/// One page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EntityPage {
    /// Its entities, in order.
    pub(crate) refs: Vec<EntityRef>,
    /// How many there are on all pages.
    pub(crate) total: u64,
    /// Cursor of the page after it.
    pub(crate) next: Option<String>,
    /// Cursor of the page before it.
    pub(crate) previous: Option<String>,
}

/// Makes the page.
pub(crate) fn select_page(view: &View, query: &PageQuery) -> EntityPage {
    view.search(|state, index| {
        let catalog = Catalog { state, index };
        let cursor = &query.cursor;
        let wanted = cursor.predicate.clone().and(query.visible.clone());
        let wanted = expand_owners(state, &wanted);
        let mut found = select_entities(index, &wanted);
        let field = cursor.order.as_ref().map(|order| order.field.as_str());
        retain_with_text(index, &mut found, &cursor.text, field);
        if let Some(field) = field {
            // What lacks the key is not on any page, and so it does not count.
            match index.key(field) {
                Some(key) => *found.to_mut() &= key.valued(),
                None => found.to_mut().clear(),
            }
        }
        let total = match cursor.total {
            PageTotal::Count => found.len(),
            PageTotal::Known(total) => total,
        };
        if query.limit == 0 {
            return EntityPage::empty(total);
        }
        let part = part_of(query);
        let rows = match &cursor.order {
            Some(order) => pick_by_value(catalog, &found, order, &part),
            None => pick_by_uid(catalog, &found, &part),
        };
        EntityPage::of_rows(rows, total, query)
    })
}

/// The part to be picked: a row more than wanted tells whether there is a page behind it.
fn part_of(query: &PageQuery) -> Part {
    let order = query.cursor.order.as_ref();
    let direction = order.map_or(Direction::Ascending, |order| order.direction);
    let one_more = query.limit.saturating_add(1);
    match &query.cursor.position {
        PagePosition::Start { offset } => Part {
            direction,
            behind: None,
            offset: *offset,
            limit: one_more,
        },
        PagePosition::Behind { mark, .. } => Part {
            direction,
            behind: Some(mark.clone()),
            offset: 0,
            limit: one_more,
        },
        PagePosition::Before { mark, .. } => Part {
            direction: direction.reversed(),
            behind: Some(mark.clone()),
            offset: 0,
            limit: query.limit,
        },
    }
}

impl EntityPage {
    fn empty(total: u64) -> Self {
        Self {
            refs: Vec::new(),
            total,
            next: None,
            previous: None,
        }
    }

    fn of_rows(mut rows: Vec<Row>, total: u64, query: &PageQuery) -> Self {
        let has_more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let (first, has_next) = match &query.cursor.position {
            PagePosition::Start { .. } => (None, has_more),
            PagePosition::Behind { first, .. } => (Some(first), has_more),
            PagePosition::Before { first, .. } => {
                rows.reverse();
                // Whoever goes back came from somewhere.
                (Some(first), true)
            }
        };
        let (Some(start), Some(end)) = (rows.first(), rows.last()) else {
            return Self::empty(total);
        };
        let first_mark = first.unwrap_or(&start.mark);
        let cursor = |position| {
            let total = PageTotal::Known(total);
            let cursor = PageCursor {
                position,
                total,
                ..query.cursor.clone()
            };
            cursor.to_text()
        };
        let next = has_next.then(|| {
            cursor(PagePosition::Behind {
                mark: end.mark.clone(),
                first: first_mark.clone(),
            })
        });
        let previous = first.filter(|first| **first != start.mark).map(|first| {
            cursor(PagePosition::Before {
                mark: start.mark.clone(),
                first: first.clone(),
            })
        });
        Self {
            refs: rows.into_iter().map(|row| row.entity_ref).collect(),
            total,
            next,
            previous,
        }
    }
}
