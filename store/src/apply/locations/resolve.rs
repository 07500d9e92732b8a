//! Finds the locations that targets name. Those nobody knows get an id, and are written if something
//! points at them in the end.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::location::{Target, split_ref};
use freshet_model::{GitRef, LocationId, RepositoryName, SourceId, glob};
use freshet_proto::origin::{LOCAL_INSTALLATION, URL_INSTALLATION};

use super::graph::{LocationGraph, TargetKey, index_by_place};
use crate::apply::error::ApplyError;
use crate::config::Recheck;
use crate::micros::micros;
use crate::repo::sources::{RecheckInterval, SourceKey, SourceNames};
use crate::repo::{Location, SourceKind, SourceRow, Tx, git_ref_if_any};

/// How a repository that was never seen is called: by its name.
pub(crate) const BY_NAME: &str = "name:";

/// Where a target leads: a source, stored or new, and a path in it.
struct TargetPlace<'a> {
    source_id: SourceId,
    path: Cow<'a, str>,
    is_pattern: bool,
}

impl<'a> TargetPlace<'a> {
    /// A file or a pattern of a source.
    fn new(source_id: SourceId, path: &'a str, is_pattern: bool) -> Self {
        let path = if is_pattern {
            Cow::Owned(Location::path_of_pattern(path))
        } else {
            Cow::Borrowed(path)
        };
        Self {
            source_id,
            path,
            is_pattern,
        }
    }
}

/// Finds the locations of these targets, and returns them.
pub(crate) async fn resolve_targets(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    targets: &BTreeSet<TargetKey>,
    recheck: &Recheck,
) -> Result<Vec<LocationId>, ApplyError> {
    let unknown = targets.iter().filter(|it| !graph.targets.contains_key(it));
    let unknown: Vec<&TargetKey> = unknown.collect();
    if unknown.is_empty() {
        return Ok(Vec::new());
    }
    let mut sources = KnownSources::load(tx, graph, &unknown).await?;
    let mut places: Vec<TargetPlace<'_>> = unknown
        .iter()
        .map(|target| sources.place_of(target, recheck))
        .collect();
    // All at once: an id for each would be a round trip for each.
    let numbers = new_source_ids(tx, graph, sources.new.len()).await?;
    let ids = sources.add_to(graph, numbers);
    for place in &mut places {
        place.source_id = ids
            .get(&place.source_id)
            .copied()
            .unwrap_or(place.source_id);
    }
    find_locations(tx, graph, &unknown, &places).await
}

/// Sources by what targets say of them. New ones have negative ids until all are counted.
struct KnownSources {
    branches: HashMap<RepositoryName, Vec<SourceRow>>,
    others: HashMap<SourceKey, SourceRow>,
    new: Vec<SourceRow>,
}

impl KnownSources {
    async fn load(
        tx: &mut Tx,
        graph: &LocationGraph,
        targets: &[&TargetKey],
    ) -> Result<Self, ApplyError> {
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for target in targets {
            match target {
                TargetKey::Target(Target::RepositoryFile { repository, .. }) => {
                    names.insert(repository);
                }
                TargetKey::Target(Target::Url(url)) => {
                    keys.insert(key_of_url(url));
                }
                TargetKey::Target(Target::LocalFile { .. }) => {
                    keys.insert(key_of_files());
                }
                TargetKey::Place { .. } => {}
            }
        }
        let names: Vec<&RepositoryName> = names.into_iter().collect();
        let keys: Vec<SourceKey> = keys.into_iter().collect();
        let mut found = tx.sources_named(&names).await?;
        if !keys.is_empty() {
            found.extend(tx.lock_sources_by_key(&keys).await?);
        }
        let mut rows: BTreeMap<SourceId, SourceRow> = found
            .into_iter()
            .map(|source| (source.id, source))
            .collect();
        // What this transaction knows already is newer.
        for source in graph.sources.values() {
            rows.insert(source.id, source.clone());
        }
        let mut known = Self {
            branches: HashMap::new(),
            others: HashMap::new(),
            new: Vec::new(),
        };
        for source in rows.into_values() {
            known.add(source);
        }
        Ok(known)
    }

    fn add(&mut self, source: SourceRow) {
        if source.kind == SourceKind::Repository {
            let name = RepositoryName::new(&source.host, &source.names.owner, &source.names.name);
            let branches = self.branches.entry(name).or_default();
            branches.push(source);
        } else {
            self.others.insert(source.key(), source);
        }
    }

