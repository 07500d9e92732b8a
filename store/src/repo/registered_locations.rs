//! Locations that somebody registered, by identity, target and Location entity.

use serde::Serialize;
use uuid::Uuid;

use super::error::RepoError;
use super::list::texts;
use super::statement::{Tx, delete_in, from_row, select, select_in, upsert};
use super::stored::decode_error;

/// A location that somebody registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RegisteredLocation {
    pub(crate) id: Uuid,
    pub(crate) location_type: String,
    pub(crate) target: String,
    /// The Location entity that stands for it, whatever the target is by now.
    pub(crate) entity_ref: String,
    /// Whether it is a mistake that nothing is there.
    pub(crate) is_required: bool,
    pub(crate) registered_at: i64,
    /// When its target was last changed.
    pub(crate) changed_at: i64,
}

from_row!(RegisteredLocation, row => Self {
    id: Uuid::parse_str(row.try_get("id")?).map_err(decode_error)?,
    location_type: row.try_get("location_type")?,
    target: row.try_get("target")?,
    entity_ref: row.try_get("entity_ref")?,
    is_required: row.try_get::<i64, _>("is_required")? != 0,
    registered_at: row.try_get("registered_at")?,
    changed_at: row.try_get("changed_at")?,
});

#[derive(Serialize)]
struct RegisteredLocationRow<'a> {
    id: String,
    location_type: &'a str,
    target: &'a str,
    entity_ref: &'a str,
    is_required: i64,
    registered_at: i64,
    changed_at: i64,
}

impl<'a> From<&'a RegisteredLocation> for RegisteredLocationRow<'a> {
    fn from(location: &'a RegisteredLocation) -> Self {
        Self {
            id: location.id.to_string(),
            location_type: &location.location_type,
            target: &location.target,
            entity_ref: &location.entity_ref,
            is_required: i64::from(location.is_required),
            registered_at: location.registered_at,
            changed_at: location.changed_at,
        }
    }
}

/// The table, for the statements that name all of its columns.
macro_rules! registered_location_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "registered_location",
            key: ["id"],
            kept: ["registered_at"],
            written: ["location_type", "target", "entity_ref", "is_required", "changed_at"];
            $($rest)*
        )
    };
}

impl Tx {
    /// Every registered location, by id.
    pub(crate) async fn registered_locations(
        &mut self,
    ) -> Result<Vec<RegisteredLocation>, RepoError> {
        registered_location_table!(
            select: self, RegisteredLocation, "read registered locations",
            sqlite: "from registered_location order by id",
            postgres: "from registered_location order by id",
        )
    }

    /// The registered location with this id.
    pub(crate) async fn registered_location(
        &mut self,
        id: &Uuid,
    ) -> Result<Option<RegisteredLocation>, RepoError> {
        let found = registered_location_table!(
            select_in: self, RegisteredLocation, "read a registered location",
            "id" in "text", order: "id", texts(&[id.to_string()])
        )?;
        Ok(found.into_iter().next())
    }

    /// The registered location of exactly this target.
    pub(crate) async fn registered_location_at(
        &mut self,
        location_type: &str,
        target: &str,
    ) -> Result<Option<RegisteredLocation>, RepoError> {
        let found = registered_location_table!(
            select: self, RegisteredLocation, "find a registered location",
            sqlite: "from registered_location where location_type = $1 and target = $2",
            postgres: "from registered_location where location_type = $1 and target = $2",
            location_type,
            target,
        )?;
        Ok(found.into_iter().next())
    }

    /// The registered locations for which these Location entities stand.
    pub(crate) async fn registered_locations_of<T: AsRef<str>>(
        &mut self,
        entity_refs: &[T],
    ) -> Result<Vec<RegisteredLocation>, RepoError> {
        registered_location_table!(
            select_in: self, RegisteredLocation, "read registered locations by their entities",
            "entity_ref" in "text", order: "id", texts(entity_refs)
        )
    }

    /// Writes a registered location, new or known.
    pub(crate) async fn put_registered_location(
        &mut self,
        location: &RegisteredLocation,
    ) -> Result<(), RepoError> {
        let rows = [RegisteredLocationRow::from(location)];
        registered_location_table!(upsert: self, "write a registered location", &rows)
    }

    /// Forgets a registered location.
    pub(crate) async fn remove_registered_location(&mut self, id: &Uuid) -> Result<(), RepoError> {
        let ids = [id.to_string()];
        delete_in!(
            self, "remove a registered location", "registered_location", "id" in "text", texts(&ids)
        )
    }
}
