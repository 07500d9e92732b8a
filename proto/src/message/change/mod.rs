//! The public change event, version 1: CloudEvents 1.0 with the body described by
//! `schema/change.v1.json`.
//!
//! One committed revision is one event; events are never merged. Fields may be added to this
//! version, never changed or removed: a break is a new type (`….v2`) published beside this one.

mod body;
mod cloud_event;
mod fields;

use freshet_model::{EntityRef, ErrorClass, Level, Problem, RuleId};
use serde::{Deserialize, Serialize};

pub use body::{After, DOCUMENT_BYTES_MAX, PublishedChange, published_body, raw_document};
pub use cloud_event::{Attributes, binary_headers, structured};
pub use fields::{FieldChange, Fields, field_changes};

/// What happened, as the last token of the subject and of the event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// An entity appeared.
    Created,
    /// An entity's declared document or relations changed.
    Updated,
    /// An entity left.
    Deleted,
    /// Other entities gained or lost relations to this one; its own document is as it was.
    Related,
    /// A file has a problem that it did not have.
    ProblemOpened,
    /// A known problem moved or reads differently.
    ProblemUpdated,
    /// A problem is gone.
    ProblemResolved,
}

/// Every verb, in the order of their stored numbers.
pub const VERBS: [Verb; 7] = [
    Verb::Created,
    Verb::Updated,
    Verb::Deleted,
    Verb::Related,
    Verb::ProblemOpened,
    Verb::ProblemUpdated,
    Verb::ProblemResolved,
];

impl Verb {
    /// The verb as a subject token and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Related => "related",
            Self::ProblemOpened => "problem-opened",
            Self::ProblemUpdated => "problem-updated",
            Self::ProblemResolved => "problem-resolved",
        }
    }

    /// The verb spelled `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        VERBS.into_iter().find(|verb| verb.as_str() == text)
    }

    /// Whether the subject of the change is a problem rather than an entity.
    #[must_use]
    pub fn is_problem(self) -> bool {
        match self {
            Self::Created | Self::Updated | Self::Deleted | Self::Related => false,
            Self::ProblemOpened | Self::ProblemUpdated | Self::ProblemResolved => true,
        }
    }
}

/// The body of a change event, but for `after` and `timing.published`, which are known later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeData {
    /// What happened.
    pub op: Verb,
    /// The entity it happened to; absent for problems of files without an entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityInfo>,
    /// The problem it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemInfo>,
    /// Where in the history it stands.
    pub revision: RevisionInfo,
    /// What is different now.
    pub change: ChangeInfo,
    /// Why it happened.
    pub cause: CauseInfo,
    /// Where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    // Stays the last field: the time of publication is put into the stored text from its end, so
    // that publishing an event does not parse it.
    /// When each step happened, RFC 3339 in UTC with microseconds.
    pub timing: Timing,
}

/// The entity a change is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityInfo {
    /// Canonical ref.
    #[serde(rename = "ref")]
    pub entity_ref: EntityRef,
    /// Identity that survives content changes, moves and renames.
    pub uid: String,
    /// Kind as written.
    pub kind: String,
    /// Canonical ref of the owner, if it declares one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<EntityRef>,
}

/// The problem a change is about. The entity it is about stands beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProblemInfo {
    /// Stable id of the problem.
    pub id: i64,
    /// The broken rule.
    pub rule: RuleId,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// 1-based.
    pub line: u32,
    /// 1-based.
    pub column: u32,
    /// Backstage's class of the error, such as `InputError`.
    #[serde(default)]
    pub class: ErrorClass,
    // What has a default may be absent in history, which older versions wrote.
    /// `error`, or `warning` where the entity is valid all the same.
    #[serde(default)]
    pub level: Level,
    /// Whether it spoils the whole file.
    #[serde(default)]
    pub is_file: bool,
    /// `spec.owner` as the document says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
}

impl ProblemInfo {
    /// A problem as subscribers hear of it.
    #[must_use]
    pub fn new(id: i64, problem: &Problem) -> Self {
        Self {
            id,
            rule: problem.rule,
            message: problem.message.clone(),
            hint: problem.hint.clone(),
            line: problem.line,
            column: problem.column,
            class: problem.class,
            level: problem.level,
            is_file: problem.is_file,
            owner: problem.owner.clone(),
        }
    }
}

/// Where a change stands in the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevisionInfo {
    /// Revision of the catalog: contiguous, one event each.
    pub catalog: i64,
    /// Revision at which this entity last changed; 0 if never.
    pub previous: i64,
    /// Version of the entity: +1 with each of its events; 0 for problems.
    pub entity: i64,
}

/// What part of an entity a change touches; coarse, for filtering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// The entity appeared or left.
    Lifecycle,
    /// Who owns it.
    Owner,
    /// Its relations, declared or derived.
    Relation,
    /// Its spec.
    Spec,
    /// Its name, title, description.
    Metadata,
    /// Its annotations.
    Annotation,
    /// Its labels.
    Label,
    /// Its tags.
    Tag,
    /// Its links.
    Link,
    /// Its problems.
    Condition,
}

/// What is different after a change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeInfo {
    /// Touched parts, sorted, without duplicates.
    pub categories: Vec<Category>,
    /// Whether other entities caused it.
    pub derived: bool,
    /// Fields of the declared document.
    pub fields: Fields,
    /// Relations of the entity.
    pub relations: RelationChanges,
    /// Whether there are more relations than an event holds: the lists are empty then, and the
    /// entity must be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub relations_truncated: bool,
}

/// Relations gained and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelationChanges {
    /// Gained, sorted.
    pub added: Vec<RelationInfo>,
    /// Lost, sorted.
    pub removed: Vec<RelationInfo>,
}

/// One relation of the entity, as the catalog API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RelationInfo {
    /// Such as `ownedBy`.
    #[serde(rename = "type")]
    pub relation_type: String,
    /// Canonical ref of the other end.
    pub target_ref: EntityRef,
}

/// Why a change happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CauseInfo {
    /// Id of the signal, such as `gh:github.com:<guid>`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub delivery: String,
    /// Commit that was read.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub commit: String,
    /// Login of who pushed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub actor: String,
    /// Such as `github`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
    /// `push`, `tick`, `refresh`, `reconcile`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mechanism: String,
}

/// Where a change was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// The provider's id of the repository.
    pub repository_id: u64,
    /// `owner/name` at the time.
    pub repository: String,
    /// Location ref, such as `url:https://…/blob/main/catalog-info.yaml`.
    pub location: String,
    /// Path inside the repository.
    pub path: String,
    /// Branch.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// Blob id of the file.
    pub blob: String,
}

/// When each step of a change happened; absent steps did not, or are not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timing {
    /// The push, by the provider's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pushed: Option<String>,
    /// First byte of the webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
    /// The source's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetched: Option<String>,
    /// The transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub committed: Option<String>,
    /// The publication of this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
}

#[cfg(test)]
mod tests;
