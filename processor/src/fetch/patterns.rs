//! Which files the patterns of a reading list match.

use std::collections::BTreeSet;

use freshet_model::glob::{Pattern, PatternError, TREE_WORK_MAX, Work};
use freshet_proto::message::location_observed::Outcome;
use freshet_proto::message::{
    Failed, Gone, Lane, Matched, Repository, RepositoryTarget, Unchanged, WantedPath,
};
use freshet_runtime::error_chain::Chain;

use super::repository::RepositoryAtCommit;
use crate::budget::BudgetClosed;
use crate::failure::Failure;
use crate::off_thread::run_blocking;
use crate::reconcile::describe_missing_ref;
use crate::source::github::client::GithubClient;
use crate::source::github::tree::{self, PathFilter, TreeError, TreeFile, TreeFiles};

/// Evaluates the patterns of a reading list.
///
/// # Errors
/// Until when GitHub's limits forbid listing.
pub(super) async fn evaluate_patterns<'t>(
    client: &GithubClient,
    lane: Lane,
    home: &RepositoryAtCommit,
    target: &'t RepositoryTarget,
) -> Result<Vec<(&'t WantedPath, Outcome)>, BudgetClosed> {
    let wanted = target.wanted.iter();
    let patterns: Vec<&WantedPath> = wanted.filter(|wanted| wanted.is_glob).collect();
    let for_all = |outcome: &dyn Fn(&WantedPath) -> Outcome| {
        let patterns = patterns.iter();
        Ok(patterns.map(|wanted| (*wanted, outcome(wanted))).collect())
    };
    if home.head.is_empty() {
        let reason = describe_missing_ref(&home.git_ref);
        return for_all(&|_| {
            Outcome::Gone(Gone {
                evidence: reason.clone(),
                reason: reason.clone(),
            })
        });
    }
    // A tree belongs to its commit: while the head is the one we hold, the matches are too.
    let has_moved = home.head != target.held_head;
    let is_due = |wanted: &&WantedPath| has_moved || wanted.held_blob.is_empty();
    if !patterns.iter().any(is_due) {
        return for_all(&|wanted| {
            Outcome::Unchanged(Unchanged {
                blob: wanted.held_blob.clone(),
            })
        });
    }
    let set = PatternSet::new(&patterns, client.limits().matches);
    let Repository { owner, name, .. } = &home.repository;
    let listed = match tree::list_files(client, lane, owner, name, &home.head, set).await {
        Ok((files, mut set)) => run_blocking(move || set.match_files(&files)).await,
        Err(TreeError::TooManyFolders) => Err(Failure::unreadable(
            "the repository has too many folders to look for a pattern in all of them",
        )),
        Err(TreeError::Call(error)) => {
            freshet_runtime::summed_up!(warn, error = %Chain(&error), "the files of a commit could not be listed");
            Err(error.failure()?)
        }
    };
    match listed {
        Ok(outcomes) => Ok(patterns.into_iter().zip(outcomes).collect()),
        Err(failure) => for_all(&|_| Outcome::Failed(Failed::from(failure.clone()))),
    }
}

/// Patterns that are looked for together.
struct PatternSet {
    sought: Vec<SoughtPattern>,
    /// What looking for all of them may still take.
    work: Work,
    /// Most files that they may match together.
    matches_max: usize,
}

struct SoughtPattern {
    /// What cannot be understood, or takes too long, matches nothing.
    pattern: Result<Pattern, PatternError>,
    /// The folders that every match is below, with a slash behind.
    folder: String,
    /// Most folders that a match is below; `None` if any number of them.
    depth: Option<usize>,
}

impl SoughtPattern {
    fn is_wanted(&mut self, path: &str, work: &mut Work) -> bool {
        let is_name = |pattern: &Pattern| pattern.is_name_of(path);
        self.pattern.as_ref().is_ok_and(is_name) || self.is_match(path, work)
    }

    fn is_match(&mut self, path: &str, work: &mut Work) -> bool {
        let Ok(pattern) = &self.pattern else {
            return false;
        };
        match pattern.match_within(path, work) {
            Ok(is_match) => is_match,
            Err(error) => {
                self.pattern = Err(error);
                false
            }
        }
    }

