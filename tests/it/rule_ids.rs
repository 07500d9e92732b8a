//! `freshet validate` and the store say the same of the same files.

use std::collections::BTreeSet;

use freshet::validate::{Severity, Strictness, ValidateRequest, validate_files};
use freshet_model::RuleId;
use serde_json::{Value, json};

use crate::story::{Story, component, document, location};

/// Files with the rule that each breaks.
fn broken_files() -> Vec<(&'static str, String, RuleId)> {
    let api = "{type: openapi, lifecycle: x, owner: team, definition: {$text: ./none.json}}";
    let token = format!("ghp_{}", "aB3dE5gH7jK9".repeat(3));
    vec![
        ("syntax.yaml", "kind: [\n".to_owned(), RuleId::YamlSyntax),
        (
            "name.yaml",
            component("bad name", "t"),
            RuleId::MetadataNameFormat,
        ),
        (
            "schema.yaml",
            document("Component", "schema", "t", "{}"),
            RuleId::SpecSchema,
        ),
        (
            "secret.yaml",
            component("secret", &token),
            RuleId::SecretValue,
        ),
        (
            "group.yaml",
            document("Group", "team", "t", "{type: team, children: []}"),
            RuleId::RulesNotAllowed,
        ),
        (
            "type.yaml",
            location("type", "{type: file, target: /etc/passwd}"),
            RuleId::LocationTypeNotAllowed,
        ),
        (
            "missing.yaml",
            location("missing", "{target: ./none.yaml}"),
            RuleId::LocationTargetMissing,
        ),
        (
            "no-file.yaml",
            location("no-file", "{target: 'https://github.com/acme'}"),
            RuleId::LocationTargetUnreadable,
        ),
        (
            "placeholder.yaml",
            document("API", "placeholder", "t", api),
            RuleId::PlaceholderNotFound,
        ),
        // The other claim on `twin` is that of a file that comes before.
        ("twin.yaml", component("twin", "t"), RuleId::ClaimConflict),
    ]
}

/// Path and rule of what `freshet validate` reports before the push, notes aside.
fn validated(files: &[(&str, &str)], config: &Value) -> BTreeSet<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("shop");
    std::fs::create_dir(&root).expect("a folder");
    for (path, text) in files {
        std::fs::write(root.join(path), text).expect("a file");
    }
    let app_config = folder.path().join("app-config.yaml");
    std::fs::write(&app_config, config.to_string()).expect("a file");
    let request = ValidateRequest {
        paths: files.iter().map(|(path, _)| root.join(path)).collect(),
        config: vec![app_config],
        location: Some("https://github.com/acme/shop/blob/main/".to_owned()),
        root: Some(root),
        strictness: Strictness::Lenient,
    };
    let report = validate_files(&request, &mut std::io::empty()).expect("files to check");
    let problems = report.problems.iter();
    problems
        .filter(|problem| problem.severity != Severity::Note)
        .map(|problem| {
            (
                report.file_of(problem).path.clone(),
                problem.rule.to_string(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_id_of_a_mistake_is_the_same_before_and_after_the_push() {
    let broken = broken_files();
    let twin = component("twin", "t");
    let mut files = vec![("a.yaml", twin.as_str())];
    files.extend(broken.iter().map(|(path, text, _)| (*path, text.as_str())));
    let rules = json!({"catalog": {"rules": [{"allow": ["Component", "API", "Location"]}]}});
    let paths: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
    let expected: BTreeSet<(String, String)> = broken
        .iter()
        .map(|(path, _, rule)| ((*path).to_owned(), rule.to_string()))
        .collect();
    assert_eq!(validated(&files, &rules), expected, "before the push");

    let mut story = Story::of_shop(&files, &paths).await;
    story.configure(rules).await;
    let problems = story.world.api.problems().await.expect("answered");
    let text = |problem: &Value, key: &str| problem[key].as_str().expect("a text").to_owned();
    let stored: BTreeSet<(String, String)> = problems
        .iter()
        .map(|problem| (text(problem, "path"), text(problem, "rule")))
        .collect();
    assert_eq!(stored, expected, "after the push");
    story.end().await;
}
