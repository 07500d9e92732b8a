//! Puts the contents of files in the place of placeholders.

use std::collections::HashMap;

use freshet_model::RuleId;
use serde_json::Value;

use super::find::{Placeholder, PlaceholderForm};
use super::policy::ReadPolicy;
use super::{load, target};
use crate::catalog_file::builder::InvalidValue;
use crate::catalog_file::codeowners::{self, OwnersUnread};
use crate::catalog_file::request::{FileOrigin, FileRequest};
use crate::limits::ReadLimits;
use crate::source::fetched::Fetched;

/// Puts contents in the place of placeholders.
pub(in crate::catalog_file) struct PlaceholderFiller<'a> {
    origin: &'a FileOrigin,
    policy: &'a ReadPolicy,
    fetched: &'a HashMap<FileRequest, Fetched>,
    limits: &'a ReadLimits,
    placeholders_left: usize,
    bytes_left: usize,
    /// Who owns the file, once somebody asked.
    owner: Option<Result<Option<String>, OwnersUnread>>,
}

impl<'a> PlaceholderFiller<'a> {
    /// Nothing filled yet.
    pub(in crate::catalog_file) fn new(
        origin: &'a FileOrigin,
        policy: &'a ReadPolicy,
        fetched: &'a HashMap<FileRequest, Fetched>,
        limits: &'a ReadLimits,
    ) -> Self {
        Self {
            origin,
            policy,
            fetched,
            limits,
            placeholders_left: limits.placeholders,
            bytes_left: limits.placeholders_bytes,
            owner: None,
        }
    }

    /// Fills what can be filled; what cannot stays, and is returned.
    pub(in crate::catalog_file) fn fill_document(
        &mut self,
        document: &mut Value,
        placeholders: Vec<Placeholder>,
    ) -> Vec<InvalidValue> {
        let mut invalid = Vec::new();
        for placeholder in placeholders {
            match self.take_content(&placeholder) {
                Ok(content) => {
                    if let Some(place) = document.pointer_mut(&placeholder.pointer) {
                        *place = content;
                    }
                }
                Err(reason) => invalid.push(reason.into_invalid(placeholder.pointer)),
            }
        }
        invalid
    }

    fn take_content(&mut self, placeholder: &Placeholder) -> Result<Value, UnfilledReason> {
        let key = placeholder.form.key();
        // Counted over the file, for a thousand small documents could each bring as many.
        let Some(left) = self.placeholders_left.checked_sub(1) else {
            let most = self.limits.placeholders;
            return Err(limit_exceeded(format!(
                "the file has more than {most} placeholders"
            )));
        };
        self.placeholders_left = left;
        let Some(value) = &placeholder.value else {
            return Err(UnfilledReason::new(
                RuleId::PlaceholderValue,
                format!("the value of {key} must be a text"),
                format!("Write the path of a file, such as `{key}: ./file`."),
            ));
        };
        let request = target::resolve_target(self.origin, value, self.policy)
            .map_err(|refusal| UnfilledReason::new(refusal.rule, refusal.message, refusal.hint))?;
        let bytes = match self.fetched.get(&request) {
            Some(Fetched::Content { bytes, .. }) => bytes,
            Some(missing) => return Err(describe_missing(key, &request, missing)),
            None => return Err(UnfilledReason::Unknown),
        };
        self.count_bytes(key, &request, bytes.len())?;
        load::load_content(
            placeholder.form,
            bytes,
            placeholder.levels_around(),
            self.limits,
        )
        .map_err(|unfit| describe_unfit(placeholder.form, &request, &unfit))
    }

