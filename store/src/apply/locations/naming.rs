//! How locations are spelled, and what generated Location entities are called.

use freshet_model::location::{FILE, URL, generated_location_name};

use crate::repo::{LocationEntity, SourceKind};

/// Steps of the URL of a file on a forge before its path: account, repository, page and branch.
const STEPS_BEFORE_PATH: usize = 4;

/// The type of the locations of a source, as location references spell it.
pub(crate) fn location_type(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::File => FILE,
        SourceKind::Repository | SourceKind::Listing | SourceKind::Url | SourceKind::Roots => URL,
    }
}

/// `type:target` in its two parts; a text without a colon is a target of type `url`.
pub(crate) fn split_location(location: &str) -> (&str, &str) {
    location.split_once(':').unwrap_or((URL, location))
}

/// The ref of the Location entity that stands for a location by itself.
pub(crate) fn generated_ref(location: &str) -> String {
    let (location_type, target) = split_location(location);
    format!(
        "location:default/{}",
        generated_location_name(location_type, target)
    )
}

/// Whether a Location entity stands for a location by itself, rather than in a file.
pub(crate) fn is_generated(entity: &LocationEntity) -> bool {
    entity.own == entity.origin && entity.entity_ref == generated_ref(&entity.own)
}

/// The presence of a generated Location entity, as its document says it.
pub(crate) fn presence_of(is_required: bool) -> Option<&'static str> {
    (!is_required).then_some("optional")
}

/// The URL of a file that a pattern matched, from the URL and path of the pattern. A local file's
/// is its path.
pub(crate) fn matched_url(pattern_url: &str, pattern: &str, path: &str) -> String {
    if let Some(front) = pattern_url.strip_suffix(pattern) {
        return format!("{front}{path}");
    }
    // Percent-encoding or a doubled slash can keep the pattern from ending its own URL.
    let Some((scheme, rest)) = pattern_url.split_once("://") else {
        return path.to_owned();
    };
    let front: Vec<&str> = rest.split('/').take(STEPS_BEFORE_PATH + 1).collect();
    format!("{scheme}://{}/{path}", front.join("/"))
}
