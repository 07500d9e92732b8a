//! What differs from one kind of change to the next: the part of an event that is not the same for
//! all of them. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use freshet_model::{EntityRef, LocationId, RelationDeclaration, Revision, SourceId};
use freshet_proto::message::change::{
    Category, ChangeInfo, EntityInfo, Fields, ProblemInfo, RelationChanges, field_changes,
};
use serde::Deserializer as _;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use uuid::Uuid;

use crate::apply::entities::claims::EntityContent;
use crate::change::{EntityRecord, Op};
use crate::repo::{EntityRow, StoredProblem};

const OWNED_BY: &str = "ownedBy";

/// A change before it has a revision.
pub(super) struct ChangeBody {
    pub(super) op: Op,
    pub(super) entity_ref: Option<EntityRef>,
    pub(super) uid: Option<Uuid>,
    pub(super) entity: Option<EntityInfo>,
    pub(super) problem: Option<ProblemInfo>,
    /// Revision of the entity before.
    pub(super) previous: Revision,
    /// Version of the entity after.
    pub(super) version: i64,
    pub(super) change: ChangeInfo,
    pub(super) location_id: LocationId,
    pub(super) source_id: SourceId,
}

impl ChangeBody {
    pub(super) fn for_creation(
        entity_ref: EntityRef,
        uid: Uuid,
        tombstone: Option<&EntityRow>,
        content: &EntityContent,
        relations: RelationChanges,
    ) -> Self {
        let info = entity_info(&entity_ref, uid, &content.document, &content.relations);
        Self {
            op: Op::Created,
            entity_ref: Some(entity_ref),
            uid: Some(uid),
            entity: Some(info),
            problem: None,
            // It goes on from its tombstone, so that an event from before never beats a new one.
            previous: tombstone.map(|row| row.revision).unwrap_or_default(),
            version: tombstone.map_or(0, |row| row.version) + 1,
            change: lifecycle_change(relations),
            location_id: content.location_id,
            source_id: content.source_id,
        }
    }

    pub(super) fn for_update(
        record: &EntityRecord,
        version: i64,
        content: &EntityContent,
        relations: RelationChanges,
    ) -> Self {
        let fields = changed_fields(&record.document, &content.document);
        let mut categories = touched_categories(&fields, &record.relations, &content.relations);
        if !relations.added.is_empty() || !relations.removed.is_empty() {
            categories.insert(Category::Relation);
        }
        let change = ChangeInfo {
            categories: categories.into_iter().collect(),
            fields,
            relations,
            ..ChangeInfo::default()
        };
        let info = entity_info(
            &record.entity_ref,
            record.uid,
            &content.document,
            &content.relations,
        );
        Self {
            entity: Some(info),
            // The uid stays, whoever holds the ref: an entity whose file moved is the same entity, and
            // only its place is another.
            location_id: content.location_id,
            source_id: content.source_id,
            ..Self::of_record(Op::Updated, record, version, change)
        }
    }

    pub(super) fn for_deletion(
        record: &EntityRecord,
        version: i64,
        relations: RelationChanges,
    ) -> Self {
        Self::of_record(Op::Deleted, record, version, lifecycle_change(relations))
    }

    // The document is as it was, but its entity tag moves: what is served with it has changed.
    pub(super) fn for_relations(record: &EntityRecord, relations: RelationChanges) -> Self {
        let change = ChangeInfo {
            categories: vec![Category::Relation],
            derived: true,
            relations,
            ..ChangeInfo::default()
        };
        Self::of_record(Op::Related, record, record.version + 1, change)
    }

    /// The entity itself has not changed, so neither has its version.
    pub(super) fn for_problem(
        op: Op,
        problem: &StoredProblem,
        record: Option<&EntityRecord>,
    ) -> Self {
        Self {
            op,
            entity_ref: problem.problem.entity_ref.clone(),
            uid: None,
            entity: record.map(info_of),
            problem: Some(ProblemInfo::new(problem.id, &problem.problem)),
            previous: Revision::default(),
            version: 0,
            change: ChangeInfo {
                categories: vec![Category::Condition],
                ..ChangeInfo::default()
            },
            location_id: problem.location_id,
            source_id: problem.source_id,
        }
    }

    fn of_record(op: Op, record: &EntityRecord, version: i64, change: ChangeInfo) -> Self {
        Self {
            op,
            entity_ref: Some(record.entity_ref.clone()),
            uid: Some(record.uid),
            entity: Some(info_of(record)),
            problem: None,
            previous: record.revision,
            version,
            change,
            location_id: record.location_id,
            source_id: record.source_id,
        }
    }
}

