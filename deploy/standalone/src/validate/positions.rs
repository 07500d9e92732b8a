//! Where in a file something stands, for what is found only after the file was read.

use freshet_model::EntityRef;
use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::{ParsedDocument, TextPosition, read_documents};
use serde_json::Value;

/// The documents of a file with their positions.
pub(super) struct FilePositions {
    documents: Vec<ParsedDocument>,
}

impl FilePositions {
    /// Reads a file once more: the reader hands on where a document starts, and nothing more.
    pub(super) fn read(bytes: &[u8], limits: &ReadLimits) -> Self {
        let documents = read_documents(bytes, limits).into_iter();
        Self {
            documents: documents.flatten().collect(),
        }
    }

    fn find_document(&self, start: TextPosition) -> Option<&ParsedDocument> {
        let found = self.documents.binary_search_by_key(&start, |it| it.start);
        self.documents.get(found.ok()?)
    }

    /// Where the document that starts there refers to an entity.
    pub(super) fn find_reference(&self, start: TextPosition, target: &EntityRef) -> TextPosition {
        let Some(document) = self.find_document(start) else {
            return start;
        };
        // Built-in relations come out of `spec`; for those of another field the name will do.
        let spec = document.value.get("spec").unwrap_or(&Value::Null);
        let pointer = find_reference_in(spec, "/spec", target);
        document
            .positions
            .shown_at(pointer.as_deref().unwrap_or("/metadata/name"))
    }
}

/// The first text below a pointer that may be read as a reference to an entity.
fn find_reference_in(value: &Value, pointer: &str, target: &EntityRef) -> Option<String> {
    match value {
        Value::String(text) => may_mean(text, target).then(|| pointer.to_owned()),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            find_reference_in(item, &format!("{pointer}/{index}"), target)
        }),
        Value::Object(members) => members.iter().find_map(|(key, member)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            find_reference_in(member, &format!("{pointer}/{key}"), target)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A reference may leave out kind and namespace.
fn may_mean(text: &str, target: &EntityRef) -> bool {
    // The catalog compares references in lower case, while authors write them as they like.
    let text = text.to_lowercase();
    let whole = target.to_string();
    let without_kind = whole.split_once(':').map_or("", |(_, rest)| rest);
    let name = without_kind.split_once('/').map_or("", |(_, name)| name);
    let kind = whole.split_once(':').map_or("", |(kind, _)| kind);
    text == whole
        || text == without_kind
        || text == name
        || text.strip_prefix(kind).and_then(|it| it.strip_prefix(':')) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, line: u32, column: u32) {
        let text = "---\napiVersion: v\nmetadata:\n  name: x\nspec:\n  type: service\n  owner: Team-A\n  dependsOn: [resource:db, component:other/y]\n";
        let positions = FilePositions::read(text.as_bytes(), &ReadLimits::default());
        let start = positions.documents[0].start;
        let target = target.parse().expect("a ref");
        assert_eq!(
            positions.find_reference(start, &target),
            TextPosition { line, column }
        );
    }

    #[test]
    fn a_reference_is_found_however_short_it_is() {
        check("group:default/team-a", 7, 10);
        check("resource:default/db", 8, 15);
        check("component:other/y", 8, 28);
        check("component:other/z", 4, 9);
    }
}
