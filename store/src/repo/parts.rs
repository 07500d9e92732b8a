//! Parts of observations that wait for their siblings.
//!
//! A job may be tried twice, by two processors even. Pages of two attempts are no listing, so only
//! the parts of the newest attempt are kept.

use std::ops::RangeInclusive;

use freshet_model::SourceId;

use super::deliveries::Covering;
use super::error::RepoError;
use super::statement::{Tx, execute, fetch_all, fetch_one, from_row, json};

/// One part as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub(crate) part: i64,
    pub(crate) is_last: bool,
    /// Tells attempts apart: later ones are newer.
    pub(crate) fetched_at: i64,
    pub(crate) payload: Vec<u8>,
}

/// All parts of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldParts {
    /// Number of the last one.
    pub(crate) last: i64,
    /// Bytes of all of them.
    pub(crate) bytes: i64,
}

from_row!(PartRow, row => Self {
    part: row.try_get("part")?,
    is_last: row.try_get::<i64, _>("is_last")? != 0,
    fetched_at: row.try_get("fetched_at")?,
    payload: row.try_get("payload")?,
});

/// The statement that forgets overtaken parts on PostgreSQL, with the name of its parameter: what covers them.
macro_rules! remove_covered_postgres {
    ($covering:literal) => {
        concat!(
            "delete from observation_part \
                using json_to_recordset(",
            $covering,
            "::json) as c(source_id bigint, generation bigint) \
                where observation_part.source_id = any(array(select source_id \
                        from json_to_recordset(",
            $covering,
            "::json) as s(source_id bigint))) \
                    and observation_part.source_id = c.source_id \
                    and observation_part.generation <= c.generation"
        )
    };
}

pub(super) use remove_covered_postgres;

impl Tx {
    /// Keeps one part; the same part again replaces it. Parts of older attempts are forgotten, and
    /// a part of an older attempt than those held is not kept.
    pub(crate) async fn put_part(
        &mut self,
        source_id: SourceId,
        generation: i64,
        row: PartRow,
    ) -> Result<(), RepoError> {
        const SQL: &str = "insert into observation_part \
                (source_id, generation, part, is_last, fetched_at, payload) \
            values ($1, $2, $3, $4, $5, $6) \
            on conflict (source_id, generation, part) do update set \
                is_last = excluded.is_last, \
                payload = excluded.payload";
        match self.part_attempt(source_id, generation).await? {
            Some(held) if held > row.fetched_at => return Ok(()),
            // A processor that was killed is followed by another that starts over. Its pages may be cut
            // elsewhere, so parts of the two must never be put together.
            Some(held) if held < row.fetched_at => {
                self.remove_attempt(source_id, generation).await?;
            }
            Some(_) | None => {}
        }
        execute!(
            self, "keep a part",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
            row.part,
            i64::from(row.is_last),
            row.fetched_at,
            row.payload.clone(),
        )
        .map(drop)
    }

    /// Which attempt the parts of an observation are of, if there are any.
    pub(crate) async fn part_attempt(
        &mut self,
        source_id: SourceId,
        generation: i64,
    ) -> Result<Option<i64>, RepoError> {
        // Of one row, for all are of one attempt: on SQLite this column stands behind the payload, and to
        // ask it of all of them is to read them.
        const SQL: &str = "select fetched_at from observation_part \
            where source_id = $1 and generation = $2 \
            order by part \
            limit 1";
        let held = fetch_all!(
            self, (i64,), "read when parts were made",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
        )?;
        Ok(held.first().map(|(fetched_at,)| *fetched_at))
    }

    async fn remove_attempt(
        &mut self,
        source_id: SourceId,
        generation: i64,
    ) -> Result<(), RepoError> {
        const SQL: &str = "delete from observation_part where source_id = $1 and generation = $2";
        execute!(
            self, "forget parts of an older attempt",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
        )
        .map(drop)
    }

