//! Applying a listing: its sources, and the roots they make.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::{ListingObserved, Repository};

use super::compare::{
    DependsOn, KnownRepositories, ListingContext, ListingDiff, compare_listing, filter_wanted,
};
use crate::apply::applier::Applier;
use crate::apply::changes::event::ChangeTrigger;
use crate::apply::decision::Observed;
use crate::apply::decision::RefreshCause;
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::GraphRequest;
use crate::apply::locations::load::load;
use crate::apply::observed::newest::Reading;
use crate::apply::roots::discovered::{RootCandidate, compare_roots};
use crate::apply::roots::{add_roots, provider_key, remove_roots};
use crate::apply::source_state::{cover, mark_listing_proved, outcome_of};
use crate::apply::transaction::ApplyTransaction;
use crate::ledger::{Admission, Provider};
use crate::repo::sources::SourceKey;
use crate::repo::{DependencyRow, Lane, Location, SourceRow, Tx};

/// The sources of a listing, as they are after it.
struct ListedSources {
    sources: HashMap<SourceId, SourceRow>,
    locations: HashMap<SourceId, Vec<Location>>,
}

impl Applier {
    /// Applies one listing: new sources, proofs of equality, roots, and questions about the rest.
    pub(crate) async fn apply_listing(
        &self,
        work: &mut ApplyTransaction,
        mut source: SourceRow,
        reading: Reading<ListingObserved>,
    ) -> Result<(), ApplyError> {
        let providers = Arc::clone(&self.config.providers);
        let mut changed = false;
        if let Some(provider) = providers.by_id(&source.external_id) {
            let known = load_known(&mut work.tx, &source, provider, &reading).await?;
            let sources = known.sources.values();
            let mut listed = ListedSources {
                sources: sources.map(|it| (it.id, it.clone())).collect(),
                locations: known.locations.clone(),
            };
            let context = ListingContext {
                host: &source.host,
                provider,
                fingerprint: self.config.fingerprint.as_str(),
                now: work.now,
            };
            let diff = compare_listing(&reading, known, &context);
            changed = !diff.refreshed.is_empty();
            write_diff(work, &mut listed, diff).await?;
            self.apply_roots(work, provider, &reading, listed).await?;
            self.resolve_unlisted(work, provider, &source).await?;
        }
        mark_listing_proved(&mut source, &reading, &self.config.fingerprint, work.now);
        if changed {
            source.changed_at = Some(work.now);
        }
        work.tx.put_sources(std::slice::from_ref(&source)).await?;
        work.outcomes.push(outcome_of(&reading, changed));
        work.covering.push(cover(&reading, changed));
        Ok(())
    }

    /// Makes the roots of a provider those its listing shows.
    async fn apply_roots(
        &self,
        work: &mut ApplyTransaction,
        provider: &Provider,
        reading: &Reading<ListingObserved>,
        listed: ListedSources,
    ) -> Result<(), ApplyError> {
        let candidates = find_candidates(provider, reading, &listed);
        let of = provider_key(provider);
        let mut observed = Observed::default();
        let graph = &mut observed.graph;
        let locations = listed.locations.into_values().flatten();
        graph.locations = locations.map(|it| (it.id, it)).collect();
        graph.sources = listed.sources;
        let request = GraphRequest {
            parents: candidates.iter().map(|it| it.file).collect(),
            ..GraphRequest::default()
        };
        let tx = &mut work.tx;
        load(tx, graph, request, &self.config.recheck).await?;
        let (missing, doubtful) = compare_roots(graph, &candidates);
        let evidence = &mut observed.evidence.locations;
        remove_roots(tx, graph, evidence, doubtful, Some(&of)).await?;
        let hosts = &self.config.forges.hosts;
        add_roots(tx, graph, evidence, &missing, hosts).await?;
        // Also if nothing came or went: the listing has proved that the roots are as they are.
        mark_roots_verified(tx, provider, reading).await?;
        for id in graph.sources.keys() {
            let trigger = ChangeTrigger::new(&reading.cause, "", reading.fetched_at, work.now);
            observed.triggers.insert(*id, trigger);
            let cause = RefreshCause {
                cause: reading.cause.clone(),
                lane: Lane::Lo,
            };
            observed.causes.insert(*id, cause);
        }
        self.decide_roots(work, observed, &of).await
    }

    async fn decide_roots(
        &self,
        work: &mut ApplyTransaction,
        mut observed: Observed,
        of: &SourceKey,
    ) -> Result<(), ApplyError> {
        let mut decision = self.evaluate_and_plan(work, &mut observed).await?;
        self.write_decision(work, &observed, &mut decision).await?;
        let mut none = HashMap::new();
        self.request_refreshes(work, &mut none, &observed, &decision)
            .await?;
        // Read again: the roots of a provider may have got their source in this very transaction.
        let roots = work
            .tx
            .lock_sources_by_key(std::slice::from_ref(of))
            .await?;
        let proved: BTreeSet<SourceId> = roots.iter().map(|source| source.id).collect();
        self.update_pending(work, &mut none, &observed, &decision.withheld, &proved)
            .await?;
        Ok(())
    }
}

async fn write_diff(
    work: &mut ApplyTransaction,
    listed: &mut ListedSources,
    diff: ListingDiff,
) -> Result<(), ApplyError> {
    work.tx.put_sources(&diff.sources).await?;
    work.tx.put_locations(&diff.locations).await?;
    // Their jobs are built after everything is written, with the reading list as it is then.
    work.job_sources.extend(diff.refreshed);
    let sources = diff.sources.into_iter();
    listed.sources.extend(sources.map(|it| (it.id, it)));
    for location in diff.locations {
        let of_source = listed.locations.entry(location.source_id).or_default();
        of_source.push(location);
    }
    Ok(())
}

