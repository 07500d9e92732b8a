//! The emulator's sample organisation, which the demo shows, is a catalog without a problem.

use std::collections::HashSet;

use freshet_github_emulator::sample::{CATALOG_FILE, repositories};
use freshet_model::Kinds;
use freshet_processor::catalog_file::read_catalog_file;
use freshet_processor::limits::ReadLimits;
use freshet_tests::setup::ORGANIZATION;

#[test]
fn freshet_finds_no_problem_in_the_sample() {
    let (kinds, limits) = (Kinds::builtin(), ReadLimits::default());
    let mut refs = HashSet::new();
    for (repository, files) in repositories(ORGANIZATION) {
        for (path, content) in files.iter().filter(|(path, _)| path == CATALOG_FILE) {
            let file = read_catalog_file(content.as_bytes(), &kinds, &limits);
            assert!(
                file.problems.is_empty(),
                "{repository}/{path}: {:?}",
                file.problems
            );
            let entities = file.entities.iter();
            refs.extend(entities.map(|read| read.entity.entity_ref().to_string()));
        }
    }
    assert!(
        refs.len() > 100 && refs.contains("component:default/checkout"),
        "{}",
        refs.len()
    );
}
