//! The ledger: from "something may have changed" to "reconcile this source".
//!
//! Every signal is recorded under its identity, requests a new generation of the source it is about,
//! and gets a job with the reading list as it stands in that transaction. Signals are
//! acknowledged after the commit; a job that was lost after it is found by the [`Reconciler`].
//!
//! It refuses to read anything at the source, and to believe what a signal says about content.

mod batch;
mod config;
mod consume;
mod decision;
mod dependents;
mod job;
mod providers;
mod publish;
mod reconciler;
mod record;
mod refresh;
mod repository_filter;
mod request;
mod subject;
mod under_way;

pub use config::LedgerConfig;
pub(crate) use providers::{Provider, Providers};
pub(crate) use publish::{JobPublisher, build_jobs};
pub use reconciler::Reconciler;
pub use record::{Ledger, RecordError};
pub(crate) use refresh::{RefreshRequest, refresh_identities, refreshed_entity};
pub(crate) use repository_filter::Admission;
pub(crate) use request::request_refresh;
pub(crate) use subject::source_ref;
