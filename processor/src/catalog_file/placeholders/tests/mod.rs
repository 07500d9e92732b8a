//! What placeholders become, by the numbers of the conformance cases.

mod limits;

use std::collections::HashMap;

use bytes::Bytes;
use freshet_model::{GitRef, Kinds, RepositoryName, RuleId};
use serde_json::{Value, json};

use crate::catalog_file::{
    CatalogFile, FileOrigin, FileRequest, PendingFile, ReadPolicy, RepositoryFile,
};
use crate::limits::ReadLimits;
use crate::source::fetched::Fetched;
use crate::source::url::policy::{ReadingAllow, UrlPolicy};

const HOST: &str = "github.com";

fn file(git_ref: &str, path: &str) -> RepositoryFile {
    RepositoryFile {
        repository: RepositoryName::new(HOST, "o", "r"),
        git_ref: GitRef::parse(git_ref).expect("a ref"),
        path: path.to_owned(),
    }
}

fn home() -> FileOrigin {
    FileOrigin::Repository(file("main", "sub/catalog-info.yaml"))
}

fn policy() -> ReadPolicy {
    ReadPolicy {
        hosts: vec![HOST.to_owned()],
        ..ReadPolicy::default()
    }
}

/// What lets plain URLs of this host be read.
fn reading_allowed_from(host: &str) -> UrlPolicy {
    UrlPolicy::new(&[ReadingAllow {
        host: host.to_owned(),
        paths: None,
    }])
}

/// An API whose definition is this flow value.
fn api(definition: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: a\nspec:\n  type: openapi\n  lifecycle: production\n  owner: team-a\n  definition: {definition}\n"
    )
}

/// Everything that exists, by what has to be asked for it.
struct World {
    base: FileOrigin,
    policy: ReadPolicy,
    limits: ReadLimits,
    files: HashMap<FileRequest, Fetched>,
}

impl World {
    fn new() -> Self {
        Self {
            base: home(),
            policy: policy(),
            limits: ReadLimits::default(),
            files: HashMap::new(),
        }
    }

    fn with(mut self, asked: FileRequest, content: impl AsRef<[u8]>) -> Self {
        let fetched = Fetched::Content {
            version: "b1".to_owned(),
            bytes: Bytes::copy_from_slice(content.as_ref()),
        };
        self.files.insert(asked, fetched);
        self
    }

    fn with_file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.with(FileRequest::File(file("main", path)), content)
    }

    fn read(&self, text: &str) -> CatalogFile {
        let draft = PendingFile::parse(text.as_bytes(), &self.limits);
        let fetched = draft
            .requests(&self.base, &self.policy, &self.limits)
            .into_iter()
            .map(|asked| {
                let found = self.files.get(&asked).cloned();
                (
                    asked,
                    found.unwrap_or_else(|| Fetched::absent("nobody wrote it")),
                )
            })
            .collect();
        draft.finish(
            &self.base,
            &self.policy,
            &fetched,
            &Kinds::builtin(),
            &self.limits,
        )
    }

    #[track_caller]
    fn check_value(&self, text: &str, pointer: &str, expected: &Value) {
        let file = self.read(text);
        assert_eq!(file.problems, [], "{text}");
        let [entity] = file.entities.as_slice() else {
            panic!("{} entities in {text}", file.entities.len())
        };
        assert_eq!(entity.entity.document().pointer(pointer), Some(expected));
    }

    /// The definition becomes this text.
    #[track_caller]
    fn check_text(&self, definition: &str, expected: &str) {
        self.check_value(&api(definition), "/spec/definition", &json!(expected));
    }

    /// The entity alone is refused, by these rules.
    #[track_caller]
    fn check_refused(&self, text: &str, rules: &[RuleId]) {
        let file = self.read(text);
        let broken: Vec<RuleId> = file.problems.iter().map(|found| found.rule).collect();
        assert_eq!(broken, rules, "{text}");
        assert!(file.entities.is_empty() && !file.is_invalid, "{text}");
        assert_eq!(file.emitted.len(), 1, "{text}");
        for problem in &file.problems {
            assert_eq!(problem.class.as_str(), "InputError", "{problem:?}");
            assert!(!problem.is_file && !problem.hint.is_empty(), "{problem:?}");
        }
    }
}

