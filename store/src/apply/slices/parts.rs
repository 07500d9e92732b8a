//! The bytes of an observation, in the parts that are kept of it.

use std::ops::{Range, RangeInclusive};

use freshet_proto::message::{LocationObserved, Observation, observation};
use prost::Message as _;

use super::run::StepError;
use crate::apply::applier::Applier;
use crate::apply::error::ApplyError;
use crate::apply::observed::reassemble::StagedObservation;

/// Where the pieces begin among the bytes of their observation, as far as they were read.
#[derive(Clone, Debug, Default)]
pub(super) struct PieceIndex {
    offsets: Vec<u64>,
    end: u64,
}

impl PieceIndex {
    /// Notes the next piece.
    pub(super) fn add(&mut self, piece: &[u8]) {
        self.offsets.push(self.end);
        self.end += piece.len() as u64;
    }

    /// Where a piece begins, and the pieces that hold these bytes.
    fn find(&self, span: &Range<u64>) -> (u64, RangeInclusive<i64>) {
        let count = |end: u64| self.offsets.partition_point(|offset| *offset < end);
        let first = count(span.start + 1).saturating_sub(1);
        let last = count(span.end.max(span.start + 1)).saturating_sub(1);
        let offset = self.offsets.get(first).copied().unwrap_or_default();
        (offset, number(first)..=number(last))
    }
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

impl Applier {
    /// Some pieces of an observation, in order.
    pub(super) async fn read_pieces(
        &self,
        staged: &StagedObservation,
        numbers: RangeInclusive<i64>,
    ) -> Result<Vec<Vec<u8>>, StepError> {
        let expected = numbers.end() - numbers.start() + 1;
        let mut tx = self.repo.read().await.map_err(ApplyError::from)?;
        let parts = tx
            .parts(staged.source_id, staged.generation, numbers)
            .await
            .map_err(ApplyError::from)?;
        let is_mine = parts.iter().all(|it| it.fetched_at == staged.fetched_at);
        // Read once more since, by another processor: that one is applied instead.
        if !is_mine || i64::try_from(parts.len()) != Ok(expected) {
            return Err(StepError::Overtaken);
        }
        let pieces = parts.iter().map(|part| decode_piece(&part.payload));
        Ok(pieces.collect::<Result<_, ApplyError>>()?)
    }

    /// The locations at these places of an observation.
    pub(super) async fn read_spans(
        &self,
        staged: &StagedObservation,
        index: &PieceIndex,
        spans: &[Range<u64>],
    ) -> Result<Vec<LocationObserved>, StepError> {
        let mut read = Vec::with_capacity(spans.len());
        let mut held: Option<(RangeInclusive<i64>, Vec<u8>)> = None;
        for span in spans {
            let (offset, numbers) = index.find(span);
            // Small files stand side by side in one piece.
            let bytes = match held.take().filter(|(held, _)| *held == numbers) {
                Some((_, bytes)) => bytes,
                None => self.read_pieces(staged, numbers.clone()).await?.concat(),
            };
            let within = |at: u64| usize::try_from(at - offset).unwrap_or(usize::MAX);
            let location = bytes.get(within(span.start)..within(span.end));
            let decoded = LocationObserved::decode(location.unwrap_or_default());
            let decoded =
                decoded.map_err(|error| ApplyError::unreadable("a file in a part", error));
            read.push(decoded?);
            held = Some((numbers, bytes));
        }
        Ok(read)
    }
}

fn decode_piece(payload: &[u8]) -> Result<Vec<u8>, ApplyError> {
    let part =
        Observation::decode(payload).map_err(|error| ApplyError::unreadable("a part", error))?;
    match part.body {
        Some(observation::Body::Chunk(chunk)) => Ok(chunk.data),
        // What is no piece adds nothing, and then the pieces are no observation, which is told.
        _ => Ok(Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(span: Range<u64>, expected: &(u64, RangeInclusive<i64>)) {
        let mut index = PieceIndex::default();
        for size in [10, 10, 5] {
            index.add(&vec![0; size]);
        }
        assert_eq!(&index.find(&span), expected, "{span:?}");
    }

    #[test]
    fn a_place_is_found_in_the_pieces_that_hold_it() {
        check(0..10, &(0, 0..=0));
        check(0..11, &(0, 0..=1));
        check(9..10, &(0, 0..=0));
        check(10..20, &(10, 1..=1));
        check(12..25, &(10, 1..=2));
        check(3..25, &(0, 0..=2));
        check(20..20, &(20, 2..=2));
    }
}
