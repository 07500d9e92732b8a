//! A list of values as the one parameter each database compares a column with.

use serde::Serialize;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Encode, Postgres, Sqlite, Type};

use super::statement::json;

/// Values that a column may have: an array on PostgreSQL; JSON on SQLite, which has no arrays.
// PostgreSQL takes a list that it has to unpack from JSON for a relation of a hundred rows, and hashes whole
// tables against it. An array it compares with an index.
#[derive(Clone, Debug)]
pub(crate) struct List<T>(Vec<T>);

/// Identifiers, as a column of `bigint` holds them.
pub(crate) fn ids<T: Copy + Into<i64>>(ids: &[T]) -> List<i64> {
    List(ids.iter().map(|id| (*id).into()).collect())
}

/// Texts, as a column of `text` holds them.
pub(crate) fn texts<T: AsRef<str>>(texts: &[T]) -> List<&str> {
    List(texts.iter().map(AsRef::as_ref).collect())
}

impl<T> List<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Type<Sqlite> for List<T> {
    fn type_info() -> <Sqlite as Database>::TypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
}

impl<T: Serialize> Encode<'_, Sqlite> for List<T> {
    fn encode_by_ref(
        &self,
        buffer: &mut <Sqlite as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(json(&self.0), buffer)
    }
}

impl<T> Type<Postgres> for List<T>
where
    Vec<T>: Type<Postgres>,
{
    fn type_info() -> <Postgres as Database>::TypeInfo {
        <Vec<T> as Type<Postgres>>::type_info()
    }
}

impl<'q, T> Encode<'q, Postgres> for List<T>
where
    Vec<T>: Encode<'q, Postgres>,
{
    fn encode_by_ref(
        &self,
        buffer: &mut <Postgres as Database>::ArgumentBuffer,
    ) -> Result<IsNull, BoxDynError> {
        self.0.encode_by_ref(buffer)
    }
}
