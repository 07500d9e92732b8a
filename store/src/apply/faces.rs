//! What the files of a batch declare now. Pure.

use std::collections::HashMap;

use freshet_proto::message::{RepositoryObserved, location_observed};

use super::choose::Reading;
use super::face::{Face, face};
use super::load::Stored;
use super::{ApplyError, Kinds};
use crate::ledger::{Providers, read_ref};
use crate::repo::{LocationRow, SourceRow};

/// The face of each file that was read. Takes the contents out of the readings.
pub(super) fn faces(
    stored: &Stored,
    readings: &mut [Reading<RepositoryObserved>],
    providers: &Providers,
    kinds: &Kinds,
) -> Result<Vec<Face>, ApplyError> {
    let mut held: HashMap<i64, Vec<&LocationRow>> = HashMap::new();
    for location in stored.locations.values() {
        held.entry(location.source_id).or_default().push(location);
    }
    let mut faces = Vec::new();
    for reading in readings {
        let Some(source) = stored.sources.get(&reading.source_id) else {
            continue;
        };
        let locations = held.entry(source.id).or_default();
        locations.sort_by_key(|location| location.id);
        let git_ref = read_ref(source, locations, providers);
        let (read, left): (Vec<&LocationRow>, Vec<&LocationRow>) =
            locations.iter().partition(|it| it.git_ref == git_ref);
        // Another branch is configured now: what the old one held moves over with this reading.
        if reading.is_complete {
            let left = left.into_iter().filter(|location| location.holds_content());
            faces.extend(left.map(Face::gone));
        }
        add(source, &read, &mut reading.observed, kinds, &mut faces)?;
    }
    Ok(faces)
}

fn add(
    source: &SourceRow,
    locations: &[&LocationRow],
    observed: &mut RepositoryObserved,
    kinds: &Kinds,
    faces: &mut Vec<Face>,
) -> Result<(), ApplyError> {
    let by_path: HashMap<&str, &LocationRow> = locations
        .iter()
        .map(|location| (location.path.as_str(), *location))
        .collect();
    for observed in &mut observed.locations {
        // A file nobody wants any more says nothing.
        let Some(location) = by_path.get(observed.path.as_str()) else {
            continue;
        };
        if !is_news(observed.outcome.as_ref()) {
            continue;
        }
        let Some(outcome) = observed.outcome.take() else {
            continue;
        };
        faces.extend(face(source, location, outcome, kinds)?);
    }
    Ok(())
}

/// Whether an outcome may change what the catalog holds of a file.
fn is_news(outcome: Option<&location_observed::Outcome>) -> bool {
    match outcome {
        Some(location_observed::Outcome::Content(_) | location_observed::Outcome::Gone(_)) => true,
        Some(
            location_observed::Outcome::Unchanged(_)
            | location_observed::Outcome::Failed(_)
            | location_observed::Outcome::Matched(_),
        )
        | None => false,
    }
}
