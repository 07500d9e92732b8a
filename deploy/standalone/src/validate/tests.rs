//! Whole checks of small work trees.

use std::fs;

use tempfile::TempDir;

use super::*;

mod directories;
mod places;

const COMPONENT: &str = "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\nspec:\n  type: service\n  lifecycle: production\n  owner: team-a\n";
const GROUP: &str = "apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: team-a\nspec:\n  type: team\n  children: []\n";

/// A work tree at https://github.com/acme/pay/blob/main/.
struct World {
    folder: TempDir,
    request: ValidateRequest,
    stdin: String,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let request = ValidateRequest {
            paths: Vec::new(),
            config: Vec::new(),
            location: Some("https://github.com/acme/pay/blob/main/".to_owned()),
            root: Some(folder.path().to_owned()),
            strictness: Strictness::Lenient,
        };
        Self {
            folder,
            request,
            stdin: String::new(),
        }
    }

    fn with(self, path: &str, text: &str) -> Self {
        let file = self.folder.path().join(path);
        let folder = file.parent().expect("it has a folder");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(file, text).expect("a file");
        self
    }

    fn try_check(&self, paths: &[&str]) -> Result<ValidationReport, UsageError> {
        let paths = paths.iter().map(|path| match *path {
            "-" => PathBuf::from("-"),
            path => self.folder.path().join(path),
        });
        let request = ValidateRequest {
            paths: paths.collect(),
            ..self.request.clone()
        };
        validate_files(&request, &mut self.stdin.as_bytes())
    }

    #[track_caller]
    fn check(&self, paths: &[&str], expected: &[&str]) -> ValidationReport {
        let report = self.try_check(paths).expect("something to check");
        assert_eq!(said(&report), expected);
        report
    }
}

/// `<level> <rule> <path>:<line>`
fn said(report: &ValidationReport) -> Vec<String> {
    report
        .problems
        .iter()
        .map(|problem| {
            let path = &report.file_of(problem).path;
            let level = problem.severity.as_str();
            format!("{level} {} {path}:{}", problem.rule, problem.line)
        })
        .collect()
}

fn location(target: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata:\n  name: all\nspec:\n  {target}\n"
    )
}

const OWNER_UNKNOWN: &str = "note reference.unknown catalog-info.yaml:8";

#[test]
fn a_valid_file_has_at_most_notes() {
    let world = World::new().with("catalog-info.yaml", COMPONENT);
    let report = world.check(&["catalog-info.yaml"], &[OWNER_UNKNOWN]);
    assert!(report.is_valid());
    assert_eq!(report.valid_entities, 1);
}

#[test]
fn references_are_checked_within_the_set() {
    let world = World::new()
        .with("catalog-info.yaml", COMPONENT)
        .with("group.yaml", GROUP);
    world.check(&["catalog-info.yaml", "group.yaml"], &[]);
}

#[test]
fn two_files_that_declare_one_entity_are_warned_of() {
    let world = World::new()
        .with("a.yaml", GROUP)
        .with("b.yaml", &format!("# again\n---\n{GROUP}"));
    let report = world.check(&["b.yaml", "a.yaml"], &["warning claim.conflict a.yaml:1"]);
    assert!(report.is_valid());
}

#[test]
fn what_is_invalid_conflicts_with_nothing() {
    let broken = format!("{GROUP}---\na: [b\n");
    let world = World::new().with("a.yaml", &broken).with("b.yaml", GROUP);
    world.check(&["a.yaml", "b.yaml"], &["error yaml.syntax a.yaml:9"]);
}

#[test]
fn strict_makes_errors_of_warnings() {
    let mut world = World::new().with("a.yaml", GROUP).with("b.yaml", GROUP);
    world.request.strictness = Strictness::Strict;
    let report = world.check(&["a.yaml", "b.yaml"], &["error claim.conflict b.yaml:1"]);
    assert!(!report.is_valid());
}

