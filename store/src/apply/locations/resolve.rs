//! Finding the locations that targets name. Those nobody knows get an id, and are written if they are
//! linked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::apply::ApplyError;
use crate::apply::locations::{Aim, Facts};
use crate::config::Recheck;
use crate::repo::sources::SourceKey;
use crate::repo::{HEAD, LocationRow, SourceKind, SourceRow, Tx};

/// How a repository that was never seen is called: by its name.
pub(crate) const BY_NAME: &str = "name:";
/// Host and name of the local file system.
const LOCAL: &str = "local";
/// Under which the jobs of plain URLs are done, whatever their host.
const URL_INSTALLATION: &str = "url";

/// Where one aim leads: a source, stored or new, and a path in it.
struct Spot {
    source_id: i64,
    path: String,
    is_glob: bool,
}

/// Finds the locations of targets; those nobody knows get an id and are written if they are linked.
pub(crate) async fn load_aims(
    tx: &mut Tx,
    facts: &mut Facts,
    aims: &BTreeSet<Aim>,
    recheck: &Recheck,
) -> Result<(), ApplyError> {
    let aims: Vec<&Aim> = aims
        .iter()
        .filter(|aim| !facts.located.contains_key(aim))
        .collect();
    if aims.is_empty() {
        return Ok(());
    }
    let mut known = Known::load(tx, facts, &aims).await?;
    let mut fresh = 0;
    let mut spots = Vec::with_capacity(aims.len());
    for aim in &aims {
        let (spot, is_new) = known.spot(aim, recheck);
        fresh += usize::from(is_new);
        spots.push(spot);
    }
    let ids = new_source_ids(tx, facts, fresh).await?;
    known.settle(&ids, facts);
    for spot in &mut spots {
        if spot.source_id < 0 {
            spot.source_id = known.real_id(spot.source_id);
        }
    }
    locate(tx, facts, &aims, spots).await
}

/// Sources by what targets say of them. New ones have negative ids until all are counted.
struct Known {
    repositories: HashMap<(String, String, String), Vec<SourceRow>>,
    others: HashMap<SourceKey, SourceRow>,
    fresh: Vec<SourceRow>,
    ids: HashMap<i64, i64>,
}

impl Known {
    async fn load(tx: &mut Tx, facts: &Facts, aims: &[&Aim]) -> Result<Self, ApplyError> {
        let mut names = BTreeSet::new();
        let mut keys = BTreeSet::new();
        for aim in aims {
            match aim {
                Aim::Repository {
                    host, owner, name, ..
                } => {
                    names.insert((host.clone(), owner.clone(), name.clone()));
                }
                Aim::Url(_) | Aim::File(_) => {
                    keys.extend(key(aim));
                }
                Aim::At { .. } => {}
            }
        }
        let names: Vec<(String, String, String)> = names.into_iter().collect();
        let keys: Vec<SourceKey> = keys.into_iter().collect();
        let mut found = tx.sources_named(&names).await?;
        if !keys.is_empty() {
            found.extend(tx.lock_sources_by_key(&keys).await?);
        }
        let mut rows: BTreeMap<i64, SourceRow> = found
            .into_iter()
            .map(|source| (source.id, source))
            .collect();
        // What this transaction knows already is newer.
        for source in facts.sources.values() {
            rows.insert(source.id, source.clone());
        }
        let mut known = Self {
            repositories: HashMap::new(),
            others: HashMap::new(),
            fresh: Vec::new(),
            ids: HashMap::new(),
        };
        for source in rows.into_values() {
            known.add(source);
        }
        Ok(known)
    }

    fn add(&mut self, source: SourceRow) {
        if source.kind == SourceKind::Repository {
            let name = (
                source.host.clone(),
                source.owner.to_lowercase(),
                source.name.to_lowercase(),
            );
            self.repositories.entry(name).or_default().push(source);
        } else {
            self.others.insert(source.key(), source);
        }
    }

