//! Applying a listing: its sources, and the roots they make.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_proto::message::{ListingObserved, Repository};

use crate::apply::batch::{Work, outcome};
use crate::apply::observed::newest::Reading;
use crate::apply::changes::event::Why;
use crate::apply::write::Causes;
use crate::apply::removals::pending::LeftOut;
use crate::apply::listing::compare::{Asked, Depends, Known, Terms, ask, wanted};
use crate::apply::roots::discovered::{Candidate, compare, plant, provider_key, uproot};
use crate::apply::observed::evidence::Sighted;
use crate::apply::source_state::listing_proved;
use crate::apply::locations::{Facts, key_of};
use crate::apply::{Applier, ApplyError};
use crate::ledger::Provider;
use crate::metrics::ObservationOutcome;
use crate::repo::sources::SourceKey;
use crate::repo::{Covering, DependencyRow, Lane, LocationRow, SourceKind, SourceRow, Tx};

impl Applier {
    /// Applies one listing: new sources, proofs of equality, roots, and questions about the rest.
    pub(crate) async fn apply_listing(
        &self,
        work: &mut Work,
        mut source: SourceRow,
        reading: Reading<ListingObserved>,
        left_out: &LeftOut,
    ) -> Result<(), ApplyError> {
        let providers = Arc::clone(&self.config.providers);
        let provider = providers.by_id(&source.external_id);
        let mut asked = Asked::default();
        if let Some(provider) = provider {
            let known = known(&mut work.tx, &source, provider, &reading).await?;
            let mut held = known.locations.clone();
            let mut rows: HashMap<i64, SourceRow> = known
                .sources
                .values()
                .map(|source| (source.id, source.clone()))
                .collect();
            let terms = Terms {
                host: &source.host,
                provider,
                fingerprint: self.config.fingerprint.as_str(),
                now: work.now,
            };
            asked = ask(&reading, known, &terms);
            work.tx.put_sources(&asked.sources).await?;
            work.tx.put_locations(&asked.locations).await?;
            work.raised.extend(asked.raised.iter().copied());
            for row in &asked.sources {
                rows.insert(row.id, row.clone());
            }
            for row in &asked.locations {
                held.entry(row.source_id).or_default().push(row.clone());
            }
            self.root(work, provider, &reading, (rows, held), left_out)
                .await?;
        }
        listing_proved(&mut source, &reading, &self.config.fingerprint, work.now);
        let changed = !asked.raised.is_empty();
        if changed {
            source.changed_at = work.now;
        }
        work.tx.put_sources(std::slice::from_ref(&source)).await?;
        work.done.outcomes.push(if changed {
            ObservationOutcome::Applied
        } else {
            ObservationOutcome::Unchanged
        });
        work.covering.push(Covering {
            source_id: source.id,
            generation: reading.generation,
            outcome: outcome(changed),
        });
        Ok(())
    }

    /// Makes the roots of a provider those its listing shows.
    #[expect(
        clippy::too_many_lines,
        reason = "its two halves, what to add and what to remove, share every row that is loaded"
    )]
    async fn root(
        &self,
        work: &mut Work,
        provider: &Provider,
        reading: &Reading<ListingObserved>,
        (sources, held): (HashMap<i64, SourceRow>, HashMap<i64, Vec<LocationRow>>),
        left_out: &LeftOut,
    ) -> Result<(), ApplyError> {
        let listed: HashMap<String, (&Repository, bool)> = reading
            .observed
            .repositories
            .iter()
            .filter_map(|one| {
                let repository = one.repository.as_ref()?;
                Some((
                    repository.id.to_string(),
                    (repository, !one.blob.is_empty()),
                ))
            })
            .collect();
        let mut candidates = Vec::new();
        for source in sources.values() {
            let Some((repository, has_file)) = listed.get(&source.external_id) else {
                continue;
            };
            let files = held.get(&source.id).into_iter().flatten();
            let files = files.filter(|file| file.path == provider.catalog_path);
            candidates.extend(files.map(|file| Candidate {
                file: file.id,
                repository,
                provider: Some(provider).filter(|provider| provider.wants(repository)),
                is_there: file.holds_content()
                    || (*has_file && source.git_ref == crate::ledger::HEAD),
            }));
        }
        candidates.sort_by_key(|candidate| candidate.file);
        let mut facts = Facts {
            locations: held
                .into_values()
                .flatten()
                .map(|row| (row.id, row))
                .collect(),
            sources,
            ..Facts::default()
        };
        let tx = &mut work.tx;
        let files: Vec<i64> = candidates.iter().map(|candidate| candidate.file).collect();
        for link in tx.links_of_locations(&files).await? {
            facts.links.insert(key_of(&link), link);
        }
        facts.linked.extend(files);
        let (missing, doubtful) = compare(&facts, &candidates);
        let mut sighted = Sighted::default();
        let of = provider_key(provider);
        let mut proved = BTreeSet::new();
        if !left_out.keeps_roots() {
            uproot(tx, &mut facts, &mut sighted.sights, doubtful, Some(&of)).await?;
            let roots = tx.lock_sources_by_key(std::slice::from_ref(&of)).await?;
            proved.extend(roots.iter().map(|source| source.id));
        }
        let hosts = &self.config.forges.hosts;
        plant(tx, &mut facts, &mut sighted.sights, &missing, hosts).await?;
        prove(tx, provider, reading).await?;
        let lane = Lane::Lo;
        let causes: Causes = facts
            .sources
            .keys()
            .map(|id| (*id, (reading.cause.clone(), lane)))
            .collect();
        let why = Why::new(&reading.cause, "", reading.fetched_at, work.now);
        let why = causes.keys().map(|id| (*id, why.clone())).collect();
        let settlement = self
            .settle(work, &mut facts, sighted, &why, &causes)
            .await?;
        self.forget_held(work, &proved).await?;
        let mut none = HashMap::new();
        self.raise(work, &mut none, &settlement, &causes).await?;
        Ok(())
    }
}

