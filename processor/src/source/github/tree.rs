//! The files of a commit whose paths match a pattern.
//!
//! One call lists all paths of a commit, unless there are too many for one answer: then its folders
//! are listed one by one, as far as a pattern can match below them.

use std::collections::{BTreeMap, VecDeque};

use freshet_proto::message::Lane;
use serde::Deserialize;

use super::client::GithubClient;
use super::error::CallError;
use crate::metrics::CallKind;
use crate::off_thread::run_blocking;

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
// It is sent to where looking may take its time, and comes back.
pub trait PathFilter: Send + 'static {
    /// Whether a file is.
    // Patterns keep count of what looking for them takes.
    fn is_file_wanted(&mut self, path: &str) -> bool;
    /// Whether there may be one below a folder.
    fn is_folder_wanted(&self, path: &str) -> bool;
}

/// A list, or what there is of it, and what it was made with.
struct Listed<F> {
    files: TreeFiles,
    wanted: F,
    /// The wanted folders of it, each with its tree.
    folders: Vec<(String, String)>,
    /// Whether GitHub left something out.
    is_truncated: bool,
}

impl<F> Listed<F> {
    fn new(wanted: F) -> Self {
        Self {
            files: TreeFiles::new(),
            wanted,
            folders: Vec::new(),
            is_truncated: false,
        }
    }
}

/// Lists the wanted files of a commit, and the submodules that stand where there may be one. The filter comes
/// back with what it has learned.
///
/// # Errors
/// [`TreeError`] if the list would not be complete.
pub async fn list_files<F: PathFilter>(
    client: &GithubClient,
    lane: Lane,
    owner: &str,
    name: &str,
    commit: &str,
    wanted: F,
) -> Result<(TreeFiles, F), TreeError> {
    let reader = TreeReader {
        client,
        lane,
        repository: format!("/repos/{owner}/{name}/git/trees"),
    };
    // One call for nearly every repository; GitHub cuts the list at 100,000 entries or 7 MB.
    let whole = format!("{commit}?recursive=1");
    let listed = reader
        .add_tree(&whole, String::new(), Listed::new(wanted))
        .await?;
    if !listed.is_truncated {
        return Ok((listed.files, listed.wanted));
    }
    reader.walk_folders(commit, listed.wanted).await
}

/// Where the trees of one repository are read.
struct TreeReader<'a> {
    client: &'a GithubClient,
    lane: Lane,
    repository: String,
}

impl TreeReader<'_> {
    async fn walk_folders<F: PathFilter>(
        &self,
        commit: &str,
        wanted: F,
    ) -> Result<(TreeFiles, F), TreeError> {
        let mut listed = Listed::new(wanted);
        let mut folders = VecDeque::from([(String::new(), commit.to_owned())]);
        for _ in 0..self.client.limits().tree_folders {
            let Some((folder, oid)) = folders.pop_front() else {
                return Ok((listed.files, listed.wanted));
            };
            listed = self.add_tree(&oid, folder, listed).await?;
            // A folder that is too large alone cannot be divided further.
            if listed.is_truncated {
                return Err(TreeError::TooManyFolders);
            }
            folders.extend(listed.folders.drain(..));
        }
        if folders.is_empty() {
            Ok((listed.files, listed.wanted))
        } else {
            Err(TreeError::TooManyFolders)
        }
    }

    /// Adds what is wanted of one tree. One that was cut off adds nothing.
    async fn add_tree<F: PathFilter>(
        &self,
        tree: &str,
        folder: String,
        mut listed: Listed<F>,
    ) -> Result<Listed<F>, CallError> {
        let kind = CallKind::Tree;
        let path = format!("{}/{tree}", self.repository);
        let bytes_max = self.client.limits().answer_bytes(kind);
        let body = self
            .client
            .get_rest(kind, self.lane, &path, MEDIA_TYPE, bytes_max)
            .await?;
        // Megabytes of JSON, and patterns that anybody may have written: a second or two of both.
        let read = run_blocking(move || -> Result<Listed<F>, serde_json::Error> {
            let answer: TreeAnswer = serde_json::from_slice(&body)?;
            listed.is_truncated = answer.truncated;
            if !answer.truncated {
                listed.folders =
                    add_entries(&mut listed.files, answer.tree, &folder, &mut listed.wanted);
            }
            Ok(listed)
        });
        read.await.map_err(|source| CallError::Unreadable {
            operation: kind.as_str(),
            source,
        })
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
