//! The roots that providers discover: one for each catalog file of a repository they want. Pure, but for
//! what a provider left behind in other branches.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::location::URL;
use freshet_model::{LocationId, RepositoryName, SourceId};
use freshet_proto::message::{Repository, RepositoryObserved};

use super::{WantedRoot, add_roots, provider_key, remove_roots};
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::observed::evidence::LocationEvidence;
use crate::apply::observed::newest::Reading;
use crate::ledger::{Admission, Provider, Providers};
use crate::repo::{LocationState, Tx};

/// What the refs of generated Location entities begin with.
const GENERATED: &str = "location:default/generated-";

/// A file that a provider may name as a root, and the repository it is in.
pub(crate) struct RootCandidate<'a> {
    pub(crate) file: LocationId,
    pub(crate) repository: &'a Repository,
    /// The provider that wants it now; `None` if none does any more.
    pub(crate) provider: Option<&'a Provider>,
    /// Whether there is something to stand for.
    pub(crate) is_there: bool,
}

/// Puts the roots that these readings bring and take away among what was seen.
pub(crate) async fn update_roots(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    readings: &[Reading<RepositoryObserved>],
    providers: &Providers,
    hosts: &[String],
) -> Result<(), ApplyError> {
    let candidates = find_candidates(graph, evidence, readings, providers);
    let (missing, mut doubtful) = compare_roots(graph, &candidates);
    doubtful.extend(find_abandoned_branches(tx, graph, &candidates, providers).await?);
    remove_roots(tx, graph, evidence, doubtful, None).await?;
    add_roots(tx, graph, evidence, &missing, hosts).await
}

impl WantedRoot {
    /// The catalog file of a repository that a provider wants. `None` while its branch has no name.
    pub(super) fn discovered(
        provider: &Provider,
        repository: &Repository,
        file: LocationId,
    ) -> Option<Self> {
        let branch = provider.branch(repository);
        if branch.is_empty() || repository.html_url.is_empty() {
            return None;
        }
        let path = provider.path_in_repository();
        let target = format!("{}/blob/{branch}/{path}", repository.html_url);
        Some(Self {
            // As in Backstage: most repositories of an organisation have no such file, and need none.
            is_required: false,
            file: Some(file),
            ..Self::new(provider_key(provider), URL, &target)
        })
    }
}

