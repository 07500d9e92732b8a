//! `freshet validate` before a push and the service after it say the same of the same files: which are in error, under
//! which rule, and where.

mod corpora;
mod differences;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use freshet::validate::{
    Colours, ReportFormat, Strictness, ValidateRequest, render, validate_files,
};
use freshet_model::Kinds;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::stage::Stage;
use freshet_wait::{PATIENCE_FOR_MANY, within};
use serde_json::{Value, json};

use corpora::{Corpus, read_corpora};
use differences::check_differences;

/// What was found in one file, in words: `level rule line:column entity`.
type Findings = Vec<String>;

/// What one of the two found, by `repository/path`.
type FindingsByFile = BTreeMap<String, Findings>;

/// What is not the same of one file.
#[derive(Debug)]
pub(super) struct FileDifference {
    /// `repository/path`.
    pub(super) file: String,
    /// What only `freshet validate` said.
    pub(super) before: Findings,
    /// What only the service said.
    pub(super) after: Findings,
}

/// The rules of both: every kind, from everywhere.
fn rules() -> Value {
    let kinds: Vec<String> = Kinds::builtin().names().map(str::to_owned).collect();
    json!([{"allow": kinds}])
}

fn describe(problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str().unwrap_or("-").to_owned();
    format!(
        "{} {} {}:{} {}",
        text("level"),
        text("rule"),
        problem["line"],
        problem["column"],
        text("entityRef"),
    )
}

/// By file, in order; what occurs twice is there twice.
fn by_file(found: impl IntoIterator<Item = (String, String)>) -> FindingsByFile {
    let mut files = FindingsByFile::new();
    for (file, finding) in found {
        files.entry(file).or_default().push(finding);
    }
    files.values_mut().for_each(|findings| findings.sort());
    files
}

/// What `freshet validate` says, as programs read it, notes aside.
fn validate_corpus(corpus: &Corpus) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join(corpus.name);
    for (path, content) in &corpus.files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    let config = folder.path().join("app-config.yaml");
    std::fs::write(&config, json!({"catalog": {"rules": rules()}}).to_string()).expect("a file");
    let report = validate_root(corpus, &root, &config);
    let problems = report["problems"].as_array().expect("a list");
    problems
        .iter()
        .filter(|problem| problem["level"] != "note")
        .map(|problem| {
            let path = problem["path"].as_str().expect("a path");
            (format!("{}/{path}", corpus.name), describe(problem))
        })
        .collect()
}

fn validate_root(corpus: &Corpus, root: &Path, config: &Path) -> Value {
    let request = ValidateRequest {
        paths: corpus.registered.iter().map(|it| root.join(it)).collect(),
        config: vec![config.to_owned()],
        location: Some(corpus.url_of("")),
        root: Some(root.to_owned()),
        strictness: Strictness::Lenient,
    };
    let report = validate_files(&request, &mut std::io::empty()).expect("files to check");
    let text = render(&report, ReportFormat::Json, Colours::Off);
    serde_json::from_str(&text).expect("JSON")
}

/// Starts with everything registered, and waits until it was read.
async fn serve_corpora(corpora: &[Corpus]) -> TestCatalog {
    let registered = corpora.iter().flat_map(|corpus| {
        let paths = corpus.registered.iter();
        paths.map(|path| json!({"type": "url", "target": corpus.url_of(path)}))
    });
    let catalog = json!({
        "rules": rules(), "providers": null, "locations": registered.collect::<Vec<_>>(),
    });
    let world = TestCatalog::stage(Stage {
        repositories: corpora.iter().map(Corpus::stage).collect(),
        overlay: json!({"catalog": catalog}),
        named_github: true,
        ..Stage::default()
    })
    .await;
    let what = "all that is registered is read";
    within(PATIENCE_FOR_MANY, what, || async {
        let sources = world.api.sources().await?;
        if sources.len() < corpora.len() {
            return Err(format!("{sources:?}"));
        }
        world.api.is_settled().await
    })
    .await;
    world
}

/// What the service says.
async fn list_problems(world: &TestCatalog) -> Vec<(String, String)> {
    let list = world.api.json("/api/v1/problems").await.expect("answered");
    let problems = list["items"].as_array().expect("a list");
    assert_eq!(list["totalItems"], problems.len(), "all of them at once");
    problems
        .iter()
        .map(|problem| {
            let text = |key: &str| problem[key].as_str().expect("a text");
            let repository = text("repository").rsplit('/').next().unwrap_or_default();
            (format!("{repository}/{}", text("path")), describe(problem))
        })
        .collect()
}

/// What is in one and not in the other, as often as it is.
fn without(all: &Findings, others: &Findings) -> Findings {
    let mut rest = others.clone();
    let is_only_here = |finding: &&String| match rest.iter().position(|it| it == *finding) {
        Some(index) => {
            rest.swap_remove(index);
            false
        }
        None => true,
    };
    all.iter().filter(is_only_here).cloned().collect()
}

fn compare(before: &FindingsByFile, after: &FindingsByFile) -> Vec<FileDifference> {
    let none = Findings::new();
    let files: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    files
        .into_iter()
        .map(|file| {
            let found = [before, after].map(|all| all.get(file).unwrap_or(&none));
            FileDifference {
                file: file.clone(),
                before: without(found[0], found[1]),
                after: without(found[1], found[0]),
            }
        })
        .filter(|it| !it.before.is_empty() || !it.after.is_empty())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_and_the_service_say_the_same_of_every_file() {
    let corpora = read_corpora();
    let before = by_file(corpora.iter().flat_map(validate_corpus));
    let world = serve_corpora(&corpora).await;
    let after = by_file(list_problems(&world).await);
    check_differences(&compare(&before, &after));
    world.finish().await;
}
