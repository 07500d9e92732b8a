//! A sample organisation: a small retailer with some forty repositories.
//!
//! Every service has its own repository and describes itself there; domains and systems, shared
//! resources, and people live in one repository each; one repository has no catalog file. Every
//! reference resolves, which a test proves on the tables.

mod tables;

use std::fmt::Write as _;

use anyhow::Result;

use self::tables::{ApiKind, COMPONENTS, Component, DOMAINS, GROUPS, RESOURCES, SYSTEMS, USERS};
use super::{GithubEmulator, Member, Team};

/// The file a repository describes itself in.
pub const CATALOG_FILE: &str = "catalog-info.yaml";
/// A repository that is good to push to in a demonstration.
pub const DEMO_REPOSITORY: &str = "checkout";

/// Fills an organisation with the sample, without telling its hook.
pub fn create(github: &GithubEmulator, org: &str) -> Result<()> {
    github.create_org(org);
    github.seed(org, repositories(org))?;
    github.set_people(org, members(), teams());
    Ok(())
}

/// Names of the repositories with their files.
#[must_use]
pub fn repositories(org: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut all = vec![
        repository(
            "architecture",
            "How our systems are cut.",
            Some(architecture()),
        ),
        repository(
            "infrastructure",
            "Databases, queues and buckets.",
            Some(resources()),
        ),
        repository(
            "people",
            "Who works here, and in which team.",
            Some(people()),
        ),
        repository("meeting-notes", "What was said. Not in the catalog.", None),
    ];
    all.extend(COMPONENTS.iter().map(|component| {
        repository(
            component.name,
            component.purpose,
            Some(described(component, org)),
        )
    }));
    all
}

fn repository(
    name: &str,
    purpose: &str,
    catalog: Option<String>,
) -> (String, Vec<(String, String)>) {
    let mut files = vec![("README.md".to_owned(), format!("# {name}\n\n{purpose}\n"))];
    files.extend(catalog.map(|catalog| (CATALOG_FILE.to_owned(), catalog)));
    (name.to_owned(), files)
}

fn described(component: &Component, org: &str) -> String {
    let Component {
        name,
        title,
        purpose,
        kind,
        lifecycle,
        owner,
        system,
        ..
    } = component;
    let mut text = format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  title: {title}\n  description: {purpose}\n  \
         annotations:\n    github.com/project-slug: {org}/{name}\n  tags:\n    - {}\n  links:\n    - url: https://dashboards.example.com/{name}\n      \
         title: Dashboard\n      icon: dashboard\nspec:\n  type: {kind}\n  lifecycle: {lifecycle}\n  owner: {owner}\n  system: {system}\n",
        component.language
    );
    list(
        &mut text,
        "providesApis",
        component.api.iter().map(|_| format!("{name}-api")),
    );
    list(
        &mut text,
        "consumesApis",
        component
            .consumes
            .iter()
            .map(|service| format!("{service}-api")),
    );
    list(
        &mut text,
        "dependsOn",
        component
            .depends_on
            .iter()
            .map(|resource| format!("resource:{resource}")),
    );
    if let Some(api) = component.api {
        text.push_str(&described_api(component, api));
    }
    text
}

fn described_api(component: &Component, api: ApiKind) -> String {
    let Component {
        name,
        title,
        lifecycle,
        owner,
        system,
        ..
    } = component;
    let (kind, definition) = match api {
        ApiKind::OpenApi => (
            "openapi",
            format!(
                "openapi: 3.0.3\ninfo:\n  title: {title}\n  version: 1.0.0\npaths:\n  /{name}:\n    get:\n      responses:\n        '200':\n          description: What was asked for."
            ),
        ),
        ApiKind::Grpc => (
            "grpc",
            format!(
                "syntax = \"proto3\";\npackage {};\nservice Service {{\n  rpc Get (Request) returns (Reply);\n}}\nmessage Request {{ string id = 1; }}\nmessage Reply {{ string id = 1; }}",
                name.replace('-', "_")
            ),
        ),
        ApiKind::AsyncApi => (
            "asyncapi",
            format!(
                "asyncapi: 2.6.0\ninfo:\n  title: {title}\n  version: 1.0.0\nchannels:\n  {name}.changed:\n    subscribe:\n      message:\n        payload:\n          type: object"
            ),
        ),
    };
    format!(
        "---\napiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: {name}-api\n  description: The interface of {title}.\nspec:\n  \
         type: {kind}\n  lifecycle: {lifecycle}\n  owner: {owner}\n  system: {system}\n  definition: |\n{}\n",
        indented(&definition, "    ")
    )
}

fn architecture() -> String {
    let domains = DOMAINS.iter().map(|domain| {
        let spec = format!("  owner: {}\n", domain.owner);
        document("Domain", domain.name, domain.purpose, &spec)
    });
    let systems = SYSTEMS.iter().map(|system| {
        let spec = format!("  owner: {}\n  domain: {}\n", system.owner, system.domain);
        document("System", system.name, system.purpose, &spec)
    });
    domains.chain(systems).collect::<Vec<_>>().join("---\n")
}

