//! How locations are spelled, and what generated Location entities look like.

use freshet_model::location::generated_location_name;

use crate::repo::{LocationEntityRow, SourceKind};

/// The type of the locations of a source, as location references spell it.
pub(crate) fn location_type(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::File => "file",
        SourceKind::Repository | SourceKind::Listing | SourceKind::Url | SourceKind::Roots => "url",
    }
}

/// `type:target` in its two parts; a text without a colon is a target of type `url`.
pub(crate) fn parts(location: &str) -> (&str, &str) {
    location.split_once(':').unwrap_or(("url", location))
}

/// The ref of the Location entity that stands for a location by itself.
pub(crate) fn generated_ref(location: &str) -> String {
    let (location_type, target) = parts(location);
    format!(
        "location:default/{}",
        generated_location_name(location_type, target)
    )
}

/// Whether a Location entity stands for a location by itself, rather than in a file.
pub(crate) fn is_generated(row: &LocationEntityRow) -> bool {
    row.own == row.origin && row.entity_ref == generated_ref(&row.own)
}

/// The presence of a generated Location entity, as its document says it.
pub(crate) fn presence_of(is_required: bool) -> Option<&'static str> {
    (!is_required).then_some("optional")
}
