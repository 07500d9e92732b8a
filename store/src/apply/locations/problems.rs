//! What is wrong with the targets of Location entities, and which stored problems that replaces. Pure.

use std::collections::HashMap;

use freshet_model::location::LocationRef;
use freshet_model::rules::{Rule, allows};
use freshet_model::{EntityRef, ErrorClass, LocationId, Problem, RuleId, SourceId, TextPosition};

use super::naming::split_location;
use crate::apply::entities::declarations::FoundProblem;
use crate::repo::{EmittedKind, Location, LocationEntity, LocationLink, LocationState};

const HINT_MISSING: &str = "Create the file, correct the target, or set spec.presence to optional; what the file declared before stays until then.";
const HINT_REFUSED: &str = "Use a type that is allowed here.";
const HINT_UNREADABLE: &str =
    "Correct the target or make it readable; what it declared before stays until then.";
const HINT_NOT_ALLOWED: &str = "Remove it, or have its kind allowed in catalog.rules; until then nothing of this file is taken over.";

/// The problems one location has now, within a scope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProblemReview {
    pub(crate) location_id: LocationId,
    /// The source whose reading caused it.
    pub(crate) triggered_by: SourceId,
    pub(crate) scope: ReviewScope,
    pub(crate) found: Vec<FoundProblem>,
}

/// Which stored problems of the location are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReviewScope {
    /// All: the location is not in the graph any more.
    All,
    /// What was found in the file itself.
    File,
    /// What `catalog.rules` keep out.
    Rules,
    /// What a Location entity of the file points at.
    Targets(String),
    /// What the limit on mass removals withholds of the file.
    Removals,
}

impl ReviewScope {
    /// Whether a stored problem of the location is compared.
    pub(crate) fn covers(&self, rule: RuleId, entity_ref: Option<&EntityRef>) -> bool {
        let is_of_targets = is_of_targets(rule);
        match self {
            Self::All => true,
            Self::File => !is_of_targets && !is_from_outside(rule),
            Self::Rules => rule == RuleId::RulesNotAllowed,
            Self::Removals => rule == RuleId::RemovalWithheld,
            Self::Targets(parent_ref) => {
                is_of_targets && entity_ref.is_some_and(|it| it.as_str() == parent_ref)
            }
        }
    }
}

/// Whether something else than the file decides whether it has this problem.
fn is_from_outside(rule: RuleId) -> bool {
    matches!(rule, RuleId::RulesNotAllowed | RuleId::RemovalWithheld)
}

fn is_of_targets(rule: RuleId) -> bool {
    matches!(
        rule,
        RuleId::LocationTargetMissing
            | RuleId::LocationTargetUnreadable
            // The rules that a Location entity is told about, wherever its targets are.
            | RuleId::LocationTypeNotAllowed
    )
}

/// A problem of a Location entity, at the place in its file where it says what is wrong, if that is known, else where
/// it is declared.
pub(crate) fn problem_of(
    entity: &LocationEntity,
    at: Option<TextPosition>,
    rule: RuleId,
    class: ErrorClass,
    message: String,
) -> FoundProblem {
    let hint = match rule {
        RuleId::LocationTargetMissing => HINT_MISSING,
        RuleId::LocationTypeNotAllowed => HINT_REFUSED,
        _ => HINT_UNREADABLE,
    };
    let declared_at = || TextPosition::from((entity.line, entity.column));
    let TextPosition { line, column } = at.unwrap_or_else(declared_at);
    let mut problem = Problem::error(rule, class, message)
        .with_hint(hint)
        .at(line, column);
    problem.entity_ref = EntityRef::parse(&entity.entity_ref).ok();
    FoundProblem {
        problem,
        status_of: vec![entity.entity_ref.clone()],
    }
}

/// What is wrong with the targets of a Location entity, besides what its document told. The errors of a file that was read are its
/// own problems, and shown by whoever points at it.
pub(crate) fn find_target_problems<'a>(
    entity: &LocationEntity,
    mut found: Vec<FoundProblem>,
    links: impl Iterator<Item = (&'a LocationLink, &'a Location)>,
) -> Vec<FoundProblem> {
    found.extend(links.filter_map(|(link, location)| problem_of_target(entity, link, location)));
    found
}

