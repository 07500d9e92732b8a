//! `catalog.rules` and `catalog.locations`: which kinds may enter from where, and what is looked at
//! besides what is discovered.

use std::path::{Path, PathBuf};

use freshet_model::glob;
use freshet_model::location::{FILE, LocationRef, URL, canonical_url};
use freshet_model::rules::{Allowed, ExactTarget, LocationMatch, Rule, TargetMatch, TargetPattern};
use freshet_runtime::config::Reader;
use freshet_store::Root;
use serde_json::Value;

/// One entry of `catalog.rules`.
pub(super) fn read_rule(reader: &Reader<'_>) -> Rule {
    let locations = reader.has("locations").then(|| {
        reader
            .list("locations")
            .iter()
            .map(read_location_match)
            .collect()
    });
    Rule {
        allow: read_allowed(reader),
        locations,
    }
}

/// `allow`: kinds, or kinds with a type.
fn read_allowed(reader: &Reader<'_>) -> Vec<Allowed> {
    let Some(value) = reader.value("allow") else {
        reader.mistake("allow", "is missing: name the kinds that may enter");
        return Vec::new();
    };
    let Value::Array(items) = value else {
        reader.mistake("allow", "must be a list of kinds");
        return Vec::new();
    };
    let named = items.iter().enumerate().filter_map(|(index, item)| {
        let allowed = match item {
            Value::String(kind) => Some(Allowed::kind(kind)),
            Value::Object(fields) => read_kind_and_type(fields),
            _ => None,
        };
        if allowed.is_none() {
            reader.mistake(
                &format!("allow[{index}]"),
                "must be a kind, or {kind: …, spec.type: …}",
            );
        }
        allowed
    });
    named.collect()
}

fn read_kind_and_type(fields: &serde_json::Map<String, Value>) -> Option<Allowed> {
    let known = ["kind", "spec.type"];
    // A misspelt `spec.type` would allow the kind without any type.
    let all_known = fields.keys().all(|key| known.contains(&key.as_str()));
    let spec_type = match fields.get("spec.type") {
        None => None,
        Some(Value::String(spec_type)) => Some(spec_type.clone()),
        Some(_) => return None,
    };
    let kind = fields.get("kind")?.as_str()?.to_owned();
    all_known.then_some(Allowed { kind, spec_type })
}

fn read_location_match(reader: &Reader<'_>) -> LocationMatch {
    let location_type = reader.required_string("type");
    let target = match (reader.string("exact"), reader.string("pattern")) {
        // As in Backstage: nobody could say which of the two is meant.
        (Some(_), Some(_)) => {
            reader.mistake("pattern", "cannot stand beside `exact`");
            TargetMatch::Any
        }
        (Some(exact), None) => TargetMatch::Exact(ExactTarget::new(&exact)),
        (None, Some(pattern)) => match TargetPattern::new(&pattern) {
            Ok(pattern) => {
                if location_type == URL {
                    warn_of_encoding(reader, pattern.as_str());
                }
                TargetMatch::Pattern(pattern)
            }
            Err(error) => {
                reader.mistake("pattern", error.to_string());
                TargetMatch::Any
            }
        },
        (None, None) => TargetMatch::Any,
    };
    LocationMatch {
        location_type: Some(location_type),
        target,
    }
}

/// A pattern is matched with canonical URLs. One with escapes or a default port used to match what
/// was written like it, and would now stop to without a word.
fn warn_of_encoding(reader: &Reader<'_>, pattern: &str) {
    let is_suspect = ["%", ":443", ":80"].iter().any(|it| pattern.contains(it));
    let url = pattern.trim_start_matches('!');
    let canonical = canonical_url(url).filter(|it| is_suspect && !it.eq_ignore_ascii_case(url));
    if let Some(canonical) = canonical {
        reader.warn(
            "pattern",
            format!("matches no URL, for they are compared decoded and without default ports; write {canonical}"),
        );
    }
}

/// One entry of `catalog.locations`: a root, and the rules for it alone.
pub(super) fn read_location(reader: &Reader<'_>, folder: &Path) -> (Option<Root>, Vec<Rule>) {
    let location_type = reader.required_string("type");
    let target = reader.required_string("target");
    if location_type.is_empty() || target.is_empty() {
        return (None, Vec::new());
    }
    let target = match location_type.as_str() {
        URL => target,
        // The store names locations by their target; the same file must have one name wherever it is started from.
        FILE => make_absolute(&target, folder),
        _ => {
            // Of a processor that only Backstage has. It was never read here, so leaving it out removes nothing.
            reader.ignore("rules");
            reader.warn(
                "type",
                "is neither `url` nor `file`, and Freshet reads no other; the location is left out",
            );
            return (None, Vec::new());
        }
    };
    if let Err(error) = LocationRef::new(&location_type, &target) {
        reader.mistake("target", error.to_string());
        return (None, Vec::new());
    }
    if location_type == URL && url::Url::parse(&target).is_err() {
        reader.mistake("target", "must be a URL");
    }
    if location_type == FILE && target.ends_with('/') {
        reader.mistake("target", "names a folder; name a file or a pattern");
    }
    if glob::has_magic(&target)
        && let Err(error) = glob::Pattern::new(&target)
    {
        reader.mistake("target", error.to_string());
    }
    let rules = reader.list("rules");
    let rules = rules
        .iter()
        .map(|rule| read_own_rule(rule, &location_type, &target))
        .collect();
    let root = Root {
        location_type,
        target,
    };
    (Some(root), rules)
}

/// A rule of one location names kinds only, as in Backstage.
fn read_own_rule(reader: &Reader<'_>, location_type: &str, target: &str) -> Rule {
    if !reader.has("allow") {
        reader.mistake("allow", "is missing: name the kinds that may enter");
    }
    let kinds = reader.strings("allow").unwrap_or_default();
    Rule {
        allow: kinds.iter().map(|kind| Allowed::kind(kind)).collect(),
        locations: Some(vec![LocationMatch {
            location_type: Some(location_type.to_owned()),
            target: TargetMatch::Exact(ExactTarget::new(target)),
        }]),
    }
}

/// A local path means what it means where the process was started.
fn make_absolute(target: &str, folder: &Path) -> String {
    let mut path = PathBuf::new();
    for step in folder.join(target).components() {
        match step {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                path.pop();
            }
            // Not resolved on the disk: the file may not exist yet, and a link may change its target.
            step => path.push(step),
        }
    }
    let absolute = path.to_string_lossy().into_owned();
    if target.ends_with('/') {
        format!("{absolute}/")
    } else {
        absolute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_path_is_absolute_and_plain() {
        let folder = Path::new("/srv/app");
        for (target, expected) in [
            ("./a.yaml", "/srv/app/a.yaml"),
            ("../b/*.yaml", "/srv/b/*.yaml"),
            ("/etc/c.yaml", "/etc/c.yaml"),
            ("d/", "/srv/app/d/"),
        ] {
            assert_eq!(make_absolute(target, folder), expected);
        }
    }
}
