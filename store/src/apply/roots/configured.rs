//! The configuration as roots of the catalog: at the start, and when a removal it asks for was confirmed.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;

use freshet_model::SourceId;
use freshet_proto::message::Cause;

use super::heirs::add_registered_heirs;
use super::{CONFIG, PROVIDER, WantedRoot, add_roots, provider_key, roots_key};
use crate::apply::applier::Applier;
use crate::apply::decision::Observed;
use crate::apply::decision::RefreshCause;
use crate::apply::error::ApplyError;
use crate::apply::locations::naming::generated_ref;
use crate::apply::observed::evidence::LocationEvidence;
use crate::apply::transaction::ApplyTransaction;
use crate::conflicts::retry_conflicts;
use crate::repo::sources::SourceKey;
use crate::repo::{Lane, SourceRow};

/// How a reading says that the configuration asks for it.
const MECHANISM: &str = "configuration";

impl Applier {
    /// Makes the roots those of the configuration: its locations come and go, and so does everything of
    /// providers that are no longer configured. What is new comes in although what would go may wait.
    ///
    /// # Errors
    /// If the database does not answer, or is not the one the view was loaded from.
    pub async fn configure(&self) -> Result<(), ApplyError> {
        // It runs beside other writers at a rolling restart, and there is no message that would
        // come again.
        retry_conflicts(ApplyError::trouble, || self.apply_configuration()).await
    }

    async fn apply_configuration(&self) -> Result<(), ApplyError> {
        let mut work = self.begin().await?;
        let sources = work.tx.roots_sources().await?;
        let decided = self.filter_configured(sources);
        let ids: BTreeSet<SourceId> = decided.iter().map(|source| source.id).collect();
        let mut observed = self.observe_configuration(&mut work, decided).await?;
        for id in observed.graph.sources.keys() {
            let cause = Cause {
                mechanism: MECHANISM.to_owned(),
                ..Cause::default()
            };
            let lane = Lane::Lo;
            observed.causes.insert(*id, RefreshCause { cause, lane });
        }
        let mut decision = self.evaluate_and_plan(&mut work, &mut observed).await?;
        self.write_decision(&mut work, &observed, &mut decision)
            .await?;
        let mut none = HashMap::new();
        self.request_refreshes(&mut work, &mut none, &observed, &decision)
            .await?;
        self.update_pending(&mut work, &mut none, &observed, &decision.withheld, &ids)
            .await?;
        self.commit(work).await?;
        let waits = !decision.withheld.is_empty();
        // After the commit: a second look at what was rolled back would find nothing.
        self.configuration_waits.store(waits, Ordering::Relaxed);
        Ok(())
    }

    /// What the configuration says of the roots: those it names are there, and of the sources it decides no
    /// others.
    async fn observe_configuration(
        &self,
        work: &mut ApplyTransaction,
        decided: Vec<SourceRow>,
    ) -> Result<Observed, ApplyError> {
        let roots = self.config.roots.iter();
        let wanted: Vec<WantedRoot> = roots.map(WantedRoot::configured).collect();
        let names: BTreeSet<String> = wanted.iter().map(WantedRoot::location).collect();
        let config = roots_key("", CONFIG);
        let mut observed = Observed::default();
        let graph = &mut observed.graph;
        let evidence = &mut observed.evidence.locations;
        let mut left = Vec::new();
        for source in decided {
            let is_config = source.key() == config;
            for location in work.tx.locations_of(&[source.id]).await? {
                // A provider that is no longer configured names nothing.
                if !(is_config && names.contains(&location.path)) {
                    evidence.insert(location.id, LocationEvidence::Absent { reason: None });
                    left.push(generated_ref(&location.path));
                }
                graph.locations.insert(location.id, location);
            }
            graph.sources.insert(source.id, source);
        }
        let hosts = &self.config.forges.hosts;
        add_roots(&mut work.tx, graph, evidence, &wanted, hosts).await?;
        add_registered_heirs(&mut work.tx, graph, evidence, &left).await?;
        Ok(observed)
    }

    /// The roots sources whose roots the configuration decides: its own, and those of providers that are no
    /// longer configured.
    fn filter_configured(&self, sources: Vec<SourceRow>) -> Vec<SourceRow> {
        let config: SourceKey = roots_key("", CONFIG);
        let providers: Vec<SourceKey> = self.config.providers.all().map(provider_key).collect();
        sources
            .into_iter()
            .filter(|source| {
                let key = source.key();
                key == config
                    || (key.external_id.starts_with(PROVIDER) && !providers.contains(&key))
            })
            .collect()
    }
}