fn lifecycle_change(relations: RelationChanges) -> ChangeInfo {
    ChangeInfo {
        categories: vec![Category::Lifecycle],
        relations,
        ..ChangeInfo::default()
    }
}

fn info_of(record: &EntityRecord) -> EntityInfo {
    entity_info(
        &record.entity_ref,
        record.uid,
        &record.document,
        &record.relations,
    )
}

/// The entity a change is about.
fn entity_info(
    entity_ref: &EntityRef,
    uid: Uuid,
    document: &str,
    relations: &[RelationDeclaration],
) -> EntityInfo {
    EntityInfo {
        entity_ref: entity_ref.clone(),
        uid: uid.to_string(),
        // The ref has the kind in lower case; subscribers get it as people write it.
        kind: kind_of(document).unwrap_or_else(|| entity_ref.kind().to_owned()),
        owner: owner_of(relations).cloned(),
    }
}

/// The one field of a document that is looked at.
const KIND: &str = "kind";

fn kind_of(document: &str) -> Option<String> {
    let mut kind = None;
    // Documents begin with it, and of a group with a thousand members a thousand are looked at. What is
    // left unread is an error to the reader.
    let _stopped =
        serde_json::Deserializer::from_str(document).deserialize_map(KindSearch(&mut kind));
    kind
}

/// Reads an object until it finds its kind.
struct KindSearch<'a>(&'a mut Option<String>);

impl<'de> Visitor<'de> for KindSearch<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a document")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut fields: M) -> Result<(), M::Error> {
        while let Some(key) = fields.next_key::<Cow<'de, str>>()? {
            if key == KIND {
                *self.0 = fields.next_value().ok();
                break;
            }
            let _skipped: IgnoredAny = fields.next_value()?;
        }
        Ok(())
    }
}

fn owner_of(relations: &[RelationDeclaration]) -> Option<&EntityRef> {
    relations
        .iter()
        .find(|relation| &*relation.forward == OWNED_BY)
        .map(|relation| &relation.target)
}

/// Fields that differ between two documents.
fn changed_fields(before: &str, after: &str) -> Fields {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    field_changes(&read(before), &read(after))
}

/// Which parts of an entity a change of its document and of the relations it declares touches.
fn touched_categories(
    fields: &Fields,
    before: &[RelationDeclaration],
    after: &[RelationDeclaration],
) -> BTreeSet<Category> {
    let mut categories: BTreeSet<Category> = [&fields.added, &fields.updated, &fields.deleted]
        .into_iter()
        .flatten()
        .map(|field| category_of(&field.path))
        .collect();
    // Read off the relations, as two spellings of `spec.owner` may mean the same owner.
    if owner_of(before) != owner_of(after) {
        categories.insert(Category::Owner);
    }
    categories
}

fn category_of(path: &str) -> Category {
    let mut keys = path.split('/').skip(1);
    match (keys.next(), keys.next()) {
        (Some("spec"), _) => Category::Spec,
        (Some("metadata"), Some("annotations")) => Category::Annotation,
        (Some("metadata"), Some("labels")) => Category::Label,
        (Some("metadata"), Some("tags")) => Category::Tag,
        (Some("metadata"), Some("links")) => Category::Link,
        _ => Category::Metadata,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_wherever_it_stands() {
        for (document, expected) in [
            (
                r#"{"apiVersion":"a/v1","kind":"Component","spec":{"kind":"x"}}"#,
                Some("Component"),
            ),
            (
                r#"{"spec":{"kind":"x","y":[1,{"kind":"z"}]},"kind":"\u0041PI"}"#,
                Some("API"),
            ),
            (r#"{"spec":{"kind":"x"}}"#, None),
            (r#"{"kind":1}"#, None),
            ("[]", None),
        ] {
            assert_eq!(kind_of(document).as_deref(), expected, "{document}");
        }
    }

    #[track_caller]
    fn check(before: &str, after: &str, expected: &[Category]) {
        let fields = changed_fields(before, after);
        let categories = touched_categories(&fields, &[], &[]);
        assert_eq!(categories.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn fields_tell_the_part_of_the_entity() {
        check(
            r#"{"spec":{"a":1}}"#,
            r#"{"spec":{"a":2}}"#,
            &[Category::Spec],
        );
        check(
            r#"{"metadata":{"name":"a"}}"#,
            r#"{"metadata":{"name":"a","labels":{"x":"y"},"tags":["t"],"title":"T"}}"#,
            &[Category::Metadata, Category::Label, Category::Tag],
        );
        check(
            r#"{"metadata":{"annotations":{"a":"1"},"links":[]}}"#,
            r#"{"metadata":{"annotations":{},"links":[1]}}"#,
            &[Category::Annotation, Category::Link],
        );
    }
}
