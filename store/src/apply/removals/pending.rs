//! Holds back what would take too much away, and lets it go when it was confirmed.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use freshet_model::EntityRef;
use freshet_proto::message::{Observation, RepositoryObserved};

use crate::apply::batch::Work;
use crate::apply::observed::newest::Reading;
use crate::apply::changes::plan::Plan;
use crate::apply::observed::evidence::Sighted;
use crate::apply::source_state::delay;
use crate::apply::locations::Facts;
use crate::apply::{Applier, ApplyError};
use crate::change::Op;
use crate::apply::removals::check::{Census, Leaving, guard, is_small, micros};
use crate::repo::{RemovalRow, Tx};

/// Sources that are held back, each with what it would take away.
#[derive(Clone, Debug, Default)]
pub struct Held(BTreeMap<i64, Vec<RemovalRow>>);

impl Held {
    pub(crate) fn has(&self, source_id: i64) -> bool {
        self.0.contains_key(&source_id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a source among these that is not among those.
    pub(crate) fn is_more_than(&self, other: &Self) -> bool {
        self.0.keys().any(|source_id| !other.has(*source_id))
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }
}

/// What is left out of a batch because it would take too much away.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    /// What was seen of these locations.
    locations: BTreeSet<i64>,
    /// Everything that was seen of these sources.
    sources: BTreeSet<i64>,
}

impl LeftOut {
    /// Leaves out what takes entities away: first what was seen of the files that lose them, and if that
    /// is not it, because something else points at those files no more, all of the source. Returns whether
    /// more is left out than before.
    fn add(&mut self, held: &Held) -> bool {
        let before = (self.locations.len(), self.sources.len());
        for (source_id, rows) in &held.0 {
            let before = self.locations.len();
            self.locations
                .extend(rows.iter().map(|row| row.location_id));
            if self.locations.len() == before {
                self.sources.insert(*source_id);
            }
        }
        before != (self.locations.len(), self.sources.len())
    }

    fn is_source(&self, source_id: i64) -> bool {
        self.sources.contains(&source_id)
    }

    /// Whether roots stay although they should go: what takes too much away is no file that was read.
    pub(crate) fn keeps_roots(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Takes what is left out from what was seen; a reading that loses something proves nothing.
    pub(crate) fn take_from(
        &self,
        sighted: &mut Sighted,
        facts: &Facts,
        readings: &mut [Reading<RepositoryObserved>],
    ) {
        for id in &self.locations {
            if sighted.sights.remove(id).is_none() {
                continue;
            }
            sighted.contents.remove(id);
            sighted.dependencies.retain(|row| row.location_id != *id);
            let source_id = facts.locations.get(id).map(|location| location.source_id);
            for reading in readings.iter_mut() {
                if Some(reading.source_id) == source_id {
                    reading.is_complete = false;
                }
            }
        }
    }
}

impl Applier {
    /// Refuses a plan that would take too much away, and forgets the removals it makes.
    pub(crate) async fn guard(
        &self,
        work: &mut Work,
        facts: &Facts,
        plan: &Plan,
    ) -> Result<(), ApplyError> {
        let leaving = leaving(plan, facts);
        if leaving.is_empty() {
            return Ok(());
        }
        let held = work.tx.removals().await?;
        let limits = &self.config.removals;
        let recent = self.recent(work.now - micros(limits.window));
        if !is_small(&leaving, &recent, limits) {
            let live = live(&mut work.tx, &leaving).await?;
            let census = Census {
                live: &live,
                recent: &recent,
                held: &held,
            };
            let waiting = guard(&leaving, &census, limits, work.now);
            if !waiting.is_empty() {
                return Err(ApplyError::Held(Held(waiting)));
            }
        }
        let done: Vec<i64> = leaving.iter().map(|it| it.location_id).collect();
        work.tx.remove_removals(&done).await?;
        work.removed
            .extend(leaving.into_iter().map(|it| (it.installation, it.refs)));
        Ok(())
    }

