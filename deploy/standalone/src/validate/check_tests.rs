//! How far a check goes, with limits that a small work tree passes.

use std::fs;
use std::rc::Rc;

use tempfile::TempDir;

use super::*;
use crate::validate::settings::ReachLimits;
use crate::validate::work_tree::WorkTree;

const GIVEN: &str = "all.yaml";

/// A work tree with ten files, five of them in each of two folders, and Location entities that point at them.
struct World {
    folder: TempDir,
}

impl World {
    fn new(targets: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("a file");
        };
        for number in 0..5 {
            write(&format!("a/{number}.yaml"), "# none\n");
            write(&format!("b/{number}.yaml"), "# none\n");
        }
        let documents = targets.iter().enumerate().map(|(number, target)| {
            format!(
                "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {{name: l{number}}}\nspec: {{target: '{target}'}}\n"
            )
        });
        write(GIVEN, &documents.collect::<Vec<_>>().join("---\n"));
        Self { folder }
    }

    /// `<level> <rule>:<line>` of what is found within these limits, and how many files are checked.
    fn check(&self, reach: ReachLimits) -> (Vec<String>, usize) {
        let root = self.folder.path().canonicalize().expect("it is there");
        let mut settings = CheckSettings::read(&[]).expect("no configuration");
        settings.reach = reach;
        let given = FileToCheck {
            name: GIVEN.to_owned(),
            path: GIVEN.to_owned(),
            content: FileContent::OnDisk(root.join(GIVEN)),
            tree: Rc::new(WorkTree::new(root, None, None)),
            origin: None,
        };
        let set = check_files(&settings, vec![given]).expect("readable");
        let said = set.problems.iter().map(|problem| {
            let level = problem.severity.as_str();
            format!("{level} {}:{}", problem.rule, problem.line)
        });
        (said.collect(), set.checked.len())
    }
}

fn limits() -> ReachLimits {
    ReachLimits::default()
}

#[test]
fn all_patterns_of_a_repository_are_counted_together() {
    let world = World::new(&["./a/*.yaml", "./b/*.yaml", "./*/0.yaml"]);
    let within = |pattern_matches| {
        world.check(ReachLimits {
            pattern_matches,
            ..limits()
        })
    };
    // A file that two of them match is one file.
    assert_eq!(within(10), (Vec::new(), 11));
    let refused = [4, 9, 14].map(|line| format!("error location.target-unreadable:{line}"));
    assert_eq!(within(9).0, refused);
    // One alone, which is where the looking stops.
    assert_eq!(within(4).0, refused);
    let one = World::new(&["./a/*.yaml"]);
    for (pattern_matches, expected) in [(5, 0), (4, 1)] {
        let (said, _) = one.check(ReachLimits {
            pattern_matches,
            ..limits()
        });
        assert_eq!(said.len(), expected, "{said:?}");
    }
}

#[test]
fn what_is_reached_and_not_checked_is_noted() {
    let world = World::new(&["./a/*.yaml", "./b/0.yaml"]);
    let within = |reached_files| {
        world.check(ReachLimits {
            reached_files,
            ..limits()
        })
    };
    assert_eq!(within(6), (Vec::new(), 7));
    let note = |line: usize| format!("note location.target-unchecked:{line}");
    assert_eq!(within(5), (vec![note(9)], 6));
    assert_eq!(within(4), (vec![note(4), note(9)], 5));
}

#[test]
fn a_work_tree_that_is_not_listed_to_its_end_is_noted() {
    let world = World::new(&["./a/*.yaml", "./c/*.yaml"]);
    let within = |tree_files| {
        world.check(ReachLimits {
            tree_files,
            ..limits()
        })
    };
    let missing = "error location.target-missing:9".to_owned();
    assert_eq!(within(11), (vec![missing], 6));
    // Nobody knows whether what is missing is among the rest.
    let note = |line: usize| format!("note location.target-unchecked:{line}");
    assert_eq!(within(10), (vec![note(4), note(9)], 6));
}
