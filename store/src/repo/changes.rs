//! The change log: appended by apply, read by everybody else.

use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration};
use serde::Serialize;
use uuid::Uuid;

use super::rows::stored_ref;
use super::statement::{Tx, execute, fetch_all, json};
use super::{Repo, RepoError};
use crate::change::{ChangeRow, Op, ProblemRow};

const OPERATION: &str = "read changes";

#[derive(sqlx::FromRow)]
struct StoredChange {
    revision: i64,
    verb: String,
    #[sqlx(rename = "ref")]
    entity_ref: Option<String>,
    version: i64,
    uid: Option<String>,
    location_id: i64,
    source_id: i64,
    document: Option<String>,
    relations: Option<String>,
    digest: Option<String>,
    problem: Option<String>,
    data: String,
    committed_at: i64,
    fact_at: i64,
}

#[derive(Debug, thiserror::Error)]
#[error("change {revision} has the verb \"{verb}\", which this version does not know")]
struct UnknownVerb {
    revision: i64,
    verb: String,
}

impl StoredChange {
    fn read(self) -> Result<ChangeRow, RepoError> {
        let op = Op::parse(&self.verb).ok_or_else(|| {
            let error = UnknownVerb {
                revision: self.revision,
                verb: self.verb.clone(),
            };
            RepoError::unreadable(OPERATION, error)
        })?;
        let entity_ref = self
            .entity_ref
            .as_deref()
            .map(stored_ref)
            .transpose()
            .map_err(|error| RepoError::unreadable(OPERATION, error))?;
        let problem: Option<ProblemRow> = self
            .problem
            .as_deref()
            .map(serde_json::from_str)
            .transpose()
            .map_err(|error| RepoError::unreadable(OPERATION, error))?;
        Ok(ChangeRow {
            revision: self.revision,
            op,
            entity_ref,
            version: self.version,
            uid: self.uid.as_deref().map(read_uid).transpose()?,
            location_id: self.location_id,
            source_id: self.source_id,
            document: self.document.map(Arc::from),
            relations: self
                .relations
                .as_deref()
                .map(relations_from_text)
                .transpose()?,
            digest: self.digest,
            problem,
            data: self.data,
            committed_at: self.committed_at,
            fact_at: self.fact_at,
        })
    }
}

pub(super) fn read_uid(text: &str) -> Result<Uuid, RepoError> {
    Uuid::parse_str(text).map_err(|error| RepoError::unreadable("read a uid", error))
}

type CompactRelation<T> = (T, Option<T>, EntityRef);

/// Relations as compact JSON: `[[forward, reverse or null, target], …]`.
pub(crate) fn relations_to_text(relations: &[RelationDeclaration]) -> String {
    let compact: Vec<(&str, Option<&str>, &EntityRef)> = relations
        .iter()
        .map(|relation| {
            (
                relation.forward.as_str(),
                relation.reverse.as_deref(),
                &relation.target,
            )
        })
        .collect();
    json(&compact)
}

/// Reads what [`relations_to_text`] wrote.
pub(crate) fn relations_from_text(text: &str) -> Result<Arc<[RelationDeclaration]>, RepoError> {
    let compact: Vec<CompactRelation<String>> = serde_json::from_str(text)
        .map_err(|error| RepoError::unreadable("read relations", error))?;
    Ok(compact
        .into_iter()
        .map(|(forward, reverse, target)| RelationDeclaration {
            forward,
            reverse,
            target,
        })
        .collect())
}

#[derive(Serialize)]
struct NewChange<'a> {
    revision: i64,
    verb: &'static str,
    #[serde(rename = "ref")]
    entity_ref: Option<&'a EntityRef>,
    version: i64,
    uid: Option<String>,
    location_id: i64,
    source_id: i64,
    document: Option<&'a str>,
    relations: Option<String>,
    digest: Option<&'a str>,
    problem: Option<String>,
    data: &'a str,
    committed_at: i64,
    fact_at: i64,
}

impl<'a> NewChange<'a> {
    fn of(row: &'a ChangeRow) -> Self {
        Self {
            revision: row.revision,
            verb: row.op.as_str(),
            entity_ref: row.entity_ref.as_ref(),
            version: row.version,
            uid: row.uid.map(|uid| uid.to_string()),
            location_id: row.location_id,
            source_id: row.source_id,
            document: row.document.as_deref(),
            relations: row.relations.as_deref().map(relations_to_text),
            digest: row.digest.as_deref(),
            problem: row.problem.as_ref().map(json),
            data: &row.data,
            committed_at: row.committed_at,
            fact_at: row.fact_at,
        }
    }
}

impl Repo {
    /// Up to `limit` changes after `revision`, in order.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or holds what this version cannot read.
    pub async fn changes_after(
        &self,
        revision: i64,
        limit: i64,
    ) -> Result<Vec<ChangeRow>, RepoError> {
        let mut tx = self.read().await?;
        let rows = tx.changes_after(revision, limit).await?;
        tx.commit().await?;
        Ok(rows)
    }
}

impl Tx {
    pub(crate) async fn changes_after(
        &mut self,
        revision: i64,
        limit: i64,
    ) -> Result<Vec<ChangeRow>, RepoError> {
        const SQL: &str = "select * from change where revision > $1 order by revision limit $2";
        let stored = fetch_all!(
            self, StoredChange, "read changes",
            sqlite: SQL,
            postgres: SQL,
            revision,
            limit,
        )?;
        stored.into_iter().map(StoredChange::read).collect()
    }

    /// Appends changes, whose revisions the caller took under the log's lock.
    pub(crate) async fn append_changes(&mut self, rows: &[ChangeRow]) -> Result<(), RepoError> {
        if rows.is_empty() {
            return Ok(());
        }
        let new: Vec<NewChange<'_>> = rows.iter().map(NewChange::of).collect();
        execute!(
            self, "append changes",
            sqlite: "insert into change (revision, verb, ref, version, uid, location_id, source_id, \
                    document, relations, digest, problem, data, committed_at, fact_at) \
                select value->>'revision', value->>'verb', value->>'ref', value->>'version', \
                    value->>'uid', value->>'location_id', value->>'source_id', value->>'document', \
                    value->>'relations', value->>'digest', value->>'problem', value->>'data', \
                    value->>'committed_at', value->>'fact_at' \
                from json_each($1)",
            postgres: "insert into change (revision, verb, ref, version, uid, location_id, source_id, \
                    document, relations, digest, problem, data, committed_at, fact_at) \
                select revision, verb, ref, version, uid, location_id, source_id, \
                    document, relations, digest, problem, data, committed_at, fact_at \
                from json_populate_recordset(null::change, $1::json)",
            json(&new),
        )
        .map(drop)
    }
}
