//! What the limit on mass removals withholds, as a problem of each location whose entities would go.
//!
//! Nothing that is held back may be held back unseen: the problem says how many entities wait and what they wait for,
//! and the Location entities that point there show it. It goes with the removal, made or taken back.

use std::collections::{BTreeMap, BTreeSet};

use freshet_model::{ErrorClass, LocationId, Problem, RuleId, SourceId};
use freshet_proto::timestamp::rfc3339;

use super::pending::Withheld;
use crate::apply::applier::Applier;
use crate::apply::decision::Observed;
use crate::apply::entities::declarations::FoundProblem;
use crate::apply::error::ApplyError;
use crate::apply::locations::diff::LocationDiff;
use crate::apply::locations::graph::{GraphRequest, LocationGraph};
use crate::apply::locations::load::load;
use crate::apply::locations::problems::{ProblemReview, ReviewScope};
use crate::apply::transaction::ApplyTransaction;
use crate::micros::micros;
use crate::repo::RemovalRow;

impl Applier {
    /// Tells of every removal that waits now, and no more of those that ended.
    pub(super) async fn review_withheld(
        &self,
        work: &mut ApplyTransaction,
        observed: &Observed,
        withheld: &Withheld,
        ended: &BTreeMap<LocationId, SourceId>,
    ) -> Result<(), ApplyError> {
        let waiting = withheld.pending();
        let concerned: BTreeSet<LocationId> = waiting.keys().chain(ended.keys()).copied().collect();
        // Nearly always.
        if concerned.is_empty() {
            return Ok(());
        }
        // What the decision wrote is read again: who points at a location now is what matters.
        work.flush().await?;
        let graph = self.load_concerned(work, concerned).await?;
        let of_waiting = waiting.iter().map(|(id, row)| {
            let problem = problem_of(row, withheld, micros(self.config.removals.wait));
            (*id, row.source_id, Some(problem))
        });
        let of_ended = ended.iter().filter(|(id, _)| !waiting.contains_key(*id));
        let of_ended = of_ended.map(|(id, source_id)| (*id, *source_id, None));
        let reviews = of_waiting.chain(of_ended);
        // A location that was removed has lost its problems with that.
        let reviews = reviews.filter(|(id, ..)| graph.locations.contains_key(id));
        let reviews = reviews.map(|(location_id, triggered_by, problem)| ProblemReview {
            location_id,
            triggered_by,
            scope: ReviewScope::Removals,
            found: problem
                .into_iter()
                .map(|problem| FoundProblem {
                    problem,
                    status_of: shown_by(location_id, &graph),
                })
                .collect(),
        });
        let locations = LocationDiff {
            reviews: reviews.collect(),
            ..LocationDiff::default()
        };
        let reviewed = Observed {
            graph,
            triggers: observed.triggers.clone(),
            ..Observed::default()
        };
        self.write_reviews(work, &reviewed, locations).await
    }

    async fn load_concerned(
        &self,
        work: &mut ApplyTransaction,
        ids: BTreeSet<LocationId>,
    ) -> Result<LocationGraph, ApplyError> {
        let mut graph = LocationGraph::default();
        let listed: Vec<LocationId> = ids.iter().copied().collect();
        for location in work.tx.locations(&listed).await? {
            graph.locations.insert(location.id, location);
        }
        let request = GraphRequest {
            declarations: ids.clone(),
            parents: ids,
            ..GraphRequest::default()
        };
        load(&mut work.tx, &mut graph, request, &self.config.recheck).await?;
        Ok(graph)
    }
}

/// The Location entities whose status shows it: those that point at the location, or, of a root, the one that stands
/// for it.
fn shown_by(location_id: LocationId, graph: &LocationGraph) -> Vec<String> {
    let links = graph.links.of_location(location_id);
    let parents: BTreeSet<&String> = links.iter().map(|link| &link.parent_ref).collect();
    let declared = graph.entities.values();
    let declared = declared.filter(|entity| entity.declared_by == location_id);
    let declared = declared.map(|entity| &entity.entity_ref);
    let shown: BTreeSet<&String> = if parents.is_empty() {
        declared.collect()
    } else {
        parents
    };
    shown.into_iter().cloned().collect()
}