/// The roots of a provider are as its listing shows them.
async fn prove(
    tx: &mut Tx,
    provider: &Provider,
    reading: &Reading<ListingObserved>,
) -> Result<(), ApplyError> {
    let mut roots = tx.lock_sources_by_key(&[provider_key(provider)]).await?;
    for source in &mut roots {
        source.verified_at = reading.fetched_at;
        source.mechanism.clone_from(&reading.cause.mechanism);
    }
    Ok(tx.put_sources(&roots).await?)
}

/// What is known of the repositories of a listing, and ids for what is not.
async fn known(
    tx: &mut Tx,
    source: &SourceRow,
    provider: &Provider,
    reading: &Reading<ListingObserved>,
) -> Result<Known, ApplyError> {
    let listed = wanted(&reading.observed, provider);
    let keys: Vec<SourceKey> = listed
        .iter()
        .filter_map(|one| one.repository.as_ref())
        .map(|repository| SourceKey {
            kind: SourceKind::Repository,
            host: source.host.clone(),
            external_id: repository.id.to_string(),
            git_ref: provider.source_ref(repository).to_owned(),
        })
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
    let ids: Vec<i64> = sources.values().map(|source| source.id).collect();
    let mut locations: HashMap<i64, Vec<LocationRow>> = HashMap::new();
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
    let depends = dependent(tx, &sources, &locations).await?;
    Ok(Known {
        new_source_ids: tx.new_source_ids(unknown).await?.into_iter(),
        new_location_ids: tx.new_location_ids(unknown + bare).await?.into_iter(),
        sources,
        locations,
        depends,
    })
}

/// What the files of these sources are made from, besides themselves.
async fn dependent(
    tx: &mut Tx,
    sources: &HashMap<String, SourceRow>,
    locations: &HashMap<i64, Vec<LocationRow>>,
) -> Result<HashMap<i64, Depends>, ApplyError> {
    let ids: Vec<i64> = locations.values().flatten().map(|row| row.id).collect();
    let by_location: HashMap<i64, i64> = locations
        .values()
        .flatten()
        .map(|row| (row.id, row.source_id))
        .collect();
    let by_id: HashMap<i64, &SourceRow> = sources.values().map(|it| (it.id, it)).collect();
    let mut depends: HashMap<i64, Depends> = HashMap::new();
    for row in tx.dependencies_of(&ids).await? {
        let source = by_location
            .get(&row.location_id)
            .and_then(|id| by_id.get(id));
        if let Some(source) = source {
            let one = depends.entry(source.id).or_default();
            *one = (*one).max(on(source, &row));
        }
    }
    Ok(depends)
}

fn on(source: &SourceRow, row: &DependencyRow) -> Depends {
    let is_own = source.host.eq_ignore_ascii_case(&row.host)
        && source.owner.eq_ignore_ascii_case(&row.owner)
        && source.name.eq_ignore_ascii_case(&row.name)
        && source.git_ref == row.git_ref;
    if is_own {
        Depends::Itself
    } else {
        Depends::Others
    }
}
