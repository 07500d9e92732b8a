//! Roots that come and go because somebody asked for it: seen, planned and written like those of a batch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::LocationId;

use super::{WantedRoot, add_roots, is_of_provider, registered_key};
use crate::apply::applier::Applier;
use crate::apply::decision::Observed;
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::{GraphRequest, LocationGraph};
use crate::apply::locations::load::load;
use crate::apply::observed::evidence::LocationEvidence;
use crate::apply::transaction::{ApplyTransaction, Asker};
use crate::config::Recheck;
use crate::repo::{RegisteredLocation, Tx};

/// How a change says that a registration caused it.
pub(super) const MECHANISM: &str = "registration";

/// Roots that come and go together.
#[derive(Debug, Default)]
pub(super) struct RootChange<'a> {
    pub(super) left: Option<&'a RegisteredLocation>,
    pub(super) added: Vec<WantedRoot>,
}

impl Applier {
    /// Plans and writes what follows when roots come and go because somebody asked for it.
    pub(super) async fn change_registered(
        &self,
        work: &mut ApplyTransaction,
        change: RootChange<'_>,
        actor: &str,
    ) -> Result<(), ApplyError> {
        // Who asks for it knows what it takes along; waiting for another to confirm it would help nobody.
        work.asked_by = Asker::Person;
        let mut observed = self.observe_registered(&mut work.tx, change).await?;
        observed.explain_by_person(MECHANISM, actor, work.now);
        let mut decision = self.evaluate_and_plan(work, &mut observed).await?;
        self.write_decision(work, &observed, &mut decision).await?;
        let mut none = HashMap::new();
        self.request_refreshes(work, &mut none, &observed, &decision)
            .await?;
        let proved = BTreeSet::new();
        self.update_pending(work, &mut none, &observed, &decision.withheld, &proved)
            .await?;
        Ok(())
    }

    async fn observe_registered(
        &self,
        tx: &mut Tx,
        change: RootChange<'_>,
    ) -> Result<Observed, ApplyError> {
        let RootChange { left, added } = change;
        let mut observed = Observed::default();
        let graph = &mut observed.graph;
        let evidence = &mut observed.evidence.locations;
        if let Some(left) = left {
            observe_left(tx, graph, evidence, left).await?;
        }
        add_roots(tx, graph, evidence, &added, &self.config.forges.hosts).await?;
        let registered = added.iter().filter(|root| root.key == registered_key());
        let refs = registered.map(|root| root.entity_ref.clone()).collect();
        replace_discovered(tx, graph, evidence, refs).await?;
        Ok(observed)
    }
}

/// Sees the root of a registered location go.
async fn observe_left(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    left: &RegisteredLocation,
) -> Result<(), ApplyError> {
    let path = WantedRoot::registered(left).location();
    for source in tx.lock_sources_by_key(&[registered_key()]).await? {
        for location in tx.locations_at(&[(source.id, &path)]).await? {
            evidence.insert(location.id, LocationEvidence::Absent { reason: None });
            graph.locations.insert(location.id, location);
        }
        graph.sources.insert(source.id, source);
    }
    Ok(())
}

/// Sees the roots of providers go for which these Location entities stand: what they led to is there because somebody
/// asks for it now, whatever a provider thinks of it later.
async fn replace_discovered(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    refs: BTreeSet<String>,
) -> Result<(), ApplyError> {
    let request = GraphRequest {
        entities: refs.clone(),
        ..GraphRequest::default()
    };
    // Nothing is looked at for it, so there is no interval.
    load(tx, graph, request, &Recheck::default()).await?;
    for entity in refs.iter().filter_map(|it| graph.entities.get(it)) {
        let root = graph.locations.get(&entity.declared_by);
        let source = root.and_then(|root| graph.sources.get(&root.source_id));
        if source.is_some_and(|source| is_of_provider(&source.key())) {
            let absent = LocationEvidence::Absent { reason: None };
            evidence.insert(entity.declared_by, absent);
        }
    }
    Ok(())
}
