//! The roots of the tree: what the configuration names, and what the providers discover.
//!
//! A root is a location of a `roots` source that declares one generated Location entity. It comes
//! and goes like the content of a file, so everything below it follows by the same rules.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::location::{LocationSpec, generated_location};
use freshet_model::{EntityRef, canonical_json};
use freshet_proto::message::{Repository, RepositoryObserved};
use sha2::{Digest, Sha256};

use crate::apply::ApplyError;
use crate::apply::observed::newest::Reading;
use crate::apply::entities::declarations::Missing;
use crate::apply::locations::{
    Aim, Facts, Listed, Need, Seen, SeenContent, Sights, aim_of, generated_ref, is_generated,
    presence_of,
};
use crate::apply::locations::load::load;
use crate::apply::locations::resolve::{add_fresh, new_location_ids};
use crate::config::{Recheck, Root};
use crate::ledger::{Provider, Providers};
use crate::repo::sources::SourceKey;
use crate::repo::{LocationOutcome, LocationRow, SourceKind, SourceRow, Tx};

/// The roots source of the configuration.
pub(crate) const CONFIG: &str = "config";
/// What the roots sources of providers begin with.
pub(crate) const PROVIDER: &str = "github:";

/// What the refs of generated Location entities begin with.
const GENERATED: &str = "location:default/generated-";

/// A root that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The roots source.
    pub(crate) key: SourceKey,
    pub(crate) location_type: String,
    pub(crate) target: String,
    pub(crate) is_required: bool,
    /// The file it names, if that is known already.
    pub(crate) file: Option<i64>,
}

impl Wanted {
    /// A location of the configuration.
    pub(crate) fn configured(root: &Root) -> Self {
        Self {
            key: roots_key("", CONFIG),
            location_type: root.location_type.clone(),
            target: root.target.clone(),
            is_required: true,
            file: None,
        }
    }

    /// The catalog file of a repository that a provider wants. `None` while its branch has no name.
    pub(crate) fn discovered(
        provider: &Provider,
        repository: &Repository,
        file: i64,
    ) -> Option<Self> {
        let branch = provider.branch(repository);
        if branch.is_empty() || repository.html_url.is_empty() {
            return None;
        }
        Some(Self {
            key: provider_key(provider),
            location_type: "url".to_owned(),
            target: format!(
                "{}/blob/{branch}/{}",
                repository.html_url, provider.catalog_path
            ),
            is_required: false,
            file: Some(file),
        })
    }

    /// `type:target`.
    pub(crate) fn location(&self) -> String {
        format!("{}:{}", self.location_type, self.target)
    }

    pub(crate) fn entity_ref(&self) -> String {
        generated_ref(&self.location())
    }
}

/// The roots source of a provider.
pub(crate) fn provider_key(provider: &Provider) -> SourceKey {
    roots_key(&provider.host, &format!("{PROVIDER}{}", provider.id))
}

/// A roots source.
pub(crate) fn roots_key(host: &str, external_id: &str) -> SourceKey {
    SourceKey {
        kind: SourceKind::Roots,
        host: host.to_owned(),
        external_id: external_id.to_owned(),
        git_ref: String::new(),
    }
}

/// What was seen of a root that should be there.
fn seen(wanted: &Wanted) -> Seen {
    let document = generated_location(
        &wanted.location_type,
        &wanted.target,
        presence_of(wanted.is_required),
    );
    let document = canonical_json(&document);
    let digest = hex::encode(Sha256::digest(document.as_bytes()));
    let entity_ref = EntityRef::parse(&wanted.entity_ref()).expect("a generated name is valid");
    Seen::Content(SeenContent {
        blob: digest.clone(),
        poisoned: false,
        emitted: Vec::new(),
        locations: vec![Listed {
            entity_ref,
            document,
            digest,
            line: 0,
            column: 0,
        }],
        missing: Missing::Withdrawn,
    })
}

/// Puts roots among what was seen.
pub(crate) async fn plant(
    tx: &mut Tx,
    facts: &mut Facts,
    sights: &mut Sights,
    wanted: &[Wanted],
    hosts: &[String],
) -> Result<(), ApplyError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let sources = roots_sources(tx, facts, wanted).await?;
    let mut need = Need::default();
    for one in wanted {
        need.aims.insert(Aim::At {
            source_id: sources[&one.key],
            path: one.location(),
        });
        if let (Some(file), Some(aim)) = (one.file, aim_of(&one.location(), hosts)) {
            facts.located.insert(aim, file);
        }
    }
    load(tx, facts, need, &Recheck::default()).await?;
    for one in wanted {
        let aim = Aim::At {
            source_id: sources[&one.key],
            path: one.location(),
        };
        let id = facts.located[&aim];
        if let Some(row) = facts.locations.get_mut(&id) {
            row.is_glob = 0;
            row.url.clone_from(&one.target);
            row.origin = one.location();
        }
        sights.insert(id, seen(one));
    }
    Ok(())
}