#[track_caller]
fn check_asked(value: &str, expected: &FileRequest) {
    let text = api(&format!("{{ $text: {value:?} }}"));
    let limits = ReadLimits::default();
    let asks = PendingFile::parse(text.as_bytes(), &limits).requests(&home(), &policy(), &limits);
    assert_eq!(asks.iter().collect::<Vec<_>>(), [expected]);
}

#[track_caller]
fn check_target_refused(value: &str, rule: RuleId) {
    let text = api(&format!("{{ $text: {value:?} }}"));
    let limits = ReadLimits::default();
    let asks = PendingFile::parse(text.as_bytes(), &limits).requests(&home(), &policy(), &limits);
    assert!(asks.is_empty(), "{value:?} asks for {asks:?}");
    World::new().check_refused(&text, &[rule]);
}

#[test]
fn relative_and_rooted_paths_are_read() {
    let world = World::new()
        .with_file("ok.txt", "up")
        .with_file("sub/s.txt", "beside");
    world.check_text("{ $text: ../ok.txt }", "up");
    world.check_text("{ $text: /ok.txt }", "up");
    world.check_text("{ $text: s.txt }", "beside");
    world.check_text("{ $text: '..\\ok.txt' }", "up");
    world.check_text("\n    $text: >\n      ./s.txt\n", "beside");
}

#[test]
fn nothing_is_the_file_itself() {
    let own = FileRequest::File(file("main", "sub/catalog-info.yaml"));
    for value in ["", "  ", "#part", "?raw=1"] {
        check_asked(value, &own);
    }
}

#[test]
fn what_the_catalog_overwrites_is_not_read() {
    let text = api("x").replace(
        "name: a\n",
        "name: a\n  annotations: {backstage.io/managed-by-location: {$text: ./x}}\n",
    );
    World::new().check_value(&text, "/metadata/annotations", &json!({}));
}

#[test]
fn what_javascript_cannot_write_is_null_or_no_character() {
    let world = World::new().with_file(
        "sub/a.json",
        r#"{"a": [1E400, -1e999, 1e3, "1E400 \\\"\ud83d \ud83d\ude00"]}"#,
    );
    let text = api("x").replace("owner: team-a", "owner: team-a\n  data: {$json: ./a.json}");
    world.check_value(
        &text,
        "/spec/data/a",
        &json!([null, null, 1000.0, "1E400 \\\"\u{FFFD} \u{1F600}"]),
    );
}

#[test]
fn a_page_of_the_same_repository_is_read() {
    let own = FileRequest::File(file("main", "ok.txt"));
    for spelling in ["blob", "tree", "raw"] {
        check_asked(
            &format!("https://github.com/o/r/{spelling}/main/ok.txt"),
            &own,
        );
    }
}

#[test]
fn a_repository_is_the_same_in_any_case() {
    let loud = RepositoryFile {
        repository: RepositoryName::new(HOST, "O", "R"),
        ..file("main", "ok.txt")
    };
    check_asked(
        "https://GitHub.com/O/R/blob/main/ok.txt",
        &FileRequest::File(loud.clone()),
    );
    World::new()
        .with(FileRequest::File(loud), "loud")
        .check_text("{ $text: https://github.com/O/R/blob/main/ok.txt }", "loud");
}

#[test]
fn another_branch_of_the_same_repository_is_read() {
    let other = FileRequest::File(file("other", "ok.txt"));
    check_asked("https://github.com/o/r/blob/other/ok.txt", &other);
    World::new().with(other, "from there").check_text(
        "{ $text: https://github.com/o/r/blob/other/ok.txt }",
        "from there",
    );
}

#[test]
fn a_branch_with_slashes_is_known_by_the_base() {
    let world = World {
        base: FileOrigin::Repository(file("feature/x", "sub/catalog-info.yaml")),
        ..World::new()
    };
    let beside = FileRequest::File(file("feature/x", "ok.txt"));
    let world = world.with(beside, "here");
    world.check_text("{ $text: /ok.txt }", "here");
    world.check_text(
        "{ $text: https://github.com/o/r/blob/feature/x/ok.txt }",
        "here",
    );
}

