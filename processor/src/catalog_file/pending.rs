//! A catalog file between reading and judging.

use std::collections::{BTreeSet, HashMap};

use freshet_model::Kinds;
use serde_json::Value;

use super::codeowners;
use super::entities::{CatalogFile, CatalogFileBuilder, InvalidValue};
use super::placeholders::find::{self, Placeholder, PlaceholderForm};
use super::placeholders::policy::ReadPolicy;
use super::placeholders::{load, rule, target};
use super::request::{FileOrigin, FileRequest, Supply, SupplyError};
use crate::limits::ReadLimits;
use crate::yaml::{ParsedDocument, SyntaxProblem, read_documents};

/// A catalog file that was read but not judged yet, for it may need other files first.
#[derive(Debug)]
pub struct PendingFile {
    documents: Vec<Result<PendingDocument, SyntaxProblem>>,
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
        let may_have_placeholders = find::may_be_in(bytes);
        let written = |document: ParsedDocument| PendingDocument {
            placeholders: if may_have_placeholders {
                find::in_document(&document.value)
            } else {
                Vec::new()
            },
            is_ownerless: codeowners::is_ownerless(&document.value),
            document,
        };
        let documents = read_documents(bytes, limits)
            .into_iter()
            .map(|document| document.map(written))
            .collect();
        Self { documents }
    }

    /// What has to be supplied before the file can be judged. Placeholders that may not be read, or name
    /// nothing, ask for nothing: they are problems.
    #[must_use]
    pub fn asks(
        &self,
        base: &FileOrigin,
        policy: &ReadPolicy,
        limits: &ReadLimits,
    ) -> BTreeSet<FileRequest> {
        let written = || self.documents.iter().flatten();
        let mut asked: BTreeSet<FileRequest> = written()
            .flat_map(|written| &written.placeholders)
            .take(limits.placeholders)
            .filter_map(|placeholder| placeholder.value.as_deref())
            .filter_map(|value| target::resolve(base, value, policy).ok())
            .collect();
        if policy.codeowners && written().any(|written| written.is_ownerless) {
            asked.extend(codeowners::candidates(base).map(FileRequest::File));
        }
        asked
    }

    /// Judges the file with what was supplied. Something that was asked for and is not in `supplies`
    /// counts as not looked at.
    #[must_use]
    pub fn finish(
        self,
        base: &FileOrigin,
        policy: &ReadPolicy,
        supplies: &HashMap<FileRequest, Supply>,
        kinds: &Kinds,
        limits: &ReadLimits,
    ) -> CatalogFile {
        let mut filler = PlaceholderFiller {
            base,
            policy,
            supplies,
            limits,
            placeholders_left: limits.placeholders,
            bytes_left: limits.placeholders_bytes,
            owner: None,
        };
        let mut reading = CatalogFileBuilder::new(limits);
        for document in self.documents {
            match document {
                Ok(written) => {
                    let PendingDocument {
                        document,
                        placeholders,
                        is_ownerless,
                    } = written;
                    let fill = |value: &mut Value| {
                        let mut spoiled = filler.fill(value, placeholders);
                        if is_ownerless {
                            spoiled.extend(filler.own(value));
                        }
                        spoiled
                    };
                    reading.document(document, fill, kinds);
                }
                Err(problem) => reading.syntax(problem),
            }
        }
        reading.finish()
    }
}

/// Puts contents in the place of placeholders.
struct PlaceholderFiller<'a> {
    base: &'a FileOrigin,
    policy: &'a ReadPolicy,
    supplies: &'a HashMap<FileRequest, Supply>,
    limits: &'a ReadLimits,
    placeholders_left: usize,
    bytes_left: usize,
    /// Who owns the file, once somebody asked.
    owner: Option<Result<Option<String>, (String, SupplyError)>>,
}

