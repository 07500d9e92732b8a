//! Files of a repository whose bytes are not their own: symbolic links, and pointers to Git LFS.
//!
//! GitHub shows of a link the path it leads to, and nothing in the answer says that it is one. So what
//! may be such a path is looked up in the tree of the commit, and what is one is followed there. A link
//! that leads out of its repository is a problem, and so is a pointer: neither is ever served as text.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freshet_proto::message::{Dependency, Repository};
use freshet_runtime::error_chain::Chain;

use super::exact_paths::ExactPaths;
use super::fetched_file::FetchedFile;
use super::github_files::{GithubFileReader, LocatedFile, PlacedFile};
use crate::budget::BudgetClosed;
use crate::catalog_file::codeowners::CANDIDATES;
use crate::failure::Failure;
use crate::source::fetched::Fetched;
use crate::source::github::files::{PlaceRevision, RepositoryPlace};
use crate::source::github::tree::{self, TreeError, TreeFile, TreeFiles};

/// Most bytes of a path.
const PATH_BYTES_MAX: usize = 4_096;
/// What a pointer to Git LFS begins with.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Whether a content may be that of a symbolic link: one line, without the end of one.
pub(super) fn may_be_link(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.len() <= PATH_BYTES_MAX
        && !bytes.iter().any(u8::is_ascii_control)
        // Catalog files on one line are no paths.
        && !bytes.windows(2).any(|two| two == b": ")
}

/// What was fetched, unless it is a pointer to a content that is elsewhere.
pub(super) fn refuse_pointer(fetched: Fetched) -> Fetched {
    match &fetched {
        Fetched::Content { bytes, .. } if bytes.starts_with(LFS_POINTER) => {
            Fetched::Failed(Failure::refused(
                "it is kept in Git LFS, which is not read; keep it in the repository itself",
            ))
        }
        _ => fetched,
    }
}

/// Where a link leads within its repository; `None` if it leads out of it.
fn resolve_link(path: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => {
                steps.pop()?;
            }
            step => steps.push(step),
        }
    }
    (!steps.is_empty()).then(|| steps.join("/"))
}

/// A question about one path of a commit's tree.
struct TreeQuestion {
    /// Which of the files.
    index: usize,
    repository: Repository,
    commit: String,
    path: String,
}

/// A file that may be a link, and where it would lead.
struct LinkToFollow {
    at: TreeQuestion,
    target: String,
}

impl TreeQuestion {
    fn of(index: usize, located: &LocatedFile) -> Option<Self> {
        Some(Self {
            index,
            repository: located.repository.clone()?,
            commit: located.commit.clone()?,
            path: located.path.clone(),
        })
    }
}

fn group_by_commit(questions: impl Iterator<Item = TreeQuestion>) -> Vec<Vec<TreeQuestion>> {
    let mut commits: BTreeMap<(String, String), Vec<TreeQuestion>> = BTreeMap::new();
    for question in questions {
        let key = (question.repository.node_id.clone(), question.commit.clone());
        commits.entry(key).or_default().push(question);
    }
    commits.into_values().collect()
}

/// The submodule in which a path would be.
fn find_submodule<'p>(path: &'p str, listed: &TreeFiles) -> Option<&'p str> {
    let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
    let mut folders = folders.filter(|folder| listed.get(*folder) == Some(&TreeFile::Submodule));
    folders.next()
}

