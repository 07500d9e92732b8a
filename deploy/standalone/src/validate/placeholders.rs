//! What placeholders read, as far as it is in the work tree.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use freshet_processor::catalog_file::FileRequest;
use freshet_processor::failure::Failure;
use freshet_processor::source::fetched::Fetched;
use freshet_processor::yaml::TextPosition;

use super::content::FileContent;
use super::work_tree::{DiskFile, WorkTree};

/// What the work tree answers to the placeholders of a file.
#[derive(Default)]
pub(super) struct TreeFiles {
    /// What is there, or known not to be.
    pub(super) files: HashMap<FileRequest, Fetched>,
    /// What is elsewhere: it stays unknown, and the placeholder is neither right nor wrong.
    pub(super) unchecked: Vec<FileRequest>,
}

/// Reads what is asked for from the work tree.
pub(super) fn fetch_from_tree(
    tree: &WorkTree,
    asked: BTreeSet<FileRequest>,
    bytes_max: usize,
) -> TreeFiles {
    let mut fetched = TreeFiles::default();
    for asked in asked {
        match fetch_asked(tree, &asked, bytes_max) {
            Some(file) => {
                fetched.files.insert(asked, file);
            }
            None => fetched.unchecked.push(asked),
        }
    }
    fetched
}

fn fetch_asked(tree: &WorkTree, asked: &FileRequest, bytes_max: usize) -> Option<Fetched> {
    let FileRequest::File(file) = asked else {
        return None;
    };
    if !tree.holds(file) {
        return None;
    }
    match tree.on_disk(&file.path) {
        DiskFile::Found(path) => Some(fetch_file(path, bytes_max)),
        DiskFile::Missing => Some(Fetched::absent("it is not in the work tree")),
        DiskFile::Outside if tree.below_root(&file.path).is_none() => None,
        // A link that leads out of the work tree leads nowhere for GitHub.
        DiskFile::Outside => Some(Fetched::Failed(Failure::denied(
            "it is outside of the work tree",
        ))),
    }
}

fn fetch_file(path: PathBuf, bytes_max: usize) -> Fetched {
    let bytes_on_disk = path.metadata().map_or(0, |metadata| metadata.len());
    match FileContent::OnDisk(path).read(bytes_max) {
        Ok(bytes) if bytes.len() > bytes_max => Fetched::TooLarge {
            version: String::new(),
            bytes: bytes_on_disk,
            bytes_max,
        },
        Ok(bytes) => Fetched::Content {
            version: String::new(),
            bytes: bytes.to_vec().into(),
        },
        Err(error) => Fetched::Failed(Failure::unreachable(error.to_string())),
    }
}

/// Where a placeholder is that nobody could look behind, and what to say about it.
pub(super) fn describe_unchecked(asked: &FileRequest, bytes: &[u8]) -> (TextPosition, String) {
    let last_step = match asked {
        FileRequest::File(file) => file.path.rsplit('/').next(),
        FileRequest::Url(url) => url.rsplit('/').next(),
    };
    // The reader keeps no positions of placeholders that are right, so the line is looked for by its text.
    let text = String::from_utf8_lossy(bytes);
    let is_it = |line: &str| line.contains('$') && last_step.is_some_and(|it| line.contains(it));
    let line = text.lines().position(is_it);
    let line = line.and_then(|line| u32::try_from(line).ok());
    let at = TextPosition {
        line: line.map_or(1, |line| line + 1),
        column: 1,
    };
    let message = format!(
        "the placeholder's file {asked} is not in this work tree, so its content is not checked"
    );
    (at, message)
}
