//! Why a batch was not applied.

use freshet_model::Revision;

use crate::repo::{RepoError, Trouble};

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database refused or is away.
    #[error("cannot apply observations")]
    Repo(#[from] RepoError),
    /// What other processes wrote could not be read. No message is at fault.
    #[error("cannot read the changes other processes wrote")]
    CatchUp(#[source] RepoError),
    /// The view is ahead of the database, which was replaced by an older one.
    #[error("the view is at revision {view} and the database at {database}")]
    Diverged {
        /// Revision of the view.
        view: Revision,
        /// Revision of the database.
        database: Revision,
    },
    /// A bug; the panic itself is in the log.
    #[error("applying observations panicked")]
    Panicked,
    /// A message this version cannot read.
    #[error("cannot read {what} of an observation")]
    Unreadable {
        /// What could not be read.
        what: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ApplyError {
    pub(crate) fn unreadable(
        what: &'static str,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Unreadable {
            what,
            source: Box::new(source),
        }
    }

    pub(crate) fn trouble(&self) -> Trouble {
        match self {
            Self::Repo(error) => error.trouble(),
            // No message is at fault.
            Self::CatchUp(_) | Self::Diverged { .. } => Trouble::Outage,
            Self::Panicked | Self::Unreadable { .. } => Trouble::Defect,
        }
    }
}