#[test]
fn another_repository_is_refused_unless_allowed() {
    let url = "https://github.com/o/other/blob/main/ok.txt";
    check_target_refused(url, RuleId::PlaceholderRepository);
    check_target_refused(
        "https://gitlab.com/o/r/-/blob/main/ok.txt",
        RuleId::PlaceholderUrl,
    );
    let other = FileRequest::File(RepositoryFile {
        repository: RepositoryName::new(HOST, "o", "other"),
        ..file("main", "ok.txt")
    });
    let mut world = World::new().with(other, "shared");
    world.policy.repositories = vec!["github.com/o/*".to_owned()];
    world.check_text(&format!("{{ $text: {url} }}"), "shared");
}

#[test]
fn a_url_that_is_no_page_of_a_repository_is_refused_unless_allowed() {
    check_target_refused("https://example.com/x.txt", RuleId::PlaceholderUrl);
    check_target_refused(
        "https://raw.githubusercontent.com/o/r/main/x",
        RuleId::PlaceholderUrl,
    );
    let page = "https://git.other/a/b/blob/main/x.txt";
    check_target_refused(page, RuleId::PlaceholderUrl);
    let mut world = World::new().with(FileRequest::Url(page.to_owned()), "read");
    world.policy.urls = reading_allowed_from("git.other");
    world.check_text(&format!("{{ $text: {page} }}"), "read");
    let page = "https://gitlab.com/o/r/-/raw/main/ok.txt";
    let mut world = World::new().with(FileRequest::Url(page.to_owned()), "read");
    world.policy.urls = reading_allowed_from("gitlab.com");
    world.check_text(&format!("{{ $text: {page} }}"), "read");
}

#[test]
fn a_page_of_github_without_a_file_is_no_plain_url() {
    for page in [
        "https://github.com/o/r2",
        "https://github.com/o/r2/tree/main",
        "https://github.com/o/r2/archive/main.zip",
        "https://github.com/o/r",
        "https://github.com/o",
    ] {
        let mut world = World::new();
        world.policy.urls = reading_allowed_from(HOST);
        world.check_refused(
            &api(&format!("{{ $text: {page} }}")),
            &[RuleId::PlaceholderTarget],
        );
    }
}

#[test]
fn a_missing_file_costs_the_entity() {
    let world = World::new();
    world.check_refused(
        &api("{ $text: ./none.txt }"),
        &[RuleId::PlaceholderNotFound],
    );
    let problem = &world.read(&api("{ $text: ./none.txt }")).problems[0];
    assert_eq!((problem.line, problem.column), (9, 15));
    assert!(
        problem.message.contains("sub/none.txt"),
        "{}",
        problem.message
    );
}

#[test]
fn a_value_that_is_no_text_costs_the_entity() {
    for value in ["5", "{ a: 1 }", "null", "[x]", "true"] {
        World::new().check_refused(
            &api(&format!("{{ $text: {value} }}")),
            &[RuleId::PlaceholderValue],
        );
    }
}

#[test]
fn an_object_with_other_keys_is_left_alone() {
    let world = World::new().with_file("ok.txt", "x");
    let rule = "spec.definition.type";
    for definition in [
        "{ $text: /ok.txt, other: 1 }",
        "{ $text: /ok.txt, $json: /ok.txt }",
    ] {
        let file = world.read(&api(definition));
        assert_eq!(file.entities.len(), 0);
        assert!(
            file.problems[0].rule.as_str().starts_with("spec"),
            "{rule}: {file:?}"
        );
        assert!(!file.problems[0].rule.as_str().starts_with("placeholder"));
    }
}

#[test]
fn other_keys_with_a_dollar_are_left_alone() {
    for key in ["$foo", "$Text", "$openapi", "$"] {
        let file = World::new().read(&api(&format!("{{ {key}: /ok.txt }}")));
        assert_eq!(file.entities.len(), 0, "{key}");
        assert!(
            file.problems[0].rule.as_str().starts_with("spec"),
            "{key}: {file:?}"
        );
    }
}

#[test]
fn an_annotation_may_come_from_a_file() {
    let text = api("x").replace(
        "  name: a\n",
        "  name: a\n  annotations:\n    foo: { $text: /ok.txt }\n",
    );
    World::new().with_file("ok.txt", "bar").check_value(
        &text,
        "/metadata/annotations/foo",
        &json!("bar"),
    );
}

