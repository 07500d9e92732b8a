//! Pulls jobs, has them answered, and says what becomes of their messages.
//!
//! There is one [`JobWorker`](job_worker::JobWorker) per credential and lane, and one per lane for
//! what needs no credential. All run the same loop, and every error and panic ends in the one
//! [`JobHandler::end_job`](handler::JobHandler::end_job), never as the end of the loop.

pub(crate) mod context;
mod disposition;
mod finisher;
mod handler;
pub(crate) mod in_hand;
mod job;
pub(crate) mod job_worker;
mod listings;
mod messages;
mod panics;
mod pause;
mod plain;
mod publish;
mod repositories;
