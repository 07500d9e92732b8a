//! The part of the graph of locations that a batch concerns, as it is stored. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use freshet_model::location::Target;
use freshet_model::{LocationId, SourceId};

use crate::repo::{
    ClaimRow, LinkKey, Location, LocationEntity, LocationLink, SourceKind, SourceRow,
};

/// What names a location: a target, or a place in a source that is known.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TargetKey {
    /// What a Location entity names.
    Target(Target),
    /// A path of a source, as a pattern matches it.
    Place {
        /// The source.
        source_id: SourceId,
        /// The path.
        path: String,
    },
}

/// Nodes and links that are loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct LocationGraph {
    pub(crate) sources: HashMap<SourceId, SourceRow>,
    pub(crate) locations: HashMap<LocationId, Location>,
    pub(crate) entities: HashMap<String, LocationEntity>,
    pub(crate) links: LinkSet,
    /// The location each target names.
    pub(crate) targets: HashMap<TargetKey, LocationId>,
    /// Claims on refs of Location entities that somebody else holds.
    pub(crate) losing_claims: HashMap<String, Vec<ClaimRow>>,
    /// Sources and locations that have an id and are not stored yet.
    pub(crate) new_sources: HashSet<SourceId>,
    pub(crate) new_locations: HashSet<LocationId>,
    /// Which parts are complete.
    pub(crate) loaded: LoadedParts,
}

/// What was looked for, found or not.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadedParts {
    /// Refs of Location entities.
    pub(crate) entities: HashSet<String>,
    /// Location entities all of whose links are there, with the locations they lead to.
    pub(crate) children: HashSet<String>,
    /// Locations all links to which are there, with the Location entities they come from.
    pub(crate) parents: HashSet<LocationId>,
    /// Locations all of whose Location entities are there.
    pub(crate) declarations: HashSet<LocationId>,
    /// Locations with everything a chain of links leads to from them, and from which one leads to any
    /// of that.
    pub(crate) subtrees: HashSet<LocationId>,
}

/// What a decision needs that is not loaded: one kind of question for each statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GraphRequest {
    /// Targets that were named for the first time.
    pub(crate) targets: BTreeSet<TargetKey>,
    /// Location entities whose targets are looked at.
    pub(crate) children: BTreeSet<String>,
    /// Locations that somebody points at anew.
    pub(crate) parents: BTreeSet<LocationId>,
    /// Refs of Location entities that a file declares.
    pub(crate) entities: BTreeSet<String>,
    /// Locations that say something new, or nothing any more.
    pub(crate) declarations: BTreeSet<LocationId>,
    /// Locations that lost a link.
    pub(crate) subtrees: BTreeSet<LocationId>,
    /// Refs of Location entities that are free.
    pub(crate) losing_claims: BTreeSet<String>,
}

impl GraphRequest {
    /// Whether nothing is lacking.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl LocationGraph {
    pub(crate) fn source_kind(&self, location: &Location) -> Option<SourceKind> {
        self.sources
            .get(&location.source_id)
            .map(|source| source.kind)
    }

    /// Adds a location that has an id and is not stored yet.
    pub(crate) fn add_new_location(&mut self, location: Location) {
        self.new_locations.insert(location.id);
        // Nothing of it can be stored, so there is nothing to load.
        self.loaded.parents.insert(location.id);
        self.loaded.declarations.insert(location.id);
        self.loaded.subtrees.insert(location.id);
        self.locations.insert(location.id, location);
    }
}

/// The locations that are loaded, by source and path.
pub(crate) fn index_by_place(graph: &LocationGraph) -> HashMap<(SourceId, &str), &Location> {
    let locations = graph.locations.values();
    let places = locations.map(|it| ((it.source_id, it.path.as_str()), it));
    places.collect()
}

/// Links, by both ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct LinkSet {
    links: BTreeMap<LinkKey, LocationLink>,
    // A hub is pointed at by thousands, so the other end has an index of its own.
    by_location: BTreeMap<LocationId, BTreeSet<LinkKey>>,
}

impl LinkSet {
    /// The links of a Location entity, in the order of its targets.
    pub(crate) fn of_parent(&self, parent_ref: &str) -> Vec<&LocationLink> {
        let first = LinkKey {
            parent_ref: parent_ref.to_owned(),
            location_id: LocationId::new(i64::MIN),
            via: None,
        };
        let mut links: Vec<&LocationLink> = self
            .links
            .range(first..)
            .take_while(|(key, _)| key.parent_ref == parent_ref)
            .map(|(_, link)| link)
            .collect();
        links.sort_by_key(|link| (link.ordinal, link.via, link.location_id));
        links
    }

    /// The links to a location, the oldest first.
    pub(crate) fn of_location(&self, location_id: LocationId) -> Vec<&LocationLink> {
        let keys = self.by_location.get(&location_id).into_iter().flatten();
        let mut links: Vec<&LocationLink> = keys.filter_map(|key| self.links.get(key)).collect();
        links.sort_by_key(|link| (link.since, &link.parent_ref, link.via));
        links
    }

    pub(crate) fn get(&self, key: &LinkKey) -> Option<&LocationLink> {
        self.links.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LocationLink> {
        self.links.values()
    }

    /// Whether anything leads to a location.
    pub(crate) fn leads_to(&self, location_id: LocationId) -> bool {
        self.by_location.contains_key(&location_id)
    }

    pub(crate) fn put(&mut self, link: LocationLink) {
        let key = link.key();
        self.by_location
            .entry(link.location_id)
            .or_default()
            .insert(key.clone());
        self.links.insert(key, link);
    }

    pub(crate) fn remove(&mut self, key: &LinkKey) {
        self.links.remove(key);
        if let Some(keys) = self.by_location.get_mut(&key.location_id) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_location.remove(&key.location_id);
            }
        }
    }
}
