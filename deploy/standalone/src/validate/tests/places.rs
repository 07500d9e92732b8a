//! Where a file lies is known, whatever its author writes about it.

use super::*;

/// The document with an annotation that says where it is from.
fn from(place: &str, document: &str) -> String {
    let annotation =
        format!("metadata:\n  annotations:\n    backstage.io/managed-by-location: {place}\n");
    document.replacen("metadata:\n", &annotation, 1)
}

#[test]
fn a_place_that_an_author_makes_up_is_valid_as_it_is_overwritten() {
    World::new()
        .with("catalog-info.yaml", &from("nocolon", GROUP))
        .check(&["catalog-info.yaml"], &[]);
}

#[test]
fn targets_are_relative_to_the_file_whatever_place_its_author_writes() {
    let elsewhere = "url:https://github.com/acme/other/blob/main/deep/all.yaml";
    World::new()
        .with(
            "all.yaml",
            &from(elsewhere, &location("targets: [./a.yaml, ./b.yaml]")),
        )
        .with("a.yaml", GROUP)
        .with("deep/b.yaml", GROUP)
        .check(&["all.yaml"], &["error location.target-missing all.yaml:8"]);
}
