//! Locations: the files we want of a source.

use freshet_model::{ErrorClass, LocationId, SourceId};
use serde::{Deserialize, Serialize};

use super::error::RepoError;
use super::list::ids;
use super::statement::{Tx, bounded, delete_in, fetch_all, json, select, select_in, upsert};
use super::stored::UnknownWord;

/// One file, or pattern of files, of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) id: LocationId,
    pub(crate) source_id: SourceId,
    pub(crate) path: String,
    pub(crate) is_pattern: bool,
    /// Blob whose content is in the catalog, which an invalid or absent file may keep there.
    pub(crate) active_blob: Option<String>,
    pub(crate) state: LocationState,
    /// Whose spelling its entities carry; none while nothing leads to it.
    pub(crate) naming: Option<Naming>,
}

/// How a location was last found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocationState {
    /// Not looked at yet.
    Unread,
    /// A file that can enter the catalog, if the rules let it.
    Valid {
        /// The content.
        blob: String,
        /// What of it `catalog.rules` judge.
        emitted: Vec<EmittedKind>,
    },
    /// A file of which an error keeps everything out.
    Invalid {
        /// The content.
        blob: String,
        /// What of it `catalog.rules` judge, as far as it can be read.
        emitted: Vec<EmittedKind>,
    },
    /// Proved not to be in its source.
    Absent {
        /// What is missing instead of it, such as its branch.
        reason: Option<String>,
    },
    /// A pattern whose matches are known.
    Matched {
        /// Of the files that match.
        paths: Vec<String>,
    },
    /// Nobody can read it until somebody does something.
    Failed {
        /// Class of the error, as Backstage names it.
        class: ErrorClass,
        /// What is wrong.
        message: String,
    },
}

/// One document of a file, as `catalog.rules` judge it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredEmittedKind", into = "StoredEmittedKind")]
pub(crate) struct EmittedKind {
    pub(crate) kind: String,
    pub(crate) spec_type: Option<String>,
    pub(crate) entity_ref: String,
    pub(crate) line: u32,
}

/// As a list, because there is one for every document of every file.
#[derive(Clone, Serialize, Deserialize)]
struct StoredEmittedKind(String, Option<String>, String, u32);

impl From<StoredEmittedKind> for EmittedKind {
    fn from(StoredEmittedKind(kind, spec_type, entity_ref, line): StoredEmittedKind) -> Self {
        Self {
            kind,
            spec_type,
            entity_ref,
            line,
        }
    }
}

impl From<EmittedKind> for StoredEmittedKind {
    fn from(it: EmittedKind) -> Self {
        Self(it.kind, it.spec_type, it.entity_ref, it.line)
    }
}

/// How those who link a location name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Naming {
    /// The Location entity whose spelling it is; none for a root, which is named by itself.
    pub(crate) parent_ref: Option<String>,
    pub(crate) url: String,
    /// The root it was found from, `type:target`.
    pub(crate) origin: String,
}

impl Location {
    /// A file nobody has looked at yet and nothing leads to.
    pub(crate) fn new(id: LocationId, source_id: SourceId, path: &str) -> Self {
        Self {
            id,
            source_id,
            path: path.to_owned(),
            is_pattern: false,
            active_blob: None,
            state: LocationState::Unread,
            naming: None,
        }
    }

    /// How the path of a pattern is kept: from the root, with a slash in front.
    // No file is written like that. So the pattern `[a].yaml` and the file of that name are two locations,
    // and a pattern may match a file that is called as it is.
    pub(crate) fn path_of_pattern(pattern: &str) -> String {
        format!("/{pattern}")
    }

    /// Whether the source has content there, or files that match.
    pub(crate) fn holds_anything(&self) -> bool {
        self.holds_content() || !self.matched_paths().is_empty()
    }

    /// Whether the source has content there.
    pub(crate) fn holds_content(&self) -> bool {
        self.seen_blob().is_some()
    }

    /// The content that was seen last.
    pub(crate) fn seen_blob(&self) -> Option<&str> {
        match &self.state {
            LocationState::Valid { blob, .. } | LocationState::Invalid { blob, .. } => Some(blob),
            LocationState::Unread
            | LocationState::Absent { .. }
            | LocationState::Matched { .. }
            | LocationState::Failed { .. } => None,
        }
    }

    /// What of its content `catalog.rules` judge.
    pub(crate) fn emitted(&self) -> &[EmittedKind] {
        match &self.state {
            LocationState::Valid { emitted, .. } | LocationState::Invalid { emitted, .. } => {
                emitted
            }
            LocationState::Unread
            | LocationState::Absent { .. }
            | LocationState::Matched { .. }
            | LocationState::Failed { .. } => &[],
        }
    }

