//! A write that was begun is finished, whoever still waits for its answer.
//!
//! A client that goes away drops the request he made. Between the commit and what has to follow it, that would leave
//! a change that this process does not show, and a job that nobody publishes.

use std::future::Future;

use freshet_model::EntityRef;
use freshet_runtime::error_chain::Chain;

use super::Api;
use super::error::ApiProblem;
use crate::apply::ApplyError;
use crate::ledger::{RecordError, RefreshRequest};
use crate::repo::Trouble;
use uuid::Uuid;

impl Api {
    /// Carries out a write to its end.
    ///
    /// # Errors
    ///
    /// That of the write, or that it panicked.
    pub(super) async fn finish<T, E>(
        &self,
        write: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, ApiProblem>
    where
        T: Send + 'static,
        E: Into<ApiProblem> + Send + 'static,
    {
        match self.0.writes.spawn(write).await {
            Ok(ended) => ended.map_err(Into::into),
            Err(_panicked) => Err(ApiProblem::Internal),
        }
    }

    /// Asks for sources to be read because of an entity, and returns the id of the refresh.
    pub(super) async fn request_refresh(
        &self,
        request: RefreshRequest,
    ) -> Result<Uuid, ApiProblem> {
        let api = self.clone();
        self.finish(async move { api.ledger.refresh(&request).await })
            .await
    }
}

impl From<ApplyError> for ApiProblem {
    fn from(error: ApplyError) -> Self {
        match error.trouble() {
            Trouble::Outage | Trouble::Conflict => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "A request could not be carried out, as the database did not");
                Self::Unavailable("The database does not answer".to_owned())
            }
            Trouble::Defect => {
                tracing::error!(error = %Chain(&error), "A request could not be carried out");
                Self::Internal
            }
        }
    }
}

impl From<RecordError> for ApiProblem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Repo(error) => error.into(),
            RecordError::Panicked => Self::Internal,
        }
    }
}

/// An entity by its whole ref, in any letter case. Nothing else is made of what is written: a short ref names nothing.
pub(super) fn parse_whole_ref(text: &str) -> Option<EntityRef> {
    let lower = text.to_lowercase();
    let entity_ref = EntityRef::parse(&lower).ok()?;
    (entity_ref.as_str() == lower).then_some(entity_ref)
}