    /// How much there is of an observation of which the parts from `first` on have just come; `None` if one
    /// is missing.
    pub(crate) async fn complete_parts(
        &mut self,
        source_id: SourceId,
        generation: i64,
        first: i64,
    ) -> Result<Option<HeldParts>, RepoError> {
        const LAST: &str = "select count(*) from observation_part \
            where source_id = $1 and generation = $2 and part >= $3 and is_last = 1";
        const COUNT: &str = "select part, is_last, cast(length(payload) as bigint) \
            from observation_part \
            where source_id = $1 and generation = $2 \
            order by part";
        // Asked whenever parts arrive, mostly in order: to count all of them each time would make a long
        // observation cost the square of its parts. One that comes late stands before the last.
        let ends = fetch_one!(
            self, (i64,), "look for the last part",
            sqlite: LAST,
            postgres: LAST,
            source_id.get(),
            generation,
            first,
        )?;
        if ends.0 == 0 {
            return Ok(None);
        }
        let held = fetch_all!(
            self, (i64, i64, i64), "count parts",
            sqlite: COUNT,
            postgres: COUNT,
            source_id.get(),
            generation,
        )?;
        let numbers = held.iter().map(|(part, is_last, _)| (*part, *is_last != 0));
        Ok(last_part(numbers).map(|last| HeldParts {
            last,
            bytes: held.iter().map(|(_, _, bytes)| bytes).sum(),
        }))
    }

    /// Some parts of an observation, in order.
    pub(crate) async fn parts(
        &mut self,
        source_id: SourceId,
        generation: i64,
        numbers: RangeInclusive<i64>,
    ) -> Result<Vec<PartRow>, RepoError> {
        const SQL: &str = "select part, is_last, fetched_at, payload from observation_part \
            where source_id = $1 and generation = $2 and part between $3 and $4 \
            order by part";
        fetch_all!(
            self, PartRow, "read parts",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
            *numbers.start(),
            *numbers.end(),
        )
    }

    /// The observations of which the last part is held: source and generation.
    pub(crate) async fn ended_parts(&mut self) -> Result<Vec<(SourceId, i64)>, RepoError> {
        const SQL: &str = "select source_id, generation from observation_part \
            where is_last = 1 \
            order by source_id, generation";
        let found = fetch_all!(
            self, (i64, i64), "look for observations in parts",
            sqlite: SQL,
            postgres: SQL,
        )?;
        let found = found.into_iter();
        Ok(found
            .map(|(source_id, generation)| (SourceId::new(source_id), generation))
            .collect())
    }

    /// Forgets the parts of one observation from `first` to `last`.
    pub(crate) async fn remove_some_parts(
        &mut self,
        source_id: SourceId,
        generation: i64,
        numbers: RangeInclusive<i64>,
    ) -> Result<(), RepoError> {
        const SQL: &str = "delete from observation_part \
            where source_id = $1 and generation = $2 and part between $3 and $4";
        execute!(
            self, "forget some parts",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
            *numbers.start(),
            *numbers.end(),
        )
        .map(drop)
    }

    /// Forgets the parts of this generation and older ones.
    pub(crate) async fn remove_parts(
        &mut self,
        source_id: SourceId,
        generation: i64,
    ) -> Result<(), RepoError> {
        const SQL: &str = "delete from observation_part where source_id = $1 and generation <= $2";
        execute!(
            self, "forget parts",
            sqlite: SQL,
            postgres: SQL,
            source_id.get(),
            generation,
        )
        .map(drop)
    }

    /// Forgets the parts that proved generations have overtaken.
    pub(crate) async fn remove_covered_parts(
        &mut self,
        covering: &[Covering],
    ) -> Result<(), RepoError> {
        if covering.is_empty() {
            return Ok(());
        }
        // A newer job replaces an older one, whose last part then never comes.
        execute!(
            self, "forget overtaken parts",
            sqlite: "delete from observation_part \
                where exists (select 1 from jsonb_each($1) as c \
                    where c.value->>'source_id' = observation_part.source_id \
                        and c.value->>'generation' >= observation_part.generation)",
            postgres: remove_covered_postgres!("$1"),
            json(covering),
        )
        .map(drop)
    }
}

/// The number of the first part that says it is the last, if these (part, is last) are 0, 1, … up to it.
fn last_part(held: impl Iterator<Item = (i64, bool)>) -> Option<i64> {
    held.zip(0_i64..)
        .take_while(|((part, _), expected)| part == expected)
        .find(|((_, is_last), _)| *is_last)
        .map(|((part, _), _)| part)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts that are held, `!` after one that says it is the last.
    #[track_caller]
    fn check(held: &str, expected: Option<i64>) {
        let parts = held.split_whitespace().map(|word| {
            let number = word.trim_end_matches('!');
            (number.parse().expect("a number"), number != word)
        });
        assert_eq!(last_part(parts), expected, "{held}");
    }

    #[test]
    fn parts_are_complete_when_they_count_up_to_the_last() {
        check("0!", Some(0));
        check("0 1 2!", Some(2));
        check("0 1! 2", Some(1));
        check("0 1! 7!", Some(1));
        check("", None);
        check("0 1", None);
        check("0 2!", None);
        check("1!", None);
    }
}