    /// The file that has this name; only if there is none, those it matches as a pattern.
    // People name folders `[id]` and `{a,b}`, and copy the URL of a file in one.
    fn find_matches(&mut self, files: &TreeFiles, work: &mut Work) -> Vec<String> {
        let Ok(pattern) = &self.pattern else {
            return Vec::new();
        };
        // What a link leads to is found where it is, and would be declared twice; who names the link
        // itself gets what it leads to.
        let files = files.iter().filter(|(_, file)| **file == TreeFile::File);
        let paths: Vec<&String> = files.map(|(path, _)| path).collect();
        if let Some(path) = paths.iter().find(|path| pattern.is_name_of(path)) {
            return vec![(*path).clone()];
        }
        let matching = paths.into_iter().filter(|path| self.is_match(path, work));
        matching.cloned().collect()
    }
}

impl PatternSet {
    fn new(patterns: &[&WantedPath], matches_max: usize) -> Self {
        let sought = |wanted: &&WantedPath| {
            let path = wanted.path.trim_start_matches('/');
            let pattern = Pattern::new(path);
            SoughtPattern {
                depth: pattern.as_ref().map_or(Some(0), Pattern::slashes_max),
                folder: find_literal_folder(path),
                pattern,
            }
        };
        Self {
            sought: patterns.iter().map(sought).collect(),
            work: Work::new(TREE_WORK_MAX),
            matches_max,
        }
    }

    /// For each pattern what became of it; a pattern that cannot be understood spoils no other.
    fn match_files(&mut self, files: &TreeFiles) -> Result<Vec<Outcome>, Failure> {
        let (sought, work) = (self.sought.iter_mut(), &mut self.work);
        let matches = sought.map(|sought| sought.find_matches(files, work));
        let paths: Vec<Vec<String>> = matches.collect();
        // Which of them took it is nobody's fault more than the others'.
        if self.work.is_spent() {
            return Err(Failure::unreadable(
                "the patterns take too long to look for together in all files of the repository",
            ));
        }
        let all: BTreeSet<&String> = paths.iter().flatten().collect();
        if all.len() > self.matches_max {
            return Err(Failure::unreadable(format!(
                "the patterns of the repository match {} files together, more than {}",
                all.len(),
                self.matches_max
            )));
        }
        let outcome = |(paths, sought): (Vec<String>, &SoughtPattern)| match &sought.pattern {
            Ok(_) => Outcome::Matched(Matched { paths }),
            Err(error) => {
                let failure = Failure::refused(error.to_string());
                Outcome::Failed(Failed::from(failure))
            }
        };
        Ok(paths.into_iter().zip(&self.sought).map(outcome).collect())
    }
}

impl PathFilter for PatternSet {
    fn is_file_wanted(&mut self, path: &str) -> bool {
        let (mut sought, work) = (self.sought.iter_mut(), &mut self.work);
        sought.any(|sought| sought.is_wanted(path, work))
    }

    fn is_folder_wanted(&self, path: &str) -> bool {
        let path = format!("{path}/");
        let depth = path.matches('/').count();
        self.sought.iter().any(|sought| {
            sought.depth.is_none_or(|most| depth <= most)
                && (path.starts_with(&sought.folder) || sought.folder.starts_with(&path))
        })
    }
}

