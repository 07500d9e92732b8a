//! The graph of locations while it is evaluated: what is different from what is stored, what is still to be
//! done, and what is lacking. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use freshet_model::rules::Rule;
use freshet_model::{LocationId, SourceId};

use super::graph::{GraphRequest, LinkSet, LocationGraph};
use crate::apply::entities::annotate::Forges;
use crate::apply::observed::evidence::LocationEvidence;
use crate::repo::{LinkKey, Location, LocationEntity, LocationLink, Naming, SourceKind};

/// What the configuration says.
#[derive(Clone, Copy)]
pub(crate) struct EvaluationInputs<'a> {
    pub(crate) rules: &'a [Rule],
    /// What is known about the forges.
    pub(crate) forges: &'a Forges,
    pub(crate) reviews: &'a ParentReviews,
    pub(crate) now: i64,
}

/// Which Location entities hear what became of their targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ParentReviews {
    /// Those that point at a location of which something new is seen.
    #[default]
    AtOnce,
    /// None: a part of what their source says is seen, and they hear of all of it afterwards. One with ten
    /// thousand targets would else be looked at with every few of them.
    Later,
    /// These as well, each because of a source.
    Of(BTreeMap<String, SourceId>),
}

impl ParentReviews {
    /// Asks for the Location entities with all of their targets.
    pub(crate) fn add_to(&self, request: &mut GraphRequest) {
        if let Self::Of(refs) = self {
            request.children.extend(refs.keys().cloned());
            request.entities.extend(refs.keys().cloned());
        }
    }
}

/// The graph while it is evaluated. A number beside a location or Location entity is the source whose
/// reading made something of it.
pub(crate) struct Evaluation<'a> {
    pub(crate) graph: &'a LocationGraph,
    pub(crate) evidence: &'a BTreeMap<LocationId, LocationEvidence>,
    pub(crate) inputs: EvaluationInputs<'a>,
    pub(crate) lacking: GraphRequest,
    /// What is different from the graph.
    pub(crate) locations: BTreeMap<LocationId, Location>,
    pub(crate) entities: BTreeMap<String, Option<LocationEntity>>,
    pub(crate) links: LinkSet,
    // Refs by the location that declares them: ten thousand roots may go in one batch.
    stored_declarations: HashMap<LocationId, Vec<&'a str>>,
    changed_declarations: HashMap<LocationId, BTreeSet<String>>,
    // What is still to be done.
    pub(crate) retargeted: BTreeMap<String, SourceId>,
    /// Of those, the ones that have a new version, whose targets are resolved anew.
    pub(crate) new_versions: BTreeSet<String>,
    pub(crate) activatable: BTreeMap<LocationId, SourceId>,
    pub(crate) undeclared: BTreeMap<String, SourceId>,
    pub(crate) unlinked: BTreeMap<LocationId, SourceId>,
    // What came of it.
    pub(crate) rivals: BTreeMap<String, Vec<Rival>>,
    pub(crate) touched: BTreeMap<LocationId, SourceId>,
    pub(crate) activated: BTreeMap<LocationId, SourceId>,
    /// How each content that was activated is named in its entities.
    pub(crate) activated_namings: BTreeMap<LocationId, Option<Naming>>,
    /// Location entities that stay as they are although their file declares another version.
    pub(crate) held_back: BTreeSet<String>,
    pub(crate) removed: BTreeMap<LocationId, SourceId>,
    /// Location entities whose status may differ.
    pub(crate) reviewed: BTreeMap<String, SourceId>,
    /// Location entities that left a file: which file, which, and why.
    pub(crate) left_files: Vec<LeftFile>,
    /// Locations whose content is needed once more.
    pub(crate) reread: BTreeMap<LocationId, SourceId>,
    /// Sources that must be read.
    pub(crate) refresh_requests: BTreeMap<SourceId, SourceId>,
}

/// A Location entity that its file does not declare any more.
#[derive(Clone, Debug)]
pub(crate) struct LeftFile {
    pub(crate) location_id: LocationId,
    pub(crate) entity_ref: String,
    pub(crate) triggered_by: SourceId,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(
        graph: &'a LocationGraph,
        evidence: &'a BTreeMap<LocationId, LocationEvidence>,
        inputs: EvaluationInputs<'a>,
    ) -> Self {
        Self {
            graph,
            evidence,
            inputs,
            lacking: GraphRequest::default(),
            locations: BTreeMap::new(),
            entities: BTreeMap::new(),
            // A copy: a decision for which a part was lacking is made once more, and from what is stored.
            links: graph.links.clone(),
            stored_declarations: index_declarations(graph),
            changed_declarations: HashMap::new(),
            retargeted: BTreeMap::new(),
            new_versions: BTreeSet::new(),
            activatable: BTreeMap::new(),
            undeclared: BTreeMap::new(),
            unlinked: BTreeMap::new(),
            rivals: BTreeMap::new(),
            touched: BTreeMap::new(),
            activated: BTreeMap::new(),
            activated_namings: BTreeMap::new(),
            held_back: BTreeSet::new(),
            removed: BTreeMap::new(),
            reviewed: BTreeMap::new(),
            left_files: Vec::new(),
            reread: BTreeMap::new(),
            refresh_requests: BTreeMap::new(),
        }
    }

