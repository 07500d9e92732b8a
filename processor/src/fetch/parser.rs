//! From what was fetched of a catalog file to what is observed of its location, whatever the source.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use freshet_model::Kinds;
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{Dependency, Failed, Gone, Unchanged};

use super::fetched_file::FetchedFiles;
use super::links::refuse_pointer;
use crate::catalog_file::content::{content_of, too_large};
use crate::catalog_file::{FileOrigin, FileRequest, PendingFile, ReadPolicy};
use crate::limits::ReadLimits;
use crate::off_thread::run_off_thread;
use crate::source::fetched::Fetched;

/// How catalog files are read, the same for every source.
#[derive(Clone)]
pub(crate) struct FileParser {
    pub(crate) limits: ReadLimits,
    pub(crate) kinds: Kinds,
    pub(crate) policy: Arc<ReadPolicy>,
}

/// A file that was read as far as that is possible without others.
#[derive(Debug)]
pub(crate) struct WaitingFile {
    pub(crate) version: String,
    pub(crate) requests: BTreeSet<FileRequest>,
    pending: PendingFile,
    origin: FileOrigin,
    /// Where symbolic links led to it.
    linked: Vec<Dependency>,
    bytes: usize,
}

/// How far a file could be read.
#[derive(Debug)]
pub(crate) enum ParseStep {
    /// It is known what became of its location.
    Done(Outcome),
    /// It needs other files first.
    Waiting(WaitingFile),
}

impl FileParser {
    /// Reads what was fetched from `origin`, by way of these links.
    pub(crate) async fn parse_file(
        &self,
        origin: FileOrigin,
        fetched: Fetched,
        linked: Vec<Dependency>,
    ) -> ParseStep {
        let (version, bytes) = match refuse_pointer(fetched) {
            Fetched::Content { version, bytes } => (version, bytes),
            Fetched::Unchanged { version } => {
                return ParseStep::Done(Outcome::Unchanged(Unchanged { blob: version }));
            }
            Fetched::Absent { evidence, reason } => {
                let reason = reason.unwrap_or_default();
                return ParseStep::Done(Outcome::Gone(Gone { evidence, reason }));
            }
            Fetched::TooLarge { version, bytes, .. } => {
                let content = too_large(version, bytes, &self.limits);
                return ParseStep::Done(Outcome::Content(content));
            }
            Fetched::Failed(failure) => {
                return ParseStep::Done(Outcome::Failed(Failed::from(failure)));
            }
        };
        let (limits, size) = (self.limits, bytes.len());
        let pending = run_off_thread(size, move || PendingFile::parse(&bytes, &limits)).await;
        let file = WaitingFile {
            version,
            // Asked once and kept: what a file gets is compared with it, and must be what was
            // fetched.
            requests: pending.requests(&origin, &self.policy, &limits),
            pending,
            origin,
            linked,
            bytes: size,
        };
        if file.requests.is_empty() {
            ParseStep::Done(self.finish_file(file, FetchedFiles::new()).await)
        } else {
            ParseStep::Waiting(file)
        }
    }

    /// What the file declares with what it asked for.
    pub(crate) async fn finish_file(&self, file: WaitingFile, had: FetchedFiles) -> Outcome {
        let WaitingFile {
            version,
            pending,
            origin,
            linked,
            bytes,
            ..
        } = file;
        let fetched_bytes: usize = had.values().map(|file| count_bytes(&file.fetched)).sum();
        let Self {
            limits,
            kinds,
            policy,
        } = self.clone();
        let content = run_off_thread(bytes + fetched_bytes, move || {
            let (fetched, mut dependencies) = split_dependencies(had);
            dependencies.extend(linked);
            let file = pending.finish(&origin, &policy, &fetched, &kinds, &limits);
            content_of(version, file, dependencies, &limits)
        });
        Outcome::Content(content.await)
    }
}

fn count_bytes(fetched: &Fetched) -> usize {
    match fetched {
        Fetched::Content { bytes, .. } => bytes.len(),
        Fetched::Unchanged { .. }
        | Fetched::Absent { .. }
        | Fetched::TooLarge { .. }
        | Fetched::Failed(_) => 0,
    }
}

// In a fixed order, for an observation that says the same must be the same bytes.
fn split_dependencies(had: FetchedFiles) -> (HashMap<FileRequest, Fetched>, Vec<Dependency>) {
    let mut had: Vec<_> = had.into_iter().collect();
    had.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut fetched = HashMap::with_capacity(had.len());
    let mut dependencies = Vec::with_capacity(had.len());
    for (request, file) in had {
        dependencies.push(file.dependency);
        dependencies.extend(file.linked);
        fetched.insert(request, file.fetched);
    }
    (fetched, dependencies)
}