/// What is told of one location; `wait` is in microseconds.
fn problem_of(row: &RemovalRow, withheld: &Withheld, wait: i64) -> Problem {
    let of_installation = |it: &&RemovalRow| it.installation == row.installation;
    let together = withheld.pending().values().filter(of_installation);
    let together: i64 = together.map(|it| it.entities).sum();
    let live = withheld.live_of(&row.installation);
    let message = format!(
        "{} entities of this location would be removed, and with them {together} of {live} at once; that is more than goes without asking, so they stay as they are. This waits since {}",
        row.entities,
        rfc3339(row.since),
    );
    let hint = format!(
        "If they are to go, confirm it: POST /api/v1/removals/confirm with {{\"locations\": [{}]}}. If not, bring them back. What is neither is removed by the first complete look after {}.",
        row.location_id.get(),
        rfc3339(row.since.saturating_add(wait)),
    );
    Problem::error(RuleId::RemovalWithheld, ErrorClass::Error, message).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use freshet_model::location::TargetPlaces;

    use super::*;
    use crate::repo::{LocationEntity, LocationLink};

    const FILE: LocationId = LocationId::new(7);

    fn row(location: i64, entities: i64) -> RemovalRow {
        RemovalRow {
            location_id: LocationId::new(location),
            source_id: SourceId::new(1),
            installation: "github.com".to_owned(),
            entities,
            refs: "[]".to_owned(),
            since: 0,
            confirmed_at: 0,
        }
    }

    /// A Location entity that the file declares.
    fn entity(entity_ref: &str) -> LocationEntity {
        LocationEntity {
            entity_ref: entity_ref.to_owned(),
            declared_by: FILE,
            document: "{}".to_owned(),
            digest: String::new(),
            line: 1,
            column: 1,
            target_places: TargetPlaces::default(),
            own: String::new(),
            origin: String::new(),
            is_published: true,
        }
    }

    /// A link to the file.
    fn link(parent_ref: &str) -> LocationLink {
        LocationLink {
            parent_ref: parent_ref.to_owned(),
            location_id: FILE,
            via: None,
            ordinal: 0,
            url: String::new(),
            is_required: true,
            is_listed: true,
            since: 0,
        }
    }

    #[test]
    fn what_waits_is_told_with_how_many_since_when_and_what_ends_it() {
        let mut withheld = Withheld::default();
        let rows = vec![row(7, 30), row(8, 5)];
        withheld.extend(BTreeMap::from([(SourceId::new(1), rows)]));
        withheld.note_live([("github.com".to_owned(), 100)].into());
        let problem = problem_of(&row(7, 30), &withheld, 60_000_000);
        assert!(
            problem.message.starts_with(
                "30 entities of this location would be removed, and with them 35 of 100 at once;"
            ),
            "{}",
            problem.message
        );
        assert!(
            problem
                .message
                .ends_with("since 1970-01-01T00:00:00.000000Z"),
            "{}",
            problem.message
        );
        for told in [
            "POST /api/v1/removals/confirm with {\"locations\": [7]}",
            "after 1970-01-01T00:01:00.000000Z",
        ] {
            assert!(problem.hint.contains(told), "{}", problem.hint);
        }
    }

    #[test]
    fn whoever_points_there_shows_it_and_a_root_shows_its_own() {
        let mut graph = LocationGraph::default();
        let own = "location:default/own";
        graph.entities.insert(own.to_owned(), entity(own));
        assert_eq!(shown_by(FILE, &graph), ["location:default/own"]);
        for parent in ["location:default/b", "location:default/a"] {
            graph.links.put(link(parent));
        }
        assert_eq!(
            shown_by(FILE, &graph),
            ["location:default/a", "location:default/b"]
        );
    }
}
