//! How locations are spelled, and what generated Location entities are called.

use freshet_model::location::{self, FILE, URL, generated_location_name};

use crate::repo::{LocationEntity, SourceKind};

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

/// How a file that a pattern matched is spelled, from the spelling and path of the pattern. A local
/// file is its path.
pub(crate) fn matched_url(pattern_url: &str, pattern: &str, path: &str) -> String {
    location::matched_url(pattern_url, pattern, path).unwrap_or_else(|_| path.to_owned())
}
