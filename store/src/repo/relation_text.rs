//! Relations as the log, claims and snapshots hold them: a text without names of fields. Pure.

use std::sync::Arc;

use freshet_model::{EntityRef, RelationDeclaration, RelationType};

use super::error::RepoError;
use super::statement::json;

type CompactRelation<T> = (T, Option<T>, EntityRef);

/// Relations as compact JSON: `[[forward, reverse or null, target], …]`.
pub(crate) fn relations_to_text(relations: &[RelationDeclaration]) -> String {
    // The log holds the relations of every version, so field names would be a large part of it.
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
    let compact: Vec<CompactRelation<RelationType>> = serde_json::from_str(text)
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
