//! The rows the catalog is made of: the change log, the records folded from it, the problems.
//!
//! These are what `repo` reads and writes and what `view` folds. They say nothing about SQL and
//! nothing about HTTP. A document stays the canonical JSON text it was stored as.

use std::sync::Arc;

use freshet_model::{EntityRef, LocationId, Problem, RelationDeclaration, Revision, SourceId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// What happened to an entity or a problem.
pub use freshet_proto::message::change::Verb as Op;

/// One committed change: a row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its place in the history; revisions have no gaps.
    pub revision: Revision,
    /// What happened.
    pub op: Op,
    /// The entity it happened to; absent for a problem of a file without an entity.
    pub entity_ref: Option<EntityRef>,
    /// Version of the entity after it; 0 for problems.
    pub version: i64,
    /// Identity of the entity.
    pub uid: Option<Uuid>,
    /// The location that holds the entity, or that has the problem.
    pub location_id: LocationId,
    /// The source of that location.
    pub source_id: SourceId,
    /// Declared document after the change; only `created` and `updated` have one.
    pub document: Option<Arc<str>>,
    /// Relations the entity declares after the change; present when `document` is.
    pub relations: Option<Arc<[RelationDeclaration]>>,
    /// Digest of document and relations; present when `document` is.
    pub digest: Option<String>,
    /// The problem, as it is now or, when resolved, as it last was.
    pub problem: Option<ProblemRow>,
    /// JSON of the event's `ChangeData`, with `revision.catalog` filled in.
    pub data: String,
    /// When the transaction was committed, microseconds UTC.
    pub committed_at: i64,
    /// When the fact behind it was received; 0 if there is none.
    pub fact_at: i64,
}

/// Bytes of a digest that tell two changes apart that have the same number.
const SHORT_DIGEST_BYTES: usize = 6;

impl ChangeRow {
    /// Tells this change from any other that another history gave the same revision.
    #[must_use]
    pub fn short_digest(&self) -> String {
        let mut hash = Sha256::new();
        // The data names the entity, its versions and what differs; two histories that made the same
        // change did so at different times.
        hash.update(self.committed_at.to_be_bytes());
        hash.update(self.data.as_bytes());
        hex::encode(&hash.finalize()[..SHORT_DIGEST_BYTES])
    }
}

/// A problem, where it is and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemRow {
    /// Stable id: the revision that opened it.
    pub id: i64,
    /// The file it is in.
    pub location_id: LocationId,
    /// The source of that file.
    pub source_id: SourceId,
    /// Which integration reads the source, such as `github`.
    pub provider: String,
    /// `owner/name` as last seen.
    pub repository: String,
    /// Path inside the repository.
    pub path: String,
    /// The broken rule and what to do about it.
    // The log has these fields beside the others: it is older than the type.
    #[serde(flatten)]
    pub problem: Problem,
    /// When it was opened, microseconds UTC.
    pub first_seen: i64,
    /// When it last opened or changed.
    pub last_seen: i64,
    /// The entities whose status shows it.
    #[serde(default)]
    pub status_of: Vec<EntityRef>,
}

/// One entity of the catalog as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityRecord {
    /// Its name.
    pub entity_ref: EntityRef,
    /// Its identity, kept over content changes, moves and renames.
    pub uid: Uuid,
    /// +1 with each of its changes.
    pub version: i64,
    /// Revision of its newest change.
    pub revision: Revision,
    /// Digest of document and relations.
    pub digest: String,
    /// Declared document, canonical JSON.
    pub document: Arc<str>,
    /// Relations it declares.
    pub relations: Arc<[RelationDeclaration]>,
    /// The location that holds it.
    pub location_id: LocationId,
    /// The source of that location.
    pub source_id: SourceId,
    /// When its newest change was committed, microseconds UTC.
    pub changed_at: i64,
}

/// The whole catalog at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Id of the change log.
    pub epoch: String,
    /// Revision it is the state of.
    pub revision: Revision,
    /// Entities that exist, in any order.
    pub entities: Vec<EntityRecord>,
    /// Problems that are open, in any order.
    pub problems: Vec<ProblemRow>,
}

#[cfg(test)]
pub(crate) mod sample {
    //! Rows for tests, to be changed in what a test is about.

    use super::*;

    /// An entity with this name and document, which declares these relations.
    pub(crate) fn entity(name: &str, document: &str, relations: &[(&str, &str)]) -> EntityRecord {
        let parse = |text: &str| EntityRef::parse(text).expect("a valid ref");
        let relations = relations
            .iter()
            .map(|(forward, target)| RelationDeclaration {
                forward: (*forward).into(),
                reverse: Some(format!("{forward}-by").into()),
                target: parse(target),
            });
        EntityRecord {
            entity_ref: parse(name),
            uid: Uuid::from_u128(name.bytes().fold(0, |sum, byte| {
                u128::wrapping_add(u128::wrapping_mul(sum, 257), u128::from(byte))
            })),
            version: 1,
            revision: Revision::new(1),
            digest: String::new(),
            document: Arc::from(document),
            relations: relations.collect(),
            location_id: LocationId::new(1),
            source_id: SourceId::new(1),
            changed_at: 0,
        }
    }

    /// An update of `component:default/pay` that says nothing of its document.
    pub(crate) fn change_row(revision: i64) -> ChangeRow {
        let data = format!(
            r#"{{"op":"updated","entity":{{"ref":"component:default/pay","uid":"u","kind":"Component"}},"revision":{{"catalog":{revision},"previous":0,"entity":1}},"change":{{"categories":[],"derived":false,"fields":{{"added":[],"updated":[],"deleted":[]}},"relations":{{"added":[],"removed":[]}}}},"cause":{{}},"timing":{{"committed":"2026-11-21T09:14:03.000000Z"}}}}"#
        );
        ChangeRow {
            revision: Revision::new(revision),
            op: Op::Updated,
            entity_ref: Some(EntityRef::parse("component:default/pay").expect("a valid ref")),
            version: revision,
            uid: None,
            location_id: LocationId::new(1),
            source_id: SourceId::new(1),
            document: None,
            relations: None,
            digest: None,
            problem: None,
            data,
            committed_at: 1,
            fact_at: 1,
        }
    }
}
