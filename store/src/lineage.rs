//! What leads to an entity: the Location entities above its file, up to the roots.
//!
//! The view knows nothing of locations, so this is read from the database, in as many statements for a deep catalog
//! as for a flat one.

use std::collections::{BTreeSet, HashMap};

use freshet_model::{EntityRef, LocationId, SourceId};

use crate::repo::{Location, LocationEntity, LocationLink, LocationState, Repo, RepoError};

/// Levels that a refresh goes up, as in Backstage.
const LEVELS_MAX: usize = 32;

/// The locations above one of them, and the Location entities between them.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    locations: HashMap<LocationId, Location>,
    /// Refs of the Location entities that point at each location.
    parents: HashMap<LocationId, BTreeSet<String>>,
    /// The location that declares each Location entity.
    declared_by: HashMap<String, LocationId>,
    /// The sources that a Location entity itself points at.
    pub(crate) targets: Vec<SourceId>,
}

/// Reads what leads to an entity that this location declares.
pub(crate) async fn load_lineage(
    repo: &Repo,
    entity_ref: &EntityRef,
    location_id: LocationId,
) -> Result<Lineage, RepoError> {
    let mut tx = repo.read().await?;
    let above = tx.locations_above(&[location_id]).await?;
    let locations = tx.locations(&above).await?;
    let links = tx.links_of_locations(&above).await?;
    let entities = tx.location_entities_of(&above, &[]).await?;
    let mut lineage = Lineage::new(locations, &links, entities);
    let targets = tx.links_of_parents(&[entity_ref.as_str()]).await?;
    let targets: Vec<LocationId> = targets.iter().map(|link| link.location_id).collect();
    let targets = tx.locations(&targets).await?;
    lineage.targets = targets.iter().map(|location| location.source_id).collect();
    tx.commit().await?;
    Ok(lineage)
}

impl Lineage {
    fn new(
        locations: Vec<Location>,
        links: &[LocationLink],
        entities: Vec<LocationEntity>,
    ) -> Self {
        let declared = entities.into_iter();
        let declared_by: HashMap<String, LocationId> = declared
            .map(|entity| (entity.entity_ref, entity.declared_by))
            .collect();
        let mut parents: HashMap<LocationId, BTreeSet<String>> = HashMap::new();
        for link in links {
            // A Location entity that lists its own file leads nowhere by that.
            if declared_by.get(&link.parent_ref) != Some(&link.location_id) {
                let of_location = parents.entry(link.location_id).or_default();
                of_location.insert(link.parent_ref.clone());
            }
        }
        Self {
            locations: locations.into_iter().map(|it| (it.id, it)).collect(),
            parents,
            declared_by,
            targets: Vec::new(),
        }
    }

    /// Refs of the Location entities that point at a location, sorted; none for a root.
    pub(crate) fn parents_of(&self, location_id: LocationId) -> impl Iterator<Item = &str> {
        let parents = self.parents.get(&location_id).into_iter().flatten();
        parents.map(String::as_str)
    }

    /// The location that declares a Location entity.
    pub(crate) fn declaring(&self, entity_ref: &str) -> Option<LocationId> {
        self.declared_by.get(entity_ref).copied()
    }

    /// The location and those above it, each by the parent that its entities are named by, or the first one.
    pub(crate) fn chain_from(&self, location_id: LocationId) -> Vec<&Location> {
        let mut chain: Vec<&Location> = Vec::new();
        let mut next = self.locations.get(&location_id);
        while let Some(location) = next {
            // Location entities may form a circle.
            if chain.len() == LEVELS_MAX || chain.iter().any(|it| it.id == location.id) {
                break;
            }
            chain.push(location);
            let naming = location.parent_ref();
            let parent = naming.or_else(|| self.parents_of(location.id).next());
            let declaring = parent.and_then(|it| self.declaring(it));
            next = declaring.and_then(|id| self.locations.get(&id));
        }
        chain
    }

    /// Whether the newest look at one of these locations found that something is wrong with it.
    pub(crate) fn is_any_wrong(chain: &[&Location]) -> bool {
        chain.iter().any(|location| match &location.state {
            LocationState::Invalid { .. }
            | LocationState::Absent { .. }
            | LocationState::Failed { .. } => true,
            LocationState::Unread | LocationState::Valid { .. } | LocationState::Matched { .. } => {
                false
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use freshet_model::location::TargetPlaces;

    use super::*;
    use crate::repo::Naming;

    fn location(number: i64, parent: Option<&str>) -> Location {
        Location {
            naming: Some(Naming {
                parent_ref: parent.map(str::to_owned),
                url: "u".to_owned(),
                origin: "url:o".to_owned(),
            }),
            ..Location::new(LocationId::new(number), SourceId::new(number), "f")
        }
    }

    fn link(parent: &str, location: i64) -> LocationLink {
        LocationLink {
            parent_ref: parent.to_owned(),
            location_id: LocationId::new(location),
            via: None,
            ordinal: 0,
            url: String::new(),
            is_required: true,
            is_listed: true,
            since: 0,
        }
    }

    fn entity(name: &str, declared_by: i64) -> LocationEntity {
        LocationEntity {
            entity_ref: name.to_owned(),
            declared_by: LocationId::new(declared_by),
            document: String::new(),
            digest: String::new(),
            line: 0,
            column: 0,
            target_places: TargetPlaces::default(),
            own: String::new(),
            origin: String::new(),
            is_published: true,
        }
    }

    fn numbers(lineage: &Lineage, from: i64) -> Vec<i64> {
        let chain = lineage.chain_from(LocationId::new(from));
        chain.iter().map(|location| location.id.get()).collect()
    }

    /// Root 1 declares `r`, which leads to file 2, which declares `a`, which leads to file 3.
    fn three_levels(naming: Option<&str>) -> Lineage {
        Lineage::new(
            vec![
                location(1, None),
                location(2, Some("r")),
                location(3, naming),
            ],
            &[link("r", 2), link("a", 2), link("a", 3), link("r", 3)],
            vec![entity("r", 1), entity("a", 2)],
        )
    }

    #[test]
    fn everybody_who_points_at_a_file_is_a_parent_but_those_in_it() {
        let lineage = three_levels(Some("a"));
        let parents = |number| {
            lineage
                .parents_of(LocationId::new(number))
                .collect::<Vec<_>>()
        };
        assert_eq!(parents(3), ["a", "r"]);
        assert_eq!(parents(2), ["r"]);
        assert!(parents(1).is_empty());
    }

    #[test]
    fn the_way_up_is_by_the_parent_that_names_the_file() {
        assert_eq!(numbers(&three_levels(Some("a")), 3), [3, 2, 1]);
        assert_eq!(numbers(&three_levels(Some("r")), 3), [3, 1]);
        assert_eq!(numbers(&three_levels(None), 3), [3, 2, 1]);
        assert_eq!(numbers(&three_levels(None), 9), Vec::<i64>::new());
    }

    #[test]
    fn a_circle_has_an_end() {
        let circle = Lineage::new(
            vec![location(1, Some("b")), location(2, Some("a"))],
            &[link("a", 2), link("b", 1)],
            vec![entity("a", 1), entity("b", 2)],
        );
        assert_eq!(numbers(&circle, 1), [1, 2]);
    }

    #[test]
    fn a_file_that_is_broken_or_not_there_is_wrong() {
        let mut absent = location(1, None);
        assert!(!Lineage::is_any_wrong(&[&absent]));
        absent.state = LocationState::Absent { reason: None };
        assert!(Lineage::is_any_wrong(&[&location(2, None), &absent]));
    }
}