impl GithubFileReader<'_> {
    /// Puts what links lead to in the place of the links.
    ///
    /// # Errors
    /// Until when GitHub's limits forbid reading more.
    pub(super) async fn follow_links(
        &self,
        mut files: Vec<(PlacedFile, LocatedFile)>,
    ) -> Result<Vec<(PlacedFile, FetchedFile)>, BudgetClosed> {
        let links_max = self.client.limits().links;
        self.name_submodules(&mut files).await?;
        let mut open: BTreeSet<usize> = (0..files.len()).collect();
        for followed in 0.. {
            let may_be = open
                .iter()
                .filter_map(|index| find_link(*index, &files[*index]));
            let links = self.find_links(may_be.collect(), &mut files).await?;
            open = links.iter().map(|link| link.at.index).collect();
            if links.is_empty() {
                break;
            }
            if followed == links_max {
                for link in links {
                    let message = format!("more than {links_max} symbolic links lead on from it");
                    files[link.at.index].1.file.fetched =
                        Fetched::Failed(Failure::refused(message));
                }
                break;
            }
            self.replace_links(links, &mut files).await?;
        }
        Ok(files
            .into_iter()
            .map(|(asked, located)| {
                let fetched = refuse_pointer(located.file.fetched);
                let file = FetchedFile {
                    fetched,
                    ..located.file
                };
                (asked, file)
            })
            .collect())
    }

    /// Says of files that are absent because a submodule is where their folder should be.
    async fn name_submodules(
        &self,
        files: &mut [(PlacedFile, LocatedFile)],
    ) -> Result<(), BudgetClosed> {
        let absent = files
            .iter()
            .enumerate()
            .filter_map(|(index, (_, located))| {
                let is_absent =
                    matches!(&located.file.fetched, Fetched::Absent { reason: None, .. });
                // Nobody named these, so nobody is told that they are absent.
                let is_named = !CANDIDATES.contains(&located.path.as_str());
                let has_folder = located.path.contains('/');
                (is_absent && is_named && has_folder).then(|| TreeQuestion::of(index, located))?
            });
        for asked in group_by_commit(absent) {
            // What cannot be listed is absent all the same; only nobody is told why.
            let listed = self.list_files(&asked).await?.unwrap_or_default();
            for question in asked {
                let Some(submodule) = find_submodule(&question.path, &listed) else {
                    continue;
                };
                files[question.index].1.file.fetched = Fetched::absent_because(format!(
                    "{submodule} is a submodule, whose files are not read"
                ));
            }
        }
        Ok(())
    }

    /// Those that are links. What cannot be looked up fails, for it would be served otherwise.
    async fn find_links(
        &self,
        may_be: Vec<LinkToFollow>,
        files: &mut [(PlacedFile, LocatedFile)],
    ) -> Result<Vec<LinkToFollow>, BudgetClosed> {
        let mut targets: HashMap<usize, String> = HashMap::new();
        let questions: Vec<TreeQuestion> = may_be
            .into_iter()
            .map(|link| {
                targets.insert(link.at.index, link.target);
                link.at
            })
            .collect();
        let mut links = Vec::new();
        for asked in group_by_commit(questions.into_iter()) {
            match self.list_files(&asked).await? {
                Ok(listed) => links.extend(asked.into_iter().filter_map(|at| {
                    let is_link = listed.get(&at.path) == Some(&TreeFile::Link);
                    let target = targets.remove(&at.index).filter(|_| is_link)?;
                    Some(LinkToFollow { at, target })
                })),
                Err(failure) => {
                    for question in asked {
                        let file = &mut files[question.index].1.file;
                        file.fetched = Fetched::Failed(failure.clone());
                    }
                }
            }
        }
        Ok(links)
    }

    async fn list_files(
        &self,
        asked: &[TreeQuestion],
    ) -> Result<Result<TreeFiles, Failure>, BudgetClosed> {
        let Some(TreeQuestion {
            repository, commit, ..
        }) = asked.first()
        else {
            return Ok(Ok(TreeFiles::new()));
        };
        let paths = ExactPaths::new(asked.iter().map(|it| it.path.as_str()));
        let Repository { owner, name, .. } = repository;
        match tree::list_files(self.client, self.lane, owner, name, commit, paths).await {
            Ok((files, _paths)) => Ok(Ok(files)),
            Err(TreeError::TooManyFolders) => Ok(Err(Failure::unreadable(
                "the repository has too many folders to tell whether it is a symbolic link",
            ))),
            Err(TreeError::Call(error)) => {
                freshet_runtime::summed_up!(warn, error = %Chain(&error), "the files of a commit could not be listed");
                error.failure().map(Err)
            }
        }
    }

    async fn replace_links(
        &self,
        links: Vec<LinkToFollow>,
        files: &mut [(PlacedFile, LocatedFile)],
    ) -> Result<(), BudgetClosed> {
        let mut leading: HashMap<PlacedFile, Vec<LinkToFollow>> = HashMap::new();
        for link in links {
            let place = files[link.at.index].0.place.clone();
            match resolve_link(&link.at.path, &link.target) {
                Some(path) => {
                    // At the same commit, or the link and what it leads to need not belong together.
                    let at = PlaceRevision::Commit(link.at.commit.clone());
                    let place = RepositoryPlace { at, ..place };
                    let target = PlacedFile { place, path };
                    leading.entry(target).or_default().push(link);
                }
                None => {
                    let message = format!(
                        "it is a symbolic link to {}, which leads out of its repository",
                        link.target
                    );
                    files[link.at.index].1.file.fetched =
                        Fetched::Failed(Failure::refused(message));
                }
            }
        }
        let targets = leading.keys().cloned().collect();
        for (target, found) in self.locate_files(targets).await? {
            for link in leading.remove(&target).unwrap_or_default() {
                files[link.at.index].1 = lead_on(&link, &files[link.at.index].1, &found);
            }
        }
        Ok(())
    }
}