impl PlaceholderFiller<'_> {
    fn fill(&mut self, document: &mut Value, placeholders: Vec<Placeholder>) -> Vec<InvalidValue> {
        let mut spoiled = Vec::new();
        for placeholder in placeholders {
            match self.content(&placeholder) {
                Ok(content) => {
                    if let Some(place) = document.pointer_mut(&placeholder.pointer) {
                        *place = content;
                    }
                }
                Err(reason) => spoiled.push(reason.at(placeholder.pointer)),
            }
        }
        spoiled
    }

    fn content(&mut self, placeholder: &Placeholder) -> Result<Value, UnfilledReason> {
        let key = placeholder.form.key();
        let Some(left) = self.placeholders_left.checked_sub(1) else {
            let most = self.limits.placeholders;
            return Err(limit(format!("the file has more than {most} placeholders")));
        };
        self.placeholders_left = left;
        let Some(value) = &placeholder.value else {
            return Err(UnfilledReason::new(
                rule::VALUE,
                format!("the value of {key} must be a text"),
                format!("Write the path of a file, such as `{key}: ./file`."),
            ));
        };
        let asked = target::resolve(self.base, value, self.policy)
            .map_err(|refusal| UnfilledReason::new(refusal.rule, refusal.message, refusal.hint))?;
        let bytes = match self.supplies.get(&asked) {
            Some(Ok(bytes)) => bytes,
            Some(Err(error)) => return Err(unsupplied(key, &asked, error)),
            None => return Err(UnfilledReason::Unknown),
        };
        self.count(key, &asked, bytes.len())?;
        load::load(placeholder.form, bytes, self.limits)
            .map_err(|unfit| unfitting(placeholder.form, &asked, &unfit))
    }

    /// Contents are counted as often as they are used: each use is a copy in the catalog.
    fn count(
        &mut self,
        key: &str,
        asked: &FileRequest,
        bytes: usize,
    ) -> Result<(), UnfilledReason> {
        let most = self.limits.placeholder_bytes;
        if bytes > most {
            let error = SupplyError::TooLarge {
                bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
                bytes_max: most,
            };
            return Err(unsupplied(key, asked, &error));
        }
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            let most = self.limits.placeholders_bytes;
            return Err(limit(format!(
                "the placeholders of the file bring more than {most} bytes"
            )));
        };
        self.bytes_left = left;
        Ok(())
    }

    /// Names the owner of an entity that names none.
    fn own(&mut self, document: &mut Value) -> Option<InvalidValue> {
        if !self.policy.codeowners || !codeowners::is_ownerless(document) {
            return None;
        }
        let (base, supplies) = (self.base, self.supplies);
        let owner = self
            .owner
            .get_or_insert_with(|| codeowners::owner(base, supplies));
        match owner {
            Ok(Some(owner)) => {
                codeowners::set_owner(document, owner.clone());
                None
            }
            Ok(None) => None,
            Err((path, error)) => {
                let reason = UnfilledReason::new(
                    rule::CODEOWNERS,
                    format!("the owner is not known, for {path} could not be read: {error}"),
                    "Name the owner in spec.owner, or wait until the file can be read.".to_owned(),
                );
                Some(reason.at("/spec".to_owned()))
            }
        }
    }
}

/// Why a placeholder stays one.
enum UnfilledReason {
    /// Nobody looked: neither right nor wrong.
    Unknown,
    Wrong {
        rule: &'static str,
        message: String,
        hint: String,
    },
}

impl UnfilledReason {
    fn new(rule: &'static str, message: String, hint: String) -> Self {
        Self::Wrong {
            rule,
            message,
            hint,
        }
    }

    fn at(self, pointer: String) -> InvalidValue {
        match self {
            Self::Unknown => InvalidValue::unknown(pointer),
            Self::Wrong {
                rule,
                message,
                hint,
            } => InvalidValue::wrong(pointer, rule, message, hint),
        }
    }
}

fn limit(message: String) -> UnfilledReason {
    UnfilledReason::new(
        rule::LIMIT,
        message,
        "Split the catalog file, and list the parts in a Location entity.".to_owned(),
    )
}

fn unsupplied(key: &str, asked: &FileRequest, error: &SupplyError) -> UnfilledReason {
    let message = format!("{key} reads {asked}: {error}");
    let (rule, hint) = match error {
        SupplyError::NotFound => (
            rule::NOT_FOUND,
            "Add the file, or correct the path: it is relative to this file, or from the root with a slash in front.",
        ),
        SupplyError::TooLarge { .. } => (rule::LIMIT, "Refer to the file with a link instead."),
        SupplyError::Refused { .. } => (
            rule::UNREADABLE,
            "Keep the file in the repository of the entity, or have its place allowed.",
        ),
        SupplyError::Failed { .. } => (
            rule::UNREADABLE,
            "It is tried again; until then the entity stays as it was.",
        ),
    };
    UnfilledReason::new(rule, message, hint.to_owned())
}

fn unfitting(form: PlaceholderForm, asked: &FileRequest, unfit: &load::Unfit) -> UnfilledReason {
    let hint = match form {
        PlaceholderForm::Text => "",
        PlaceholderForm::Json => "ScannerFixup the file, or read it with $text.",
        PlaceholderForm::Yaml => {
            "ScannerFixup the file so that it is exactly one YAML document, or read it with $text."
        }
    };
    UnfilledReason::new(
        unfit.rule,
        format!("{asked} {}", unfit.message),
        hint.to_owned(),
    )
}
