//! A repository with many files, read as a processor reads it: the reading list comes from the database.
//!
//! A file is `component:a@1>group:x location:more@./extra/*.yaml ?component:b !`, as in the other stories, and
//! `location:name@target` is a Location entity that points at one target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freshet_model::EntityRef;
use freshet_proto::message::{
    Chunk, Content, EntityObserved, Gone, LocationObserved, Matched, Observation, RelationObserved,
    RepositoryObserved, location_observed::Outcome, observation,
};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::world::{FILE, World, configure, named, problem, whole};
use crate::apply::{Applier, ApplyConfig};
use crate::config::{DatabaseConfig, ProviderFilters, Rule, StoreConfig};
use crate::metrics::StoreMetrics;
use crate::repo::Location;
use crate::view::View;

/// The only repository.
pub(super) const REPOSITORY: u64 = 1;
/// Bytes of a piece: far less than a file.
const PIECE_BYTES: usize = 101;
/// A repository whose files point at each other is read again, but not for ever.
const READINGS_MAX: usize = 8;

/// Files by path.
pub(super) type Files = BTreeMap<String, String>;

pub(super) fn files(texts: &[(&str, &str)]) -> Files {
    let texts = texts.iter();
    texts
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect()
}

impl World {
    /// One that applies no more than so many bytes in one transaction.
    pub(super) async fn start_in_slices(database: DatabaseConfig, bytes: usize) -> Self {
        Self::start_as(StoreConfig {
            rules: vec![Rule::everywhere(&["Component", "Group", "Location"])],
            batch_bytes_max: bytes,
            ..configure(database, None, ProviderFilters::default())
        })
        .await
    }

    /// The process is killed, and another one goes on with the same database.
    pub(super) async fn restart(&mut self) {
        self.view = View::load(self.repo.snapshot().await.expect("a snapshot"));
        self.applier = Applier::new(
            self.repo.clone(),
            self.bus.clone(),
            Arc::clone(&self.view),
            self.now.clone(),
            ApplyConfig::from(&self.config),
            Arc::new(StoreMetrics::unregistered()),
        );
        self.applier.resume_runs().await.expect("it goes on");
    }

    /// Makes some of the steps that are left of a large observation, or all; returns whether there are more.
    pub(super) async fn make_steps(&mut self, count: usize) -> bool {
        let never = CancellationToken::new();
        for _ in 0..count {
            if self.applier.runs.is_empty() {
                return false;
            }
            self.clock.advance(Duration::from_millis(1));
            let made = self.applier.continue_run(&never).await;
            made.expect("a step is made");
        }
        !self.applier.runs.is_empty()
    }

    /// Somebody pushes these files, and they are read and applied until nothing more is asked for.
    pub(super) async fn push_files(&mut self, files: &Files) {
        self.push(REPOSITORY, &["x"]).await;
        self.read_until_settled(files).await;
    }

    /// Everything that is asked for is read and applied.
    pub(super) async fn read_until_settled(&mut self, files: &Files) {
        for _ in 0..READINGS_MAX {
            if !self.source("1").await.is_outstanding() {
                return;
            }
            let pieces = self.read_files(files).await;
            self.apply(&pieces).await;
            assert!(!self.make_steps(10_000).await, "it comes to an end");
        }
        panic!("it is asked for again and again");
    }