fn resources() -> String {
    let resources = RESOURCES.iter().map(|resource| {
        let spec = format!(
            "  type: {}\n  owner: {}\n  system: {}\n",
            resource.kind, resource.owner, resource.system
        );
        document("Resource", resource.name, resource.purpose, &spec)
    });
    resources.collect::<Vec<_>>().join("---\n")
}

fn people() -> String {
    let groups = GROUPS.iter().map(|group| {
        let mut spec = format!(
            "  type: {}\n  profile:\n    displayName: {}\n",
            group.kind, group.title
        );
        if let Some(parent) = group.parent {
            let _infallible = writeln!(spec, "  parent: {parent}");
        }
        spec.push_str("  children: []\n");
        document("Group", group.name, group.purpose, &spec)
    });
    let users = USERS.iter().map(|user| {
        let spec = format!(
            "  profile:\n    displayName: {}\n    email: {}@example.com\n  memberOf:\n    - {}\n",
            user.title, user.name, user.team
        );
        document("User", user.name, user.title, &spec)
    });
    groups.chain(users).collect::<Vec<_>>().join("---\n")
}

fn document(kind: &str, name: &str, description: &str, spec: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  description: {description}\nspec:\n{spec}"
    )
}

fn list(text: &mut String, field: &str, entries: impl Iterator<Item = String>) {
    let lines: String = entries.map(|entry| format!("    - {entry}\n")).collect();
    if !lines.is_empty() {
        let _infallible = write!(text, "  {field}:\n{lines}");
    }
}

fn indented(text: &str, by: &str) -> String {
    text.lines()
        .map(|line| format!("{by}{line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn members() -> Vec<Member> {
    let member = |user: &tables::User| Member {
        login: user.name.to_owned(),
        name: user.title.to_owned(),
        email: format!("{}@example.com", user.name),
    };
    USERS.iter().map(member).collect()
}

fn teams() -> Vec<Team> {
    let team = |group: &tables::Group| Team {
        slug: group.name.to_owned(),
        name: group.title.to_owned(),
        description: group.purpose.to_owned(),
        parent: group.parent.map(str::to_owned),
        members: USERS
            .iter()
            .filter(|user| user.team == group.name)
            .map(|user| user.name.to_owned())
            .collect(),
    };
    GROUPS.iter().map(team).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[track_caller]
    fn check<'a>(
        what: &str,
        referred: impl Iterator<Item = &'a str>,
        existing: impl Iterator<Item = &'a str>,
    ) {
        let existing: HashSet<&str> = existing.collect();
        let missing: Vec<&str> = referred.filter(|name| !existing.contains(name)).collect();
        assert!(missing.is_empty(), "{what}: {missing:?}");
    }

    #[test]
    fn every_reference_of_the_sample_resolves() {
        let groups = || GROUPS.iter().map(|group| group.name);
        let systems = || SYSTEMS.iter().map(|system| system.name);
        let with_api = COMPONENTS
            .iter()
            .filter(|component| component.api.is_some())
            .map(|component| component.name);
        check(
            "parents",
            GROUPS.iter().filter_map(|group| group.parent),
            groups(),
        );
        check("teams", USERS.iter().map(|user| user.team), groups());
        check(
            "owners of components",
            COMPONENTS.iter().map(|component| component.owner),
            groups(),
        );
        check(
            "owners of resources",
            RESOURCES.iter().map(|resource| resource.owner),
            groups(),
        );
        check(
            "owners of systems",
            SYSTEMS.iter().map(|system| system.owner),
            groups(),
        );
        check(
            "owners of domains",
            DOMAINS.iter().map(|domain| domain.owner),
            groups(),
        );
        check(
            "domains",
            SYSTEMS.iter().map(|system| system.domain),
            DOMAINS.iter().map(|domain| domain.name),
        );
        check(
            "systems of components",
            COMPONENTS.iter().map(|component| component.system),
            systems(),
        );
        check(
            "systems of resources",
            RESOURCES.iter().map(|resource| resource.system),
            systems(),
        );
        check(
            "interfaces",
            COMPONENTS
                .iter()
                .flat_map(|component| component.consumes)
                .copied(),
            with_api,
        );
        let resources = RESOURCES.iter().map(|resource| resource.name);
        check(
            "resources",
            COMPONENTS
                .iter()
                .flat_map(|component| component.depends_on)
                .copied(),
            resources,
        );
    }

    #[test]
    fn the_sample_has_forty_repositories_and_one_outside_the_catalog() {
        let all = repositories("acme");
        let names: HashSet<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert!(all.len() >= 40 && names.len() == all.len(), "{}", all.len());
        assert!(names.contains(DEMO_REPOSITORY));
        let without = all
            .iter()
            .filter(|(_, files)| files.iter().all(|(path, _)| path != CATALOG_FILE))
            .count();
        assert_eq!(without, 1);
    }
}