/// The roots that are missing, and the Location entities of roots that may have been replaced.
pub(crate) fn compare_roots(
    graph: &LocationGraph,
    candidates: &[RootCandidate<'_>],
) -> (Vec<WantedRoot>, Vec<String>) {
    let mut parents: HashMap<LocationId, Vec<&str>> = HashMap::new();
    for link in graph.links.iter() {
        let of_file = parents.entry(link.location_id).or_default();
        of_file.push(&link.parent_ref);
    }
    let mut missing = Vec::new();
    let mut doubtful = Vec::new();
    for candidate in candidates {
        let wanted = candidate.provider.and_then(|provider| {
            WantedRoot::discovered(provider, candidate.repository, candidate.file)
        });
        let wanted_ref = wanted.as_ref().map(|it| it.entity_ref.clone());
        let held = parents.get(&candidate.file).map_or(&[][..], Vec::as_slice);
        let is_held = wanted_ref
            .as_deref()
            .is_some_and(|wanted| held.contains(&wanted));
        if let Some(wanted) = wanted
            && !is_held
            // A repository without a catalog file gets no root: it would be a Location entity that
            // stands for nothing.
            && candidate.is_there
        {
            missing.push(wanted);
        }
        // A branch without a name proves nothing.
        if wanted_ref.is_some() || candidate.provider.is_none() {
            doubtful.extend(
                held.iter()
                    .filter(|held| Some(**held) != wanted_ref.as_deref())
                    .filter(|held| held.starts_with(GENERATED))
                    .map(|held| (*held).to_owned()),
            );
        }
    }
    (missing, doubtful)
}

/// The Location entities of roots in branches that a provider read before and has left for one of which a
/// file was read for the first time now: what moved from one to the other moves at once.
async fn find_abandoned_branches(
    tx: &mut Tx,
    graph: &LocationGraph,
    candidates: &[RootCandidate<'_>],
    providers: &Providers,
) -> Result<Vec<String>, ApplyError> {
    let mut names = BTreeSet::new();
    let mut read = BTreeMap::new();
    for candidate in candidates {
        let (Some(provider), Some(row)) =
            (candidate.provider, graph.locations.get(&candidate.file))
        else {
            continue;
        };
        if row.state == LocationState::Unread {
            let repository = candidate.repository;
            names.insert(RepositoryName::new(
                &provider.host,
                &repository.owner,
                &repository.name,
            ));
            read.insert(repository.id.to_string(), repository);
        }
    }
    let names: Vec<&RepositoryName> = names.iter().collect();
    let left: Vec<SourceId> = tx
        .sources_named(&names)
        .await?
        .into_iter()
        .filter(|source| {
            read.get(&source.external_id).is_some_and(|repository| {
                !providers
                    .all()
                    .any(|it| it.admit(repository) != Admission::Unwanted && it.reads(source))
            })
        })
        .map(|source| source.id)
        .collect();
    // Nobody has left a branch in nearly every batch, and then nothing more is asked.
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let files = tx.locations_of(&left).await?;
    let files: Vec<LocationId> = files.into_iter().map(|row| row.id).collect();
    let links = tx.links_of_locations(&files).await?;
    let refs = links.into_iter().map(|link| link.parent_ref);
    let refs: BTreeSet<String> = refs.filter(|it| it.starts_with(GENERATED)).collect();
    Ok(refs.into_iter().collect())
}

/// The files of readings that a provider may name.
fn find_candidates<'a>(
    graph: &LocationGraph,
    evidence: &BTreeMap<LocationId, LocationEvidence>,
    readings: &'a [Reading<RepositoryObserved>],
    providers: &'a Providers,
) -> Vec<RootCandidate<'a>> {
    let mut files: HashMap<SourceId, Vec<(&str, LocationId)>> = HashMap::new();
    for (id, proved) in evidence {
        if matches!(
            proved,
            LocationEvidence::Content(_)
                | LocationEvidence::Absent { .. }
                | LocationEvidence::Matched(_)
        ) && let Some(row) = graph.locations.get(id)
        {
            let of_source = files.entry(row.source_id).or_default();
            of_source.push((row.path.as_str(), *id));
        }
    }
    let mut candidates = Vec::new();
    for reading in readings {
        let (Some(repository), Some(source)) = (
            &reading.observed.repository,
            graph.sources.get(&reading.source_id),
        ) else {
            continue;
        };
        for (path, id) in files.get(&reading.source_id).into_iter().flatten() {
            // Several providers may want a repository: each its branch and its file.
            let mut interested = providers.all().filter(|provider| {
                provider.host.eq_ignore_ascii_case(&source.host)
                    && provider.catalog_path == *path
                    && provider.admit(repository) != Admission::Unwanted
                    && provider.reads(source)
            });
            let provider = interested.clone().find(|it| it.wants(repository));
            // Its roots stay as they are until somebody tells what the filters ask for.
            if provider.is_none() && interested.next().is_some() {
                continue;
            }
            candidates.push(RootCandidate {
                file: *id,
                repository,
                provider,
                is_there: match evidence.get(id) {
                    Some(LocationEvidence::Content(_)) => true,
                    Some(LocationEvidence::Matched(paths)) => !paths.is_empty(),
                    Some(
                        LocationEvidence::Unchanged
                        | LocationEvidence::Absent { .. }
                        | LocationEvidence::Failed { .. },
                    )
                    | None => false,
                },
            });
        }
    }
    candidates
}
