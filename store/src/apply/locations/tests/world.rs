//! A tree in memory: what is loaded grows by what is asked for, as it does from the database.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::EntityRef;
use freshet_model::rules::Rule;
use serde_json::json;

use super::super::seen::SeenContent;
use super::super::*;
use crate::apply::entities::annotate::Forges;
use crate::apply::entities::declarations::Missing;
use crate::repo::{LocationOutcome, LocationRow, RunState, SourceKind, SourceRow};

pub(crate) const BASE: &str = "https://github.com/o/r/tree/main";
pub(crate) const ROOT: &str = "url:https://github.com/o/r/blob/main/root.yaml";
/// The source of roots and the repository.
pub(crate) const ROOTS: i64 = 1;
pub(crate) const REPOSITORY: i64 = 2;

/// Everything that is stored, all of it loaded.
pub(crate) struct World {
    pub(crate) facts: Facts,
    pub(crate) ids: BTreeMap<String, i64>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) forges: Forges,
    pub(crate) now: i64,
}

/// What one file says: its content number, and what it declares.
pub(crate) struct File {
    pub(crate) blob: &'static str,
    pub(crate) poisoned: bool,
    pub(crate) kinds: Vec<&'static str>,
    pub(crate) locations: Vec<Listed>,
    pub(crate) missing: Missing,
}

pub(crate) fn file(blob: &'static str) -> File {
    File {
        blob,
        poisoned: false,
        kinds: vec!["Component"],
        locations: Vec::new(),
        missing: Missing::Withdrawn,
    }
}

/// A Location entity that points to these files.
pub(crate) fn points(name: &str, version: &str, targets: &[&str]) -> Listed {
    typed(name, version, targets, json!({}))
}

