//! What is withheld because it would take too much away, and what waits to be confirmed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use freshet_model::{EntityRef, LocationId, SourceId};
use freshet_proto::message::RepositoryObserved;

use super::by_person::is_let_go_by_person;
use super::limits::{LocationRemoval, RemovalContext, check_limits, is_small};
use crate::apply::applier::Applier;
use crate::apply::changes::plan::ChangePlan;
use crate::apply::decision::Observed;
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::observed::evidence::{Evidence, LocationEvidence};
use crate::apply::observed::newest::Reading;
use crate::apply::source_state::delay_source;
use crate::apply::transaction::{ApplyTransaction, Asker, RemovedEntities};
use crate::change::Op;
use crate::micros::micros;
use crate::repo::{RemovalRow, SourceKind, SourceRow, Tx};

/// What a plan that takes something away comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removals {
    /// It may be carried out.
    Allowed,
    /// More has to wait, and the rest is planned anew without it.
    Withheld,
}

/// Nothing of the batch asks for a removal that is too large.
#[derive(Debug, thiserror::Error)]
#[error("too much would be removed, and nothing of the batch asks for it")]
struct NobodysRemovalError;

/// What is left out of a batch because it would take too much away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Withheld {
    /// What was seen of these locations.
    locations: BTreeSet<LocationId>,
    /// Everything that was seen of these sources.
    sources: BTreeSet<SourceId>,
    /// What waits, by location.
    pending: BTreeMap<LocationId, RemovalRow>,
    /// What waited before and is made now, with the source that asked for it.
    made: BTreeMap<LocationId, SourceId>,
    /// How many entities the installations have of which something is withheld.
    live: HashMap<String, i64>,
}

/// Removals that have to wait.
#[derive(Debug, Default)]
pub(crate) struct WaitingRemovals {
    /// By the source that asks for them.
    pub(crate) by_source: BTreeMap<SourceId, Vec<RemovalRow>>,
    /// How many entities the installations have.
    pub(crate) live: HashMap<String, i64>,
}

impl Withheld {
    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Leaves out what takes entities away: first what was seen of the files that lose them, and if that
    /// is not it, because something else points at those files no more, all of the source. Returns
    /// whether more is left out than before.
    pub(crate) fn extend(&mut self, by_source: BTreeMap<SourceId, Vec<RemovalRow>>) -> bool {
        let size = self.locations.len() + self.sources.len();
        for (source_id, rows) in by_source {
            // A file first, and all of its source only if that was not it: one that empties itself
            // must not hold back what else its repository says.
            let before = self.locations.len();
            self.locations
                .extend(rows.iter().map(|row| row.location_id));
            if self.locations.len() == before {
                self.sources.insert(source_id);
            }
            let rows = rows.into_iter().map(|row| (row.location_id, row));
            self.pending.extend(rows);
        }
        self.locations.len() + self.sources.len() > size
    }

    /// What waits, by location.
    pub(super) fn pending(&self) -> &BTreeMap<LocationId, RemovalRow> {
        &self.pending
    }

    /// How many entities an installation has of which something is withheld.
    pub(super) fn live_of(&self, installation: &str) -> i64 {
        self.live.get(installation).copied().unwrap_or_default()
    }

    /// Notes how many entities installations have.
    pub(crate) fn note_live(&mut self, live: HashMap<String, i64>) {
        self.live.extend(live);
    }

    /// Whether what was seen of a location is left out.
    pub(crate) fn leaves_out(&self, location_id: LocationId) -> bool {
        self.locations.contains(&location_id)
    }

    /// The sources whose readings ask for what waits.
    fn source_ids(&self) -> BTreeSet<SourceId> {
        self.pending.values().map(|row| row.source_id).collect()
    }