fn problem_of_target(
    entity: &LocationEntity,
    link: &LocationLink,
    location: &Location,
) -> Option<FoundProblem> {
    let is_required = is_required(link);
    match &location.state {
        LocationState::Absent { reason } if is_required => {
            Some(missing(entity, link, reason.as_deref()))
        }
        LocationState::Matched { paths } if paths.is_empty() && is_required => {
            Some(missing(entity, link, None))
        }
        LocationState::Failed { class, message } => failed(entity, link, *class, message),
        LocationState::Unread
        | LocationState::Valid { .. }
        | LocationState::Invalid { .. }
        | LocationState::Absent { .. }
        | LocationState::Matched { .. } => None,
    }
}

/// Whether somebody has to do something if the target is not there. What a pattern matched may go at
/// any time; then the pattern itself says so.
pub(crate) fn is_required(link: &LocationLink) -> bool {
    link.is_required && link.via.is_none()
}

fn missing(entity: &LocationEntity, link: &LocationLink, reason: Option<&str>) -> FoundProblem {
    let (own_type, _) = split_location(&entity.own);
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    let message = format!(
        "Unable to read {own_type}, no matching files found for {}{reason}",
        link.url
    );
    let rule = RuleId::LocationTargetMissing;
    let at = place_of_target(entity, link);
    problem_of(entity, at, rule, ErrorClass::NotFoundError, message)
}

fn place_of_target(entity: &LocationEntity, link: &LocationLink) -> Option<TextPosition> {
    let index = usize::try_from(link.ordinal).ok()?;
    entity.target_places.targets.get(index).copied()
}

fn failed(
    entity: &LocationEntity,
    link: &LocationLink,
    class: ErrorClass,
    message: &str,
) -> Option<FoundProblem> {
    let is_not_shown = class == ErrorClass::NotFoundError;
    // Nobody knows whether it is there, and it need not be: nothing is wrong.
    if is_not_shown && !link.is_required {
        return None;
    }
    let rule = if is_not_shown {
        RuleId::LocationTargetMissing
    } else {
        RuleId::LocationTargetUnreadable
    };
    let (own_type, _) = split_location(&entity.own);
    let message = format!("Unable to read {own_type}, {}: {message}", link.url);
    let at = place_of_target(entity, link);
    Some(problem_of(entity, at, rule, class, message))
}

/// What of a file the rules keep out when this Location entity points at it.
pub(crate) fn find_refused<'a>(
    parent: &'a LocationEntity,
    location: &'a Location,
    rules: &'a [Rule],
) -> impl Iterator<Item = &'a EmittedKind> {
    let origin = LocationRef::parse(&parent.origin).ok();
    location.emitted().iter().filter(move |emitted| {
        // A Location entity that lists its own file emits nothing by that.
        emitted.entity_ref != parent.entity_ref
            && origin.as_ref().is_none_or(|origin| {
                !allows(rules, origin, &emitted.kind, emitted.spec_type.as_deref())
            })
    })
}

/// The problems of what the rules keep out of a valid file, for any of those who point at it.
pub(crate) fn find_refusals(
    location: &Location,
    parents: &[&LocationEntity],
    links: &[&LocationLink],
    rules: &[Rule],
) -> Vec<FoundProblem> {
    let mut found: Vec<FoundProblem> = Vec::new();
    if !matches!(location.state, LocationState::Valid { .. }) {
        return found;
    }
    // Parents of one root are told with the same words: one problem, shown by all of them.
    let mut known: HashMap<(&str, u32, &str), usize> = HashMap::new();
    for parent in parents {
        for refused in find_refused(parent, location, rules) {
            let key = (
                refused.entity_ref.as_str(),
                refused.line,
                parent.origin.as_str(),
            );
            match known.get(&key) {
                Some(index) => found[*index].status_of.push(parent.entity_ref.clone()),
                None => {
                    known.insert(key, found.len());
                    let link = links.iter().find(|it| it.parent_ref == parent.entity_ref);
                    let url = link.map_or(location.url(), |link| &link.url);
                    found.push(not_allowed(parent, refused, url));
                }
            }
        }
    }
    found
}

fn not_allowed(parent: &LocationEntity, refused: &EmittedKind, url: &str) -> FoundProblem {
    let (own_type, _) = split_location(&parent.own);
    let message = format!(
        "Entity {} at {own_type}:{url} is not of an allowed kind for that location, whose origin is {}",
        refused.entity_ref, parent.origin
    );
    let mut problem = Problem::error(
        RuleId::RulesNotAllowed,
        ErrorClass::NotAllowedError,
        message,
    )
    .with_hint(HINT_NOT_ALLOWED)
    .at(refused.line, 1)
    .of_file();
    problem.entity_ref = EntityRef::parse(&refused.entity_ref).ok();
    FoundProblem {
        problem,
        status_of: vec![parent.entity_ref.clone()],
    }
}