    /// Contents are counted as often as they are used: each use is a copy in the catalog.
    fn count_bytes(
        &mut self,
        key: &str,
        request: &FileRequest,
        bytes: usize,
    ) -> Result<(), UnfilledReason> {
        let most = self.limits.placeholder_bytes;
        if bytes > most {
            let too_large = Fetched::TooLarge {
                version: String::new(),
                bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
                bytes_max: most,
            };
            return Err(describe_missing(key, request, &too_large));
        }
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            let most = self.limits.placeholders_bytes;
            return Err(limit_exceeded(format!(
                "the placeholders of the file bring more than {most} bytes"
            )));
        };
        // Before it is parsed: JSON and YAML take many times the bytes they are written in.
        self.bytes_left = left;
        Ok(())
    }

    /// Names the owner of an entity that names none.
    pub(in crate::catalog_file) fn name_owner(
        &mut self,
        document: &mut Value,
    ) -> Option<InvalidValue> {
        if !self.policy.codeowners || !codeowners::is_ownerless(document) {
            return None;
        }
        let (origin, fetched) = (self.origin, self.fetched);
        let owner = self
            .owner
            .get_or_insert_with(|| codeowners::find_owner(origin, fetched));
        match owner {
            Ok(Some(owner)) => {
                codeowners::set_owner(document, owner.clone());
                None
            }
            Ok(None) => None,
            Err(OwnersUnread { path, reason }) => {
                let unfilled = UnfilledReason::new(
                    RuleId::CodeownersUnreadable,
                    format!("the owner is not known, for {path} could not be read: {reason}"),
                    "Name the owner in spec.owner, or wait until the file can be read.".to_owned(),
                );
                Some(unfilled.into_invalid("/spec".to_owned()))
            }
        }
    }
}

/// Why a placeholder stays one.
enum UnfilledReason {
    /// Nobody looked: neither right nor wrong.
    Unknown,
    Wrong {
        rule: RuleId,
        message: String,
        hint: String,
    },
}

impl UnfilledReason {
    fn new(rule: RuleId, message: String, hint: String) -> Self {
        Self::Wrong {
            rule,
            message,
            hint,
        }
    }

    fn into_invalid(self, pointer: String) -> InvalidValue {
        match self {
            Self::Unknown => InvalidValue::not_looked_at(pointer),
            Self::Wrong {
                rule,
                message,
                hint,
            } => InvalidValue::breaks_rule(pointer, rule, message, hint),
        }
    }
}

fn limit_exceeded(message: String) -> UnfilledReason {
    UnfilledReason::new(
        RuleId::PlaceholderLimit,
        message,
        "Split the catalog file, and list the parts in a Location entity.".to_owned(),
    )
}

fn describe_missing(key: &str, request: &FileRequest, missing: &Fetched) -> UnfilledReason {
    let message = format!("{key} reads {request}: {}", missing.describe_missing());
    let (rule, hint) = match missing {
        Fetched::Absent { .. } => (
            RuleId::PlaceholderNotFound,
            "Add the file, or correct the path: it is relative to this file, or from the root with a slash in front.",
        ),
        Fetched::TooLarge { .. } => (
            RuleId::PlaceholderLimit,
            "Refer to the file with a link instead.",
        ),
        Fetched::Failed(failure) if failure.is_hidden() => (
            RuleId::PlaceholderUnreadable,
            "Keep the file in the repository of the entity, or have its place allowed.",
        ),
        Fetched::Failed(_) | Fetched::Unchanged { .. } | Fetched::Content { .. } => (
            RuleId::PlaceholderUnreadable,
            "It is tried again; until then the entity stays as it was.",
        ),
    };
    UnfilledReason::new(rule, message, hint.to_owned())
}

fn describe_unfit(
    form: PlaceholderForm,
    request: &FileRequest,
    unfit: &load::UnfitContent,
) -> UnfilledReason {
    let hint = match form {
        PlaceholderForm::Text => "",
        PlaceholderForm::Json => "Mend the file, or read it with $text.",
        PlaceholderForm::Yaml => {
            "Mend the file so that it is exactly one YAML document, or read it with $text."
        }
    };
    UnfilledReason::new(
        unfit.rule,
        format!("{request} {}", unfit.message),
        hint.to_owned(),
    )
}
