//! Bounded reads, and names of files for people.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::check::Content;

/// The bytes of a subject; one more than the most that is looked at if there are more.
pub(super) fn of(content: &Content, bytes_max: usize) -> io::Result<Arc<[u8]>> {
    match content {
        Content::File(path) => from(File::open(path)?, bytes_max),
        Content::Bytes(bytes) => Ok(Arc::clone(bytes)),
    }
}

/// Everything of a stream, but for one byte not more than is looked at.
pub(super) fn from(stream: impl Read, bytes_max: usize) -> io::Result<Arc<[u8]>> {
    let bound = u64::try_from(bytes_max)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    stream.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// A canonical path as seen from where the process runs.
pub(super) fn shown(path: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let shown = here
        .as_ref()
        .ok()
        .and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path);
    shown.display().to_string()
}