    /// What was seen, without what is withheld.
    pub(crate) fn leave_out<'a>(
        &self,
        evidence: &'a BTreeMap<LocationId, LocationEvidence>,
        graph: &LocationGraph,
    ) -> Cow<'a, BTreeMap<LocationId, LocationEvidence>> {
        // As good as always, and then there is nothing to copy.
        if self.locations.is_empty() && self.sources.is_empty() {
            return Cow::Borrowed(evidence);
        }
        let mut left = evidence.clone();
        left.retain(|id, proved| !self.locations.contains(id) && !self.hides(*id, proved, graph));
        Cow::Owned(left)
    }

    fn hides(&self, id: LocationId, proved: &LocationEvidence, graph: &LocationGraph) -> bool {
        let location = graph.locations.get(&id);
        let source = location.and_then(|location| graph.sources.get(&location.source_id));
        let Some(source) = source else {
            return false;
        };
        if source.kind == SourceKind::Roots {
            // Roots that are new come in all the same. What takes too much away is no file that was
            // read, so it may be any root that goes.
            return matches!(proved, LocationEvidence::Absent { .. }) && !self.sources.is_empty();
        }
        self.sources.contains(&source.id)
    }

    /// Whether a removal that waits was taken back by its own file, although others of its source still wait.
    fn takes_back(&self, row: &RemovalRow, observed: &Observed) -> bool {
        let (id, graph) = (row.location_id, &observed.graph);
        // What another source asks for is taken back by a look at that one.
        let location = graph.locations.get(&id);
        let is_own = location.is_some_and(|location| location.source_id == row.source_id);
        let seen = observed.evidence.locations.get(&id);
        let is_decided = seen.is_some_and(|proved| {
            let is_failed = matches!(proved, LocationEvidence::Failed { .. });
            !is_failed && !self.locations.contains(&id) && !self.hides(id, proved, graph)
        });
        let is_as_before = observed.evidence.unchanged.contains(&id);
        is_own && (is_decided || is_as_before) && !self.pending.contains_key(&id)
    }

    /// A reading of which something is left out proves nothing.
    pub(crate) fn mark_incomplete(
        &self,
        readings: &mut [Reading<RepositoryObserved>],
        evidence: &Evidence,
        graph: &LocationGraph,
    ) {
        let seen = &evidence.locations;
        let locations = self.locations.iter().filter(|id| seen.contains_key(id));
        let of_locations = locations.filter_map(|id| graph.locations.get(id));
        let mut incomplete: BTreeSet<SourceId> = of_locations.map(|it| it.source_id).collect();
        incomplete.extend(&self.sources);
        for reading in readings {
            reading.is_complete &= !incomplete.contains(&reading.source_id);
        }
    }
}

impl Applier {
    /// Whether a plan may be carried out: the removals that waited and that it makes are forgotten then. If
    /// not, more is withheld than before.
    pub(crate) async fn check_removals(
        &self,
        work: &mut ApplyTransaction,
        graph: &LocationGraph,
        plan: &ChangePlan,
        withheld: &mut Withheld,
    ) -> Result<Removals, ApplyError> {
        let removals = find_removals(plan, graph);
        if removals.is_empty() {
            return Ok(Removals::Allowed);
        }
        let pending = work.tx.removals().await?;
        // What a person asked for is no accident: it is not withheld, and brings nobody else's removal closer to
        // the limit.
        let is_wanted = |removal: &LocationRemoval| {
            work.asked_by == Asker::Person || is_let_go_by_person(removal.location_id, graph)
        };
        let (wanted, removals): (Vec<_>, Vec<_>) = removals.into_iter().partition(is_wanted);
        let is_allowed =
            |removal: &LocationRemoval| work.allowed_removals.contains(&removal.location_id);
        let (allowed, asked): (Vec<_>, Vec<_>) = removals.into_iter().partition(is_allowed);
        let waiting = self
            .find_waiting(&mut work.tx, &asked, &pending, work.now)
            .await?;
        if !waiting.by_source.is_empty() {
            withheld.note_live(waiting.live);
            // Each turn leaves more out, and a batch is finite; without this a bug would be a turn
            // that never ends, under the lock of the log.
            return if withheld.extend(waiting.by_source) {
                Ok(Removals::Withheld)
            } else {
                Err(ApplyError::unreadable("a removal", NobodysRemovalError))
            };
        }
        let counted: Vec<LocationRemoval> = asked.into_iter().chain(allowed).collect();
        let made = counted.iter().chain(&wanted).map(|it| it.location_id);
        let made: Vec<LocationId> = made.collect();
        // What was confirmed is made now and waits no more.
        work.tx.remove_removals(&made).await?;
        let waited = pending.iter().filter(|row| made.contains(&row.location_id));
        let waited = waited.map(|row| (row.location_id, row.source_id));
        withheld.made.extend(waited);
        // What goes after all, without the rest, waits no more either.
        for location_id in &made {
            withheld.pending.remove(location_id);
        }
        let removed = counted.into_iter().map(|it| RemovedEntities {
            installation: it.installation,
            refs: it.refs,
        });
        work.removed.extend(removed);
        Ok(Removals::Allowed)
    }

