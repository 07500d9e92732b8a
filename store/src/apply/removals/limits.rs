//! When a removal is too large to be made without asking. Pure.
//!
//! A repository that is emptied by mistake, a token that shows less than yesterday, a pattern that
//! no longer matches: each proves that entities are gone, and none of it may empty a catalog
//! unseen. So a source whose reading would take away more than both limits allow, together
//! with what was taken away shortly before, is held back: nothing of it is applied until somebody
//! confirms, or until a second look, long enough after the first, still says the same.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use freshet_model::{LocationId, SourceId};

use crate::config::RemovalLimits;
use crate::micros::micros;
use crate::repo::RemovalRow;

/// Most refs that are shown of one location.
const REFS_MAX: usize = 100;

/// What one location would lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationRemoval {
    pub(crate) location_id: LocationId,
    /// The source whose reading takes it away.
    pub(crate) source_id: SourceId,
    /// Whose entities they are.
    pub(crate) installation: String,
    /// The entities that would go.
    pub(crate) refs: Vec<String>,
}

/// What is known besides.
#[derive(Debug)]
pub(crate) struct RemovalContext<'a> {
    /// Entities of each installation now.
    pub(crate) live: &'a HashMap<String, i64>,
    /// Entities of each installation that went within the window.
    pub(crate) recent: &'a HashMap<String, i64>,
    /// Removals that wait already.
    pub(crate) held: &'a [RemovalRow],
}

/// Entities that went, and when.
#[derive(Debug, Default)]
pub(crate) struct RecentRemovals {
    removals: VecDeque<RecentRemoval>,
}

/// Entities of one installation that went together.
#[derive(Debug)]
struct RecentRemoval {
    at: i64,
    installation: String,
    refs: Vec<String>,
}

impl RecentRemovals {
    /// Notes that these entities of an installation went.
    pub(crate) fn record(&mut self, at: i64, installation: String, refs: Vec<String>) {
        self.removals.push_back(RecentRemoval {
            at,
            installation,
            refs,
        });
    }

    /// How many went since `since` and are still away, by installation; what is older is forgotten.
    pub(crate) fn count_since(
        &mut self,
        since: i64,
        is_back: impl Fn(&str) -> bool,
    ) -> HashMap<String, i64> {
        while self.removals.front().is_some_and(|gone| gone.at < since) {
            self.removals.pop_front();
        }
        let mut away: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for gone in &self.removals {
            // What came back was moved, or removed by mistake; counted, it would hold back the next who does the same.
            let refs = gone.refs.iter().map(String::as_str);
            let of = away.entry(&gone.installation).or_default();
            of.extend(refs.filter(|entity_ref| !is_back(entity_ref)));
        }
        away.into_iter()
            .map(|(installation, refs)| {
                let entities = i64::try_from(refs.len()).unwrap_or(i64::MAX);
                (installation.to_owned(), entities)
            })
            .collect()
    }
}

/// Whether so few entities go that nobody needs to be asked, whatever the installation has.
pub(crate) fn is_small(
    leaving: &[LocationRemoval],
    recent: &HashMap<String, i64>,
    limits: &RemovalLimits,
) -> bool {
    count_by_installation(leaving)
        .iter()
        .all(|(installation, going)| {
            going + recent.get(*installation).copied().unwrap_or_default()
                <= i64::from(limits.entities)
        })
}

/// The removals that have to wait, by the source that is held back for them.
///
/// A source goes ahead as a whole or not at all: what it read is one state of it.
pub(crate) fn check_limits(
    leaving: &[LocationRemoval],
    context: &RemovalContext<'_>,
    limits: &RemovalLimits,
    now: i64,
) -> BTreeMap<SourceId, Vec<RemovalRow>> {
    let held: HashMap<LocationId, &RemovalRow> = context
        .held
        .iter()
        .map(|row| (row.location_id, row))
        .collect();
    let wait = micros(limits.wait);
    // A second look that still says the same is as good as a person: what was an accident has been
    // undone by then.
    let may_go = |it: &LocationRemoval| {
        held.get(&it.location_id)
            .is_some_and(|row| row.confirmed_at > 0 || now - row.since >= wait)
    };
    let asked: Vec<&LocationRemoval> = leaving.iter().filter(|it| !may_go(it)).collect();
    let mut going: HashMap<&str, i64> = HashMap::new();
    for it in &asked {
        *going.entry(&it.installation).or_default() += count_refs(it);
    }
    let too_many: BTreeSet<&str> = going
        .into_iter()
        .filter(|(installation, going)| is_too_many(installation, *going, context, limits))
        .map(|(installation, _)| installation)
        .collect();
    let mut waiting: BTreeMap<SourceId, Vec<RemovalRow>> = BTreeMap::new();
    for it in asked {
        if too_many.contains(it.installation.as_str()) {
            let row = removal_row(it, held.get(&it.location_id).copied(), now);
            waiting.entry(it.source_id).or_default().push(row);
        }
    }
    waiting
}

fn count_by_installation(leaving: &[LocationRemoval]) -> HashMap<&str, i64> {
    let mut counted = HashMap::new();
    for it in leaving {
        *counted.entry(it.installation.as_str()).or_default() += count_refs(it);
    }
    counted
}