    fn spot(&mut self, aim: &Aim, recheck: &Recheck) -> (Spot, bool) {
        match aim {
            Aim::Repository {
                host,
                owner,
                name,
                rest,
            } => self.repository((host, owner, name), rest, recheck),
            Aim::Url(url) => {
                let (source_id, is_new) = self.other(aim, micros(recheck.urls));
                let spot = Spot {
                    source_id,
                    path: url.clone(),
                    is_glob: false,
                };
                (spot, is_new)
            }
            Aim::File(path) => {
                let (source_id, is_new) = self.other(aim, micros(recheck.files));
                let spot = Spot {
                    source_id,
                    path: path.clone(),
                    is_glob: freshet_model::glob::has_magic(path),
                };
                (spot, is_new)
            }
            Aim::At { source_id, path } => {
                let spot = Spot {
                    source_id: *source_id,
                    path: path.clone(),
                    is_glob: false,
                };
                (spot, false)
            }
        }
    }

    fn repository(
        &mut self,
        (host, owner, name): (&String, &String, &String),
        rest: &str,
        recheck: &Recheck,
    ) -> (Spot, bool) {
        let named = (host.clone(), owner.clone(), name.clone());
        let branches = self.repositories.get(&named).map_or(&[][..], Vec::as_slice);
        let spot = |source_id, path: &str| Spot {
            source_id,
            path: path.to_owned(),
            is_glob: freshet_model::glob::has_magic(path),
        };
        if let Some((source, path)) = parted(rest, branches) {
            return (spot(source.id, path), false);
        }
        let (git_ref, path) = rest.split_once('/').unwrap_or((rest, ""));
        let id = -1 - i64::try_from(self.fresh.len()).unwrap_or(i64::MAX - 1);
        let mut source = match branches.first() {
            Some(sibling) => branch_of(id, sibling),
            None => named_only(id, &named),
        };
        let is_default = !source.default_branch.is_empty() && source.default_branch == git_ref;
        if is_default { HEAD } else { git_ref }.clone_into(&mut source.git_ref);
        source.recheck_every = micros(recheck.repositories);
        self.fresh.push(source.clone());
        self.add(source);
        (spot(id, path), true)
    }

    fn other(&mut self, aim: &Aim, recheck_every: i64) -> (i64, bool) {
        let key = key(aim).expect("URLs and files have a key");
        if let Some(source) = self.others.get(&key) {
            return (source.id, false);
        }
        let id = -1 - i64::try_from(self.fresh.len()).unwrap_or(i64::MAX - 1);
        let source = SourceRow {
            recheck_every,
            url: if key.kind == SourceKind::Url {
                key.external_id.clone()
            } else {
                String::new()
            },
            name: key.external_id.clone(),
            // Whoever reads URLs listens for all hosts at once.
            installation: if key.kind == SourceKind::Url {
                URL_INSTALLATION.to_owned()
            } else {
                key.host.clone()
            },
            ..SourceRow::new(id, key.kind, &key.host, &key.external_id)
        };
        self.fresh.push(source.clone());
        self.add(source);
        (id, true)
    }

    fn settle(&mut self, ids: &[i64], facts: &mut Facts) {
        for (source, id) in std::mem::take(&mut self.fresh).into_iter().zip(ids) {
            self.ids.insert(source.id, *id);
            facts.fresh_sources.insert(*id);
            facts.sources.insert(*id, SourceRow { id: *id, ..source });
        }
    }

    fn real_id(&self, id: i64) -> i64 {
        self.ids.get(&id).copied().unwrap_or(id)
    }
}

fn key(aim: &Aim) -> Option<SourceKey> {
    let (kind, host, external_id) = match aim {
        Aim::Url(url) => {
            let host = url.split("://").nth(1).unwrap_or_default();
            let host = host.split(['/', '?', '#']).next().unwrap_or_default();
            (SourceKind::Url, host.to_owned(), url.clone())
        }
        Aim::File(_) => (SourceKind::File, LOCAL.to_owned(), LOCAL.to_owned()),
        Aim::Repository { .. } | Aim::At { .. } => return None,
    };
    Some(SourceKey {
        kind,
        host,
        external_id,
        git_ref: String::new(),
    })
}

/// Another branch of a repository that is known.
fn branch_of(id: i64, sibling: &SourceRow) -> SourceRow {
    SourceRow {
        provider: sibling.provider.clone(),
        installation: sibling.installation.clone(),
        node_id: sibling.node_id.clone(),
        owner: sibling.owner.clone(),
        name: sibling.name.clone(),
        url: sibling.url.clone(),
        default_branch: sibling.default_branch.clone(),
        archived: sibling.archived,
        ..SourceRow::new(
            id,
            SourceKind::Repository,
            &sibling.host,
            &sibling.external_id,
        )
    }
}