    fn place_of<'t>(&mut self, target: &'t TargetKey, recheck: &Recheck) -> TargetPlace<'t> {
        match target {
            TargetKey::Target(Target::RepositoryFile {
                repository,
                rest,
                is_pattern,
            }) => {
                let (source_id, path) = self.place_in_repository(repository, rest, recheck);
                TargetPlace::new(source_id, path, *is_pattern)
            }
            TargetKey::Target(Target::Url(url)) => TargetPlace {
                source_id: self.find_other(&key_of_url(url), micros(recheck.urls)),
                path: Cow::Borrowed(url),
                is_pattern: false,
            },
            TargetKey::Target(Target::LocalFile { path, is_pattern }) => {
                let source_id = self.find_other(&key_of_files(), micros(recheck.files));
                TargetPlace::new(source_id, path, *is_pattern)
            }
            TargetKey::Place { source_id, path } => TargetPlace {
                source_id: *source_id,
                path: Cow::Borrowed(path),
                is_pattern: false,
            },
        }
    }

    fn place_in_repository<'t>(
        &mut self,
        repository: &RepositoryName,
        rest: &'t str,
        recheck: &Recheck,
    ) -> (SourceId, &'t str) {
        let branches = self.branches.get(repository).map_or(&[][..], Vec::as_slice);
        if let Some((source, path)) = split_known_branch(rest, branches) {
            return (source.id, path);
        }
        // Nobody knows where the ref ends. The first slash is right for most; if it is wrong, the
        // processor finds the branch and reads the path behind it.
        let (git_ref, path) = split_ref(rest).unwrap_or((rest, ""));
        let id = self.next_id();
        let mut source = match branches.first() {
            Some(sibling) => branch_of(id, sibling),
            None => source_by_name(id, repository),
        };
        let default_branch = &source.names.default_branch;
        let git_ref = glob::unescape(git_ref);
        let is_default = !default_branch.is_empty() && *default_branch == git_ref;
        source.git_ref = if is_default {
            Some(GitRef::DefaultBranch)
        } else {
            git_ref_if_any(&git_ref)
        };
        source.recheck = RecheckInterval::every(micros(recheck.repositories));
        self.add_new(source);
        (id, path)
    }

    fn find_other(&mut self, key: &SourceKey, recheck_every: i64) -> SourceId {
        if let Some(source) = self.others.get(key) {
            return source.id;
        }
        let id = self.next_id();
        let mut source = SourceRow::new(id, key.kind, &key.host, &key.external_id);
        source.recheck = RecheckInterval::every(recheck_every);
        source.names.name.clone_from(&key.external_id);
        if key.kind == SourceKind::Url {
            source.names.url.clone_from(&key.external_id);
            // Whoever reads URLs listens for all hosts at once.
            URL_INSTALLATION.clone_into(&mut source.installation);
        }
        self.add_new(source);
        id
    }

    fn next_id(&self) -> SourceId {
        SourceId::new(-1 - i64::try_from(self.new.len()).unwrap_or(i64::MAX - 1))
    }

    fn add_new(&mut self, source: SourceRow) {
        self.new.push(source.clone());
        self.add(source);
    }

    /// Gives the new sources their ids; returns which got which.
    fn add_to(
        self,
        graph: &mut LocationGraph,
        numbers: Vec<SourceId>,
    ) -> HashMap<SourceId, SourceId> {
        let mut ids = HashMap::with_capacity(numbers.len());
        for (source, id) in self.new.into_iter().zip(numbers) {
            ids.insert(source.id, id);
            graph.new_sources.insert(id);
            graph.sources.insert(id, SourceRow { id, ..source });
        }
        ids
    }
}

fn key_of_url(url: &str) -> SourceKey {
    let host = url.split("://").nth(1).unwrap_or_default();
    let host = host.split(['/', '?', '#']).next().unwrap_or_default();
    SourceKey::new(SourceKind::Url, host, url)
}

fn key_of_files() -> SourceKey {
    SourceKey::new(SourceKind::File, LOCAL_INSTALLATION, LOCAL_INSTALLATION)
}

/// Another branch of a repository that is known.
fn branch_of(id: SourceId, sibling: &SourceRow) -> SourceRow {
    let kind = SourceKind::Repository;
    SourceRow {
        provider: sibling.provider.clone(),
        installation: sibling.installation.clone(),
        names: sibling.names.clone(),
        ..SourceRow::new(id, kind, &sibling.host, &sibling.external_id)
    }
}

