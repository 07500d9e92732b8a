//! An organisation of ordinary catalog files: entities of about 1.5 KB with nine relations each.

use std::fmt::Write as _;

/// Repositories of the cold ingest.
pub(crate) const REPOSITORIES: usize = 1_000;
/// Entities in each.
pub(crate) const ENTITIES_PER_REPOSITORY: usize = 10;

const TEAMS: usize = 50;
const DESCRIPTION_BYTES: usize = 800;

/// Name of a repository.
pub(crate) fn repository(number: usize) -> String {
    format!("service-{number:04}")
}

/// Ref of the last entity in a repository's file.
pub(crate) fn last_entity(number: usize) -> String {
    format!(
        "component:default/service-{number:04}-{}",
        ENTITIES_PER_REPOSITORY - 1
    )
}

/// The catalog file of a repository.
pub(crate) fn file(number: usize, title: &str) -> String {
    file_of(number, ENTITIES_PER_REPOSITORY, title)
}

/// The catalog file of a repository with this many entities.
pub(crate) fn file_of(number: usize, entities: usize, title: &str) -> String {
    let documents: Vec<String> = (0..entities)
        .map(|index| component(number, index, title))
        .collect();
    documents.join("---\n")
}

/// A file with one component, for pushes.
pub(crate) fn small_file(number: usize, title: &str) -> String {
    component(number, ENTITIES_PER_REPOSITORY - 1, title)
}

fn component(number: usize, index: usize, title: &str) -> String {
    // What the last repositories depend on is not there, which is ordinary too.
    let name = |repository: usize, index: usize| format!("service-{repository:04}-{index}");
    let me = name(number, index);
    let team = number % TEAMS;
    let mut text = String::new();
    let parent = if index == 0 {
        name(number + 1, 0)
    } else {
        name(number, 0)
    };
    write!(
        text,
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {me}\n  title: {title}\n  description: {}\n  \
         labels:\n    tier: backend\n    team: team-{team}\n  annotations:\n    acme.example/on-call: https://oncall.acme.example/{me}\n    \
         acme.example/dashboard: https://metrics.acme.example/d/{me}\n  tags:\n    - rust\n    - payments\nspec:\n  type: service\n  \
         lifecycle: production\n  owner: group:default/team-{team}\n  system: system-{}\n  subcomponentOf: component:default/{parent}\n  \
         providesApis:\n    - api-{me}\n  consumesApis:\n    - api-{}\n    - api-{}\n  dependsOn:\n    - component:default/{}\n    \
         - component:default/{}\n    - resource:default/database-{number}\n",
        "An ordinary service. ".repeat(DESCRIPTION_BYTES / 21),
        number % 100,
        name(number + 3, index),
        name(number + 7, index),
        name(number + 11, index),
        name(number, (index + 1) % ENTITIES_PER_REPOSITORY),
    )
    .expect("writing to a string cannot fail");
    text
}