/// A repository of which the name is all there is.
fn named_only(id: i64, (host, owner, name): &(String, String, String)) -> SourceRow {
    SourceRow {
        owner: owner.clone(),
        name: name.clone(),
        url: format!("https://{host}/{owner}/{name}"),
        ..SourceRow::new(
            id,
            SourceKind::Repository,
            host,
            &format!("{BY_NAME}{owner}/{name}"),
        )
    }
}

/// The branch that `<ref>/<path>` begins with, of those that are known; the longest counts, for branches
/// may have slashes.
fn parted<'a, 'b>(rest: &'b str, branches: &'a [SourceRow]) -> Option<(&'a SourceRow, &'b str)> {
    branches
        .iter()
        .flat_map(|source| {
            let names = [source.branch(), source.git_ref.as_str()];
            names.map(|name| (source, name))
        })
        .filter(|(_, name)| !name.is_empty())
        .filter_map(|(source, name)| {
            let path = rest.strip_prefix(name)?.strip_prefix('/')?;
            Some((source, path))
        })
        // What was known by its name alone has moved to the source that is known by its id.
        .min_by_key(|(source, path)| (path.len(), source.external_id.starts_with(BY_NAME)))
}

async fn locate(
    tx: &mut Tx,
    facts: &mut Facts,
    aims: &[&Aim],
    spots: Vec<Spot>,
) -> Result<(), ApplyError> {
    let mut at: HashMap<(i64, String), i64> = facts
        .locations
        .values()
        .map(|row| ((row.source_id, row.path.clone()), row.id))
        .collect();
    let places: Vec<(i64, &str)> = spots
        .iter()
        .filter(|spot| !facts.fresh_sources.contains(&spot.source_id))
        .filter(|spot| !at.contains_key(&(spot.source_id, spot.path.clone())))
        .map(|spot| (spot.source_id, spot.path.as_str()))
        .collect();
    let found = tx.locations_at(&places).await?;
    for row in found {
        at.insert((row.source_id, row.path.clone()), row.id);
        facts.locations.insert(row.id, row);
    }
    let missing: HashSet<(i64, &str)> = spots
        .iter()
        .filter(|spot| !at.contains_key(&(spot.source_id, spot.path.clone())))
        .map(|spot| (spot.source_id, spot.path.as_str()))
        .collect();
    let mut ids = new_location_ids(tx, facts, missing.len())
        .await?
        .into_iter();
    for (aim, spot) in aims.iter().zip(spots) {
        let place = (spot.source_id, spot.path);
        let id = match at.get(&place) {
            Some(id) => *id,
            None => {
                let id = ids.next().expect("an id was taken for every missing one");
                let row = LocationRow {
                    is_glob: i64::from(spot.is_glob),
                    ..LocationRow::new(id, place.0, &place.1)
                };
                add_fresh(facts, row);
                at.insert(place, id);
                id
            }
        };
        facts.located.insert((*aim).clone(), id);
    }
    Ok(())
}

/// A location that has an id and is not stored yet.
pub(crate) fn add_fresh(facts: &mut Facts, row: LocationRow) {
    facts.fresh_locations.insert(row.id);
    facts.locations.insert(row.id, row);
}

/// Ids that neither the database nor this transaction has given away.
pub(crate) async fn new_location_ids(
    tx: &mut Tx,
    facts: &Facts,
    count: usize,
) -> Result<Vec<i64>, ApplyError> {
    let ids = tx.new_location_ids(count).await?;
    Ok(after(ids, facts.fresh_locations.iter().copied().max()))
}

async fn new_source_ids(tx: &mut Tx, facts: &Facts, count: usize) -> Result<Vec<i64>, ApplyError> {
    let ids = tx.new_source_ids(count).await?;
    Ok(after(ids, facts.fresh_sources.iter().copied().max()))
}

// SQLite counts from the newest row, and what was given away before is not written yet.
fn after(ids: Vec<i64>, given: Option<i64>) -> Vec<i64> {
    let first = ids.first().copied().unwrap_or_default();
    let shift = given.map_or(0, |given| (given + 1 - first).max(0));
    ids.into_iter().map(|id| id + shift).collect()
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
