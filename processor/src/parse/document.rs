//! One document from its text, mended as often as the scanner asks for it.

use std::borrow::Cow;

use saphyr_parser::Parser;

use super::budget::Budget;
use super::compose::{Composer, Stop};
use super::limits::Limits;
use super::mend;
use super::split::Chunk;
use super::stand_in::StandIns;
use super::{ParsedDocument, SyntaxProblem};

/// Reads the document in `chunk`.
pub(super) fn read(
    chunk: &Chunk<'_>,
    stand_ins: &StandIns,
    limits: &Limits,
    budget: &mut Budget,
) -> Result<ParsedDocument, SyntaxProblem> {
    let mut text = Cow::Borrowed(chunk.text);
    let mut inserted = Vec::new();
    loop {
        let before = budget.spent();
        let mut composer = Composer::new(chunk, stand_ins, limits, budget);
        composer.inserted = std::mem::take(&mut inserted);
        composer.ragged_end = mend::ragged_end(&text);
        match composer.run(Parser::new_from_str(&text)) {
            Ok(()) => return Ok(composer.into_document(chunk)),
            Err(Stop::Problem(problem)) => return Err(problem),
            Err(Stop::Mendable { mend, at, problem }) => {
                inserted = std::mem::take(&mut composer.inserted);
                let Some(mended) = mend.applied_to(&text, at.index()) else {
                    return Err(problem);
                };
                if !budget.reread(text.len()) {
                    return Err(problem);
                }
                budget.rewind(before);
                text = Cow::Owned(mended);
                if mend.inserts() {
                    inserted.push((at.line(), at.col()));
                }
            }
        }
    }
}
