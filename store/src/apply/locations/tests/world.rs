//! A graph in memory: what is loaded grows by what is asked for, as it does from the database.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::location::{Target, TargetPlaces, generated_location};
use freshet_model::rules::Rule;
use freshet_model::{EntityRef, LocationId, SourceId};
use serde_json::json;

use crate::apply::entities::annotate::Forges;
use crate::apply::entities::declarations::Undeclared;
use crate::apply::locations::diff::LocationDiff;
use crate::apply::locations::evaluate::{Evaluated, evaluate};
use crate::apply::locations::evaluation::{EvaluationInputs, ParentReviews};
use crate::apply::locations::graph::{GraphRequest, LocationGraph, TargetKey};
use crate::apply::locations::naming::generated_ref;
use crate::apply::observed::evidence::{ContentEvidence, DeclaredLocation, LocationEvidence};
use crate::repo::{
    ClaimRow, EmittedKind, Location, LocationEntity, LocationState, Naming, SourceKind, SourceRow,
};

pub(super) const BASE: &str = "https://github.com/o/r/tree/main";
pub(super) const ROOT: &str = "url:https://github.com/o/r/blob/main/root.yaml";
/// The source of roots and the repository.
pub(super) const ROOTS: SourceId = SourceId::new(1);
pub(super) const REPOSITORY: SourceId = SourceId::new(2);
const ROUNDS_MAX: usize = 50;

/// Everything that is stored.
pub(super) struct World {
    pub(super) graph: LocationGraph,
    pub(super) ids: BTreeMap<String, LocationId>,
    pub(super) rules: Vec<Rule>,
    pub(super) claims: Vec<ClaimRow>,
    forges: Forges,
    now: i64,
}

/// What one file says: its content number, and what it declares.
pub(super) struct File {
    pub(super) blob: &'static str,
    pub(super) is_invalid: bool,
    pub(super) kinds: Vec<&'static str>,
    pub(super) locations: Vec<DeclaredLocation>,
    pub(super) undeclared: Undeclared,
}

pub(super) fn file(blob: &'static str) -> File {
    File {
        blob,
        is_invalid: false,
        kinds: vec!["Component"],
        locations: Vec::new(),
        undeclared: Undeclared::Removed,
    }
}

/// A file that declares one Location entity.
pub(super) fn file_with(blob: &'static str, location: DeclaredLocation) -> File {
    File {
        locations: vec![location],
        ..file(blob)
    }
}

/// A Location entity that points at these files.
pub(super) fn points(name: &str, version: &str, targets: &[&str]) -> DeclaredLocation {
    points_with_spec(name, version, targets, json!({}))
}

pub(super) fn points_with_spec(
    name: &str,
    version: &str,
    targets: &[&str],
    mut spec: serde_json::Value,
) -> DeclaredLocation {
    spec["targets"] = json!(targets);
    let document = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    });
    DeclaredLocation {
        entity_ref: EntityRef::parse(&format!("location:default/{name}")).expect("a valid ref"),
        document: document.to_string(),
        digest: version.to_owned(),
        line: 1,
        column: 1,
        target_places: TargetPlaces::default(),
    }
}

impl World {
    pub(super) fn new() -> Self {
        let mut graph = LocationGraph::default();
        let roots = SourceRow::new(ROOTS, SourceKind::Roots, "", "config");
        let mut repository = SourceRow::new(REPOSITORY, SourceKind::Repository, "github.com", "7");
        "main".clone_into(&mut repository.names.default_branch);
        graph.sources.insert(ROOTS, roots);
        graph.sources.insert(REPOSITORY, repository);
        Self {
            graph,
            ids: BTreeMap::new(),
            rules: vec![Rule::everywhere(&["Component", "Location"])],
            claims: Vec::new(),
            forges: Forges {
                hosts: vec!["github.com".to_owned()],
                slug_kinds: Vec::new(),
            },
            now: 1,
        }
    }

    /// A root whose file points at `a` and `b`, all of it read.
    pub(super) fn with_siblings() -> Self {
        let mut world = Self::new();
        world.add_root();
        world.read(
            "root.yaml",
            file_with("r1", points("p", "1", &["./a.yaml", "./b.yaml"])),
        );
        let (a, b) = (
            world.sees("a.yaml", file("a1")),
            world.sees("b.yaml", file("b1")),
        );
        world.apply(vec![a, b]);
        assert_eq!(world.active(), "a.yaml@a1 b.yaml@b1 root.yaml@r1");
        world
    }

