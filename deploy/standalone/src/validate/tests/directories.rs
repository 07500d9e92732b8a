//! Which files are looked at, and how much is said about them.

use super::{COMPONENT, GROUP, World};

/// The files that a check of the whole work tree looks at.
fn found(world: &World) -> Vec<String> {
    let report = world.try_check(&[""]).expect("something to check");
    report.files.into_iter().map(|file| file.path).collect()
}

#[test]
fn a_place_to_fill_in_that_tells_nothing_hides_no_mistake() {
    let text = COMPONENT.replace(
        "name: pay",
        "name: a b\n  description: needs ${{ secrets.KEY }}",
    );
    let world = World::new().with("catalog-info.yaml", &format!("# ${{{{ x }}}}\n{text}"));
    world.check(&[""], &["error metadata.name.format catalog-info.yaml:5"]);
}

#[test]
fn what_has_to_be_filled_in_first_is_left_out_of_a_directory() {
    let named = |name: &str| COMPONENT.replace("name: pay", &format!("name: {name}"));
    let world = World::new()
        .with(
            "skeleton/catalog-info.yaml",
            &named("{{ cookiecutter.id }}"),
        )
        .with(
            "content/catalog-info.yaml",
            &named("{{ a }}\n  {%- if b %}\n  title: b\n  {%- endif %}"),
        )
        .with(
            "chart/templates/catalog.yaml",
            &format!("{{{{- if .a }}}}\n{COMPONENT}{{{{- end }}}}\n"),
        )
        .with("good.yaml", GROUP);
    assert_eq!(found(&world), ["good.yaml"]);
    let path = "content/catalog-info.yaml";
    let report = world.check(
        &[path],
        &["error file.unfilled content/catalog-info.yaml:4"],
    );
    assert!(
        report.problems[0]
            .message
            .contains("looks like an unfilled template")
    );
}

#[test]
fn what_a_template_copies_is_left_out_of_a_directory() {
    let template = "apiVersion: scaffolder.backstage.io/v1beta3\nkind: Template\nmetadata: {name: t}\nspec:\n  type: service\n  owner: team-a\n  steps:\n    - {id: a, action: 'fetch:template', input: {url: ./parts/}}\n";
    let world = World::new()
        .with("t/parts/deep/catalog-info.yaml", "not: finished\n")
        .with("t/template.yaml", template)
        .with("parts/group.yaml", GROUP);
    assert_eq!(found(&world), ["parts/group.yaml", "t/template.yaml"]);
}

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

#[test]
fn a_file_that_discovery_does_not_read_is_noted() {
    let mut world = World::new()
        .with("catalog-info.yml", GROUP)
        .with("team.yml", GROUP)
        .with("sub/catalog-info.yml", GROUP);
    world.check(
        &["catalog-info.yml"],
        &["note file.name catalog-info.yml:1"],
    );
    world.check(&["team.yml"], &[]);
    world.check(&["sub/catalog-info.yml"], &[]);
    let config = "integrations: {github: [{host: github.com, token: t}]}\ncatalog:\n  providers:\n    github:\n      a: {organization: acme, catalogPath: /catalog-info.yml}\n      b: {organization: acme, catalogPath: /sub/catalog-info.yaml}\n";
    world = world.with("app-config.yaml", config);
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    let allowed = "error rules.not-allowed";
    world.check(
        &["catalog-info.yml"],
        &[&format!("{allowed} catalog-info.yml:1")],
    );
    world.check(
        &["sub/catalog-info.yml"],
        &[
            &format!("{allowed} sub/catalog-info.yml:1"),
            "note file.name sub/catalog-info.yml:1",
        ],
    );
}
