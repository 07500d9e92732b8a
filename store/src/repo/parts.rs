//! Parts of observations that wait for their siblings.

use super::RepoError;
use super::statement::{Tx, execute, fetch_all};

/// One part as stored.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PartRow {
    pub(crate) part: i64,
    pub(crate) is_last: i64,
    pub(crate) payload: Vec<u8>,
}

impl Tx {
    /// Keeps one part; the same part again replaces it.
    pub(crate) async fn put_part(
        &mut self,
        source_id: i64,
        generation: i64,
        row: PartRow,
    ) -> Result<(), RepoError> {
        const SQL: &str = "insert into observation_part (source_id, generation, part, is_last, payload) \
            values ($1, $2, $3, $4, $5) \
            on conflict (source_id, generation, part) do update set \
                is_last = excluded.is_last, \
                payload = excluded.payload";
        execute!(
            self, "keep a part",
            sqlite: SQL,
            postgres: SQL,
            source_id,
            generation,
            row.part,
            row.is_last,
            row.payload.clone(),
        )
        .map(drop)
    }

    /// The parts of one observation in order, if none is missing.
    pub(crate) async fn complete_parts(
        &mut self,
        source_id: i64,
        generation: i64,
    ) -> Result<Option<Vec<PartRow>>, RepoError> {
        const COUNT: &str = "select part, is_last from observation_part \
            where source_id = $1 and generation = $2 \
            order by part";
        const SQL: &str = "select part, is_last, payload from observation_part \
            where source_id = $1 and generation = $2 \
            order by part";
        let held: Vec<(i64, i64)> = fetch_all!(
            self, (i64, i64), "count parts",
            sqlite: COUNT,
            postgres: COUNT,
            source_id,
            generation,
        )?;
        if !is_complete(&held) {
            return Ok(None);
        }
        let parts = fetch_all!(
            self, PartRow, "read parts",
            sqlite: SQL,
            postgres: SQL,
            source_id,
            generation,
        )?;
        Ok(Some(parts))
    }

    /// Forgets the parts of this generation and older ones.
    pub(crate) async fn remove_parts(
        &mut self,
        source_id: i64,
        generation: i64,
    ) -> Result<(), RepoError> {
        const SQL: &str = "delete from observation_part where source_id = $1 and generation <= $2";
        execute!(
            self, "forget parts",
            sqlite: SQL,
            postgres: SQL,
            source_id,
            generation,
        )
        .map(drop)
    }
}

/// Whether these (part, is last) are 0, 1, … up to one that says it is the last.
fn is_complete(held: &[(i64, i64)]) -> bool {
    let counted = held
        .iter()
        .zip(0_i64..)
        .all(|(&(part, _), expected)| part == expected);
    counted && held.last().is_some_and(|&(_, is_last)| is_last == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_complete_when_they_count_up_to_the_last() {
        assert!(is_complete(&[(0, 1)]));
        assert!(is_complete(&[(0, 0), (1, 0), (2, 1)]));
        assert!(!is_complete(&[]));
        assert!(!is_complete(&[(0, 0), (1, 0)]));
        assert!(!is_complete(&[(0, 0), (2, 1)]));
        assert!(!is_complete(&[(1, 1)]));
    }
}