#[test]
fn the_envelope_cannot_come_from_a_file() {
    for (from, to) in [
        ("name: a", "name: { $text: /ok.txt }"),
        ("kind: API", "kind: { $text: /ok.txt }"),
        (
            "apiVersion: backstage.io/v1alpha1",
            "apiVersion: { $text: /ok.txt }",
        ),
        ("name: a", "name: a\n  namespace: { $text: /ok.txt }"),
    ] {
        let file = World::new()
            .with_file("ok.txt", "x")
            .read(&api("x").replacen(from, to, 1));
        assert!(file.is_invalid, "{to}");
        assert_eq!(file.problems[0].class.as_str(), "TypeError", "{to}");
        assert!(file.problems[0].is_file, "{to}");
    }
}

#[test]
fn nothing_is_looked_for_inside_an_unknown_placeholder() {
    let text = api("x").replace(
        "  name: a\n",
        "  name: a\n  x: { $a: 1, b: { $text: /ok.txt } }\n  y: [{ $text: /ok.txt }, { z: { $text: /ok.txt } }]\n",
    );
    let world = World::new().with_file("ok.txt", "t");
    let untouched = json!({"$a": 1, "b": {"$text": "/ok.txt"}});
    world.check_value(&text, "/metadata/x", &untouched);
    world.check_value(&text, "/metadata/y", &json!(["t", {"z": "t"}]));
}

#[test]
fn json_is_strict() {
    let world = World::new()
        .with_file("ok.json", r#"{"a": [1, 1.5, null]}"#)
        .with_file("bom.json", "\u{FEFF}{}")
        .with_file("bad.json", "{a: 1}")
        .with_file("deep.json", "[".repeat(101) + &"]".repeat(101));
    let text = |path: &str| {
        api("x").replace(
            "  name: a\n",
            &format!("  name: a\n  x: {{ $json: {path} }}\n"),
        )
    };
    world.check_value(
        &text("/ok.json"),
        "/metadata/x",
        &json!({"a": [1, 1.5, null]}),
    );
    for path in ["/bom.json", "/bad.json", "/deep.json"] {
        world.check_refused(&text(path), &[RuleId::PlaceholderJson]);
    }
}

#[test]
fn yaml_is_exactly_one_document() {
    let world = World::new()
        .with_file("ok.yaml", "\u{FEFF}a: 1\n")
        .with_file("two.yaml", "a: 1\n---\nb: 2\n")
        .with_file("empty.yaml", "")
        .with_file("comment.yaml", "# nothing\n")
        .with_file("trailing.yaml", "a: 1\n---\n")
        .with_file("bad.yaml", "a: [");
    let text = |path: &str| {
        api("x").replace(
            "  name: a\n",
            &format!("  name: a\n  x: {{ $yaml: {path} }}\n"),
        )
    };
    world.check_value(&text("/ok.yaml"), "/metadata/x", &json!({"a": 1}));
    for path in ["two", "empty", "comment", "trailing", "bad"] {
        world.check_refused(&text(&format!("/{path}.yaml")), &[RuleId::PlaceholderYaml]);
    }
}

#[test]
fn a_merge_key_is_a_key() {
    let text = api("x").replace("  name: a\n", "  name: a\n  x: { $yaml: /m.yaml }\n");
    let merged = json!({"b": {"c": 1}, "d": {"<<": {"c": 1}}});
    World::new()
        .with_file("m.yaml", "b: &b {c: 1}\nd:\n  <<: *b\n")
        .check_value(&text, "/metadata/x", &merged);
}

#[test]
fn what_was_loaded_is_not_looked_at_again() {
    let text = api("x").replace("  name: a\n", "  name: a\n  x: { $json: /p.json }\n");
    World::new()
        .with_file("p.json", r#"{"$text": "/ok.txt"}"#)
        .check_value(&text, "/metadata/x", &json!({"$text": "/ok.txt"}));
}

#[test]
fn a_local_file_reads_urls_only() {
    let url = "https://github.com/o/r/blob/main/ok.txt";
    let world = World {
        base: FileOrigin::File("/catalog/catalog-info.yaml".into()),
        ..World::new()
    };
    let world = world.with_file("ok.txt", "x");
    world.check_refused(&api("{ $text: ./ok.txt }"), &[RuleId::PlaceholderTarget]);
    world.check_refused(&api("{ $text: /ok.txt }"), &[RuleId::PlaceholderTarget]);
    world.check_text(&format!("{{ $text: {url} }}"), "x");
}