    /// What a processor reads of the files now, in pieces.
    pub(super) async fn read_files(&self, files: &Files) -> Vec<Observation> {
        let source = self.source("1").await;
        let mut tx = self.repo.read().await.expect("a transaction");
        let wanted = tx.locations_of(&[source.id]).await.expect("locations");
        drop(tx);
        let mut seen: BTreeMap<String, Outcome> = BTreeMap::new();
        for location in &wanted {
            seen.insert(location.path.clone(), look_at(location, files));
        }
        let matched = wanted.iter().filter(|it| it.is_pattern);
        for path in matched.flat_map(|pattern| matches_of(pattern, files)) {
            let outcome = content_at(&path, files);
            seen.entry(path).or_insert(outcome);
        }
        let observed = RepositoryObserved {
            repository: Some(named(REPOSITORY, "main")),
            head: format!("head{}", self.pushes),
            locations: seen
                .into_iter()
                .map(|(path, outcome)| LocationObserved {
                    path,
                    outcome: Some(outcome),
                })
                .collect(),
        };
        let generation = source.wanted.unsigned_abs();
        let body = observation::Body::Repository(observed);
        cut(&Observation {
            // A later reading is a newer one.
            fetched_at: self.now.now_micros(),
            ..whole(&source, generation, body)
        })
    }
}

/// An observation in pieces, as a processor sends one that is too large.
fn cut(observation: &Observation) -> Vec<Observation> {
    let encoded = observation.encode_to_vec();
    let pieces = encoded.chunks(PIECE_BYTES);
    let last = pieces.len() - 1;
    let pieces = pieces.zip(0_u32..).map(|(piece, part)| Observation {
        part,
        last: usize::try_from(part) == Ok(last),
        body: Some(observation::Body::Chunk(Chunk {
            data: piece.to_vec(),
        })),
        ..Observation {
            body: None,
            ..observation.clone()
        }
    });
    pieces.collect()
}

fn look_at(location: &Location, files: &Files) -> Outcome {
    if location.is_pattern {
        let paths = matches_of(location, files);
        return Outcome::Matched(Matched { paths });
    }
    content_at(&location.path, files)
}

/// Patterns here are a folder and `*.yaml`.
fn matches_of(pattern: &Location, files: &Files) -> Vec<String> {
    let folder = pattern
        .path
        .trim_start_matches('/')
        .trim_end_matches("*.yaml");
    let paths = files.keys().filter(|path| path.starts_with(folder));
    paths.cloned().collect()
}

fn content_at(path: &str, files: &Files) -> Outcome {
    match files.get(path) {
        Some(text) => Outcome::Content(read_file(path, text)),
        None => Outcome::Gone(Gone {
            evidence: "absent".to_owned(),
            ..Gone::default()
        }),
    }
}

fn read_file(path: &str, text: &str) -> Content {
    let mut content = Content {
        blob: format!("blob of {path}: {text}"),
        ..Content::default()
    };
    for (word, line) in text.split_whitespace().zip(1_u32..) {
        match word.strip_prefix('?') {
            Some(name) => content.problems.push(problem(name, line)),
            None if word == "!" => {
                content.invalid = true;
                content.problems.push(problem("", line));
            }
            None => content.entities.push(entity(word, line)),
        }
    }
    content
}

fn entity(word: &str, line: u32) -> EntityObserved {
    let (name, targets) = word.split_once('>').unwrap_or((word, ""));
    let (name, said) = name.split_once('@').expect("an entity has content");
    let entity_ref = EntityRef::parse(name).expect("a valid ref");
    let relations = targets.split('>').filter(|target| !target.is_empty());
    let relations = relations.map(|target| RelationObserved {
        forward: "ownedBy".to_owned(),
        reverse: "ownerOf".to_owned(),
        target: EntityRef::parse(target).expect("a valid ref").to_string(),
    });
    let (kind, name) = (entity_ref.kind(), entity_ref.name());
    let spec = if kind == "location" {
        format!("{{\"targets\":[\"{said}\"]}}")
    } else {
        "{}".to_owned()
    };
    EntityObserved {
        document: format!(
            "{{\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"{name}\",\"title\":\"{said}\"}},\"spec\":{spec}}}"
        ),
        r#ref: entity_ref.to_string(),
        relations: relations.collect(),
        digest: word.to_owned(),
        line,
        target_places: None,
    }
}

/// The file that lists the others.
pub(super) fn root(text: &str) -> (&str, &str) {
    (FILE, text)
}
