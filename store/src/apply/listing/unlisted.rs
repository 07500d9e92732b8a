//! An account that cannot be listed: a problem of the configuration, which names it.
//!
//! No file is at fault, so the problem has a location of its own among the roots of the provider: the entry of the
//! configuration. What was discovered before stays as it is. The problem goes when the account can be listed, and
//! the location with the provider.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_model::{ErrorClass, Problem, RuleId, SourceId};

use crate::apply::applier::Applier;
use crate::apply::changes::event::ChangeTrigger;
use crate::apply::decision::Observed;
use crate::apply::entities::declarations::FoundProblem;
use crate::apply::error::ApplyError;
use crate::apply::locations::diff::LocationDiff;
use crate::apply::locations::graph::LocationGraph;
use crate::apply::locations::problems::{ProblemReview, ReviewScope};
use crate::apply::observed::failure::ReadFailure;
use crate::apply::roots::{find_roots_sources, organization_entry, provider_key};
use crate::apply::transaction::ApplyTransaction;
use crate::ledger::Provider;
use crate::repo::{Location, Naming, SourceKind, SourceRow};

const HINT: &str = "Whoever runs Freshet corrects `organization`, or lets the token of its host see the account; what was discovered before stays until then.";

impl Applier {
    /// Tells of every account that cannot be listed until somebody does something.
    pub(crate) async fn report_unlisted(
        &self,
        work: &mut ApplyTransaction,
        sources: &HashMap<SourceId, SourceRow>,
        failures: &[ReadFailure],
    ) -> Result<(), ApplyError> {
        for failure in failures {
            let Some(source) = sources.get(&failure.source_id) else {
                continue;
            };
            let provider = self.config.providers.by_id(&source.external_id);
            let (SourceKind::Listing, Some(provider), Some(class)) =
                (source.kind, provider, failure.class)
            else {
                continue;
            };
            let problem = problem_of(provider, class, failure);
            let mut graph = LocationGraph::default();
            let location = find_or_add_entry(work, &mut graph, provider, source).await?;
            self.review_entry(work, graph, source, location, Some(problem))
                .await?;
        }
        Ok(())
    }

    /// The account of a provider can be listed: what was told of it is over.
    pub(crate) async fn resolve_unlisted(
        &self,
        work: &mut ApplyTransaction,
        provider: &Provider,
        source: &SourceRow,
    ) -> Result<(), ApplyError> {
        let key = provider_key(provider);
        let roots = work.tx.lock_sources_by_key(&[key]).await?;
        let path = organization_entry(&provider.id);
        let places: Vec<_> = roots.iter().map(|it| (it.id, path.as_str())).collect();
        // Nearly always: nothing was ever told of it.
        let Some(location) = work.tx.locations_at(&places).await?.pop() else {
            return Ok(());
        };
        let graph = LocationGraph {
            sources: roots.into_iter().map(|it| (it.id, it)).collect(),
            ..LocationGraph::default()
        };
        self.review_entry(work, graph, source, location, None).await
    }

    /// Writes what is wrong with an entry now.
    async fn review_entry(
        &self,
        work: &mut ApplyTransaction,
        graph: LocationGraph,
        source: &SourceRow,
        location: Location,
        problem: Option<Problem>,
    ) -> Result<(), ApplyError> {
        let found = problem.into_iter().map(|problem| FoundProblem {
            problem,
            status_of: Vec::new(),
        });
        let review = ProblemReview {
            location_id: location.id,
            triggered_by: source.id,
            scope: ReviewScope::File,
            found: found.collect(),
        };
        let locations = LocationDiff {
            locations: BTreeMap::from([(location.id, location.clone())]),
            locations_put: vec![location],
            reviews: vec![review],
            ..LocationDiff::default()
        };
        let mut observed = Observed {
            graph,
            ..Observed::default()
        };
        let trigger = ChangeTrigger::new(&source.trigger, "", 0, work.now);
        observed.triggers.insert(source.id, trigger);
        self.write_reviews(work, &observed, locations).await
    }
}

fn problem_of(provider: &Provider, class: ErrorClass, failure: &ReadFailure) -> Problem {
    let message = format!(
        "the repositories of {} cannot be listed: {}",
        provider.organization, failure.message
    );
    Problem::error(RuleId::ProviderUnreadable, class, message)
        .with_hint(HINT)
        .of_file()
}

/// The location of the entry, stored or new, as the configuration is now.
async fn find_or_add_entry(
    work: &mut ApplyTransaction,
    graph: &mut LocationGraph,
    provider: &Provider,
    source: &SourceRow,
) -> Result<Location, ApplyError> {
    let key = provider_key(provider);
    let roots = find_roots_sources(&mut work.tx, graph, BTreeSet::from([key.clone()])).await?;
    let (roots_id, path) = (roots[&key], organization_entry(&provider.id));
    let known = work
        .tx
        .locations_at(&[(roots_id, path.as_str())])
        .await?
        .pop();
    let location = match known {
        Some(location) => location,
        None => {
            let ids = work.tx.new_location_ids(1).await?;
            let id = ids.first().copied().unwrap_or_default();
            Location::new(id, roots_id, &path)
        }
    };
    let url = source.names.url.clone();
    Ok(Location {
        naming: Some(Naming {
            parent_ref: None,
            origin: url.clone(),
            url,
        }),
        ..location
    })
}
