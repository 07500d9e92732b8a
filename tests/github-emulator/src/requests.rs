//! The log of what was asked of the emulator, so that tests can count calls.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// The oldest records are forgotten beyond this many.
const RECORDS_MAX: usize = 200_000;

/// Which door a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// A GraphQL query.
    Graphql,
    /// A REST call.
    Rest,
    /// Smart HTTP: clone, fetch, push.
    Git,
}

/// One answered request.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// When the answer was ready.
    pub at: Instant,
    /// Which door it came through.
    pub kind: RequestKind,
    /// Method and path as asked.
    pub path: String,
    /// GraphQL operation name, or the route of a REST call.
    pub operation: String,
    /// HTTP status of the answer.
    pub status: u16,
    /// Whether a credential came with it.
    pub authorization_present: bool,
    /// Repositories a GraphQL query looked up, listed ones included.
    pub repositories_asked: usize,
}

/// What is known about a request while it is answered.
pub(super) struct Scope {
    /// Number of the request, from 1.
    pub(super) id: u64,
    /// Whether private repositories may be shown.
    pub(super) authorized: bool,
    pub(super) repositories: AtomicUsize,
    /// Connections opened, which is what GraphQL charges for.
    pub(super) connections: AtomicUsize,
    pub(super) operation: Mutex<Option<String>>,
}

impl Scope {
    pub(super) fn new(id: u64, authorized: bool) -> Self {
        Self {
            id,
            authorized,
            repositories: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            operation: Mutex::new(None),
        }
    }

    pub(super) fn asked(&self, repositories: usize) {
        self.repositories.fetch_add(repositories, Ordering::Relaxed);
    }

    pub(super) fn opened(&self, connections: usize) {
        self.connections.fetch_add(connections, Ordering::Relaxed);
    }

    /// GitHub's price: connection requests divided by 100, at least one point.
    pub(super) fn points(&self) -> u64 {
        let connections = self.connections.load(Ordering::Relaxed) as u64;
        ((connections + 50) / 100).max(1)
    }

    pub(super) fn name_operation(&self, operation: String) {
        *self
            .operation
            .lock()
            .expect("no holder of the operation panics") = Some(operation);
    }

    pub(super) fn operation(&self) -> Option<String> {
        self.operation
            .lock()
            .expect("no holder of the operation panics")
            .clone()
    }
}

/// All requests since the start or the last clearing.
#[derive(Default)]
pub(super) struct RequestLog {
    numbers: AtomicU64,
    records: Mutex<Vec<RequestRecord>>,
}

impl RequestLog {
    pub(super) fn next_id(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// How many requests have begun, answered or not.
    pub(super) fn begun(&self) -> u64 {
        self.numbers.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, record: RequestRecord) {
        let mut records = self.records.lock().expect("no holder of the log panics");
        if records.len() >= RECORDS_MAX {
            records.drain(..RECORDS_MAX / 2);
        }
        records.push(record);
    }

    pub(super) fn all(&self) -> Vec<RequestRecord> {
        self.records
            .lock()
            .expect("no holder of the log panics")
            .clone()
    }

    pub(super) fn count(&self, counted: impl Fn(&RequestRecord) -> bool) -> usize {
        let records = self.records.lock().expect("no holder of the log panics");
        records.iter().filter(|record| counted(record)).count()
    }

    pub(super) fn clear(&self) {
        self.records
            .lock()
            .expect("no holder of the log panics")
            .clear();
    }
}
