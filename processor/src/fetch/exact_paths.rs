//! Single files of a commit that are looked for in its tree.
//!
//! In order, for each of a hundred thousand entries of a tree is looked up among thousands of paths.

use std::collections::BTreeSet;

use crate::source::github::tree::PathFilter;

/// These paths and no other.
pub(super) struct ExactPaths(BTreeSet<String>);

impl ExactPaths {
    pub(super) fn new<'a>(paths: impl Iterator<Item = &'a str>) -> Self {
        Self(paths.map(str::to_owned).collect())
    }
}

impl PathFilter for ExactPaths {
    fn is_file_wanted(&mut self, path: &str) -> bool {
        self.0.contains(path)
    }

    fn is_folder_wanted(&self, path: &str) -> bool {
        // All that is below a folder comes right behind it, if there is anything.
        let folder = format!("{path}/");
        let behind = self.0.range(folder.clone()..).next();
        behind.is_some_and(|wanted| wanted.starts_with(&folder))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn only_the_paths_that_are_asked_for_are_listed() {
        let mut paths = ExactPaths::new(["a-b", "a/b/c.yaml", "d.yaml", "a.yaml"].into_iter());
        for (path, is_file, is_folder) in [
            ("a", false, true),
            ("a/b", false, true),
            ("a/b/c.yaml", true, false),
            ("d.yaml", true, false),
            ("a/d.yaml", false, false),
            ("a-b", true, false),
            ("e", false, false),
            ("a/", false, false),
            ("", false, false),
        ] {
            assert_eq!(paths.is_file_wanted(path), is_file, "{path}");
            assert_eq!(paths.is_folder_wanted(path), is_folder, "{path}");
        }
    }

    #[test]
    fn a_large_tree_is_compared_with_many_paths_at_little_cost() {
        let wanted: Vec<String> = (0..5_000).map(|n| format!("folder-{n}/a.yaml")).collect();
        let mut paths = ExactPaths::new(wanted.iter().map(String::as_str));
        let started = Instant::now();
        let entries = (0..100_000).map(|n| format!("folder-{n}/a.yaml"));
        let is_wanted = |path: &String| {
            paths.is_file_wanted(path) || paths.is_folder_wanted(path.trim_end_matches("/a.yaml"))
        };
        assert_eq!(entries.filter(is_wanted).count(), 5_000);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(3), "it took {took:?}");
    }
}
