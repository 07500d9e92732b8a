//! Which files are looked at, and how much is said about them.

use super::{COMPONENT, World};

#[test]
fn notes_of_one_kind_are_summed_up() {
    let references: String = (0..8000)
        .map(|n| format!("    - component:x{n}\n"))
        .collect();
    let world = World::new().with("a.yaml", &format!("{COMPONENT}  dependsOn:\n{references}"));
    let report = world.try_check(&["a.yaml"]).expect("something to check");
    assert_eq!(report.problems.len(), 11);
    let message = "there are 7991 more notes of this kind in the file";
    assert!(
        report
            .problems
            .iter()
            .any(|problem| problem.message == message)
    );
}