    /// Forgets the removals of sources that were looked at completely: what still waited was taken back, for
    /// what would go was left out, and then the look proved nothing.
    pub(crate) async fn forget_held(
        &self,
        work: &mut Work,
        proved: &BTreeSet<i64>,
    ) -> Result<(), ApplyError> {
        if proved.is_empty() || !self.removals_wait.load(Ordering::Relaxed) {
            return Ok(());
        }
        let held = work.tx.removals().await?;
        if held.is_empty() {
            self.removals_wait.store(false, Ordering::Relaxed);
            return Ok(());
        }
        let taken_back: Vec<i64> = held
            .iter()
            .filter(|row| proved.contains(&row.source_id))
            .map(|row| row.location_id)
            .collect();
        Ok(work.tx.remove_removals(&taken_back).await?)
    }

    /// How many entities went since `since` and did not come back.
    fn recent(&self, since: i64) -> HashMap<String, i64> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        self.view.read(|state| {
            recent.since(since, |entity_ref| {
                EntityRef::parse(entity_ref).is_ok_and(|it| state.entity(&it).is_some())
            })
        })
    }

    /// Remembers what a commit took away.
    pub(crate) fn note_removed(&self, now: i64, removed: Vec<(String, Vec<String>)>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for (installation, refs) in removed {
            recent.note(now, installation, refs);
        }
    }

    /// Applies some of a batch together. What would take too much away is held back, and the rest applied
    /// without it.
    pub(crate) async fn apply_together(&self, batch: &[&Observation]) -> Result<(), ApplyError> {
        let mut left_out = LeftOut::default();
        loop {
            let rest: Vec<&Observation> = batch
                .iter()
                .filter(|observation| !left_out.is_source(observation.source_id))
                .copied()
                .collect();
            match self.apply_all(&rest, &left_out).await {
                // Each turn leaves more out, and a batch is finite.
                Err(ApplyError::Held(held)) if left_out.add(&held) => self.hold(&held).await?,
                ended => return ended,
            }
        }
    }

    /// Stores what waits, and has its sources looked at again when they have waited.
    pub(crate) async fn hold(&self, held: &Held) -> Result<(), ApplyError> {
        let mut tx = self.repo.write().await?;
        let ids: Vec<i64> = held.0.keys().copied().collect();
        let mut sources = tx.lock_sources(&ids).await?;
        for source in &mut sources {
            let rows = held.0.get(&source.id).map_or(&[][..], Vec::as_slice);
            let first = rows.iter().map(|row| row.since).min().unwrap_or_default();
            let entities: i64 = rows.iter().map(|row| row.entities).sum();
            tracing::warn!(
                source.id,
                entities,
                "a reading would remove too many entities at once; it waits for a confirmation or a second look"
            );
            source.last_error = format!(
                "would remove {entities} entities; waits for a confirmation or a second look"
            );
            delay(source, first + micros(self.config.removals.wait));
        }
        tx.put_sources(&sources).await?;
        let rows: Vec<RemovalRow> = held.0.values().flatten().cloned().collect();
        tx.put_removals(&rows).await?;
        self.removals_wait.store(true, Ordering::Relaxed);
        Ok(tx.commit().await?)
    }
}

/// What a plan takes away, by location.
fn leaving(plan: &Plan, facts: &Facts) -> Vec<Leaving> {
    let mut by_location: BTreeMap<i64, Leaving> = BTreeMap::new();
    for (row, cause) in plan.rows.iter().zip(&plan.causes) {
        let (Op::Deleted, Some(entity_ref)) = (row.op, &row.entity_ref) else {
            continue;
        };
        let installation = facts
            .sources
            .get(&row.source_id)
            .or_else(|| facts.sources.get(cause))
            .map_or_else(String::new, |source| source.installation.clone());
        by_location
            .entry(row.location_id)
            .or_insert_with(|| Leaving {
                location_id: row.location_id,
                source_id: *cause,
                installation,
                refs: Vec::new(),
            })
            .refs
            .push(entity_ref.to_string());
    }
    by_location.into_values().collect()
}

async fn live(tx: &mut Tx, leaving: &[Leaving]) -> Result<HashMap<String, i64>, ApplyError> {
    let installations: Vec<&str> = leaving.iter().map(|it| it.installation.as_str()).collect();
    let counts = tx.live_entities(&installations).await?;
    Ok(counts.into_iter().collect())
}
