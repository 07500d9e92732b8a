//! Runs of changes: what one transaction appended to the log, as few rows. Pure.
//!
//! The changes of one transaction repeat each other: the same commit and delivery, the same names of
//! entities as subject, relation and field. A derived change of 700 bytes takes 50 among its like, and
//! 440 if it is compressed alone.
//! So a row of the log holds many that follow each other, and is spread out when it is read.
//!
//! What is in here is a contract with the databases out there: fields are added, never changed.

use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, RelationDeclaration, Revision, SourceId};
use prost::Message as _;
use uuid::Uuid;

use super::error::RepoError;
use super::relation_text::{relations_from_text, relations_to_text};
use super::statement::json;
use super::stored::stored_ref;
use crate::change::{ChangeRow, Op, ProblemRow};

const OPERATION: &str = "read changes";

/// A run takes no further change once its texts are this long together.
// Large enough that what repeats is found, small enough that one change is read without much beside it.
const RUN_BYTES_MAX: usize = 256 * 1024;
/// The fastest that looks for all of what repeats: writing waits for it.
const COMPRESSION_LEVEL: i32 = 1;

/// Changes that follow each other, as one row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeRun {
    /// Revision of its last change, which is the row's.
    pub(super) revision: Revision,
    pub(super) committed_at: i64,
    /// The changes, compressed.
    pub(super) packed: Vec<u8>,
}

/// What a run holds.
#[derive(Clone, PartialEq, prost::Message)]
struct RunBody {
    #[prost(message, repeated, tag = "1")]
    changes: Vec<LoggedChange>,
}

/// One change as the log holds it.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LoggedChange {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    // As text, so that a newer version may add a verb without a migration.
    #[prost(string, tag = "2")]
    pub(super) verb: String,
    #[prost(string, optional, tag = "3")]
    pub(super) entity_ref: Option<String>,
    #[prost(int64, tag = "4")]
    pub(super) version: i64,
    #[prost(string, optional, tag = "5")]
    pub(super) uid: Option<String>,
    #[prost(int64, tag = "6")]
    pub(super) location_id: i64,
    #[prost(int64, tag = "7")]
    pub(super) source_id: i64,
    #[prost(string, optional, tag = "8")]
    pub(super) document: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub(super) relations: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub(super) digest: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub(super) problem: Option<String>,
    #[prost(string, tag = "12")]
    pub(super) data: String,
    #[prost(int64, tag = "13")]
    pub(super) committed_at: i64,
    #[prost(int64, tag = "14")]
    pub(super) fact_at: i64,
}

/// The same, of which only the document is read.
#[derive(Clone, PartialEq, prost::Message)]
struct DocumentsBody {
    #[prost(message, repeated, tag = "1")]
    changes: Vec<LoggedDocument>,
}

/// The document that one change brought.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct LoggedDocument {
    #[prost(int64, tag = "1")]
    pub(super) revision: i64,
    #[prost(string, optional, tag = "8")]
    pub(super) document: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub(super) relations: Option<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("change {revision} has the verb \"{verb}\", which this version does not know")]
struct UnknownVerb {
    revision: i64,
    verb: String,
}

impl LoggedChange {
    fn of(row: &ChangeRow) -> Self {
        Self {
            revision: row.revision.get(),
            verb: row.op.as_str().to_owned(),
            entity_ref: row.entity_ref.as_ref().map(ToString::to_string),
            version: row.version,
            uid: row.uid.map(|uid| uid.to_string()),
            location_id: row.location_id.get(),
            source_id: row.source_id.get(),
            document: row.document.as_deref().map(str::to_owned),
            relations: row.relations.as_deref().map(relations_to_text),
            digest: row.digest.clone(),
            problem: row.problem.as_ref().map(json),
            data: row.data.clone(),
            committed_at: row.committed_at,
            fact_at: row.fact_at,
        }
    }

    pub(super) fn read(self) -> Result<ChangeRow, RepoError> {
        // Leaving out an unknown verb would be a hole, and readers rely on a log that has none.
        let op = Op::parse(&self.verb).ok_or_else(|| {
            let (revision, verb) = (self.revision, self.verb.clone());
            RepoError::unreadable(OPERATION, UnknownVerb { revision, verb })
        })?;
        let problem: Option<ProblemRow> = self
            .problem
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| RepoError::unreadable(OPERATION, error))?;
        Ok(ChangeRow {
            revision: Revision::new(self.revision),
            op,
            entity_ref: read_ref(self.entity_ref.as_deref())?,
            version: self.version,
            uid: self.uid.as_deref().map(read_uid).transpose()?,
            location_id: LocationId::new(self.location_id),
            source_id: SourceId::new(self.source_id),
            document: self.document.map(Arc::from),
            relations: read_relations(self.relations.as_deref())?,
            digest: self.digest,
            problem,
            data: self.data,
            committed_at: self.committed_at,
            fact_at: self.fact_at,
        })
    }
}

fn read_ref(text: Option<&str>) -> Result<Option<EntityRef>, RepoError> {
    text.map(stored_ref)
        .transpose()
        .map_err(|error| RepoError::unreadable(OPERATION, error))
}

fn read_relations(text: Option<&str>) -> Result<Option<Arc<[RelationDeclaration]>>, RepoError> {
    text.map(relations_from_text).transpose()
}

pub(super) fn read_uid(text: &str) -> Result<Uuid, RepoError> {
    Uuid::parse_str(text).map_err(|error| RepoError::unreadable("read a uid", error))
}