    /// What a pattern matches.
    pub(crate) fn matched_paths(&self) -> &[String] {
        match &self.state {
            LocationState::Matched { paths } => paths,
            LocationState::Unread
            | LocationState::Valid { .. }
            | LocationState::Invalid { .. }
            | LocationState::Absent { .. }
            | LocationState::Failed { .. } => &[],
        }
    }

    /// How its parent spells it, without the type; empty while nothing leads to it.
    pub(crate) fn url(&self) -> &str {
        self.naming.as_ref().map_or("", |naming| &naming.url)
    }

    /// The root it was found from; empty while nothing leads to it.
    pub(crate) fn origin(&self) -> &str {
        self.naming.as_ref().map_or("", |naming| &naming.origin)
    }

    /// The Location entity whose spelling its entities carry.
    pub(crate) fn parent_ref(&self) -> Option<&str> {
        self.naming.as_ref()?.parent_ref.as_deref()
    }
}

/// How a location was last found, as the table says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OutcomeWord {
    Unread,
    #[serde(rename = "content")]
    Valid,
    // The table keeps its older words, because renaming them would need a migration.
    #[serde(rename = "poisoned")]
    Invalid,
    #[serde(rename = "gone")]
    Absent,
    Matched,
    Failed,
}

impl TryFrom<String> for OutcomeWord {
    type Error = UnknownWord;

    fn try_from(word: String) -> Result<Self, UnknownWord> {
        match word.as_str() {
            "unread" => Ok(Self::Unread),
            "content" => Ok(Self::Valid),
            "poisoned" => Ok(Self::Invalid),
            "gone" => Ok(Self::Absent),
            "matched" => Ok(Self::Matched),
            "failed" => Ok(Self::Failed),
            _ => Err(UnknownWord {
                what: "location outcome",
                word,
            }),
        }
    }
}

/// A row of the table, whose columns are never null: an empty text stands for none.
#[derive(Serialize, sqlx::FromRow)]
struct LocationRow {
    #[sqlx(try_from = "i64")]
    id: LocationId,
    #[sqlx(try_from = "i64")]
    source_id: SourceId,
    path: String,
    is_glob: i64,
    blob_oid: String,
    seen_oid: String,
    #[sqlx(try_from = "String")]
    outcome: OutcomeWord,
    /// `<class>: <message>` of a failure; what is missing instead of a file that is absent.
    failure: String,
    /// JSON: what the rules judge of a file, what a pattern matches.
    emitted: String,
    parent_ref: String,
    url: String,
    origin: String,
}

impl From<LocationRow> for Location {
    fn from(row: LocationRow) -> Self {
        let state = match row.outcome {
            OutcomeWord::Unread => LocationState::Unread,
            OutcomeWord::Valid => LocationState::Valid {
                blob: row.seen_oid,
                emitted: list_from_text(&row.emitted),
            },
            OutcomeWord::Invalid => LocationState::Invalid {
                blob: row.seen_oid,
                emitted: list_from_text(&row.emitted),
            },
            OutcomeWord::Absent => LocationState::Absent {
                reason: some_text(row.failure),
            },
            OutcomeWord::Matched => LocationState::Matched {
                paths: list_from_text(&row.emitted),
            },
            OutcomeWord::Failed => {
                let (class, message) = row
                    .failure
                    // No class has a colon in it, whatever the message says.
                    .split_once(": ")
                    .unwrap_or(("Error", &row.failure));
                LocationState::Failed {
                    class: ErrorClass::parse_lenient(class),
                    message: message.to_owned(),
                }
            }
        };
        Self {
            id: row.id,
            source_id: row.source_id,
            path: row.path,
            is_pattern: row.is_glob != 0,
            active_blob: some_text(row.blob_oid),
            state,
            naming: (!row.origin.is_empty()).then_some(Naming {
                parent_ref: some_text(row.parent_ref),
                url: row.url,
                origin: row.origin,
            }),
        }
    }
}