/// The folder that every match is in, with a slash behind, as the tree of a commit spells it: up to the first
/// step that may stand for several names.
fn find_literal_folder(pattern: &str) -> String {
    const SPECIAL: [char; 12] = ['*', '?', '[', ']', '{', '}', '!', '+', '@', '(', ')', '\\'];
    let mut literal: Vec<&str> = Vec::new();
    let mut rest = pattern;
    while let Some((step, behind)) = rest.split_once('/') {
        match step {
            // Nothing in a tree is called so: `a//b` and `./a/b` are below `a`.
            "" | "." => {}
            ".." => drop(literal.pop()),
            step if step.contains(SPECIAL) => break,
            step => literal.push(step),
        }
        rest = behind;
    }
    // What goes back from there may leave what is in front of it.
    if rest.contains("..") {
        return String::new();
    }
    literal.into_iter().map(|step| format!("{step}/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::GithubLimits;

    fn pattern_set(patterns: &[&str]) -> PatternSet {
        let wanted: Vec<WantedPath> = patterns
            .iter()
            .map(|path| WantedPath {
                path: (*path).to_owned(),
                is_glob: true,
                ..WantedPath::default()
            })
            .collect();
        let matches_max = GithubLimits::default().matches;
        PatternSet::new(&wanted.iter().collect::<Vec<_>>(), matches_max)
    }

    #[track_caller]
    fn check_folders(pattern: &str, wanted: &[&str], unwanted: &[&str]) {
        let set = pattern_set(&[pattern]);
        for folder in wanted {
            assert!(set.is_folder_wanted(folder), "{pattern}: {folder}");
        }
        for folder in unwanted {
            assert!(!set.is_folder_wanted(folder), "{pattern}: {folder}");
        }
    }

    #[test]
    fn only_folders_that_may_hold_a_match_are_listed() {
        check_folders("sub/*.yaml", &["sub"], &["sub/deep", "subs", "other"]);
        check_folders("a/b/**/c.yaml", &["a", "a/b", "a/b/x/y"], &["b", "a/c"]);
        check_folders("**/c.yaml", &["any", "any/where"], &[]);
        check_folders("{a,b}/c.yaml", &["a", "z"], &["a/b"]);
        check_folders("x/{*,q}*/c.yaml", &["x", "x/y/z"], &["y"]);
        check_folders("a/**b/c.yaml", &["a/b"], &["a/b/c"]);
        check_folders("a//b/*.yaml", &["a", "a/b"], &["b", "a/c"]);
        check_folders("./a/*.yaml", &["a"], &["b"]);
        check_folders("a/../b/*.yaml", &["b"], &["a"]);
        check_folders("a/*/../../b/*.yaml", &["a", "b"], &[]);
        check_folders("a/{x,../b}/*.yaml", &["a", "a/x", "b"], &[]);
    }

    #[test]
    fn each_pattern_has_its_files_in_order() {
        let files = ["a.yaml", "sub/deep/z.yaml", "sub/y.yaml", "sub/x.yaml"]
            .map(|path| (path.to_owned(), TreeFile::File))
            .into();
        let outcomes = pattern_set(&["/sub/*.yaml", "/*.yaml", "/x/*"]).match_files(&files);
        let expected: [&[&str]; 3] = [&["sub/x.yaml", "sub/y.yaml"], &["a.yaml"], &[]];
        let expected = expected.map(|paths| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            Outcome::Matched(Matched { paths })
        });
        assert_eq!(outcomes.expect("few matches"), expected);
    }

    #[test]
    fn a_pattern_that_takes_too_long_spoils_no_other() {
        let slow = format!("*({})", "*[a]".repeat(100));
        let name = "a".repeat(250);
        let mut set = pattern_set(&[&slow, "a*"]);
        assert!(set.is_file_wanted(&name));
        let files = [(name.clone(), TreeFile::File)].into();
        let outcomes = set.match_files(&files).expect("enough work");
        let failure = Failure::refused(PatternError::TakesTooLong.to_string());
        let matched = Matched { paths: vec![name] };
        assert_eq!(
            outcomes,
            [
                Outcome::Failed(Failed::from(failure)),
                Outcome::Matched(matched)
            ]
        );
    }

    #[test]
    fn patterns_that_take_too_long_together_fail_together() {
        let mut set = pattern_set(&["*.yaml"]);
        set.work = Work::new(100);
        let file = |index| (format!("{index}.yaml"), TreeFile::File);
        let outcomes = set.match_files(&(0..100).map(file).collect());
        let message = outcomes.expect_err("too little work").message;
        assert!(message.contains("together"), "{message}");
    }

    #[test]
    fn patterns_that_match_too_many_files_together_fail_together() {
        let files: TreeFiles = ["a/1.yaml", "a/2.yaml", "b/3.yaml"]
            .map(|path| (path.to_owned(), TreeFile::File))
            .into();
        let match_within = |matches_max| {
            // A file that two of them match is one file.
            let mut set = pattern_set(&["a/*.yaml", "b/*.yaml", "*/1.yaml"]);
            set.matches_max = matches_max;
            set.match_files(&files)
        };
        let within = match_within(3).expect("as many as may match");
        assert_eq!(within.len(), 3);
        let message = match_within(2).expect_err("too many").message;
        assert_eq!(
            message,
            "the patterns of the repository match 3 files together, more than 2"
        );
    }

    #[test]
    fn a_file_of_that_name_comes_before_what_the_name_matches() {
        let tree = |paths: &[&str]| -> TreeFiles {
            let file = |path: &&str| ((*path).to_owned(), TreeFile::File);
            paths.iter().map(file).collect()
        };
        let matched = |paths: &[&str]| {
            let outcomes = pattern_set(&["/svc/[id]/c.yaml"]).match_files(&tree(paths));
            match outcomes.as_deref() {
                Ok([Outcome::Matched(matched)]) => matched.paths.clone(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            matched(&["svc/[id]/c.yaml", "svc/i/c.yaml"]),
            ["svc/[id]/c.yaml"]
        );
        assert_eq!(matched(&["svc/d/c.yaml", "svc/i/c.yaml"]).len(), 2);
    }
}
