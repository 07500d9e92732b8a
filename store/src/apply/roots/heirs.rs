//! Who takes over when a root goes: whoever else names the same location.
//!
//! What the configuration, a person and a provider name alike has one Location entity, so only one of their roots
//! declares it. When that one goes, another declares it in the same transaction, and what it leads to stays.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::LocationId;

use super::{WantedRoot, add_roots};
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::locations::graph::{GraphRequest, LocationGraph};
use crate::apply::locations::load::load;
use crate::apply::observed::evidence::LocationEvidence;
use crate::ledger::{Admission, Providers};
use crate::repo::{RegisteredLocation, SourceKind, Tx};

/// Puts the locations among what was seen that somebody registered, and whose Location entities other roots leave.
pub(crate) async fn add_registered_heirs(
    tx: &mut Tx,
    graph: &mut LocationGraph,
    evidence: &mut BTreeMap<LocationId, LocationEvidence>,
    left: &[String],
) -> Result<(), ApplyError> {
    // Roots go seldom, and then mostly with nobody else who names them.
    let registered = tx.registered_locations_of(left).await?;
    let heirs: Vec<WantedRoot> = registered.iter().map(WantedRoot::registered).collect();
    // Which hosts are GitHub's matters only for roots whose file is known already.
    add_roots(tx, graph, evidence, &heirs, &[]).await
}

impl Applier {
    /// The roots that the configuration and the providers name as somebody has registered this location.
    pub(super) async fn find_heirs(
        &self,
        tx: &mut Tx,
        graph: &mut LocationGraph,
        left: &RegisteredLocation,
    ) -> Result<Vec<WantedRoot>, ApplyError> {
        let request = GraphRequest {
            children: BTreeSet::from([left.entity_ref.clone()]),
            ..GraphRequest::default()
        };
        load(tx, graph, request, &self.config.recheck).await?;
        let configured = self.config.roots.iter().map(WantedRoot::configured);
        let mut heirs: Vec<WantedRoot> = configured.collect();
        heirs.extend(find_discovered(
            graph,
            &left.entity_ref,
            &self.config.providers,
        ));
        heirs.retain(|heir| heir.entity_ref == left.entity_ref);
        Ok(heirs)
    }
}

/// The roots that providers would name for what a Location entity points at.
fn find_discovered(
    graph: &LocationGraph,
    entity_ref: &str,
    providers: &Providers,
) -> Vec<WantedRoot> {
    let mut found = Vec::new();
    for link in graph.links.of_parent(entity_ref) {
        let Some(file) = graph.locations.get(&link.location_id) else {
            continue;
        };
        let Some(source) = graph.sources.get(&file.source_id) else {
            continue;
        };
        // A provider names nothing that stands for nothing.
        if source.kind != SourceKind::Repository || !file.holds_anything() {
            continue;
        }
        let repository = source.repository();
        let interested = providers.all().filter(|provider| {
            provider.host.eq_ignore_ascii_case(&source.host)
                && provider.catalog_path == file.path
                && provider.reads(source)
                // What its filters ask for may not be known here. Then it stays until the next listing says so.
                && provider.admit(&repository) != Admission::Unwanted
        });
        found.extend(interested.filter_map(|it| WantedRoot::discovered(it, &repository, file.id)));
    }
    found
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use freshet_model::SourceId;

    use super::*;
    use crate::config::{GithubProvider, ProviderFilters, TopicFilter};
    use crate::repo::{Location, LocationLink, LocationState, SourceRow};

    const ENTITY: &str = "location:default/generated-a";
    const FILE: LocationId = LocationId::new(2);

    fn provider(organization: &str, topics: &[&str]) -> GithubProvider {
        GithubProvider {
            id: organization.to_owned(),
            host: "github.com".to_owned(),
            organization: organization.to_owned(),
            catalog_path: "/catalog-info.yaml".to_owned(),
            frequency: Duration::from_secs(60),
            branch: None,
            filters: ProviderFilters {
                topics: TopicFilter {
                    include: topics.iter().map(|it| (*it).to_owned()).collect(),
                    ..TopicFilter::default()
                },
                ..ProviderFilters::default()
            },
        }
    }

    /// The targets of the roots by which these providers name a file of `acme/pay` that is in this state.
    #[track_caller]
    fn check(providers: &[GithubProvider], path: &str, state: LocationState, expected: &[&str]) {
        let mut graph = LocationGraph::default();
        let mut source =
            SourceRow::new(SourceId::new(1), SourceKind::Repository, "github.com", "7");
        "acme".clone_into(&mut source.names.owner);
        "pay".clone_into(&mut source.names.name);
        "https://github.com/acme/pay".clone_into(&mut source.names.url);
        "main".clone_into(&mut source.names.default_branch);
        let file = Location {
            state,
            ..Location::new(FILE, source.id, path)
        };
        graph.sources.insert(source.id, source);
        graph.locations.insert(file.id, file);
        graph.links.put(LocationLink {
            parent_ref: ENTITY.to_owned(),
            location_id: FILE,
            via: None,
            ordinal: 0,
            url: String::new(),
            is_required: true,
            is_listed: true,
            since: 0,
        });
        let found = find_discovered(&graph, ENTITY, &Providers::new(providers));
        let found: Vec<&str> = found.iter().map(|root| root.target.as_str()).collect();
        assert_eq!(found, expected);
    }

    fn read() -> LocationState {
        LocationState::Valid {
            blob: "b".to_owned(),
            emitted: Vec::new(),
        }
    }

    #[test]
    fn a_provider_names_the_catalog_file_of_what_it_may_want() {
        const TARGET: &str = "https://github.com/acme/pay/blob/main/catalog-info.yaml";
        let file = "catalog-info.yaml";
        check(&[provider("acme", &[])], file, read(), &[TARGET]);
        // Whether it has the topic is not known here.
        check(&[provider("acme", &["x"])], file, read(), &[TARGET]);
    }

    #[test]
    fn nobody_names_another_file_or_one_that_is_not_there() {
        let file = "catalog-info.yaml";
        check(&[provider("other", &[])], file, read(), &[]);
        check(&[provider("acme", &[])], "other.yaml", read(), &[]);
        check(&[provider("acme", &[])], file, LocationState::Unread, &[]);
    }
}
