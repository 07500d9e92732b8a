//! Observations in parts: kept until all are there, then one observation.

use std::collections::BTreeMap;

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

/// What a batch of messages comes to.
#[derive(Debug, Default)]
pub(crate) struct Reassembled {
    /// Observations that are applied in this transaction.
    pub(crate) whole: Vec<Observation>,
    /// Observations that are all there and too large for one transaction.
    pub(crate) large: Vec<StagedObservation>,
}

/// An observation whose parts are all kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StagedObservation {
    pub(crate) source_id: SourceId,
    pub(crate) generation: i64,
    /// Tells attempts apart: later ones are newer.
    pub(crate) fetched_at: i64,
    /// Number of the last part.
    pub(crate) last_part: i64,
}

/// Keeps the parts of a batch and takes out the observations they complete, but for those of more than
/// `bytes_max` bytes.
pub(crate) async fn reassemble(
    work: &mut ApplyTransaction,
    batch: &[&Observation],
    bytes_max: usize,
) -> Result<Reassembled, ApplyError> {
    let mut reassembled = Reassembled::default();
    let mut touched: BTreeMap<(SourceId, i64), FirstPart> = BTreeMap::new();
    for observation in batch {
        // Most are whole: they never touch the table of parts.
        if is_whole(observation) || is_failure(observation) {
            reassembled.whole.push((*observation).clone());
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
        let first = touched.entry((source_id, generation)).or_insert(FirstPart {
            number: row.part,
            is_piece: false,
        });
        first.number = first.number.min(row.part);
        first.is_piece |= matches!(observation.body, Some(observation::Body::Chunk(_)));
        // Kept even if the whole is overtaken by now: that is decided once, when all of it is there.
        work.tx.put_part(source_id, generation, row).await?;
        work.outcomes.push(ObservationOutcome::Staged);
    }
    for ((source_id, generation), first) in touched {
        let held = work
            .tx
            .complete_parts(source_id, generation, first.number)
            .await?;
        let Some(held) = held else {
            continue;
        };
        let is_large = usize::try_from(held.bytes).is_ok_and(|bytes| bytes > bytes_max);
        let fetched_at = work.tx.part_attempt(source_id, generation).await?;
        let staged = StagedObservation {
            source_id,
            generation,
            fetched_at: fetched_at.unwrap_or_default(),
            last_part: held.last,
        };
        if is_large && first.is_piece {
            reassembled.large.push(staged);
        } else {
            reassembled.whole.extend(take_whole(work, &staged).await?);
        }
    }
    Ok(reassembled)
}

/// What has come of an observation in parts.
struct FirstPart {
    number: i64,
    /// Whether the parts are pieces of one that was too large for a message.
    is_piece: bool,
}

/// Takes an observation out of the parts that are kept.
pub(crate) async fn take_whole(
    work: &mut ApplyTransaction,
    staged: &StagedObservation,
) -> Result<Option<Observation>, ApplyError> {
    let StagedObservation {
        source_id,
        generation,
        last_part,
        ..
    } = *staged;
    let parts = work.tx.parts(source_id, generation, 0..=last_part).await?;
    // In this transaction: if it rolls back the parts are still there.
    work.tx.remove_parts(source_id, generation).await?;
    join_pieces(&parts)
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