    /// Which of these removals have to wait, where `held` do already.
    pub(crate) async fn find_waiting(
        &self,
        tx: &mut Tx,
        removals: &[LocationRemoval],
        held: &[RemovalRow],
        now: i64,
    ) -> Result<WaitingRemovals, ApplyError> {
        if removals.is_empty() {
            return Ok(WaitingRemovals::default());
        }
        // Counted over a window: a hundred small removals within a minute are one large one.
        let limits = &self.config.removals;
        let recent = self.count_recent(now - micros(limits.window));
        // The count of all entities is a query over the table, which a push that removes one entity
        // must not pay for.
        if is_small(removals, &recent, limits) {
            return Ok(WaitingRemovals::default());
        }
        let live = count_live(tx, removals).await?;
        let context = RemovalContext {
            live: &live,
            recent: &recent,
            held,
        };
        let by_source = check_limits(removals, &context, limits, now);
        Ok(WaitingRemovals { by_source, live })
    }

    /// Stores what waits and forgets what was taken back, of the sources that were looked at completely
    /// (`proved`), and tells of both. What waits has its source looked at again later; those in `sources` are
    /// left to the caller to write. Returns the sources that wait.
    pub(crate) async fn update_pending(
        &self,
        work: &mut ApplyTransaction,
        sources: &mut HashMap<SourceId, SourceRow>,
        observed: &Observed,
        withheld: &Withheld,
        proved: &BTreeSet<SourceId>,
    ) -> Result<BTreeSet<SourceId>, ApplyError> {
        self.store_pending(work, sources, withheld).await?;
        let waiting = withheld.source_ids();
        let mut ended = self
            .forget_pending(work, observed, withheld, &(proved - &waiting))
            .await?;
        ended.extend(&withheld.made);
        self.review_withheld(work, observed, withheld, &ended)
            .await?;
        Ok(waiting)
    }

