//! Who the repositories are that were read: their names may have changed, and one that was known by its
//! name alone has an id now.

use std::collections::{BTreeSet, HashMap};

use freshet_model::{LocationId, SourceId};
use freshet_proto::message::RepositoryObserved;

use crate::apply::error::ApplyError;
use crate::apply::locations::resolve::BY_NAME;
use crate::apply::observed::newest::Reading;
use crate::apply::transaction::ApplyTransaction;
use crate::ledger::{request_refresh, source_ref};
use crate::repo::sources::SourceKey;
use crate::repo::{LinkKey, Location, LocationLink, LocationState, SourceRow};

/// A source that was known by its name alone, and who it is.
struct NamedSource {
    /// Which of the readings told it.
    reading: usize,
    source_id: SourceId,
    key: SourceKey,
}

/// Takes over how each repository is named now. One that was known by its name alone gets its id; if
/// the repository is known by that already, its locations move there and are read there. Returns the
/// sources that are to be written besides those that were read.
pub(crate) async fn resolve_identities(
    work: &mut ApplyTransaction,
    sources: &mut HashMap<SourceId, SourceRow>,
    readings: &mut [Reading<RepositoryObserved>],
) -> Result<BTreeSet<SourceId>, ApplyError> {
    let named = update_names(sources, readings);
    let mut written = BTreeSet::new();
    if named.is_empty() {
        return Ok(written);
    }
    let keys: Vec<SourceKey> = named.iter().map(|it| it.key.clone()).collect();
    let mut known: HashMap<SourceKey, SourceId> = HashMap::new();
    for source in work.tx.lock_sources_by_key(&keys).await? {
        known.insert(source.key(), source.id);
        sources.entry(source.id).or_insert(source);
    }
    for NamedSource {
        reading,
        source_id,
        key,
    } in named
    {
        if let Some(target) = known.get(&key).copied() {
            let reading = &mut readings[reading];
            // What it read is of locations that have just moved away. They are read once more under
            // the other source; nothing is lost but a call.
            reading.observed.locations.clear();
            move_locations(work, source_id, target).await?;
            if let Some(source) = sources.get_mut(&target) {
                request_refresh(source, source.lane, reading.cause.clone(), work.now);
                work.job_sources.insert(target);
                written.insert(target);
            }
        } else if let Some(source) = sources.get_mut(&source_id) {
            source.external_id.clone_from(&key.external_id);
            source.git_ref.clone_from(&key.git_ref);
            // Later ones of this batch that have the same identity move here.
            known.insert(key, source_id);
        }
    }
    Ok(written)
}

/// Takes over the names, and tells which sources get an id.
fn update_names(
    sources: &mut HashMap<SourceId, SourceRow>,
    readings: &[Reading<RepositoryObserved>],
) -> Vec<NamedSource> {
    let mut named = Vec::new();
    for (index, reading) in readings.iter().enumerate() {
        let (Some(source), Some(repository)) = (
            sources.get_mut(&reading.source_id),
            &reading.observed.repository,
        ) else {
            continue;
        };
        if source.external_id.starts_with(BY_NAME) && repository.id != 0 {
            named.push(NamedSource {
                reading: index,
                source_id: source.id,
                key: SourceKey::branch(
                    &source.host,
                    repository.id,
                    source_ref(&repository.default_branch, source.git_ref_text()),
                ),
            });
        }
        // Also of those that keep their id: a rename or a new default branch arrives this way.
        source.adopt(repository);
    }
    named
}

/// Moves the locations of a source to another one, where they are read again.
async fn move_locations(
    work: &mut ApplyTransaction,
    from: SourceId,
    to: SourceId,
) -> Result<(), ApplyError> {
    let mut held: HashMap<String, Location> = HashMap::new();
    let mut moving = Vec::new();
    for location in work.tx.locations_of(&[from, to]).await? {
        if location.source_id == to {
            held.insert(location.path.clone(), location);
        } else {
            moving.push(location);
        }
    }
    let mut written = Vec::new();
    let mut twins: HashMap<LocationId, LocationId> = HashMap::new();
    for mut location in moving {
        if let Some(twin) = held.get(&location.path) {
            twins.insert(location.id, twin.id);
            location = twin.clone();
        }
        location.source_id = to;
        // Under the other source nobody has applied it, so it has to be read there.
        location.active_blob = None;
        // Whoever points there anew has to hear what is there, which only a change tells.
        location.state = LocationState::Unread;
        written.push(location);
    }
    let ids: Vec<LocationId> = twins.keys().copied().collect();
    move_links(work, &ids, &twins).await?;
    work.tx.put_locations(&written).await?;
    Ok(work.tx.remove_locations(&ids).await?)
}

/// Whoever points at a location points at its twin.
async fn move_links(
    work: &mut ApplyTransaction,
    ids: &[LocationId],
    twins: &HashMap<LocationId, LocationId>,
) -> Result<(), ApplyError> {
    let links = work.tx.links_of_locations(ids).await?;
    let keys: Vec<LinkKey> = links.iter().map(LocationLink::key).collect();
    let moved: Vec<LocationLink> = links
        .into_iter()
        .map(|link| LocationLink {
            location_id: twins[&link.location_id],
            ..link
        })
        .collect();
    work.tx.remove_links(&keys).await?;
    Ok(work.tx.put_links(&moved).await?)
}
