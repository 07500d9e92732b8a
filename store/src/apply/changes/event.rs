//! The parts of a change event, from what changed and why. Pure.

use std::collections::BTreeSet;

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::Cause;
use freshet_proto::message::change::{
    Category, CauseInfo, EntityInfo, Fields, Origin, Timing, field_changes,
};
use freshet_proto::timestamp::{rfc3339, rfc3339_if_known};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::apply::locations::naming::location_type;
use crate::repo::{Location, SourceRow};

/// The delivery and commit that made a source change the catalog, and when each step happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangeTrigger {
    pub(crate) cause: CauseInfo,
    pub(crate) timing: Timing,
    pub(crate) fact_at: i64,
}

impl ChangeTrigger {
    pub(crate) fn new(cause: &Cause, commit: &str, fetched_at: i64, now: i64) -> Self {
        let cause = cause.clone();
        Self {
            timing: Timing {
                pushed: rfc3339_if_known(cause.pushed_at),
                received: rfc3339_if_known(cause.received_at),
                fetched: rfc3339_if_known(fetched_at),
                committed: Some(rfc3339(now)),
                published: None,
            },
            // Received rather than pushed: that is our clock, as is the time of the commit.
            fact_at: cause.received_at,
            cause: CauseInfo {
                delivery: cause.signal_id,
                commit: commit.to_owned(),
                actor: cause.actor,
                provider: cause.provider,
                mechanism: cause.mechanism,
            },
        }
    }
}

/// Where a change was read.
pub(crate) fn origin_of(source: &SourceRow, location: &Location) -> Origin {
    let url = if location.url().is_empty() {
        location.path.as_str()
    } else {
        location.url()
    };
    Origin {
        repository_id: source.repository_id(),
        repository: source.slug(),
        location: format!("{}:{url}", location_type(source.kind)),
        path: location.path.clone(),
        git_ref: source.branch().to_owned(),
        blob: location.active_blob.clone().unwrap_or_default(),
    }
}

/// The entity a change is about.
pub(crate) fn entity_info(
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
#[derive(Deserialize)]
struct DocumentKind {
    kind: String,
}

fn kind_of(document: &str) -> Option<String> {
    let document: DocumentKind = serde_json::from_str(document).ok()?;
    Some(document.kind)
}

const OWNED_BY: &str = "ownedBy";

fn owner_of(relations: &[RelationDeclaration]) -> Option<&EntityRef> {
    relations
        .iter()
        .find(|relation| relation.forward == OWNED_BY)
        .map(|relation| &relation.target)
}

/// Fields that differ between two documents.
pub(crate) fn changed_fields(before: &str, after: &str) -> Fields {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    field_changes(&read(before), &read(after))
}

/// Which parts of an entity a change of its document and of the relations it declares touches.
pub(crate) fn touched_categories(
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
