//! Which files the patterns of a reading list match.

use std::collections::BTreeSet;

use freshet_model::glob::{Pattern, PatternError};
use freshet_proto::message::{Lane, RepositoryTarget, WantedPath};
use freshet_runtime::error_chain::Chain;

use super::fetcher::RepositoryAtCommit;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::source::github::client::GithubClient;
use crate::source::github::tree::{self, PathFilter, TreeError, TreeFiles};

/// Most files that the patterns of one reading list may match together.
const MATCHES_MAX: usize = 5_000;

/// What became of one pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternMatches {
    /// What it matched is what it matched when it was last looked at.
    Unchanged,
    /// These files, in order.
    Paths(Vec<String>),
    /// Nothing, for there is no commit.
    NoCommit,
    /// It could not be found out.
    Failed(Failure),
}

/// Evaluates the patterns of a reading list.
///
/// # Errors
/// Until when GitHub's limits forbid listing.
pub(crate) async fn matches<'t>(
    client: &GithubClient,
    lane: Lane,
    home: &RepositoryAtCommit,
    target: &'t RepositoryTarget,
) -> Result<Vec<(&'t WantedPath, PatternMatches)>, BudgetClosed> {
    let patterns: Vec<&WantedPath> = target
        .wanted
        .iter()
        .filter(|wanted| wanted.is_glob)
        .collect();
    let moved = home.head != target.held_head;
    let is_due = |wanted: &WantedPath| moved || wanted.held_blob.is_empty();
    if home.head.is_empty() || !patterns.iter().any(|wanted| is_due(wanted)) {
        let matches = if home.head.is_empty() {
            PatternMatches::NoCommit
        } else {
            PatternMatches::Unchanged
        };
        return Ok(patterns
            .into_iter()
            .map(|wanted| (wanted, matches.clone()))
            .collect());
    }
    let sought = PatternSet::of(&patterns);
    let repository = (&*home.repository.owner, &*home.repository.name);
    let listed = match tree::list(client, lane, repository, &home.head, &sought).await {
        Ok(files) => matched(&sought, &files),
        Err(TreeError::TooManyFolders) => Err(Failure::unreadable(
            "the repository has too many folders to look for a pattern in all of them",
        )),
        Err(TreeError::Call(error)) => {
            tracing::warn!(error = %Chain(&error), "the files of a commit could not be listed");
            Err(error.failure()?)
        }
    };
    Ok(match listed {
        Ok(paths) => patterns
            .into_iter()
            .zip(paths)
            .zip(&sought.0)
            .map(|((wanted, paths), one)| match &one.pattern {
                Ok(_) => (wanted, PatternMatches::Paths(paths)),
                Err(error) => (
                    wanted,
                    PatternMatches::Failed(Failure::unreadable(error.to_string())),
                ),
            })
            .collect(),
        Err(failure) => patterns
            .into_iter()
            .map(|wanted| (wanted, PatternMatches::Failed(failure.clone())))
            .collect(),
    })
}

/// For each pattern the files it matches.
fn matched(sought: &PatternSet, files: &TreeFiles) -> Result<Vec<Vec<String>>, Failure> {
    let paths: Vec<Vec<String>> = sought
        .0
        .iter()
        .map(|one| {
            let matching = files.keys().filter(|path| one.is_match(path));
            matching.cloned().collect()
        })
        .collect();
    let all: BTreeSet<&String> = paths.iter().flatten().collect();
    if all.len() > MATCHES_MAX {
        return Err(Failure::unreadable(format!(
            "the patterns match {} files, more than {MATCHES_MAX}",
            all.len()
        )));
    }
    Ok(paths)
}

/// Patterns that are looked for together.
struct PatternSet(Vec<SoughtPattern>);

struct SoughtPattern {
    /// What cannot be understood matches nothing.
    pattern: Result<Pattern, PatternError>,
    /// The folders that every match is below, with a slash behind.
    folder: String,
    /// Most folders that a match is below; `None` if any number of them.
    depth: Option<usize>,
}

impl SoughtPattern {
    fn is_match(&self, path: &str) -> bool {
        self.pattern
            .as_ref()
            .is_ok_and(|pattern| pattern.is_match(path))
    }
}

impl PatternSet {
    fn of(patterns: &[&WantedPath]) -> Self {
        let one = |wanted: &&WantedPath| SoughtPattern {
            pattern: Pattern::new(&wanted.path),
            folder: literal_folder(&wanted.path),
            depth: (!wanted.path.contains("**")).then(|| wanted.path.matches('/').count()),
        };
        Self(patterns.iter().map(one).collect())
    }
}

impl PathFilter for PatternSet {
    fn is_file_wanted(&self, path: &str) -> bool {
        self.0.iter().any(|one| one.is_match(path))
    }

    fn is_folder_wanted(&self, path: &str) -> bool {
        let path = format!("{path}/");
        let depth = path.matches('/').count();
        self.0.iter().any(|one| {
            one.depth.is_none_or(|most| depth <= most)
                && (path.starts_with(&one.folder) || one.folder.starts_with(&path))
        })
    }
}

/// The part of a pattern in front of the first step that may stand for several names.
fn literal_folder(pattern: &str) -> String {
    let special = pattern
        .find(['*', '?', '[', ']', '{', '}', '!', '+', '@', '(', ')', '\\'])
        .unwrap_or(pattern.len());
    let end = pattern[..special].rfind('/').map_or(0, |slash| slash + 1);
    pattern[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sought(patterns: &[&str]) -> PatternSet {
        let wanted: Vec<WantedPath> = patterns
            .iter()
            .map(|path| WantedPath {
                path: (*path).to_owned(),
                is_glob: true,
                ..WantedPath::default()
            })
            .collect();
        PatternSet::of(&wanted.iter().collect::<Vec<_>>())
    }

    #[track_caller]
    fn check_folders(pattern: &str, wanted: &[&str], unwanted: &[&str]) {
        let sought = sought(&[pattern]);
        for folder in wanted {
            assert!(sought.is_folder_wanted(folder), "{pattern}: {folder}");
        }
        for folder in unwanted {
            assert!(!sought.is_folder_wanted(folder), "{pattern}: {folder}");
        }
    }

    #[test]
    fn only_folders_that_may_hold_a_match_are_listed() {
        check_folders("sub/*.yaml", &["sub"], &["sub/deep", "subs", "other"]);
        check_folders("a/b/**/c.yaml", &["a", "a/b", "a/b/x/y"], &["b", "a/c"]);
        check_folders("**/c.yaml", &["any", "any/where"], &[]);
        check_folders("{a,b}/c.yaml", &["a", "z"], &[]);
    }

    #[test]
    fn each_pattern_has_its_files_in_order() {
        let files = ["a.yaml", "sub/deep/z.yaml", "sub/y.yaml", "sub/x.yaml"]
            .map(|path| {
                let file = tree::TreeFile {
                    oid: "b1".to_owned(),
                    size: 1,
                };
                (path.to_owned(), file)
            })
            .into();
        let paths = matched(&sought(&["sub/*.yaml", "*.yaml", "x/*"]), &files);
        let expected = [vec!["sub/x.yaml", "sub/y.yaml"], vec!["a.yaml"], vec![]];
        assert_eq!(paths.expect("few matches"), expected);
    }
}
