//! Which declared documents are valid, and what they say once they are.
//!
//! A document passes through the stages Backstage has, in its order: the envelope, the
//! generic schema, the root fields, the formats, the schema of its kind, its relations. The
//! stages of Backstage stop at the first failure; these go on, because an author wants to
//! mend his file once. The first violation is the one Backstage reports; behind those come
//! the rules Backstage does not have (see the Decisions in the README).

mod envelope;
mod findings;
mod format;
mod hygiene;
mod metadata;
mod normalise;
mod relations;
mod schema;

pub use envelope::may_be_annotations;
pub use normalise::drop_overwritten;

use serde_json::{Map, Value};

use crate::{DEFAULT_NAMESPACE, Entity, EntityRef, Kinds, RelationDeclaration, Violation};
use findings::Findings;

/// A document that passed, with what it declares about others.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidDocument {
    /// The entity.
    pub entity: Entity,
    /// Its relations, sorted, each once.
    pub relations: Vec<RelationDeclaration>,
}

/// Checks a declared document against every rule of the model.
///
/// The document of the result has its namespace filled in, its relation lists sorted, and
/// lacks what only the catalog may say: `metadata.uid`, `metadata.etag` and the annotations
/// about its location and about orphans.
///
/// # Errors
/// Every violation, first the one Backstage would report.
pub fn validate(mut document: Value, kinds: &Kinds) -> Result<ValidDocument, Vec<Violation>> {
    normalise::drop_overwritten(&mut document);
    let mut findings = Findings::default();
    let passed = run_stages(&document, kinds, &mut findings);
    let violations = findings.into_violations();
    match passed {
        Some(passed) if violations.is_empty() => {
            // Only now: what the checks say must fit the document as its author wrote it.
            normalise::normalise_document(&mut document, &passed.list_fields);
            let entity = Entity::new(passed.entity_ref, document, passed.owner);
            Ok(ValidDocument {
                entity,
                relations: passed.relations,
            })
        }
        Some(_) | None => Err(violations),
    }
}

/// What the checks learn about a document on the way.
struct DocumentFacts<'k> {
    entity_ref: EntityRef,
    relations: Vec<RelationDeclaration>,
    owner: Option<EntityRef>,
    list_fields: Vec<&'k str>,
}

/// The parts of a document whose envelope is sound enough to look further.
#[derive(Clone, Copy)]
struct DocumentOutline<'d> {
    root: &'d Map<String, Value>,
    metadata: &'d Map<String, Value>,
    api_version: Option<&'d str>,
    kind: Option<&'d str>,
    name: Option<&'d str>,
    namespace: Option<&'d str>,
}

/// Runs every stage. `None` only if there is at least one finding.
fn run_stages<'k>(
    document: &Value,
    kinds: &'k Kinds,
    findings: &mut Findings,
) -> Option<DocumentFacts<'k>> {
    // The order is a promise: the first violation is the one Backstage reports.
    let outline = envelope::check_envelope(document, findings)?;
    envelope::check_root(&outline, findings);
    format::check_formats(&outline, findings);
    let kind = schema::check_schema(document, &outline, kinds, findings);
    let namespace = outline.namespace.unwrap_or(DEFAULT_NAMESPACE);
    let declared = kind.map(|kind| relations::read_relations(&outline, namespace, kind, findings));
    // Behind everything Backstage checks, because Backstage does not check this.
    hygiene::check_hygiene(document, findings);
    let entity_ref = EntityRef::new(outline.kind?, namespace, outline.name?).ok()?;
    let declared = declared?;
    Some(DocumentFacts {
        entity_ref,
        owner: declared.owner,
        relations: declared.relations,
        list_fields: kind.map(relations::list_fields).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests;
