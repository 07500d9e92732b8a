//! The body of a change event, from what changed and why. Pure.

use std::collections::BTreeSet;

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_proto::message::Cause;
use freshet_proto::message::change::{
    Category, CauseInfo, EntityInfo, Fields, Origin, ProblemInfo, RelationChanges, Timing,
    field_changes,
};
use freshet_proto::timestamp::{rfc3339, rfc3339_if_known};
use serde::Deserialize;
use serde_json::Value;

use crate::apply::locations::location_type;
use crate::repo::{LocationRow, ProblemState, SourceRow};

/// Why a source changed the catalog, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Why {
    pub(crate) cause: CauseInfo,
    pub(crate) timing: Timing,
    pub(crate) fact_at: i64,
}

impl Why {
    pub(crate) fn new(cause: &Cause, commit: &str, fetched_at: i64, now: i64) -> Self {
        Self {
            cause: CauseInfo {
                delivery: cause.signal_id.clone(),
                commit: commit.to_owned(),
                actor: cause.actor.clone(),
                provider: cause.provider.clone(),
                mechanism: cause.mechanism.clone(),
            },
            timing: Timing {
                pushed: rfc3339_if_known(cause.pushed_at),
                received: rfc3339_if_known(cause.received_at),
                fetched: rfc3339_if_known(fetched_at),
                committed: Some(rfc3339(now)),
                published: None,
            },
            fact_at: cause.received_at,
        }
    }
}

/// Where a change was read.
pub(crate) fn origin(source: &SourceRow, location: &LocationRow) -> Origin {
    let url = if location.url.is_empty() {
        &location.path
    } else {
        &location.url
    };
    Origin {
        repository_id: source.repository_id(),
        repository: source.slug(),
        location: format!("{}:{url}", location_type(source.kind)),
        path: location.path.clone(),
        git_ref: source.branch().to_owned(),
        blob: location.blob_oid.clone(),
    }
}

/// The entity a change is about.
pub(crate) fn entity_info(
    entity_ref: &EntityRef,
    uid: &str,
    document: &str,
    relations: &[RelationDeclaration],
) -> EntityInfo {
    EntityInfo {
        entity_ref: entity_ref.clone(),
        uid: uid.to_owned(),
        kind: kind_of(document).unwrap_or_else(|| entity_ref.kind().to_owned()),
        owner: owner(relations).cloned(),
    }
}

#[derive(Deserialize)]
struct Kinded {
    kind: String,
}

fn kind_of(document: &str) -> Option<String> {
    let kinded: Kinded = serde_json::from_str(document).ok()?;
    Some(kinded.kind)
}

const OWNED_BY: &str = "ownedBy";

fn owner(relations: &[RelationDeclaration]) -> Option<&EntityRef> {
    relations
        .iter()
        .find(|relation| relation.forward == OWNED_BY)
        .map(|relation| &relation.target)
}

/// The problem a change is about.
pub(crate) fn problem_info(id: i64, problem: &ProblemState) -> ProblemInfo {
    ProblemInfo {
        id,
        rule: problem.rule.clone(),
        message: problem.message.clone(),
        hint: problem.hint.clone(),
        line: u32::try_from(problem.line).unwrap_or_default(),
        column: u32::try_from(problem.column_number).unwrap_or_default(),
        class: problem.class.clone(),
        level: problem.level.clone(),
        is_file: problem.is_file != 0,
        owner: problem.owner.clone(),
    }
}

/// Fields that differ between two documents.
pub(crate) fn fields(before: &str, after: &str) -> Fields {
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    field_changes(&read(before), &read(after))
}

/// Which parts of an entity a change of its document touches.
pub(crate) fn categories(
    fields: &Fields,
    relations: &RelationChanges,
    owners: (&[RelationDeclaration], &[RelationDeclaration]),
) -> Vec<Category> {
    let paths = [&fields.added, &fields.updated, &fields.deleted]
        .into_iter()
        .flatten()
        .map(|field| category_of(&field.path));
    let mut categories: BTreeSet<Category> = paths.collect();
    if !relations.added.is_empty() || !relations.removed.is_empty() {
        categories.insert(Category::Relation);
    }
    if owner(owners.0) != owner(owners.1) {
        categories.insert(Category::Owner);
    }
    categories.into_iter().collect()
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
        let fields = fields(before, after);
        let categories = categories(&fields, &RelationChanges::default(), (&[], &[]));
        assert_eq!(categories, expected);
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
