//! The run of one Location entity, from what was last seen of its targets.

use freshet_model::location::LocationRef;
use freshet_model::rules::{Rule, allows};

use super::target::Aims;
use super::problems::{TARGET_MISSING, TARGET_UNREADABLE, at};
use super::seen::{Mark, marks_of, paths_of};
use crate::apply::entities::declarations::Found;
use crate::repo::{LinkRow, LocationEntityRow, LocationOutcome, LocationRow};

/// How a Location entity stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Run {
    /// Something it points to was not read yet.
    Waiting,
    /// Something it points to is spoilt; the problems are those of the Location entity itself.
    Broken(Vec<Found>),
    /// All of it may enter.
    Ok {
        /// Whether a target is there at all.
        is_present: bool,
    },
}

/// Judges one run. `links` are those of the newest version, each with the location it leads to.
pub(crate) fn run_of(
    row: &LocationEntityRow,
    aims: &Aims,
    links: &[(LinkRow, LocationRow)],
    rules: &[Rule],
) -> Run {
    if row.document.is_empty() {
        // Its problem is that of its document.
        return Run::Broken(Vec::new());
    }
    let mut tally = Tally {
        problems: aims.problems.clone(),
        is_broken: !aims.problems.is_empty(),
        ..Tally::default()
    };
    for (link, location) in links {
        tally.target(row, link, location, rules);
    }
    if tally.is_broken {
        Run::Broken(tally.problems)
    } else if tally.is_waiting {
        Run::Waiting
    } else {
        Run::Ok {
            is_present: tally.is_present,
        }
    }
}

#[derive(Default)]
struct Tally {
    problems: Vec<Found>,
    is_broken: bool,
    is_waiting: bool,
    is_present: bool,
}

impl Tally {
    fn target(
        &mut self,
        row: &LocationEntityRow,
        link: &LinkRow,
        location: &LocationRow,
        rules: &[Rule],
    ) {
        // What a pattern matched may go at any time; then the pattern itself says so.
        let is_required = link.is_required != 0 && link.via == 0;
        match location.outcome {
            LocationOutcome::Unread => self.is_waiting = true,
            LocationOutcome::Poisoned => self.is_broken = true,
            LocationOutcome::Content => {
                self.is_present = true;
                self.is_broken |= refused(row, location, rules).next().is_some();
            }
            LocationOutcome::Gone if is_required => self.missing(row, link),
            LocationOutcome::Gone => {}
            LocationOutcome::Matched if paths_of(location).is_empty() && is_required => {
                self.missing(row, link);
            }
            LocationOutcome::Matched => {}
            LocationOutcome::Failed => self.failed(row, link, location),
        }
    }

    fn missing(&mut self, row: &LocationEntityRow, link: &LinkRow) {
        self.is_broken = true;
        let message = format!(
            "Unable to read {}, no matching files found for {}",
            kind_of(row),
            link.url
        );
        self.problems
            .push(at(row, TARGET_MISSING, "NotFoundError", message));
    }

    fn failed(&mut self, row: &LocationEntityRow, link: &LinkRow, location: &LocationRow) {
        let (class, message) = location
            .failure
            .split_once(": ")
            .unwrap_or(("Error", &location.failure));
        if class == NOT_FOUND_ERROR && link.is_required == 0 {
            // Nobody knows whether it is there: nothing new is taken over, and nothing is wrong.
            self.is_waiting = true;
            return;
        }
        self.is_broken = true;
        let rule = if class == NOT_FOUND_ERROR {
            TARGET_MISSING
        } else {
            TARGET_UNREADABLE
        };
        let message = format!("Unable to read {}, {}: {message}", kind_of(row), link.url);
        self.problems.push(at(row, rule, class, message));
    }
}

/// Class of what is not there or not shown.
pub(crate) const NOT_FOUND_ERROR: &str = "NotFoundError";

fn kind_of(row: &LocationEntityRow) -> &str {
    super::generated::parts(&row.own).0
}

/// What a file emits and the rules keep out for this Location entity's origin.
pub(crate) fn refused<'a>(
    row: &LocationEntityRow,
    location: &LocationRow,
    rules: &'a [Rule],
) -> impl Iterator<Item = Mark> + use<'a> {
    let own_ref = row.entity_ref.clone();
    let origin = LocationRef::parse(&row.origin).ok();
    marks_of(location).into_iter().filter(move |mark| {
        // A Location entity that lists itself emits nothing by that.
        mark.2 != own_ref
            && origin
                .as_ref()
                .is_none_or(|origin| !allows(rules, origin, &mark.0, mark.1.as_deref()))
    })
}
