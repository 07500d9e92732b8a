//! One line of the log for every write: who did what to what, and how it ended.
//!
//! The lines have a target of their own, so that they can be kept apart from the rest of the log. They name no
//! address and no credentials, and nothing of a body but what was written.

use std::fmt;

use axum::extract::Request;

use super::auth::{Principal, principal_of};
use super::error::ApiProblem;

/// What is written through the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AuditedAct {
    RegisterLocation,
    RetargetLocation,
    UnregisterLocation,
    RefreshEntity,
    DeleteEntity,
    ConfirmRemovals,
}

impl AuditedAct {
    fn as_str(self) -> &'static str {
        match self {
            Self::RegisterLocation => "location-create",
            Self::RetargetLocation => "location-update",
            Self::UnregisterLocation => "location-delete",
            Self::RefreshEntity => "entity-refresh",
            Self::DeleteEntity => "entity-delete",
            Self::ConfirmRemovals => "removals-confirm",
        }
    }
}

/// Who writes what.
#[derive(Clone, Debug)]
pub(super) struct AuditEntry {
    act: AuditedAct,
    subject: String,
    caller: Option<String>,
}

impl AuditEntry {
    /// A write that `caller` asks for.
    pub(super) fn new(act: AuditedAct, subject: impl fmt::Display, caller: Option<&str>) -> Self {
        Self {
            act,
            subject: subject.to_string(),
            caller: caller.map(str::to_owned),
        }
    }

    /// Tells how it ended, and hands on what came of it.
    pub(super) fn tell<T>(self, ended: Result<T, ApiProblem>) -> Result<T, ApiProblem> {
        let outcome = ended.as_ref().map_or_else(outcome_of, |_| "succeeded");
        let caller = self.caller.as_deref().unwrap_or("unknown");
        tracing::info!(
            target: "audit",
            act = self.act.as_str(),
            subject = self.subject,
            caller,
            outcome,
            "the catalog was asked to change"
        );
        ended
    }
}

/// No wildcard arm: a new problem must decide whether it was the caller's.
fn outcome_of(problem: &ApiProblem) -> &'static str {
    match problem {
        ApiProblem::Input(_)
        | ApiProblem::NotFound(_)
        | ApiProblem::Gone(_)
        | ApiProblem::Unauthenticated(_)
        | ApiProblem::NotAllowed(_)
        | ApiProblem::TooManyRequests(_)
        | ApiProblem::Conflict(_) => "refused",
        ApiProblem::NotImplemented(_) | ApiProblem::Unavailable(_) | ApiProblem::Internal => {
            "failed"
        }
    }
}

/// Who asks, if that is known.
pub(super) fn caller_of(request: &Request) -> Option<String> {
    principal_of(request).ok().and_then(|it| name_of(&it))
}

/// What a principal is called in the log and in the cause of a change; `None` is nobody in particular.
pub(super) fn name_of(principal: &Principal) -> Option<String> {
    match principal {
        Principal::Anonymous => None,
        Principal::External { .. }
        | Principal::Plugin { .. }
        | Principal::OnBehalfOf { .. }
        | Principal::User(_) => Some(principal.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    use super::*;

    /// Keeps the fields of the lines of the audit.
    #[derive(Clone, Default)]
    struct AuditLog(Arc<Mutex<Vec<BTreeMap<&'static str, String>>>>);

    #[derive(Default)]
    struct Fields(BTreeMap<&'static str, String>);

    impl Visit for Fields {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.insert(field.name(), value.to_owned());
        }

        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            self.0.insert(field.name(), format!("{value:?}"));
        }
    }

    impl Subscriber for AuditLog {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "audit"
        }

        fn event(&self, event: &Event<'_>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            self.0.lock().expect("no panic").push(fields.0);
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    /// Caller and outcome of the line that a write leaves that ends so.
    #[track_caller]
    fn check(caller: Option<&str>, ended: &Result<(), ApiProblem>, expected: (&str, &str)) {
        let log = AuditLog::default();
        let entry = AuditEntry::new(AuditedAct::RefreshEntity, "component:default/pay", caller);
        let told = tracing::subscriber::with_default(log.clone(), || entry.tell(ended.clone()));
        assert_eq!(told, *ended);
        let lines = log.0.lock().expect("no panic");
        let [line] = lines.as_slice() else {
            panic!("one line, and not {lines:?}");
        };
        assert_eq!(line["act"], "entity-refresh");
        assert_eq!(line["subject"], "component:default/pay");
        let (caller, outcome) = expected;
        assert_eq!((&*line["caller"], &*line["outcome"]), (caller, outcome));
    }

    #[test]
    fn every_write_leaves_one_line_however_it_ends() {
        check(Some("rosa"), &Ok(()), ("rosa", "succeeded"));
        check(None, &Ok(()), ("unknown", "succeeded"));
        let missing = ApiProblem::NotFound("x".to_owned());
        check(None, &Err(missing), ("unknown", "refused"));
        check(None, &Err(ApiProblem::Internal), ("unknown", "failed"));
    }
}