    async fn store_pending(
        &self,
        work: &mut ApplyTransaction,
        sources: &mut HashMap<SourceId, SourceRow>,
        withheld: &Withheld,
    ) -> Result<(), ApplyError> {
        if withheld.is_empty() {
            return Ok(());
        }
        let mut by_source: BTreeMap<SourceId, Vec<&RemovalRow>> = BTreeMap::new();
        for row in withheld.pending.values() {
            by_source.entry(row.source_id).or_default().push(row);
        }
        let others = by_source.keys().filter(|id| !sources.contains_key(id));
        let others: Vec<SourceId> = others.copied().collect();
        let mut others = work.tx.lock_sources(&others).await?;
        for source in sources.values_mut().chain(&mut others) {
            if let Some(rows) = by_source.get(&source.id) {
                let wait = micros(self.config.removals.wait);
                delay_for_confirmation(source, rows, wait);
            }
        }
        work.tx.put_sources(&others).await?;
        let rows: Vec<RemovalRow> = withheld.pending.values().cloned().collect();
        work.tx.put_removals(&rows).await?;
        // Before the commit: if it fails, the next batch looks once for nothing.
        self.removals_wait.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Forgets the removals of sources that were looked at completely, and those of single files that were: what
    /// still waited was taken back. Returns those, with the source that asked for each.
    async fn forget_pending(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        withheld: &Withheld,
        proved: &BTreeSet<SourceId>,
    ) -> Result<BTreeMap<LocationId, SourceId>, ApplyError> {
        // Nothing waits nearly always, and then no batch asks for it.
        if !self.removals_wait.load(Ordering::Relaxed) {
            return Ok(BTreeMap::new());
        }
        let pending = work.tx.removals().await?;
        if pending.is_empty() {
            self.removals_wait.store(false, Ordering::Relaxed);
            return Ok(BTreeMap::new());
        }
        let taken_back: BTreeMap<LocationId, SourceId> = pending
            .iter()
            .filter(|row| proved.contains(&row.source_id) || withheld.takes_back(row, observed))
            .map(|row| (row.location_id, row.source_id))
            .collect();
        let ids: Vec<LocationId> = taken_back.keys().copied().collect();
        work.tx.remove_removals(&ids).await?;
        Ok(taken_back)
    }

    /// How many entities went since `since` and did not come back.
    fn count_recent(&self, since: i64) -> HashMap<String, i64> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        self.view.read(|state| {
            recent.count_since(since, |entity_ref| {
                EntityRef::parse(entity_ref).is_ok_and(|it| state.entity(&it).is_some())
            })
        })
    }

    /// Remembers what a commit took away.
    pub(crate) fn record_removals(&self, now: i64, removed: Vec<RemovedEntities>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        for RemovedEntities { installation, refs } in removed {
            recent.record(now, installation, refs);
        }
    }
}

fn delay_for_confirmation(source: &mut SourceRow, rows: &[&RemovalRow], wait: i64) {
    let first = rows.iter().map(|row| row.since).min().unwrap_or_default();
    let entities: i64 = rows.iter().map(|row| row.entities).sum();
    freshet_runtime::summed_up!(
        warn,
        source.id = source.id.get(),
        entities,
        "a reading would remove too many entities at once; it waits for a confirmation or a second look"
    );
    source.last_error = Some(format!(
        "would remove {entities} entities; waits for a confirmation or a second look"
    ));
    delay_source(source, first + wait);
}

/// What a plan takes away, by location.
fn find_removals(plan: &ChangePlan, graph: &LocationGraph) -> Vec<LocationRemoval> {
    let mut by_location: BTreeMap<LocationId, LocationRemoval> = BTreeMap::new();
    for (row, triggered_by) in plan.rows.iter().zip(&plan.triggered_by) {
        let (Op::Deleted, Some(entity_ref)) = (row.op, &row.entity_ref) else {
            continue;
        };
        let source = graph.sources.get(&row.source_id);
        let source = source.or_else(|| graph.sources.get(triggered_by));
        let removal = by_location
            .entry(row.location_id)
            .or_insert_with(|| LocationRemoval {
                location_id: row.location_id,
                source_id: *triggered_by,
                installation: source.map_or_else(String::new, |it| it.installation.clone()),
                refs: Vec::new(),
            });
        removal.refs.push(entity_ref.to_string());
    }
    by_location.into_values().collect()
}

async fn count_live(
    tx: &mut Tx,
    removals: &[LocationRemoval],
) -> Result<HashMap<String, i64>, ApplyError> {
    let installations: Vec<&str> = removals.iter().map(|it| it.installation.as_str()).collect();
    let counts = tx.live_entities(&installations).await?;
    Ok(counts.into_iter().collect())
}