    /// A location as it is now.
    pub(crate) fn location(&self, id: LocationId) -> Option<&Location> {
        self.locations
            .get(&id)
            .or_else(|| self.graph.locations.get(&id))
    }

    /// A Location entity as it is now.
    pub(crate) fn entity(&self, entity_ref: &str) -> Option<&LocationEntity> {
        match self.entities.get(entity_ref) {
            Some(entity) => entity.as_ref(),
            None => self.graph.entities.get(entity_ref),
        }
    }

    /// Refs of the Location entities a location declares now.
    pub(crate) fn declared_by(&mut self, location_id: LocationId) -> Vec<String> {
        if !self.graph.loaded.declarations.contains(&location_id) {
            self.lacking.declarations.insert(location_id);
        }
        let stored = self.stored_declarations.get(&location_id);
        let unchanged = stored.into_iter().flatten().copied();
        let unchanged = unchanged.filter(|it| !self.entities.contains_key(*it));
        let changed = self.changed_declarations.get(&location_id);
        let changed = changed.into_iter().flatten().map(String::as_str);
        // It may have moved on to another file since.
        let changed = changed.filter(|it| {
            let entity = self.entities.get(*it).and_then(Option::as_ref);
            entity.is_some_and(|entity| entity.declared_by == location_id)
        });
        unchanged.chain(changed).map(str::to_owned).collect()
    }

    /// The links to a location, the oldest first.
    pub(crate) fn links_to(&mut self, location_id: LocationId) -> Vec<&LocationLink> {
        if !self.graph.loaded.parents.contains(&location_id) {
            self.lacking.parents.insert(location_id);
        }
        self.links.of_location(location_id)
    }

    /// Everybody who points at a location, the oldest first.
    pub(crate) fn parents_of(&mut self, location_id: LocationId) -> Vec<String> {
        let links = self.links_to(location_id);
        let mut known = HashSet::with_capacity(links.len());
        let parents = links.into_iter().map(|link| &link.parent_ref);
        parents.filter(|it| known.insert(*it)).cloned().collect()
    }

    /// The links of a Location entity, in the order of its targets.
    pub(crate) fn links_from(&mut self, entity_ref: &str) -> Vec<&LocationLink> {
        let is_stored = self.graph.entities.contains_key(entity_ref);
        if is_stored && !self.graph.loaded.children.contains(entity_ref) {
            self.lacking.children.insert(entity_ref.to_owned());
        }
        self.links.of_parent(entity_ref)
    }

    pub(crate) fn is_root(&self, location_id: LocationId) -> bool {
        !self.removed.contains_key(&location_id)
            && self
                .location(location_id)
                .is_some_and(|location| self.graph.source_kind(location) == Some(SourceKind::Roots))
    }

    pub(crate) fn put_location(&mut self, location: Location) {
        self.locations.insert(location.id, location);
    }

    /// Puts a Location entity of which the document is new.
    pub(crate) fn put_new_version(&mut self, entity: LocationEntity, triggered_by: SourceId) {
        self.new_versions.insert(entity.entity_ref.clone());
        self.retargeted
            .insert(entity.entity_ref.clone(), triggered_by);
        self.put_entity(entity);
    }

    pub(crate) fn put_entity(&mut self, entity: LocationEntity) {
        let declared = self.changed_declarations.entry(entity.declared_by);
        declared.or_default().insert(entity.entity_ref.clone());
        self.entities
            .insert(entity.entity_ref.clone(), Some(entity));
    }

    pub(crate) fn unlink(&mut self, key: &LinkKey, triggered_by: SourceId) {
        self.links.remove(key);
        self.unlinked.insert(key.location_id, triggered_by);
        self.touched.entry(key.location_id).or_insert(triggered_by);
    }
}

fn index_declarations(graph: &LocationGraph) -> HashMap<LocationId, Vec<&str>> {
    let mut index: HashMap<LocationId, Vec<&str>> = HashMap::new();
    for entity in graph.entities.values() {
        let declared = index.entry(entity.declared_by).or_default();
        declared.push(&entity.entity_ref);
    }
    index
}

/// Somebody else who declares a Location entity.
#[derive(Clone, Debug)]
pub(crate) struct Rival {
    pub(crate) claimed_at: i64,
    pub(crate) entity: LocationEntity,
}

pub(crate) fn is_valid(location: &Location) -> bool {
    matches!(location.state, crate::repo::LocationState::Valid { .. })
}
