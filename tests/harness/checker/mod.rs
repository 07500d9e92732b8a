//! Whether a recorded run kept its promises. Pure: a [`History`] in, a [`Report`] out.
//!
//! Each invariant is checked from the records of those who were promised something (the sender of hooks,
//! subscribers, clients of the API) against the records of the database. A run in which too little
//! happened is a failure too: it would prove nothing.

mod accounted;
mod copies;
mod head;
mod order;
mod sometimes;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::history::History;

/// Violations of one invariant that are printed.
const SHOWN_MAX: usize = 20;

/// One invariant and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its number.
    pub invariant: &'static str,
    /// What it says.
    pub says: &'static str,
    /// How many things it was checked on.
    pub checked: usize,
    /// Where it does not hold.
    pub violations: Vec<String>,
}

impl Finding {
    fn new(invariant: &'static str, says: &'static str) -> Self {
        Self {
            invariant,
            says,
            checked: 0,
            violations: Vec::new(),
        }
    }

    /// Counts one check, and a violation if it does not hold.
    fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.checked += 1;
        if !holds {
            self.violations.push(otherwise());
        }
    }
}

/// Something that should happen in a long enough run, and how often it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sometimes {
    /// What.
    pub what: &'static str,
    /// How often.
    pub times: u64,
}

/// The verdict on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// One per invariant.
    pub findings: Vec<Finding>,
    /// What a run should have met.
    pub sometimes: Vec<Sometimes>,
}

impl Report {
    /// How many violations there are in all.
    #[must_use]
    pub fn violations(&self) -> usize {
        self.findings
            .iter()
            .map(|finding| finding.violations.len())
            .sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let Finding {
                invariant,
                says,
                checked,
                violations,
            } = finding;
            writeln!(
                formatter,
                "{invariant:<4} {says} · checked {checked}, violations: {}",
                violations.len()
            )?;
            for violation in violations.iter().take(SHOWN_MAX) {
                writeln!(formatter, "     - {violation}")?;
            }
            if violations.len() > SHOWN_MAX {
                writeln!(
                    formatter,
                    "     - and {} more",
                    violations.len() - SHOWN_MAX
                )?;
            }
        }
        for Sometimes { what, times } in &self.sometimes {
            writeln!(formatter, "sometimes: {what} {times}")?;
        }
        writeln!(formatter, "violations: {}", self.violations())
    }
}

/// Checks a run.
#[must_use]
pub fn check(history: &History) -> Report {
    Report {
        findings: vec![
            accounted::accepted_hooks_are_durable(history),
            accounted::every_delivery_has_ended(history),
            head::the_catalog_is_what_the_heads_declare(history),
            copies::all_copies_agree(history),
            order::revisions_and_versions_have_no_gaps(history),
            accounted::everything_drained_in_time(history),
            accounted::the_run_was_loud_enough(history),
        ],
        sometimes: sometimes::count(history),
    }
}
