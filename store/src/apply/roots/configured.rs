//! The configuration as roots of the tree, at the start.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use freshet_proto::message::Cause;

use crate::apply::write::Causes;
use crate::apply::removals::pending::Held;
use crate::apply::roots::discovered::{PROVIDER, Wanted, leavers, plant, provider_key, roots_key};
use crate::apply::observed::evidence::Sighted;
use crate::apply::locations::{Facts, Seen};
use crate::apply::{Applier, ApplyError, CONFLICT_ATTEMPTS};
use crate::repo::sources::SourceKey;
use crate::repo::{Lane, SourceRow, Trouble};

/// How a reading says that the configuration asks for it.
const MECHANISM: &str = "configuration";

impl Applier {
    /// Makes the roots those of the configuration: its locations come and go, and so does everything of
    /// providers that are no longer configured.
    ///
    /// # Errors
    /// If the database does not answer, or is not the one the view was loaded from.
    pub async fn configure(&self) -> Result<(), ApplyError> {
        let mut attempt = 1;
        let mut held = Held::default();
        loop {
            match self.configure_once(&held).await {
                // What is new comes in all the same; what would go waits.
                Err(ApplyError::Held(more)) if more.is_more_than(&held) => {
                    self.hold(&more).await?;
                    self.configuration_waits.store(true, Ordering::Relaxed);
                    held.extend(more);
                }
                Err(error)
                    if error.trouble() == Trouble::Conflict && attempt < CONFLICT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                ended => return ended,
            }
        }
    }

    async fn configure_once(&self, held_back: &Held) -> Result<(), ApplyError> {
        let mut work = self.begin().await?;
        let wanted: Vec<Wanted> = self.config.roots.iter().map(Wanted::configured).collect();
        let sources = work.tx.roots_sources().await?;
        let config = roots_key("", crate::apply::roots::discovered::CONFIG);
        let mut facts = Facts::default();
        let mut sighted = Sighted::default();
        let decided = self.left_or_config(&sources, &config);
        for source in decided.iter().copied() {
            let held = work.tx.locations_of(&[source.id]).await?;
            let is_config = source.key() == config;
            let wanted = if is_config { &wanted[..] } else { &[] };
            let may_leave = !held_back.has(source.id);
            for id in leavers(&held, wanted).into_iter().filter(|_| may_leave) {
                sighted.sights.insert(id, Seen::Gone);
            }
            facts.sources.insert(source.id, source.clone());
            facts
                .locations
                .extend(held.into_iter().map(|row| (row.id, row)));
        }
        let hosts = &self.config.forges.hosts;
        plant(
            &mut work.tx,
            &mut facts,
            &mut sighted.sights,
            &wanted,
            hosts,
        )
        .await?;
        let causes: Causes = facts
            .sources
            .keys()
            .map(|id| {
                let cause = Cause {
                    mechanism: MECHANISM.to_owned(),
                    ..Cause::default()
                };
                (*id, (cause, Lane::Lo))
            })
            .collect();
        let settlement = self
            .settle(&mut work, &mut facts, sighted, &HashMap::new(), &causes)
            .await?;
        let mut none = HashMap::new();
        self.raise(&mut work, &mut none, &settlement, &causes)
            .await?;
        if held_back.is_empty() {
            let all = decided.iter().map(|source| source.id);
            self.forget_held(&mut work, &all.collect()).await?;
            self.configuration_waits.store(false, Ordering::Relaxed);
        }
        self.commit(work).await
    }

    /// The roots sources whose roots the configuration decides.
    fn left_or_config<'a>(
        &self,
        sources: &'a [SourceRow],
        config: &SourceKey,
    ) -> Vec<&'a SourceRow> {
        let providers: Vec<SourceKey> = self.config.providers.all().map(provider_key).collect();
        sources
            .iter()
            .filter(|source| {
                let key = source.key();
                key == *config
                    || (key.external_id.starts_with(PROVIDER) && !providers.contains(&key))
            })
            .collect()
    }
}