impl From<&Location> for LocationRow {
    fn from(location: &Location) -> Self {
        let text = |blob: &String, list: &[EmittedKind]| (blob.clone(), json(list));
        let nothing = (String::new(), String::new());
        let (outcome, (seen_oid, emitted), failure) = match &location.state {
            LocationState::Unread => (OutcomeWord::Unread, nothing, String::new()),
            LocationState::Valid { blob, emitted } => {
                (OutcomeWord::Valid, text(blob, emitted), String::new())
            }
            LocationState::Invalid { blob, emitted } => {
                (OutcomeWord::Invalid, text(blob, emitted), String::new())
            }
            LocationState::Absent { reason } => (
                OutcomeWord::Absent,
                nothing,
                reason.clone().unwrap_or_default(),
            ),
            LocationState::Matched { paths } => (
                OutcomeWord::Matched,
                (String::new(), json(paths)),
                String::new(),
            ),
            LocationState::Failed { class, message } => {
                (OutcomeWord::Failed, nothing, format!("{class}: {message}"))
            }
        };
        Self {
            id: location.id,
            source_id: location.source_id,
            path: location.path.clone(),
            is_glob: i64::from(location.is_pattern),
            blob_oid: location.active_blob.clone().unwrap_or_default(),
            seen_oid,
            outcome,
            failure,
            emitted,
            parent_ref: location.parent_ref().unwrap_or_default().to_owned(),
            url: location.url().to_owned(),
            origin: location.origin().to_owned(),
        }
    }
}

fn list_from_text<T: serde::de::DeserializeOwned>(text: &str) -> Vec<T> {
    // What cannot be read is read from the source again, for its blob is compared as well.
    serde_json::from_str(text).unwrap_or_default()
}

fn some_text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn rows_of(locations: &[Location]) -> Vec<LocationRow> {
    locations.iter().map(LocationRow::from).collect()
}

/// The rows of locations as one parameter.
pub(super) fn locations_json(locations: &[Location]) -> String {
    json(&rows_of(locations))
}

fn locations_from_rows(rows: Vec<LocationRow>) -> Vec<Location> {
    rows.into_iter().map(Location::from).collect()
}

/// The table, for the statements that name all of its columns.
macro_rules! location_table {
    ($statement:ident: $($rest:tt)*) => {
        $statement!(
            "location",
            key: ["id"],
            kept: [],
            written: [
                "source_id", "path", "is_glob", "blob_oid", "seen_oid", "outcome", "failure",
                "emitted", "parent_ref", "url", "origin"
            ];
            $($rest)*
        )
    };
}

pub(super) use location_table;

impl Tx {
    /// Every location of these sources.
    pub(crate) async fn locations_of(
        &mut self,
        source_ids: &[SourceId],
    ) -> Result<Vec<Location>, RepoError> {
        location_table!(
            select_in: self, LocationRow, "read locations",
            "source_id" in "bigint", order: "id", ids(source_ids)
        )
        .map(locations_from_rows)
    }

    /// The locations with these ids.
    pub(crate) async fn locations(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<Vec<Location>, RepoError> {
        location_table!(
            select_in: self, LocationRow, "read locations by id",
            "id" in "bigint", order: "id", ids(location_ids)
        )
        .map(locations_from_rows)
    }

    /// Ids for locations that are about to be written.
    pub(crate) async fn new_location_ids(
        &mut self,
        count: usize,
    ) -> Result<Vec<LocationId>, RepoError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        // SQLite has no sequences, but its only writer holds the lock: nobody else takes these.
        let taken: Vec<(i64,)> = fetch_all!(
            self, (i64,), "take ids for locations",
            sqlite: "with recursive n(i) as (select 1 union all select i + 1 from n where i < $1) \
                select coalesce((select seq from sqlite_sequence where name = 'location'), 0) + i \
                from n",
            postgres: "select nextval('location_ids') from generate_series(1, $1)",
            bounded(count),
        )?;
        Ok(taken.into_iter().map(|(id,)| LocationId::new(id)).collect())
    }

    /// The locations at these places: (source, path).
    pub(crate) async fn locations_at(
        &mut self,
        places: &[(SourceId, &str)],
    ) -> Result<Vec<Location>, RepoError> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        location_table!(
            select: self, LocationRow, "read locations by their place",
            sqlite: "from (select value->>0 as of_source, value->>1 as at_path from jsonb_each($1)) as k \
                join location on source_id = k.of_source and path = k.at_path \
                order by id",
            postgres: "from (select (value->>0)::bigint as of_source, value->>1 as at_path \
                    from json_array_elements($1::json)) as k \
                cross join lateral (select * from location \
                    where source_id = k.of_source and path = k.at_path offset 0) as location \
                order by id",
            json(places),
        )
        .map(locations_from_rows)
    }

    /// Writes locations whole, new or known.
    pub(crate) async fn put_locations(&mut self, locations: &[Location]) -> Result<(), RepoError> {
        location_table!(upsert: self, "write locations", &rows_of(locations))
    }

    /// Forgets locations nothing points at any more, with what they depend on.
    pub(crate) async fn remove_locations(
        &mut self,
        location_ids: &[LocationId],
    ) -> Result<(), RepoError> {
        if location_ids.is_empty() {
            return Ok(());
        }
        self.replace_dependencies(location_ids, &[]).await?;
        delete_in!(self, "remove locations", "location", "id" in "bigint", ids(location_ids))
    }
}
