//! Why a source, or one file of it, could not be read.

use freshet_proto::message::{Failed, FailureKind};

/// A reading that proved nothing. It never deletes: only a complete observation of absence does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of obstacle.
    pub kind: FailureKind,
    /// For the operator and the owner of the source.
    pub message: String,
}

impl Failure {
    /// No answer, or a broken one; trying again may help.
    #[must_use]
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Unreachable,
            message: message.into(),
        }
    }

    /// The credential may not do this.
    #[must_use]
    pub fn denied(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Denied,
            message: message.into(),
        }
    }

    /// GitHub does not show it to this credential, which does not prove that it is absent.
    #[must_use]
    pub fn not_visible(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::NotVisible,
            message: message.into(),
        }
    }

    /// An answer that could not be understood or does not add up.
    #[must_use]
    pub fn unreadable(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Unreadable,
            message: message.into(),
        }
    }

    /// What is there can be no file of the catalog, which lasts until its owner does something.
    #[must_use]
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            kind: FailureKind::Refused,
            message: message.into(),
        }
    }

    /// Whether nobody but the provider can end it.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        !self.is_hidden() && self.kind != FailureKind::Refused
    }

    /// Whether the provider keeps it from us, which lasts, unlike an outage.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        matches!(self.kind, FailureKind::NotVisible | FailureKind::Denied)
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message,
        }
    }
}