/// Bytes of what is long in a change. The rest is short by its nature and does not decide how many are
/// taken together.
pub(super) fn text_length(row: &ChangeRow) -> usize {
    row.data.len() + row.document.as_ref().map_or(0, |text| text.len())
}

/// The changes of one transaction, which follow each other, as rows of the log.
pub(crate) fn pack_changes(rows: &[ChangeRow]) -> Vec<ChangeRun> {
    let mut runs = Vec::new();
    let mut from = 0;
    let mut bytes = 0;
    for (index, row) in rows.iter().enumerate() {
        bytes += text_length(row);
        if bytes >= RUN_BYTES_MAX || index + 1 == rows.len() {
            runs.push(pack_run(&rows[from..=index], row));
            from = index + 1;
            bytes = 0;
        }
    }
    runs
}

fn pack_run(rows: &[ChangeRow], last: &ChangeRow) -> ChangeRun {
    let body = RunBody {
        changes: rows.iter().map(LoggedChange::of).collect(),
    };
    let packed = zstd::bulk::compress(&body.encode_to_vec(), COMPRESSION_LEVEL);
    ChangeRun {
        revision: last.revision,
        committed_at: last.committed_at,
        packed: packed.expect("there is room for what is compressed"),
    }
}

/// The changes of a run, in order.
pub(super) fn unpack_changes(packed: &[u8]) -> Result<Vec<LoggedChange>, RepoError> {
    let body: RunBody = unpack(packed)?;
    Ok(body.changes)
}

/// The documents that the changes of a run brought, in order.
pub(super) fn unpack_documents(packed: &[u8]) -> Result<Vec<LoggedDocument>, RepoError> {
    let body: DocumentsBody = unpack(packed)?;
    Ok(body.changes)
}

fn unpack<M: prost::Message + Default>(packed: &[u8]) -> Result<M, RepoError> {
    let unreadable = |error| RepoError::unreadable(OPERATION, error);
    let body = zstd::stream::decode_all(packed).map_err(unreadable)?;
    M::decode(body.as_slice()).map_err(|error| RepoError::unreadable(OPERATION, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(revision: i64, bytes: usize) -> ChangeRow {
        ChangeRow {
            revision: Revision::new(revision),
            op: Op::Related,
            entity_ref: Some(EntityRef::parse("component:default/pay").expect("a valid ref")),
            version: 3,
            uid: Some(Uuid::from_u128(7)),
            location_id: LocationId::new(1),
            source_id: SourceId::new(2),
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data: "x".repeat(bytes),
            committed_at: 5,
            fact_at: 4,
        }
    }

    fn unpacked(run: &ChangeRun) -> Vec<ChangeRow> {
        let changes = unpack_changes(&run.packed).expect("a run");
        let rows = changes.into_iter().map(LoggedChange::read);
        rows.collect::<Result<_, _>>().expect("rows")
    }

    #[track_caller]
    fn check(lengths: &[usize], expected: &[usize]) {
        let rows: Vec<ChangeRow> = (1..).zip(lengths).map(|(it, of)| row(it, *of)).collect();
        let runs = pack_changes(&rows);
        let read: Vec<Vec<ChangeRow>> = runs.iter().map(unpacked).collect();
        let sizes: Vec<usize> = read.iter().map(Vec::len).collect();
        assert_eq!(sizes, expected);
        for (run, rows) in runs.iter().zip(&read) {
            assert_eq!(rows.last().map(|row| row.revision), Some(run.revision));
        }
        assert_eq!(read.concat(), rows);
    }

    #[test]
    fn changes_come_back_in_order_from_as_few_rows_as_they_fit() {
        check(&[], &[]);
        check(&[9], &[1]);
        check(&[9, 9, 9], &[3]);
        check(&[RUN_BYTES_MAX, 9, 9], &[1, 2]);
        check(&[9, RUN_BYTES_MAX, RUN_BYTES_MAX], &[2, 1]);
    }

    #[test]
    fn changes_that_repeat_each_other_take_a_tenth() {
        let data = r#"{"cause":{"delivery":"gh:github.com:72d3162e-cc78-11e3-81ab-4c9367dc0958"}}"#;
        let rows: Vec<ChangeRow> = (1..=100)
            .map(|revision| ChangeRow {
                data: data.to_owned(),
                ..row(revision, 0)
            })
            .collect();
        let runs = pack_changes(&rows);
        assert_eq!(runs.len(), 1);
        assert!(runs[0].packed.len() < 10 * data.len(), "{:?}", runs[0]);
    }

    #[test]
    fn documents_are_read_without_the_rest() {
        let document: Arc<str> = Arc::from("{\"kind\":\"Compönent\"}");
        let with_document = ChangeRow {
            document: Some(Arc::clone(&document)),
            relations: Some(Arc::from([])),
            ..row(1, 9)
        };
        let runs = pack_changes(&[with_document, row(2, 9)]);
        let documents = unpack_documents(&runs[0].packed).expect("documents");
        assert_eq!(documents[0].document.as_deref(), Some(&*document));
        assert_eq!(documents[0].relations.as_deref(), Some("[]"));
        assert_eq!((documents[1].revision, &documents[1].document), (2, &None));
    }

    #[test]
    fn what_is_no_run_is_an_error() {
        unpack_changes(b"no run").expect_err("it is not compressed");
        let other = zstd::bulk::compress(b"\xff", COMPRESSION_LEVEL).expect("compressed");
        unpack_changes(&other).expect_err("it holds something else");
    }
}