fn count_refs(leaving: &LocationRemoval) -> i64 {
    i64::try_from(leaving.refs.len()).unwrap_or(i64::MAX)
}

/// More than so many, and more than so many of a hundred.
fn is_too_many(
    installation: &str,
    going: i64,
    context: &RemovalContext<'_>,
    limits: &RemovalLimits,
) -> bool {
    // Neither limit alone: a small catalog loses a tenth with one file, and a large one twenty entities with
    // an ordinary push.
    let of = |all: &HashMap<String, i64>| all.get(installation).copied().unwrap_or_default();
    let gone = of(context.recent);
    let (all, going) = (of(context.live) + gone, going + gone);
    going > i64::from(limits.entities)
        && going.saturating_mul(100) > all.saturating_mul(i64::from(limits.percent))
}

fn removal_row(leaving: &LocationRemoval, before: Option<&RemovalRow>, now: i64) -> RemovalRow {
    let shown: Vec<&String> = leaving.refs.iter().take(REFS_MAX).collect();
    RemovalRow {
        location_id: leaving.location_id,
        source_id: leaving.source_id,
        installation: leaving.installation.clone(),
        entities: count_refs(leaving),
        refs: serde_json::to_string(&shown).expect("refs are texts"),
        since: before.map_or(now, |row| row.since),
        confirmed_at: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000_000;

    fn leaving(location: i64, source: i64, entities: usize) -> LocationRemoval {
        LocationRemoval {
            location_id: LocationId::new(location),
            source_id: SourceId::new(source),
            installation: "github.com".to_owned(),
            refs: (0..entities)
                .map(|it| format!("component:default/{it}"))
                .collect(),
        }
    }

    fn held(location: i64, since: i64, confirmed_at: i64) -> RemovalRow {
        RemovalRow {
            since,
            confirmed_at,
            ..removal_row(&leaving(location, 1, 30), None, 0)
        }
    }

    /// Sources that are held back of an installation with so many entities, of which some went lately.
    #[track_caller]
    fn check(
        all: &[LocationRemoval],
        live: i64,
        recent: i64,
        waiting: &[RemovalRow],
        expected: &[i64],
    ) {
        let by = |count| HashMap::from([("github.com".to_owned(), count)]);
        let (live, recent) = (by(live), by(recent));
        let context = RemovalContext {
            live: &live,
            recent: &recent,
            held: waiting,
        };
        let found = check_limits(all, &context, &RemovalLimits::default(), 100 * MINUTE);
        let found: Vec<i64> = found.keys().map(|source_id| source_id.get()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn only_more_than_both_limits_is_asked_about() {
        check(&[leaving(1, 1, 20)], 20, 0, &[], &[]);
        check(&[leaving(1, 1, 21)], 21, 0, &[], &[1]);
        check(&[leaving(1, 1, 30)], 300, 0, &[], &[]);
        check(&[leaving(1, 1, 31)], 300, 0, &[], &[1]);
        check(&[leaving(1, 1, 5_000)], 100_000, 0, &[], &[]);
    }

    #[test]
    fn many_small_removals_are_one_large_one() {
        check(
            &[leaving(1, 1, 11), leaving(2, 2, 11)],
            100,
            0,
            &[],
            &[1, 2],
        );
        check(&[leaving(1, 1, 2)], 80, 20, &[], &[1]);
        check(&[leaving(1, 1, 2)], 800, 20, &[], &[]);
    }

    #[test]
    fn what_was_confirmed_or_has_waited_goes() {
        let all = [leaving(1, 1, 30)];
        check(&all, 100, 0, &[held(1, 99 * MINUTE, 0)], &[1]);
        check(&all, 100, 0, &[held(1, 99 * MINUTE, 100 * MINUTE)], &[]);
        check(&all, 100, 0, &[held(1, 70 * MINUTE, 0)], &[]);
        check(&all, 100, 0, &[held(1, 71 * MINUTE, 0)], &[1]);
        check(&all, 100, 0, &[held(2, 0, 5)], &[1]);
    }

    #[test]
    fn a_removal_waits_since_it_was_first_seen() {
        let live = HashMap::from([("github.com".to_owned(), 100)]);
        let rows = [held(1, 99 * MINUTE, 0)];
        let none = HashMap::new();
        let context = RemovalContext {
            live: &live,
            recent: &none,
            held: &rows,
        };
        let found = check_limits(
            &[leaving(1, 1, 30)],
            &context,
            &RemovalLimits::default(),
            100 * MINUTE,
        );
        let row = &found[&SourceId::new(1)][0];
        assert_eq!((row.since, row.entities), (99 * MINUTE, 30));
    }

    #[test]
    fn what_went_long_ago_or_came_back_does_not_count() {
        let mut recent = RecentRemovals::default();
        let refs = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect();
        recent.record(10, "github.com".to_owned(), refs(&["a", "b"]));
        recent.record(20, "github.com".to_owned(), refs(&["b", "c", "d"]));
        let none_back = |_: &str| false;
        assert_eq!(recent.count_since(10, none_back)["github.com"], 4);
        assert_eq!(recent.count_since(10, |it| it == "c")["github.com"], 3);
        assert_eq!(recent.count_since(15, none_back)["github.com"], 3);
        assert_eq!(recent.count_since(21, none_back), HashMap::new());
    }
}
