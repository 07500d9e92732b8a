//! A catalog file that was read, and waits for the files it asks for.

use std::collections::{BTreeSet, HashMap};

use freshet_model::Kinds;
use serde_json::Value;

use super::builder::CatalogFileBuilder;
use super::codeowners;
use super::entities::CatalogFile;
use super::placeholders::fill::PlaceholderFiller;
use super::placeholders::find::{self, Placeholder};
use super::placeholders::policy::ReadPolicy;
use super::placeholders::target;
use super::request::{FileOrigin, FileRequest};
use crate::limits::ReadLimits;
use crate::source::fetched::Fetched;
use crate::yaml::{ParsedDocument, SyntaxProblem, TextPosition, find_wrong_byte, read_documents};

/// A catalog file that was read but not validated yet, for it may need other files first.
#[derive(Debug)]
pub struct PendingFile {
    documents: Vec<Result<PendingDocument, SyntaxProblem>>,
    /// The first byte that is no text.
    wrong_byte: Option<(TextPosition, u8)>,
}

#[derive(Debug)]
struct PendingDocument {
    document: ParsedDocument,
    placeholders: Vec<Placeholder>,
    /// Whether it is of a kind that has an owner, and names none.
    is_ownerless: bool,
}

impl PendingFile {
    /// Reads the documents and finds their placeholders.
    #[must_use]
    pub fn parse(bytes: &[u8], limits: &ReadLimits) -> Self {
        // Most files have none, and to look at the bytes is cheaper than to walk the documents.
        let may_have_placeholders = find::may_hold_placeholders(bytes);
        let pending = |mut document: ParsedDocument| {
            // First, so that nothing is read for what is written over in any case.
            freshet_model::drop_overwritten(&mut document.value);
            PendingDocument {
                placeholders: if may_have_placeholders {
                    find::find_placeholders(&document.value)
                } else {
                    Vec::new()
                },
                is_ownerless: codeowners::is_ownerless(&document.value),
                document,
            }
        };
        let documents = read_documents(bytes, limits)
            .into_iter()
            .map(|document| document.map(pending))
            .collect();
        Self {
            documents,
            wrong_byte: find_wrong_byte(bytes),
        }
    }

    /// What has to be fetched before the file can be validated. Placeholders that may not be read, or name
    /// nothing, ask for nothing: they are problems.
    #[must_use]
    pub fn requests(
        &self,
        origin: &FileOrigin,
        policy: &ReadPolicy,
        limits: &ReadLimits,
    ) -> BTreeSet<FileRequest> {
        let documents = || self.documents.iter().flatten();
        let mut requests: BTreeSet<FileRequest> = documents()
            .flat_map(|document| &document.placeholders)
            // What comes after the limit is a problem in any case and must not cost a fetch.
            .take(limits.placeholders)
            .filter_map(|placeholder| placeholder.value.as_deref())
            .filter_map(|value| target::resolve_target(origin, value, policy).ok())
            .collect();
        if policy.codeowners && documents().any(|document| document.is_ownerless) {
            requests.extend(codeowners::list_candidates(origin).map(FileRequest::File));
        }
        requests
    }

    /// Validates the file with what was fetched. Something that was asked for and is not in `fetched`
    /// counts as not looked at.
    #[must_use]
    pub fn finish(
        self,
        origin: &FileOrigin,
        policy: &ReadPolicy,
        fetched: &HashMap<FileRequest, Fetched>,
        kinds: &Kinds,
        limits: &ReadLimits,
    ) -> CatalogFile {
        let mut filler = PlaceholderFiller::new(origin, policy, fetched, limits);
        let mut builder = CatalogFileBuilder::new(limits);
        builder.warn_of_encoding(self.wrong_byte);
        for document in self.documents {
            match document {
                Ok(pending) => {
                    let PendingDocument {
                        document,
                        placeholders,
                        is_ownerless,
                    } = pending;
                    let fill = |value: &mut Value| {
                        let mut invalid = filler.fill_document(value, placeholders);
                        if is_ownerless {
                            invalid.extend(filler.name_owner(value));
                        }
                        invalid
                    };
                    builder.add_document(document, fill, kinds);
                }
                Err(problem) => builder.add_syntax_problem(problem),
            }
        }
        builder.into_file()
    }
}