/// What a link comes to by way of what it leads to.
fn lead_on(link: &LinkToFollow, from: &LocatedFile, found: &LocatedFile) -> LocatedFile {
    let version = from.file.dependency.blob.clone();
    let fetched = match found.file.fetched.clone() {
        // Known by the link: it is what the reading list names.
        Fetched::Content { bytes, .. } => Fetched::Content { version, bytes },
        Fetched::TooLarge {
            bytes, bytes_max, ..
        } => Fetched::TooLarge {
            version,
            bytes,
            bytes_max,
        },
        Fetched::Absent { .. } => Fetched::absent_because(format!(
            "{} is a symbolic link to {}, which is not there",
            link.at.path, link.target
        )),
        other @ (Fetched::Unchanged { .. } | Fetched::Failed(_)) => other,
    };
    let mut linked = from.file.linked.clone();
    linked.push(Dependency {
        path: found.path.clone(),
        blob: found.file.dependency.blob.clone(),
        ..from.file.dependency.clone()
    });
    LocatedFile {
        file: FetchedFile {
            fetched,
            dependency: from.file.dependency.clone(),
            linked,
        },
        ..found.clone()
    }
}

fn find_link(index: usize, (_, located): &(PlacedFile, LocatedFile)) -> Option<LinkToFollow> {
    let Fetched::Content { bytes, .. } = &located.file.fetched else {
        return None;
    };
    if !may_be_link(bytes) {
        return None;
    }
    Some(LinkToFollow {
        at: TreeQuestion::of(index, located)?,
        target: std::str::from_utf8(bytes).ok()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_without_an_end_may_be_a_link() {
        for (text, expected) in [
            ("v1/openapi.yaml", true),
            ("../a b", true),
            ("1.2.3", true),
            ("", false),
            ("v1/openapi.yaml\n", false),
            ("openapi: 3.0.0", false),
        ] {
            assert_eq!(may_be_link(text.as_bytes()), expected, "{text:?}");
        }
        assert!(!may_be_link(&b"a".repeat(PATH_BYTES_MAX + 1)));
    }

    #[test]
    fn a_link_leads_from_its_folder_and_not_out_of_its_repository() {
        for (path, target, expected) in [
            ("latest.yaml", "v1/openapi.yaml", Some("v1/openapi.yaml")),
            ("a/b/c.yaml", "../d.yaml", Some("a/d.yaml")),
            ("a/c.yaml", "./d.yaml", Some("a/d.yaml")),
            ("a/c.yaml", "../../d.yaml", None),
            ("c.yaml", "/etc/passwd", None),
            ("a/c.yaml", "..", None),
        ] {
            assert_eq!(resolve_link(path, target).as_deref(), expected, "{target}");
        }
    }

    #[test]
    fn a_pointer_to_git_lfs_is_no_content() {
        let fetched = |text: &'static str| Fetched::Content {
            version: "b1".to_owned(),
            bytes: text.as_bytes().into(),
        };
        let pointer = fetched("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
        assert!(matches!(refuse_pointer(pointer), Fetched::Failed(_)));
        let text = fetched("version: 1\n");
        assert_eq!(refuse_pointer(text.clone()), text);
    }
}
