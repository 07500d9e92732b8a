//! Observations in parts: kept until all are there, then one observation.

use std::collections::BTreeSet;

use freshet_model::SourceId;
use freshet_proto::message::{Observation, observation};
use prost::Message;

use crate::apply::error::ApplyError;
use crate::apply::transaction::ApplyTransaction;
use crate::metrics::ObservationOutcome;
use crate::repo::parts::PartRow;

/// Whether a message is all there is of its observation.
fn is_whole(observation: &Observation) -> bool {
    observation.part == 0 && observation.last
}

/// Keeps the parts of a batch and takes out the observations they complete.
pub(crate) async fn reassemble(
    work: &mut ApplyTransaction,
    batch: &[&Observation],
) -> Result<Vec<Observation>, ApplyError> {
    let mut whole = Vec::with_capacity(batch.len());
    let mut touched = BTreeSet::new();
    for observation in batch {
        // Most are whole: they never touch the table of parts.
        if is_whole(observation) || is_failure(observation) {
            whole.push((*observation).clone());
            continue;
        }
        let source_id = SourceId::new(observation.source_id);
        let generation = i64::try_from(observation.generation).unwrap_or(i64::MAX);
        let row = PartRow {
            part: i64::from(observation.part),
            is_last: observation.last,
            fetched_at: observation.fetched_at,
            payload: observation.encode_to_vec(),
        };
        // Kept even if the whole is overtaken by now: that is decided once, when all of it is there.
        work.tx.put_part(source_id, generation, row).await?;
        touched.insert((source_id, generation));
        work.outcomes.push(ObservationOutcome::Staged);
    }
    for (source_id, generation) in touched {
        if let Some(parts) = work.tx.complete_parts(source_id, generation).await? {
            // In this transaction: if it rolls back the parts are still there.
            work.tx.remove_parts(source_id, generation).await?;
            whole.extend(join_pieces(&parts)?);
        }
    }
    Ok(whole)
}

// A reading that fails half way says so in a part of its own, which nothing needs to wait for.
fn is_failure(observation: &Observation) -> bool {
    match &observation.body {
        Some(observation::Body::Failed(_) | observation::Body::Behind(_)) => true,
        Some(
            observation::Body::Repository(_)
            | observation::Body::Listing(_)
            | observation::Body::Files(_)
            | observation::Body::Chunk(_),
        )
        | None => false,
    }
}

/// One observation of several parts, which are in order.
fn join_pieces(parts: &[PartRow]) -> Result<Option<Observation>, ApplyError> {
    let whole = join_parts(parts)?;
    // Pieces of one that was too large for a message.
    let Some(observation::Body::Chunk(encoded)) = whole.as_ref().and_then(|it| it.body.as_ref())
    else {
        return Ok(whole);
    };
    Observation::decode(encoded.data.as_slice())
        .map(Some)
        .map_err(|error| ApplyError::unreadable("an observation in pieces", error))
}

fn join_parts(parts: &[PartRow]) -> Result<Option<Observation>, ApplyError> {
    let mut whole: Option<Observation> = None;
    for part in parts {
        let part = Observation::decode(part.payload.as_slice())
            .map_err(|error| ApplyError::unreadable("a part", error))?;
        match &mut whole {
            None => whole = Some(part),
            Some(whole) => append_part(whole, part),
        }
    }
    Ok(whole)
}

fn append_part(whole: &mut Observation, part: Observation) {
    whole.last = part.last;
    match (&mut whole.body, part.body) {
        (Some(observation::Body::Repository(whole)), Some(observation::Body::Repository(part))) => {
            whole.locations.extend(part.locations);
        }
        (Some(observation::Body::Listing(whole)), Some(observation::Body::Listing(part))) => {
            whole.repositories.extend(part.repositories);
        }
        (Some(observation::Body::Files(whole)), Some(observation::Body::Files(part))) => {
            whole.locations.extend(part.locations);
        }
        (Some(observation::Body::Chunk(whole)), Some(observation::Body::Chunk(part))) => {
            whole.data.extend_from_slice(&part.data);
        }
        // Parts of different kinds are no observation; what the first one says stands.
        _ => {}
    }
}
