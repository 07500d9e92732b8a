//! Repositories that were known by their name alone, and have been seen now.

use std::collections::{BTreeSet, HashMap};

use freshet_proto::message::RepositoryObserved;

use crate::apply::batch::Work;
use crate::apply::observed::newest::Reading;
use crate::apply::locations::resolve::BY_NAME;
use crate::apply::{Applier, ApplyError};
use crate::ledger::{raise, source_ref};
use crate::repo::sources::SourceKey;
use crate::repo::{LinkRow, LocationRow, SourceKind, SourceRow};

impl Applier {
    /// Takes over how each repository is named now. One that was known by its name alone gets its id; if
    /// the repository is known by that already, its locations move there and are read there. Returns the
    /// sources that are to be written besides those that were read.
    pub(crate) async fn adopt(
        &self,
        work: &mut Work,
        sources: &mut HashMap<i64, SourceRow>,
        readings: &mut [Reading<RepositoryObserved>],
    ) -> Result<BTreeSet<i64>, ApplyError> {
        let mut nameless = Vec::new();
        for (index, reading) in readings.iter().enumerate() {
            let (Some(source), Some(repository)) = (
                sources.get_mut(&reading.source_id),
                &reading.observed.repository,
            ) else {
                continue;
            };
            if source.external_id.starts_with(BY_NAME) && repository.id != 0 {
                let key = SourceKey {
                    kind: SourceKind::Repository,
                    host: source.host.clone(),
                    external_id: repository.id.to_string(),
                    git_ref: source_ref(repository, &source.git_ref).to_owned(),
                };
                nameless.push((index, source.id, key));
            }
            source.adopt(repository);
        }
        let mut written = BTreeSet::new();
        if nameless.is_empty() {
            return Ok(written);
        }
        let keys: Vec<SourceKey> = nameless.iter().map(|(_, _, key)| key.clone()).collect();
        let mut known: HashMap<SourceKey, i64> = HashMap::new();
        for source in work.tx.lock_sources_by_key(&keys).await? {
            known.insert(source.key(), source.id);
            sources.entry(source.id).or_insert(source);
        }
        for (index, source_id, key) in nameless {
            if let Some(target) = known.get(&key).copied() {
                let reading = &mut readings[index];
                reading.observed.locations.clear();
                self.move_locations(work, source_id, target).await?;
                if let Some(source) = sources.get_mut(&target) {
                    raise(source, source.lane, reading.cause.clone(), work.now);
                    work.raised.insert(target);
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

    /// Moves the locations of a source to another one, where they are read again.
    async fn move_locations(&self, work: &mut Work, from: i64, to: i64) -> Result<(), ApplyError> {
        let mut held: HashMap<String, LocationRow> = HashMap::new();
        let mut moving = Vec::new();
        for row in work.tx.locations_of(&[from, to]).await? {
            if row.source_id == to {
                held.insert(row.path.clone(), row);
            } else {
                moving.push(row);
            }
        }
        let mut moved = Vec::new();
        let mut left = Vec::new();
        for row in moving {
            match held.get(&row.path) {
                None => moved.push(LocationRow {
                    source_id: to,
                    blob_oid: String::new(),
                    ..row
                }),
                Some(twin) => {
                    left.push((row.id, twin.id));
                    moved.push(LocationRow {
                        blob_oid: String::new(),
                        ..twin.clone()
                    });
                }
            }
        }
        let ids: Vec<i64> = left.iter().map(|(id, _)| *id).collect();
        let twins: HashMap<i64, i64> = left.into_iter().collect();
        let links = work.tx.links_of_locations(&ids).await?;
        let keys: Vec<_> = links.iter().map(LinkRow::key).collect();
        let links: Vec<LinkRow> = links
            .into_iter()
            .map(|link| LinkRow {
                location_id: twins[&link.location_id],
                ..link
            })
            .collect();
        work.tx.remove_links(&keys).await?;
        work.tx.put_links(&links).await?;
        work.tx.put_locations(&moved).await?;
        Ok(work.tx.remove_locations(&ids).await?)
    }
}