/// The catalog files of the repositories that are listed.
fn find_candidates<'a>(
    provider: &'a Provider,
    reading: &'a Reading<ListingObserved>,
    listed: &ListedSources,
) -> Vec<RootCandidate<'a>> {
    let mut repositories: HashMap<String, (&Repository, bool)> = HashMap::new();
    for one in &reading.observed.repositories {
        if let Some(repository) = &one.repository {
            let has_file = !one.blob.is_empty();
            repositories.insert(repository.id.to_string(), (repository, has_file));
        }
    }
    let mut candidates = Vec::new();
    for source in listed.sources.values() {
        let Some((repository, has_file)) = repositories.get(&source.external_id) else {
            continue;
        };
        let admission = provider.admit(repository);
        // Its roots stay as they are until somebody tells what the filters ask for.
        if admission == Admission::Unknown {
            continue;
        }
        let files = listed.locations.get(&source.id).into_iter().flatten();
        let files = files.filter(|file| file.path == provider.catalog_path);
        candidates.extend(files.map(|file| RootCandidate {
            file: file.id,
            repository,
            provider: Some(provider).filter(|_| admission == Admission::Wanted),
            // A listing shows the default branch, and so says nothing of a file on another one.
            is_there: file.holds_anything() || (*has_file && source.follows_default_branch()),
        }));
    }
    // Sources come out of a map: without an order, two runs would give roots different ids.
    candidates.sort_by_key(|candidate| candidate.file);
    candidates
}

/// The roots of a provider are as its listing shows them.
async fn mark_roots_verified(
    tx: &mut Tx,
    provider: &Provider,
    reading: &Reading<ListingObserved>,
) -> Result<(), ApplyError> {
    let mut roots = tx.lock_sources_by_key(&[provider_key(provider)]).await?;
    for source in &mut roots {
        source.mark_verified(reading.fetched_at, &reading.cause.mechanism);
    }
    Ok(tx.put_sources(&roots).await?)
}

/// What is known of the repositories of a listing, and ids for what is not.
async fn load_known(
    tx: &mut Tx,
    source: &SourceRow,
    provider: &Provider,
    reading: &Reading<ListingObserved>,
) -> Result<KnownRepositories, ApplyError> {
    let listed = filter_wanted(&reading.observed, provider);
    let keys: Vec<SourceKey> = listed
        .iter()
        .filter_map(|one| one.repository.as_ref())
        .map(|it| SourceKey::branch(&source.host, it.id, provider.source_ref(it)))
        .collect();
    let mut known = tx
        .lock_repositories_of(&source.host, &provider.organization)
        .await?;
    known.extend(tx.lock_sources_by_key(&keys).await?);
    let sources: HashMap<String, SourceRow> = known
        .into_iter()
        .filter(|source| provider.reads(source))
        .map(|source| (source.external_id.clone(), source))
        .collect();
    let ids: Vec<SourceId> = sources.values().map(|source| source.id).collect();
    let mut locations: HashMap<SourceId, Vec<Location>> = HashMap::new();
    for location in tx.locations_of(&ids).await? {
        locations
            .entry(location.source_id)
            .or_default()
            .push(location);
    }
    let unknown = keys
        .iter()
        .filter(|key| !sources.contains_key(&key.external_id))
        .count();
    let bare = sources
        .values()
        .filter(|source| {
            !locations.get(&source.id).is_some_and(|held| {
                held.iter()
                    .any(|location| location.path == provider.catalog_path)
            })
        })
        .count();
    let depends = load_dependencies(tx, &sources, &locations).await?;
    Ok(KnownRepositories {
        new_source_ids: tx.new_source_ids(unknown).await?.into_iter(),
        new_location_ids: tx.new_location_ids(unknown + bare).await?.into_iter(),
        sources,
        locations,
        depends,
    })
}

/// What the files of these sources are made from, besides themselves.
async fn load_dependencies(
    tx: &mut Tx,
    sources: &HashMap<String, SourceRow>,
    locations: &HashMap<SourceId, Vec<Location>>,
) -> Result<HashMap<SourceId, DependsOn>, ApplyError> {
    let ids: Vec<LocationId> = locations.values().flatten().map(|row| row.id).collect();
    let by_location: HashMap<LocationId, SourceId> = locations
        .values()
        .flatten()
        .map(|row| (row.id, row.source_id))
        .collect();
    let by_id: HashMap<SourceId, &SourceRow> = sources.values().map(|it| (it.id, it)).collect();
    let mut depends: HashMap<SourceId, DependsOn> = HashMap::new();
    for row in tx.dependencies_of(&ids).await? {
        let source = by_location
            .get(&row.location_id)
            .and_then(|id| by_id.get(id));
        if let Some(source) = source {
            let one = depends.entry(source.id).or_default();
            *one = (*one).max(depends_on(source, &row));
        }
    }
    Ok(depends)
}

fn depends_on(source: &SourceRow, row: &DependencyRow) -> DependsOn {
    let is_own = source.host.eq_ignore_ascii_case(&row.host)
        && source.names.owner.eq_ignore_ascii_case(&row.owner)
        && source.names.name.eq_ignore_ascii_case(&row.name)
        && source.git_ref == row.git_ref;
    if is_own {
        DependsOn::Itself
    } else {
        DependsOn::Others
    }
}
