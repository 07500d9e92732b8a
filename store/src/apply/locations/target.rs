//! From the targets of a Location entity to what they name. Pure.

use freshet_model::location::{LocationRef, LocationSpec, ResolvedTarget, URL, check_type};
use freshet_model::{ErrorClass, RuleId};

use super::graph::TargetKey;
use super::problems::problem_of;
use crate::apply::entities::declarations::FoundProblem;
use crate::repo::LocationEntity;

/// What a Location entity points at.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EntityTargets {
    /// In the order of the document, each with its number there: what has no meaning is left out.
    pub(crate) targets: Vec<(usize, ResolvedTarget)>,
    pub(crate) is_required: bool,
    /// Why the entity itself may not point at anything; its last good version stays then.
    pub(crate) refusal: Option<FoundProblem>,
    /// Why some of its targets have no meaning.
    pub(crate) problems: Vec<FoundProblem>,
}

impl EntityTargets {
    /// What is wrong with the document itself.
    pub(crate) fn into_problems(self) -> Vec<FoundProblem> {
        self.refusal.into_iter().chain(self.problems).collect()
    }
}

/// Reads the newest version of a Location entity. `hosts` are those of the GitHub integrations.
pub(crate) fn read_targets(entity: &LocationEntity, hosts: &[String]) -> EntityTargets {
    let Ok(document) = serde_json::from_str(&entity.document) else {
        return EntityTargets::default();
    };
    let spec = LocationSpec::read(&document);
    let mut found = EntityTargets {
        is_required: spec.is_required,
        ..EntityTargets::default()
    };
    let own = match LocationRef::parse(&entity.own) {
        Ok(own) => own,
        Err(error) => {
            let rule = RuleId::LocationTargetUnreadable;
            let class = ErrorClass::InputError;
            found.refusal = Some(problem_of(entity, None, rule, class, error.to_string()));
            return found;
        }
    };
    // Without a type it is that of the file it stands in, as in Backstage.
    let location_type = spec
        .location_type
        .unwrap_or_else(|| own.location_type().to_owned());
    // Backstage refuses the entity itself here: whoever may edit a file in a repository must not be
    // able to read the disk of the server.
    if let Err(error) = check_type(&own, &location_type) {
        let allowed = match own.location_type() {
            URL => format!("\"{URL}\""),
            own_type => format!("\"{URL}\" or \"{own_type}\""),
        };
        let message = format!(
            "Location type \"{location_type}\" is not allowed in {}; it must be {allowed}",
            entity.own
        );
        let at = entity.target_places.location_type;
        found.refusal = Some(problem_of(entity, at, error.rule(), error.class(), message));
        return found;
    }
    for (number, target) in spec.targets.iter().enumerate() {
        match ResolvedTarget::resolve(&own, &location_type, target, hosts) {
            Ok(target) => found.targets.push((number, target)),
            // What is not there need not be.
            Err(error) if !spec.is_required && error.names_nothing() => {}
            Err(error) => {
                let message = format!("Unable to read {location_type}, {target}: {error}");
                let at = entity.target_places.targets.get(number).copied();
                let problem = problem_of(entity, at, error.rule(), error.class(), message);
                found.problems.push(problem);
            }
        }
    }
    found
}

/// What a location names that is a root by itself.
pub(crate) fn target_of_root(location: &str, hosts: &[String]) -> Option<TargetKey> {
    let own = LocationRef::parse(location).ok()?;
    let resolved = ResolvedTarget::resolve(&own, own.location_type(), own.target(), hosts).ok()?;
    Some(TargetKey::Target(resolved.target))
}
