//! What placeholders read, as far as it is in the work tree.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use freshet_processor::catalog_file::{FileRequest, Supply, SupplyError};
use freshet_processor::yaml::TextPosition;

use super::content::FileContent;
use super::work_tree::{DiskFile, WorkTree};

/// What the work tree answers to the placeholders of a file.
#[derive(Default)]
pub(super) struct TreeSupplies {
    /// What is there, or known not to be.
    pub(super) supplies: HashMap<FileRequest, Supply>,
    /// What is elsewhere: it stays unknown, and the placeholder is neither right nor wrong.
    pub(super) unchecked: Vec<FileRequest>,
}

/// Reads what is asked for from the work tree.
pub(super) fn supply_from_tree(
    tree: &WorkTree,
    asked: BTreeSet<FileRequest>,
    bytes_max: usize,
) -> TreeSupplies {
    let mut supplied = TreeSupplies::default();
    for asked in asked {
        match read_asked(tree, &asked, bytes_max) {
            Some(supply) => {
                supplied.supplies.insert(asked, supply);
            }
            None => supplied.unchecked.push(asked),
        }
    }
    supplied
}

fn read_asked(tree: &WorkTree, asked: &FileRequest, bytes_max: usize) -> Option<Supply> {
    let FileRequest::File(file) = asked else {
        return None;
    };
    if !tree.holds(file) {
        return None;
    }
    match tree.on_disk(&file.path) {
        DiskFile::Found(path) => Some(read_supply(path, bytes_max)),
        DiskFile::Missing => Some(Err(SupplyError::NotFound)),
        DiskFile::Outside if tree.below_root(&file.path).is_none() => None,
        // A link that leads out of the work tree leads nowhere for GitHub.
        DiskFile::Outside => Some(Err(SupplyError::Refused {
            reason: "it is outside of the work tree".to_owned(),
        })),
    }
}

fn read_supply(path: PathBuf, bytes_max: usize) -> Supply {
    let bytes_on_disk = path.metadata().map_or(0, |metadata| metadata.len());
    match FileContent::OnDisk(path).read(bytes_max) {
        Ok(bytes) if bytes.len() > bytes_max => Err(SupplyError::TooLarge {
            bytes: bytes_on_disk,
            bytes_max,
        }),
        Ok(bytes) => Ok(bytes),
        Err(error) => Err(SupplyError::Failed {
            reason: error.to_string(),
        }),
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
