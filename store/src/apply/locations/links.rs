//! Links by both ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::repo::LinkRow;

/// Names one link: the Location entity, the location, and the pattern it was matched by or 0.
pub(crate) type Key = (String, i64, i64);

/// The name of a link.
pub(crate) fn key_of(link: &LinkRow) -> Key {
    (link.parent_ref.clone(), link.location_id, link.via)
}

/// The links while they are judged.
#[derive(Debug, Default)]
pub(crate) struct Links {
    rows: BTreeMap<Key, LinkRow>,
    by_location: BTreeSet<(i64, String, i64)>,
}

impl Links {
    pub(crate) fn new(rows: &BTreeMap<Key, LinkRow>) -> Self {
        let by_location = rows
            .keys()
            .map(|(parent, location_id, via)| (*location_id, parent.clone(), *via))
            .collect();
        Self {
            rows: rows.clone(),
            by_location,
        }
    }

    /// The links of a Location entity, in the order of its targets.
    pub(crate) fn of_parent(&self, parent_ref: &str) -> Vec<LinkRow> {
        let from = (parent_ref.to_owned(), i64::MIN, i64::MIN);
        let mut links: Vec<LinkRow> = self
            .rows
            .range(from..)
            .take_while(|((parent, _, _), _)| parent == parent_ref)
            .map(|(_, link)| link.clone())
            .collect();
        links.sort_by_key(|link| (link.ordinal, link.via, link.location_id));
        links
    }

    /// The links to a location, the oldest first.
    pub(crate) fn of_location(&self, location_id: i64) -> Vec<&LinkRow> {
        let from = (location_id, String::new(), i64::MIN);
        let mut links: Vec<&LinkRow> = self
            .by_location
            .range(from..)
            .take_while(|(id, _, _)| *id == location_id)
            .filter_map(|(id, parent, via)| self.rows.get(&(parent.clone(), *id, *via)))
            .collect();
        links.sort_by(|left, right| {
            (left.since, &left.parent_ref, left.via).cmp(&(
                right.since,
                &right.parent_ref,
                right.via,
            ))
        });
        links
    }

    pub(crate) fn put(&mut self, link: LinkRow) {
        let key = key_of(&link);
        self.by_location.insert((key.1, key.0.clone(), key.2));
        self.rows.insert(key, link);
    }

    pub(crate) fn remove(&mut self, key: &Key) {
        self.by_location.remove(&(key.1, key.0.clone(), key.2));
        self.rows.remove(key);
    }

    pub(crate) fn rows(&self) -> &BTreeMap<Key, LinkRow> {
        &self.rows
    }
}