    /// The id of a file, or of a root by its whole name.
    pub(super) fn id(&mut self, path: &str) -> LocationId {
        let next = i64::try_from(self.ids.len()).expect("few") + 10;
        let id = *self
            .ids
            .entry(path.to_owned())
            .or_insert(LocationId::new(next));
        if !self.graph.locations.contains_key(&id) {
            let is_root = path.starts_with("url:");
            let source_id = if is_root { ROOTS } else { REPOSITORY };
            self.graph.add_new_location(Location {
                is_pattern: path.starts_with('/'),
                naming: is_root.then(|| Naming {
                    parent_ref: None,
                    url: path["url:".len()..].to_owned(),
                    origin: path.to_owned(),
                }),
                ..Location::new(id, source_id, path)
            });
        }
        id
    }

    /// The configuration names [`ROOT`].
    pub(super) fn add_root(&mut self) -> LocationDiff {
        let root = self.sees_root(None);
        self.apply(vec![root])
    }

    pub(super) fn sees_root(
        &mut self,
        presence: Option<&'static str>,
    ) -> (LocationId, LocationEvidence) {
        let document = generated_location("url", &ROOT["url:".len()..], presence);
        self.sees_declared_root(ROOT, document.to_string())
    }

    /// A root that leads to a file by another name.
    pub(super) fn sees_other_root(
        &mut self,
        root: &str,
        path: &str,
    ) -> (LocationId, LocationEvidence) {
        let target = format!("{BASE}/{path}");
        let document = generated_location("url", &target, None);
        self.sees_declared_root(root, document.to_string())
    }

    fn sees_declared_root(
        &mut self,
        root: &str,
        document: String,
    ) -> (LocationId, LocationEvidence) {
        let declared = DeclaredLocation {
            entity_ref: EntityRef::parse(&generated_ref(root)).expect("a valid ref"),
            document,
            digest: root.to_owned(),
            line: 0,
            column: 0,
            target_places: TargetPlaces::default(),
        };
        let proved = content(File {
            kinds: Vec::new(),
            ..file_with("root", declared)
        });
        (self.id(root), proved)
    }

    pub(super) fn sees(&mut self, path: &str, file: File) -> (LocationId, LocationEvidence) {
        (self.id(path), content(file))
    }

    pub(super) fn sees_no(&mut self, path: &str) -> (LocationId, LocationEvidence) {
        (self.id(path), LocationEvidence::Absent { reason: None })
    }

    pub(super) fn sees_matches(
        &mut self,
        pattern: &str,
        paths: &[&str],
    ) -> (LocationId, LocationEvidence) {
        for path in paths {
            self.id(path);
        }
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        (self.id(pattern), LocationEvidence::Matched(paths))
    }

    /// One file is read.
    pub(super) fn read(&mut self, path: &str, file: File) -> LocationDiff {
        let seen = self.sees(path, file);
        self.apply(vec![seen])
    }

    /// Evaluates, supplies what is requested, and stores what comes of it.
    pub(super) fn apply(&mut self, evidence: Vec<(LocationId, LocationEvidence)>) -> LocationDiff {
        self.now += 1;
        let evidence = evidence.into_iter().collect();
        for _ in 0..ROUNDS_MAX {
            let inputs = EvaluationInputs {
                reviews: &ParentReviews::AtOnce,
                rules: &self.rules,
                forges: &self.forges,
                now: self.now,
            };
            match evaluate(&self.graph, &evidence, inputs) {
                Evaluated::Decided(diff) => {
                    self.store(&diff);
                    return *diff;
                }
                Evaluated::Incomplete(request) => self.supply(*request),
            }
        }
        panic!("it always needs more");
    }