pub(crate) fn typed(
    name: &str,
    version: &str,
    targets: &[&str],
    spec: serde_json::Value,
) -> Listed {
    let mut spec = spec;
    spec["targets"] = json!(targets);
    let document = json!({
        "apiVersion": "backstage.io/v1alpha1",
        "kind": "Location",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    });
    Listed {
        entity_ref: EntityRef::parse(&format!("location:default/{name}")).expect("a valid ref"),
        document: document.to_string(),
        digest: version.to_owned(),
        line: 1,
        column: 1,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let mut facts = Facts::default();
        let roots = SourceRow::new(ROOTS, SourceKind::Roots, "", "config");
        let mut repository = SourceRow::new(REPOSITORY, SourceKind::Repository, "github.com", "7");
        "main".clone_into(&mut repository.default_branch);
        facts.sources.insert(ROOTS, roots);
        facts.sources.insert(REPOSITORY, repository);
        Self {
            facts,
            ids: BTreeMap::new(),
            rules: vec![Rule::everywhere(&["Component", "Location"])],
            forges: Forges {
                hosts: vec!["github.com".to_owned()],
                slug_kinds: Vec::new(),
            },
            now: 1,
        }
    }

    /// The id of a file, or of a root by its whole name.
    pub(crate) fn id(&mut self, path: &str) -> i64 {
        let next = i64::try_from(self.ids.len()).expect("few") + 10;
        let id = *self.ids.entry(path.to_owned()).or_insert(next);
        let is_root = path.starts_with("url:");
        let source_id = if is_root { ROOTS } else { REPOSITORY };
        let fresh = &mut self.facts.fresh_locations;
        self.facts.locations.entry(id).or_insert_with(|| {
            fresh.insert(id);
            let mut row = LocationRow::new(id, source_id, path);
            row.is_glob = i64::from(freshet_model::glob::has_magic(path) && !is_root);
            if is_root {
                path["url:".len()..].clone_into(&mut row.url);
                path.clone_into(&mut row.origin);
            }
            row
        });
        id
    }

    pub(crate) fn root(&mut self, target: &str) -> (i64, Seen) {
        let name = generated_ref(target);
        let document =
            freshet_model::location::generated_location("url", &target["url:".len()..], None);
        let listed = Listed {
            entity_ref: EntityRef::parse(&name).expect("a valid ref"),
            document: document.to_string(),
            digest: target.to_owned(),
            line: 0,
            column: 0,
        };
        let seen = self.content(File {
            locations: vec![listed],
            kinds: Vec::new(),
            ..file("root")
        });
        (self.id(target), seen)
    }

    pub(crate) fn content(&self, file: File) -> Seen {
        let kinds = file.kinds.iter().map(|kind| {
            let name = format!("{}:default/x", kind.to_lowercase());
            Mark((*kind).to_owned(), None, name, 1)
        });
        let locations = file
            .locations
            .iter()
            .map(|it| Mark("Location".to_owned(), None, it.entity_ref.to_string(), 1));
        Seen::Content(SeenContent {
            blob: file.blob.to_owned(),
            poisoned: file.poisoned,
            emitted: kinds.chain(locations).collect(),
            locations: file.locations,
            missing: file.missing,
        })
    }

    pub(crate) fn has(&mut self, path: &str, file: File) -> (i64, Seen) {
        let seen = self.content(file);
        (self.id(path), seen)
    }

    pub(crate) fn gone(&mut self, path: &str) -> (i64, Seen) {
        (self.id(path), Seen::Gone)
    }

    pub(crate) fn matched(&mut self, pattern: &str, paths: &[&str]) -> (i64, Seen) {
        for path in paths {
            self.id(path);
        }
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        (self.id(pattern), Seen::Matched(paths))
    }

    /// Judges, supplies what is needed, and stores what comes of it.
    pub(crate) fn apply(&mut self, sights: Vec<(i64, Seen)>) -> Verdict {
        self.now += 1;
        let sights: Sights = sights.into_iter().collect();
        for _ in 0..50 {
            let terms = Terms {
                rules: &self.rules,
                forges: &self.forges,
                now: self.now,
            };
            match judge(&self.facts, &sights, terms) {
                Ok(verdict) => {
                    self.store(&verdict);
                    return verdict;
                }
                Err(need) => self.supply(*need),
            }
        }
        panic!("it always needs more");
    }

    pub(crate) fn supply(&mut self, need: Need) {
        assert!(
            need.locations.is_empty() && need.sources.is_empty(),
            "all are loaded"
        );
        self.facts.linked.extend(need.linked);
        self.facts.linking.extend(need.linking);
        for entity_ref in need.entities {
            self.facts.entities.entry(entity_ref).or_insert(None);
        }
        for id in need.declared {
            self.facts.declared.entry(id).or_default();
        }
        for entity_ref in need.claims {
            self.facts.claims.entry(entity_ref).or_default();
        }
        for aim in need.aims {
            let path = match &aim {
                Aim::Repository { rest, .. } => rest["main/".len()..].to_owned(),
                Aim::At { path, .. } => path.clone(),
                Aim::Url(_) | Aim::File(_) => panic!("there is one repository: {aim:?}"),
            };
            let id = self.id(&path);
            self.facts.located.insert(aim, id);
        }
    }

    pub(crate) fn store(&mut self, verdict: &Verdict) {
        let facts = &mut self.facts;
        for row in &verdict.locations_put {
            facts.fresh_locations.remove(&row.id);
            facts.locations.insert(row.id, row.clone());
        }
        for id in verdict.withdrawn.keys() {
            facts.locations.remove(id);
            self.ids.retain(|_, known| known != id);
        }
        for row in &verdict.entities_put {
            facts
                .entities
                .insert(row.entity_ref.clone(), Some(row.clone()));
        }
        for entity_ref in &verdict.entities_removed {
            facts.entities.insert(entity_ref.clone(), None);
        }
        let mut declared: HashMap<i64, Vec<String>> = HashMap::new();
        for row in facts.entities.values().flatten() {
            declared
                .entry(row.declared_by)
                .or_default()
                .push(row.entity_ref.clone());
        }
        facts.declared = declared;
        for key in &verdict.links_removed {
            facts.links.remove(key);
        }
        for link in &verdict.links_put {
            facts.links.insert(key_of(link), link.clone());
        }
        facts.located.clear();
    }

    /// What is applied of each file: `path@blob`, `!` in front if something newer was seen.
    pub(crate) fn applied(&self) -> String {
        let mut words = BTreeSet::new();
        for (path, id) in self
            .ids
            .iter()
            .filter(|(path, _)| !path.starts_with("url:"))
        {
            let Some(row) = self.facts.locations.get(id) else {
                continue;
            };
            if row.is_glob != 0 || self.facts.fresh_locations.contains(id) {
                continue;
            }
            let is_held = row.outcome != LocationOutcome::Content || row.seen_oid != row.blob_oid;
            let mark = if is_held { "!" } else { "" };
            words.insert(format!("{mark}{path}@{}", row.blob_oid));
        }
        words.into_iter().collect::<Vec<String>>().join(" ")
    }

    pub(crate) fn state(&self, name: &str) -> Option<RunState> {
        let entity_ref = format!("location:default/{name}");
        self.facts
            .entities
            .get(&entity_ref)?
            .as_ref()
            .map(|row| row.state)
    }

    pub(crate) fn root_state(&self) -> Option<RunState> {
        self.facts
            .entities
            .get(&generated_ref(ROOT))?
            .as_ref()
            .map(|row| row.state)
    }

    /// A root whose file points to `a` and `b`, all of it read.
    pub(crate) fn with_siblings() -> Self {
        let mut world = Self::new();
        let root = world.root(ROOT);
        world.apply(vec![root]);
        let top = File {
            locations: vec![points("p", "1", &["./a.yaml", "./b.yaml"])],
            ..file("r1")
        };
        let root = world.has("root.yaml", top);
        world.apply(vec![root]);
        assert_eq!(world.state("p"), Some(RunState::Waiting));
        let (a, b) = (
            world.has("a.yaml", file("a1")),
            world.has("b.yaml", file("b1")),
        );
        world.apply(vec![a, b]);
        assert_eq!(world.applied(), "a.yaml@a1 b.yaml@b1 root.yaml@r1");
        world
    }
}

pub(crate) fn served(verdict: &Verdict) -> Vec<&str> {
    let served = verdict.served.values().flatten();
    served.map(|it| it.row.entity_ref.as_str()).collect()
}

pub(crate) fn rules_broken(verdict: &Verdict) -> Vec<(&str, Vec<String>)> {
    let found = verdict.reviews.iter().flat_map(|review| &review.found);
    found
        .map(|found| (found.rule.as_str(), found.status_of.clone()))
        .collect()
}
