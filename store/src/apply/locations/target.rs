//! From the targets of a Location entity to what they name.

use freshet_model::location::{LocationRef, LocationSpec, ResolvedTarget, Target};

use super::graph::Aim;
use super::problems::{TARGET_REFUSED, TARGET_UNREADABLE, at};
use crate::apply::entities::declarations::Found;
use crate::repo::LocationEntityRow;

/// The type that any Location entity may point to, whatever its own is.
const URL: &str = "url";

/// One target that has a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aimed {
    pub(crate) aim: Aim,
    /// As `managed-by-location` of what is found there spells it, without the type.
    pub(crate) url: String,
}

/// What a Location entity points to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Aims {
    pub(crate) targets: Vec<Aimed>,
    pub(crate) is_required: bool,
    /// Why some of it has no meaning.
    pub(crate) problems: Vec<Found>,
}

/// Reads the newest version of a Location entity.
pub(crate) fn aims_of(row: &LocationEntityRow, hosts: &[String]) -> Aims {
    let Ok(document) = serde_json::from_str(&row.document) else {
        return Aims::default();
    };
    let spec = LocationSpec::read(&document);
    let mut aims = Aims {
        is_required: spec.is_required,
        ..Aims::default()
    };
    let own = match LocationRef::parse(&row.own) {
        Ok(own) => own,
        Err(error) => {
            aims.problems
                .push(at(row, TARGET_UNREADABLE, "InputError", error.to_string()));
            return aims;
        }
    };
    let location_type = spec
        .location_type
        .unwrap_or_else(|| own.location_type().to_owned());
    if location_type != own.location_type() && location_type != URL {
        let message = format!(
            "Location type \"{location_type}\" is not allowed in {}; it must be \"url\" or \"{}\"",
            row.own,
            own.location_type()
        );
        aims.problems
            .push(at(row, TARGET_REFUSED, "InputError", message));
        return aims;
    }
    for target in &spec.targets {
        match ResolvedTarget::resolve(&own, &location_type, target, hosts) {
            Ok(target) => aims.targets.push(aimed(target)),
            Err(error) => {
                let message = format!("Unable to read {location_type}, {target}: {error}");
                let class = error.class();
                aims.problems
                    .push(at(row, TARGET_UNREADABLE, class.as_str(), message));
            }
        }
    }
    aims
}

/// What a location names that is a root by itself.
pub(crate) fn aim_of(location: &str, hosts: &[String]) -> Option<Aim> {
    let own = LocationRef::parse(location).ok()?;
    let target = ResolvedTarget::resolve(&own, own.location_type(), own.target(), hosts).ok()?;
    Some(aimed(target).aim)
}

fn aimed(resolved: ResolvedTarget) -> Aimed {
    let aim = match resolved.target {
        Target::RepositoryFile { repository, rest } => Aim::Repository {
            host: repository.host().to_owned(),
            owner: repository.owner().to_owned(),
            name: repository.name().to_owned(),
            rest,
        },
        Target::Url(url) => Aim::Url(url),
        Target::LocalFile(path) => Aim::File(path),
    };
    Aimed {
        aim,
        url: resolved.spelling,
    }
}

/// Steps of the URL of a file on a forge before its path: account, repository, page and branch.
const FRONT_STEPS: usize = 4;

/// The URL of a file that a pattern matched, from the URL and path of the pattern. A local file's
/// is its path.
pub(crate) fn matched_url(pattern_url: &str, pattern: &str, path: &str) -> String {
    if let Some(front) = pattern_url.strip_suffix(pattern) {
        return format!("{front}{path}");
    }
    let Some((scheme, rest)) = pattern_url.split_once("://") else {
        return path.to_owned();
    };
    let front: Vec<&str> = rest.split('/').take(FRONT_STEPS + 1).collect();
    format!("{scheme}://{}/{path}", front.join("/"))
}