    fn supply(&mut self, request: GraphRequest) {
        let loaded = &mut self.graph.loaded;
        loaded.parents.extend(request.parents);
        loaded.children.extend(request.children);
        loaded.entities.extend(request.entities);
        loaded.declarations.extend(request.declarations);
        loaded.subtrees.extend(request.subtrees);
        for entity_ref in request.losing_claims {
            let claims = self.claims.iter().filter(|it| it.entity_ref == entity_ref);
            let claims = claims.cloned().collect();
            self.graph.losing_claims.insert(entity_ref, claims);
        }
        for key in request.targets {
            let path = match &key {
                TargetKey::Target(Target::RepositoryFile {
                    rest, is_pattern, ..
                }) => {
                    let front = if *is_pattern { "/" } else { "" };
                    format!("{front}{}", &rest["main/".len()..])
                }
                TargetKey::Place { path, .. } => path.clone(),
                TargetKey::Target(Target::Url(_) | Target::LocalFile { .. }) => {
                    panic!("there is one repository: {key:?}")
                }
            };
            let id = self.id(&path);
            self.graph.targets.insert(key, id);
        }
    }

    fn store(&mut self, diff: &LocationDiff) {
        let graph = &mut self.graph;
        for location in &diff.locations_put {
            graph.new_locations.remove(&location.id);
            graph.locations.insert(location.id, location.clone());
        }
        for id in diff.removed.keys() {
            graph.locations.remove(id);
            self.ids.retain(|_, known| known != id);
        }
        for entity in &diff.entities_put {
            graph
                .entities
                .insert(entity.entity_ref.clone(), entity.clone());
        }
        for entity_ref in &diff.entities_removed {
            graph.entities.remove(entity_ref);
        }
        for key in &diff.links_removed {
            graph.links.remove(key);
        }
        for link in &diff.links_put {
            graph.links.put(link.clone());
        }
        graph.targets.clear();
        graph.losing_claims.clear();
        graph.loaded = Default::default();
    }

    /// What is in the catalog of each file: `path@blob`, `!` in front if something else was seen.
    pub(super) fn active(&self) -> String {
        let mut words = BTreeSet::new();
        for (path, id) in &self.ids {
            let Some(location) = self.graph.locations.get(id) else {
                continue;
            };
            let is_file = !path.starts_with("url:") && !location.is_pattern;
            if !is_file || self.graph.new_locations.contains(id) {
                continue;
            }
            let active = location.active_blob.as_deref().unwrap_or_default();
            let is_valid = matches!(location.state, LocationState::Valid { .. });
            let is_seen = is_valid && location.seen_blob() == location.active_blob.as_deref();
            let mark = if is_seen { "" } else { "!" };
            words.insert(format!("{mark}{path}@{active}"));
        }
        words.into_iter().collect::<Vec<String>>().join(" ")
    }

    pub(super) fn entity(&self, name: &str) -> Option<&LocationEntity> {
        self.graph.entities.get(&format!("location:default/{name}"))
    }

    pub(super) fn location(&self, path: &str) -> &Location {
        &self.graph.locations[&self.ids[path]]
    }
}

fn content(file: File) -> LocationEvidence {
    let emits = |kind: &str, entity_ref: String| EmittedKind {
        kind: kind.to_owned(),
        spec_type: None,
        entity_ref,
        line: 1,
    };
    let kinds = file.kinds.iter();
    let kinds = kinds.map(|kind| emits(kind, format!("{}:default/x", kind.to_lowercase())));
    let locations = file.locations.iter();
    let locations = locations.map(|it| emits("Location", it.entity_ref.to_string()));
    LocationEvidence::Content(ContentEvidence {
        blob: file.blob.to_owned(),
        is_invalid: file.is_invalid,
        emitted: kinds.chain(locations).collect(),
        location_entities: file.locations,
        undeclared: file.undeclared,
    })
}

/// Refs of the Location entities that are shown from now on.
pub(super) fn published(diff: &LocationDiff) -> Vec<&str> {
    let published = diff.published.values().flatten();
    published.map(|it| it.entity.entity_ref.as_str()).collect()
}

/// What the problems say.
pub(super) fn messages(diff: &LocationDiff) -> Vec<&str> {
    let found = diff.reviews.iter().flat_map(|review| &review.found);
    found.map(|found| found.problem.message.as_str()).collect()
}

/// Each problem by its rule, with those whose status shows it.
pub(super) fn broken_rules(diff: &LocationDiff) -> Vec<(&str, Vec<String>)> {
    let found = diff.reviews.iter().flat_map(|review| &review.found);
    found
        .map(|found| (found.problem.rule.as_str(), found.status_of.clone()))
        .collect()
}