/// The ids of roots sources, stored or new.
async fn roots_sources(
    tx: &mut Tx,
    facts: &mut Facts,
    wanted: &[Wanted],
) -> Result<BTreeMap<SourceKey, i64>, ApplyError> {
    let keys: BTreeSet<SourceKey> = wanted.iter().map(|one| one.key.clone()).collect();
    let mut ids: BTreeMap<SourceKey, i64> = BTreeMap::new();
    let keys: Vec<SourceKey> = keys.into_iter().collect();
    for source in tx.lock_sources_by_key(&keys).await? {
        ids.insert(source.key(), source.id);
        facts.sources.insert(source.id, source);
    }
    let missing: Vec<&SourceKey> = keys.iter().filter(|key| !ids.contains_key(*key)).collect();
    let new = tx.new_source_ids(missing.len()).await?;
    let mut rows = Vec::new();
    for (key, id) in missing.into_iter().zip(new) {
        let row = SourceRow {
            name: key.external_id.clone(),
            ..SourceRow::new(id, SourceKind::Roots, &key.host, &key.external_id)
        };
        ids.insert(key.clone(), id);
        facts.sources.insert(id, row.clone());
        rows.push(row);
    }
    // Written at once, so that no id is given away twice; a roots source without roots is harmless.
    tx.put_sources(&rows).await?;
    Ok(ids)
}

/// A file that a provider may name as a root, and the repository it is in.
pub(crate) struct Candidate<'a> {
    pub(crate) file: i64,
    pub(crate) repository: &'a Repository,
    /// The provider that wants it now; `None` if none does any more.
    pub(crate) provider: Option<&'a Provider>,
    /// Whether there is something to stand for.
    pub(crate) is_there: bool,
}