/// A repository of which the name is all there is.
fn source_by_name(id: SourceId, repository: &RepositoryName) -> SourceRow {
    let external_id = format!("{BY_NAME}{}", repository.slug());
    SourceRow {
        names: SourceNames {
            owner: repository.owner().to_owned(),
            name: repository.name().to_owned(),
            url: format!("https://{}/{}", repository.host(), repository.slug()),
            ..SourceNames::default()
        },
        ..SourceRow::new(id, SourceKind::Repository, repository.host(), &external_id)
    }
}

/// The branch that `<ref>/<path>` begins with, of those that are known; the longest counts, for branches
/// may have slashes.
fn split_known_branch<'a, 'b>(
    rest: &'b str,
    branches: &'a [SourceRow],
) -> Option<(&'a SourceRow, &'b str)> {
    branches
        .iter()
        .flat_map(|source| [(source, source.branch()), (source, source.git_ref_text())])
        .filter(|(_, name)| !name.is_empty())
        .filter_map(|(source, name)| {
            let front = rest
                .strip_prefix(name)
                // In a pattern the names in front of it are escaped.
                .or_else(|| rest.strip_prefix(&*glob::escape(name)));
            Some((source, front?.strip_prefix('/')?))
        })
        // What was known by its name alone has moved to the source that is known by its id.
        .min_by_key(|(source, path)| (path.len(), source.external_id.starts_with(BY_NAME)))
}

async fn find_locations(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    targets: &[&TargetKey],
    places: &[TargetPlace<'_>],
) -> Result<Vec<LocationId>, ApplyError> {
    let mut known = known_places(graph, places);
    let unknown: Vec<(SourceId, &str)> = places
        .iter()
        // Of a source that is new, no location can be stored.
        .filter(|place| !graph.new_sources.contains(&place.source_id))
        .map(|place| (place.source_id, &*place.path))
        .filter(|place| !known.contains_key(place))
        .collect();
    // Most often all are loaded or new, and then nothing is looked up twice.
    if !unknown.is_empty() {
        for location in tx.locations_at(&unknown).await? {
            graph.locations.insert(location.id, location);
        }
        known = known_places(graph, places);
    }
    let all: BTreeSet<(SourceId, &str)> =
        places.iter().map(|it| (it.source_id, &*it.path)).collect();
    let ids = new_location_ids(tx, graph, all.len() - known.len()).await?;
    let mut ids = ids.into_iter();
    let mut found = Vec::with_capacity(places.len());
    for (target, place) in targets.iter().zip(places) {
        let key = (place.source_id, &*place.path);
        let id = *known.entry(key).or_insert_with(|| {
            let id = ids.next().expect("an id was taken for every missing one");
            graph.add_new_location(Location {
                is_pattern: place.is_pattern,
                ..Location::new(id, place.source_id, &place.path)
            });
            id
        });
        graph.targets.insert((*target).clone(), id);
        found.push(id);
    }
    Ok(found)
}

/// Which of these places are locations that are loaded.
fn known_places<'p>(
    graph: &LocationGraph,
    places: &'p [TargetPlace<'_>],
) -> HashMap<(SourceId, &'p str), LocationId> {
    let loaded = index_by_place(graph);
    let keys = places.iter().map(|it| (it.source_id, &*it.path));
    keys.filter_map(|key| Some((key, loaded.get(&key)?.id)))
        .collect()
}

/// Ids that neither the database nor this transaction has given away.
pub(crate) async fn new_location_ids(
    tx: &mut Tx,
    graph: &LocationGraph,
    count: usize,
) -> Result<Vec<LocationId>, ApplyError> {
    let ids = tx.new_location_ids(count).await?;
    Ok(skip_given(ids, graph.new_locations.iter().copied().max()))
}

async fn new_source_ids(
    tx: &mut Tx,
    graph: &LocationGraph,
    count: usize,
) -> Result<Vec<SourceId>, ApplyError> {
    let ids = tx.new_source_ids(count).await?;
    Ok(skip_given(ids, graph.new_sources.iter().copied().max()))
}

// SQLite counts from the newest row, and what was given away before is not written yet.
fn skip_given<Id: From<i64> + Into<i64> + Copy>(ids: Vec<Id>, newest_given: Option<Id>) -> Vec<Id> {
    let first = ids.first().map_or(0, |id| (*id).into());
    let shift = newest_given.map_or(0, |given| (given.into() + 1 - first).max(0));
    let shifted = ids.into_iter().map(|id| Id::from(id.into() + shift));
    shifted.collect()
}
