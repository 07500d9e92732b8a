//! The files of a commit whose paths match a pattern.
//!
//! One call lists all paths of a commit, unless there are too many for one answer: then its folders
//! are listed one by one, as far as a pattern can match below them.

use std::collections::{BTreeMap, VecDeque};

use freshet_proto::message::Lane;
use serde::Deserialize;

use super::answer_limit::answer_bytes_max;
use super::client::GithubClient;
use super::error::CallError;
use crate::metrics::CallKind;

/// Most folders of one commit that are listed one by one.
const FOLDERS_MAX: usize = 300;
const MEDIA_TYPE: &str = "application/vnd.github+json";
/// The mode of a symbolic link.
const LINK_MODE: &str = "120000";

/// What is at a path of a commit that is no folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeFile {
    /// An ordinary file.
    File,
    /// A symbolic link, whose blob is the path it leads to.
    Link,
    /// A submodule: a commit of another repository.
    Submodule,
}

/// The files of a commit by path, in their order.
pub type TreeFiles = BTreeMap<String, TreeFile>;

/// Why there is no list.
#[derive(Debug)]
pub enum TreeError {
    /// A call failed.
    Call(CallError),
    /// The commit has more folders than are listed.
    TooManyFolders,
}

impl From<CallError> for TreeError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

#[derive(Deserialize)]
struct TreeAnswer {
    #[serde(default)]
    tree: Vec<TreeEntry>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
struct TreeEntry {
    path: String,
    #[serde(default)]
    mode: String,
    #[serde(rename = "type")]
    class: String,
    sha: String,
}

/// Which paths are looked for.
pub trait PathFilter {
    /// Whether a file is.
    // Patterns keep count of what looking for them takes.
    fn is_file_wanted(&mut self, path: &str) -> bool;
    /// Whether there may be one below a folder.
    fn is_folder_wanted(&self, path: &str) -> bool;
}

/// Lists the wanted files of a commit, and the submodules that stand where there may be one.
///
/// # Errors
/// [`TreeError`] if the list would not be complete.
pub async fn list_files(
    client: &GithubClient,
    lane: Lane,
    owner: &str,
    name: &str,
    commit: &str,
    wanted: &mut impl PathFilter,
) -> Result<TreeFiles, TreeError> {
    let repository = format!("/repos/{owner}/{name}/git/trees");
    // One call for nearly every repository; GitHub cuts the list at 100,000 entries or 7 MB.
    let whole = read_tree(client, lane, &format!("{repository}/{commit}?recursive=1")).await?;
    if !whole.truncated {
        let mut files = TreeFiles::new();
        add_entries(&mut files, whole.tree, "", wanted);
        return Ok(files);
    }
    walk_folders(client, lane, &repository, commit, wanted).await
}

async fn walk_folders(
    client: &GithubClient,
    lane: Lane,
    repository: &str,
    commit: &str,
    wanted: &mut impl PathFilter,
) -> Result<TreeFiles, TreeError> {
    let mut files = TreeFiles::new();
    let mut folders = VecDeque::from([(String::new(), commit.to_owned())]);
    for _ in 0..FOLDERS_MAX {
        let Some((folder, oid)) = folders.pop_front() else {
            return Ok(files);
        };
        let tree = read_tree(client, lane, &format!("{repository}/{oid}")).await?;
        // A folder that is too large alone cannot be divided further.
        if tree.truncated {
            return Err(TreeError::TooManyFolders);
        }
        folders.extend(add_entries(&mut files, tree.tree, &folder, wanted));
    }
    if folders.is_empty() {
        Ok(files)
    } else {
        Err(TreeError::TooManyFolders)
    }
}

/// Adds the wanted files of a list and returns the wanted folders.
fn add_entries(
    files: &mut TreeFiles,
    entries: Vec<TreeEntry>,
    folder: &str,
    wanted: &mut impl PathFilter,
) -> Vec<(String, String)> {
    let mut folders = Vec::new();
    for entry in entries {
        let path = format!("{folder}{}", entry.path);
        match entry.class.as_str() {
            "blob" if wanted.is_file_wanted(&path) => {
                let is_link = entry.mode == LINK_MODE;
                let file = if is_link {
                    TreeFile::Link
                } else {
                    TreeFile::File
                };
                files.insert(path, file);
            }
            // Submodules are commits and no trees: what is in them belongs to another repository.
            "commit" if wanted.is_folder_wanted(&path) => {
                files.insert(path, TreeFile::Submodule);
            }
            "tree" if wanted.is_folder_wanted(&path) => {
                folders.push((format!("{path}/"), entry.sha));
            }
            _ => {}
        }
    }
    folders
}

async fn read_tree(client: &GithubClient, lane: Lane, path: &str) -> Result<TreeAnswer, CallError> {
    let kind = CallKind::Tree;
    let bytes_max = answer_bytes_max(kind);
    let body = client
        .get_rest(kind, lane, path, MEDIA_TYPE, bytes_max)
        .await?;
    serde_json::from_slice(&body).map_err(|source| CallError::Unreadable {
        operation: kind.as_str(),
        source,
    })
}