#[test]
fn a_directory_is_searched_for_catalog_files() {
    let world = World::new()
        .with("a/catalog-info.yaml", "not: an entity\n")
        .with(
            "b/deployment.yaml",
            "apiVersion: apps/v1\nkind: Deployment\n",
        )
        .with("b/group.yml", GROUP)
        .with("skeleton/catalog-info.yaml", "name: ${{ values.name }}\n")
        .with(".github/group.yaml", "apiVersion: backstage.io/v1alpha1\n");
    let report = world.try_check(&[""]).expect("something to check");
    let paths: Vec<_> = report.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(
        paths,
        [".github/group.yaml", "a/catalog-info.yaml", "b/group.yml"]
    );
    assert!(!report.is_valid());
}

#[test]
fn a_directory_without_catalog_files_is_valid() {
    let world = World::new().with("README.md", "hello");
    let report = world.check(&[""], &[]);
    assert!(report.files.is_empty() && report.is_valid());
}

#[test]
fn a_path_that_is_not_there_is_a_mistake_of_the_caller() {
    let world = World::new();
    assert!(matches!(
        world.try_check(&["none.yaml"]),
        Err(UsageError::Path { .. })
    ));
}

#[test]
fn a_location_that_is_no_folder_is_a_mistake_of_the_caller() {
    let mut world = World::new().with("a.yaml", GROUP);
    world.request.location = Some("https://github.com/acme".to_owned());
    assert!(matches!(
        world.try_check(&["a.yaml"]),
        Err(UsageError::Location(_))
    ));
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_mistake_of_the_caller() {
    let mut world = World::new().with("a.yaml", GROUP);
    world.request.config = vec![world.folder.path().join("none.yaml")];
    assert!(matches!(
        world.try_check(&["a.yaml"]),
        Err(UsageError::Config(_))
    ));
}

#[test]
fn piped_text_lies_where_the_location_says() {
    let mut world = World::new().with("sub/other.yaml", GROUP);
    world.stdin = location("target: ./sub/other.yaml");
    let report = world.check(&["-"], &[]);
    assert_eq!(report.files[0].name, "<stdin>");
    assert_eq!(report.files[0].path, "catalog-info.yaml");
    assert_eq!(report.valid_entities, 2);
}

#[test]
fn what_a_location_reaches_is_checked_too() {
    let world = World::new()
        .with(
            "all.yaml",
            &location("targets: [./catalog-info.yaml, ./deep/*.yaml]"),
        )
        .with("catalog-info.yaml", COMPONENT)
        .with(
            "deep/group.yaml",
            &GROUP.replace("children: []", "children: 1"),
        );
    world.check(&["all.yaml"], &["error spec.schema deep/group.yaml:7"]);
}

#[test]
fn a_location_is_wrong_where_its_target_is() {
    let missing = World::new().with("all.yaml", &location("target: ./none.yaml"));
    missing.check(&["all.yaml"], &["error location.target-missing all.yaml:6"]);
    let optional = World::new().with(
        "all.yaml",
        &location("target: ./none.yaml\n  presence: optional"),
    );
    optional.check(&["all.yaml"], &[]);
    let nothing = World::new().with("all.yaml", &location("target: ./none/*.yaml"));
    nothing.check(&["all.yaml"], &["error location.target-missing all.yaml:6"]);
}

#[test]
fn a_location_that_reaches_itself_is_fine() {
    let world = World::new()
        .with("a.yaml", &location("targets: [./a.yaml, ./b.yaml]"))
        .with(
            "b.yaml",
            &location("target: ./a.yaml").replace("name: all", "name: b"),
        );
    world.check(&["a.yaml"], &[]);
}

#[test]
fn what_is_elsewhere_is_noted_and_what_nobody_may_read_is_refused() {
    let target = |url: &str| World::new().with("a.yaml", &location(&format!("target: {url}")));
    let unchecked = &["note location.target-unchecked a.yaml:6"];
    target("https://github.com/acme/other/blob/main/a.yaml").check(&["a.yaml"], unchecked);
    target("https://github.com/acme/pay/blob/dev/a.yaml").check(&["a.yaml"], unchecked);
    let refused = &["error location.target-unreadable a.yaml:6"];
    target("https://nowhere.invalid/a.yaml").check(&["a.yaml"], refused);
    let kind = World::new().with("a.yaml", &location("type: file\n  target: /etc/passwd"));
    kind.check(&["a.yaml"], &["error location.type-not-allowed a.yaml:6"]);
}

#[test]
fn the_own_repository_may_be_written_out() {
    let world = World::new()
        .with(
            "a.yaml",
            &location("target: https://github.com/Acme/Pay/blob/main/group.yaml"),
        )
        .with("group.yaml", GROUP);
    let report = world.check(&["a.yaml"], &[]);
    assert_eq!(report.files.len(), 2);
}

#[test]
fn placeholders_read_the_work_tree_and_nothing_else() {
    let api = |value: &str| {
        format!(
            "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: a\nspec:\n  type: openapi\n  lifecycle: x\n  owner: team-a\n  definition: {{ $text: {value} }}\n---\n{GROUP}"
        )
    };
    let check = |value: &str, expected: &[&str]| {
        let world = World::new()
            .with("sub/a.yaml", &api(value))
            .with("sub/openapi.yaml", "openapi: 3.0.0");
        std::os::unix::fs::symlink("/etc/hostname", world.folder.path().join("link"))
            .expect("a link");
        world.check(&["sub/a.yaml"], expected);
    };
    check("./openapi.yaml", &[]);
    check("/sub/openapi.yaml", &[]);
    check("./none.yaml", &["error placeholder.not-found sub/a.yaml:9"]);
    check("../link", &["error placeholder.unreadable sub/a.yaml:9"]);
    check("../../x", &["error placeholder.target sub/a.yaml:9"]);
    check(
        "\"https://github.com/acme/other/blob/main/x\"",
        &["error placeholder.repository sub/a.yaml:9"],
    );
    check(
        "\"https://github.com/acme/pay/blob/dev/x\"",
        &["note placeholder.unchecked sub/a.yaml:9"],
    );
}

#[test]
fn no_format_shows_a_secret() {
    let token = format!("ghp_{}", "aB3dE5gH7jK9".repeat(3));
    let text = COMPONENT.replace("name: pay", &format!("name: \"{token}\"\n  title: {token}"));
    let escaped = format!("{text}  # the end\n{}", "---\nkind: {a: \"\\x67hp_");
    let escaped = format!("{escaped}{}\"}}\n", "aB3dE5gH7jK9".repeat(3));
    let world = World::new().with("a.yaml", &escaped);
    let report = world.try_check(&["a.yaml"]).expect("something to check");
    assert!(said(&report).contains(&"warning secret.value a.yaml:4".to_owned()));
    for format in [
        ReportFormat::Human,
        ReportFormat::Json,
        ReportFormat::Sarif,
        ReportFormat::Github,
    ] {
        let shown = render(&report, format, Colours::On);
        assert!(!shown.contains("aB3dE5"), "{shown}");
    }
}

#[test]
fn nothing_known_of_the_repository_still_resolves_what_is_relative() {
    let mut world = World::new()
        .with(
            "a.yaml",
            &location("targets: [./group.yaml, https://github.com/acme/pay/blob/main/x.yaml]"),
        )
        .with("group.yaml", GROUP);
    world.request.location = None;
    world.check(&["a.yaml"], &["note location.target-unchecked a.yaml:6"]);
}

#[test]
fn no_message_repeats_a_password() {
    let target = "target: https://user:hunter2@nowhere.invalid/a.yaml";
    let world = World::new().with("a.yaml", &location(target));
    let report = world.try_check(&["a.yaml"]).expect("something to check");
    assert!(!report.is_valid());
    let shown = render(&report, ReportFormat::Json, Colours::Off);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn rules_of_the_configuration_count_if_there_is_one() {
    let config = "catalog:\n  rules:\n    - allow: [Component]\n";
    let mut world = World::new()
        .with("app-config.yaml", config)
        .with("a.yaml", GROUP)
        .with("b.yaml", COMPONENT);
    world.check(&["a.yaml", "b.yaml"], &[]);
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    world.check(&["a.yaml", "b.yaml"], &["error rules.not-allowed a.yaml:1"]);
}

#[test]
fn limits_of_the_configuration_count_if_there_is_one() {
    let two = format!("{GROUP}---\n{}", GROUP.replace("team-a", "team-b"));
    let mut world = World::new()
        .with(
            "app-config.yaml",
            "catalog: {rules: [{allow: [Group]}]}\nfreshet: {limits: {documents: 2, depth: 3}}\n",
        )
        .with("two.yaml", &two)
        .with("three.yaml", &format!("{two}---\n{COMPONENT}"))
        .with(
            "deep.yaml",
            &GROUP.replace("children: []", "children: []\n  profile: {a: {}}"),
        );
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    world.check(&["two.yaml"], &[]);
    world.check(
        &["three.yaml"],
        &["error yaml.limit.documents three.yaml:16"],
    );
    world.check(&["deep.yaml"], &["error yaml.limit.depth deep.yaml:8"]);
}

#[test]
fn a_host_that_the_configuration_allows_is_only_unchecked() {
    let config = "backend:\n  reading:\n    allow:\n      - host: files.acme.example\n";
    let mut world = World::new().with("app-config.yaml", config).with(
        "a.yaml",
        &location("targets: [https://files.acme.example/a.yaml, https://other.example/a.yaml]"),
    );
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    world.check(
        &["a.yaml"],
        &[
            "note location.target-unchecked a.yaml:6",
            "error location.target-unreadable a.yaml:6",
        ],
    );
}

#[test]
fn a_file_that_cannot_be_applied_is_its_own_problem_and_holds_nothing_back() {
    let world = World::new()
        .with("all.yaml", &location("targets: [./bad.yaml, ./a.yaml]"))
        .with("bad.yaml", "kind: [\n")
        .with("a.yaml", GROUP);
    let report = world.check(&["all.yaml"], &["error yaml.syntax bad.yaml:1"]);
    assert_eq!(report.valid_entities, 2);
}

#[test]
fn a_kind_that_is_not_allowed_is_a_problem_of_its_file() {
    let mut world = World::new()
        .with("app-config.yaml", "catalog: {}\n")
        .with("all.yaml", &location("target: ./a.yaml"))
        .with("a.yaml", GROUP);
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    world.check(&["all.yaml"], &["error rules.not-allowed a.yaml:1"]);
}

#[test]
fn a_configuration_is_of_use_without_its_credentials() {
    let config = "integrations:\n  github:\n    - host: github.com\n      token: ${FRESHET_NO_SUCH_TOKEN}\ncatalog:\n  providers:\n    github:\n      acme:\n        organization: acme\n";
    let mut world = World::new()
        .with("app-config.yaml", config)
        .with("a.yaml", GROUP);
    world.request.config = vec![world.folder.path().join("app-config.yaml")];
    world.check(&["a.yaml"], &["error rules.not-allowed a.yaml:1"]);
}

#[test]
fn piped_text_may_have_a_name() {
    let mut world = World::new().with("sub/group.yaml", GROUP);
    world.request.location = Some("https://github.com/acme/pay/blob/main/sub/all.yaml".to_owned());
    world.request.root = Some(world.folder.path().join("sub"));
    world.stdin = location("targets: [./group.yaml, ./all.yaml]");
    let report = world.check(&["-"], &[]);
    assert_eq!(report.files[0].path, "all.yaml");
    assert_eq!(report.files[1].path, "group.yaml");
}

#[test]
fn a_file_that_is_too_large_is_not_read_whole() {
    let bytes = freshet_processor::limits::ReadLimits::default().file_bytes;
    let world = World::new().with("a.yaml", &"#".repeat(bytes + 2));
    world.check(&["a.yaml"], &["error yaml.limit.file-size a.yaml:1"]);
}

#[test]
fn the_order_of_problems_does_not_depend_on_chance() {
    let world = World::new()
        .with("a.yaml", &format!("{COMPONENT}  bad: [\n---\n{COMPONENT}"))
        .with("b.yaml", COMPONENT);
    let first = world.try_check(&[""]).expect("something to check");
    let second = world.try_check(&[""]).expect("something to check");
    assert_eq!(first.problems, second.problems);
}