/// The roots that are missing, and the Location entities of roots that may have been replaced.
pub(crate) fn compare(facts: &Facts, candidates: &[Candidate<'_>]) -> (Vec<Wanted>, Vec<String>) {
    let mut parents: HashMap<i64, Vec<&str>> = HashMap::new();
    for (parent_ref, location_id, _) in facts.links.keys() {
        parents.entry(*location_id).or_default().push(parent_ref);
    }
    let mut missing = Vec::new();
    let mut doubtful = Vec::new();
    for candidate in candidates {
        let wanted = candidate.provider.and_then(|provider| {
            Wanted::discovered(provider, candidate.repository, candidate.file)
        });
        let wanted_ref = wanted.as_ref().map(Wanted::entity_ref);
        let held = parents.get(&candidate.file).map_or(&[][..], Vec::as_slice);
        let is_held = wanted_ref
            .as_deref()
            .is_some_and(|wanted| held.contains(&wanted));
        if let Some(wanted) = wanted
            && !is_held
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

/// Sees roots go that a provider named, `of` if it is given, and that no longer stand for anything it
/// wants.
pub(crate) async fn uproot(
    tx: &mut Tx,
    facts: &mut Facts,
    sights: &mut Sights,
    doubtful: Vec<String>,
    of: Option<&SourceKey>,
) -> Result<(), ApplyError> {
    if doubtful.is_empty() {
        return Ok(());
    }
    let mut need = Need::default();
    for entity_ref in &doubtful {
        if !facts.entities.contains_key(entity_ref) {
            need.entities.insert(entity_ref.clone());
        }
    }
    load(tx, facts, need, &Recheck::default()).await?;
    let roots: Vec<i64> = doubtful
        .iter()
        .filter_map(|entity_ref| facts.entities.get(entity_ref)?.as_ref())
        .filter(|row| is_generated(row))
        .filter(|row| {
            serde_json::from_str(&row.document)
                .is_ok_and(|document| !LocationSpec::read(&document).is_required)
        })
        .map(|row| row.declared_by)
        .collect();
    let need = Need {
        locations: roots.iter().copied().collect(),
        ..Need::default()
    };
    load(tx, facts, need, &Recheck::default()).await?;
    for id in roots {
        let source = facts
            .locations
            .get(&id)
            .and_then(|location| facts.sources.get(&location.source_id));
        let is_discovered = source.is_some_and(|source| {
            source.kind == SourceKind::Roots
                && source.external_id.starts_with(PROVIDER)
                && of.is_none_or(|of| source.key() == *of)
        });
        if is_discovered {
            sights.entry(id).or_insert(Seen::Gone);
        }
    }
    Ok(())
}

/// The Location entities of roots in branches that a provider read before and has left for one of which a
/// file was read for the first time now: what moved from one to the other moves at once.
pub(crate) async fn left_branches(
    tx: &mut Tx,
    facts: &Facts,
    candidates: &[Candidate<'_>],
    providers: &Providers,
) -> Result<Vec<String>, ApplyError> {
    let mut names = BTreeSet::new();
    let mut read = BTreeMap::new();
    for candidate in candidates {
        let (Some(provider), Some(row)) =
            (candidate.provider, facts.locations.get(&candidate.file))
        else {
            continue;
        };
        if row.outcome == LocationOutcome::Unread {
            let repository = candidate.repository;
            names.insert((
                provider.host.clone(),
                repository.owner.to_lowercase(),
                repository.name.to_lowercase(),
            ));
            read.insert(repository.id.to_string(), repository);
        }
    }
    let names: Vec<(String, String, String)> = names.into_iter().collect();
    let left: Vec<i64> = tx
        .sources_named(&names)
        .await?
        .into_iter()
        .filter(|source| {
            read.get(&source.external_id).is_some_and(|repository| {
                !providers
                    .all()
                    .any(|provider| provider.wants(repository) && provider.reads(source))
            })
        })
        .map(|source| source.id)
        .collect();
    if left.is_empty() {
        return Ok(Vec::new());
    }
    let files = tx.locations_of(&left).await?;
    let files: Vec<i64> = files.into_iter().map(|row| row.id).collect();
    let links = tx.links_of_locations(&files).await?;
    let refs = links.into_iter().map(|link| link.parent_ref);
    let refs: BTreeSet<String> = refs.filter(|it| it.starts_with(GENERATED)).collect();
    Ok(refs.into_iter().collect())
}

/// The files of readings that a provider may name.
pub(crate) fn candidates<'a>(
    facts: &Facts,
    sights: &Sights,
    readings: &'a [Reading<RepositoryObserved>],
    providers: &'a Providers,
) -> Vec<Candidate<'a>> {
    let mut files: HashMap<i64, Vec<(&str, i64)>> = HashMap::new();
    for (id, seen) in sights {
        if matches!(seen, Seen::Content(_) | Seen::Gone)
            && let Some(row) = facts.locations.get(id)
        {
            let of_source = files.entry(row.source_id).or_default();
            of_source.push((row.path.as_str(), *id));
        }
    }
    let mut candidates = Vec::new();
    for reading in readings {
        let (Some(repository), Some(source)) = (
            &reading.observed.repository,
            facts.sources.get(&reading.source_id),
        ) else {
            continue;
        };
        for (path, id) in files.get(&reading.source_id).into_iter().flatten() {
            // Several providers may want a repository: each its branch and its file.
            let provider = providers.all().find(|provider| {
                provider.host.eq_ignore_ascii_case(&source.host)
                    && provider.catalog_path == *path
                    && provider.wants(repository)
                    && provider.reads(source)
            });
            candidates.push(Candidate {
                file: *id,
                repository,
                provider,
                is_there: matches!(sights.get(id), Some(Seen::Content(_))),
            });
        }
    }
    candidates
}

/// A file of a roots source that must go, because nothing configures it any more.
pub(crate) fn leavers(held: &[LocationRow], wanted: &[Wanted]) -> Vec<i64> {
    let wanted: BTreeSet<String> = wanted.iter().map(Wanted::location).collect();
    held.iter()
        .filter(|row| !wanted.contains(&row.path))
        .map(|row| row.id)
        .collect()
}

/// Gives an id to every file that a pattern matches and nobody knows.
pub(crate) async fn add_matches(
    tx: &mut Tx,
    facts: &mut Facts,
    unknown: Vec<(i64, String)>,
) -> Result<(), ApplyError> {
    let ids = new_location_ids(tx, facts, unknown.len()).await?;
    for ((source_id, path), id) in unknown.into_iter().zip(ids) {
        add_fresh(facts, LocationRow::new(id, source_id, &path));
    }
    Ok(())
}
