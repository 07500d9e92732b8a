//! What is fed with anything: readers of what strangers write. None may panic or hang, and what they
//! accept must hold what they promise.
//!
//! The fuzzer calls these with what it invents, the short test set with a small corpus.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;

use freshet_model::glob::{
    MATCH_WORK_MAX, PATTERN_CHARACTERS_MAX, Pattern, PatternOptions, Work, escape, has_magic,
};
use freshet_model::location::{
    GithubFileUrl, LocationRef, LocationSpec, ResolvedTarget, Target, edit_url, resolve,
    source_location,
};
use freshet_model::{EntityRef, GitRef, Kinds, RepositoryName, canonical_json};
use freshet_processor::catalog_file::{
    CatalogFile, FileOrigin, PendingFile, ReadPolicy, RepositoryFile, read_catalog_file,
};
use freshet_processor::limits::ReadLimits;
use freshet_processor::yaml::{ParsedDocument, SyntaxProblem, read_documents};
use serde_json::Value;

/// A base of relative targets like most.
const BASE: &str = "https://github.com/acme/shop/blob/main/sub/catalog-info.yaml";
/// Longer paths only make a slow match slower; the limits of their readers are tested elsewhere.
const PATH_BYTES_MAX: usize = 512;
/// Each may take [`MATCH_WORK_MAX`]; a thousand that do would look like a hang.
const PATHS_MAX: usize = 20;
/// Longest text that is made of a shorter one: a date becomes `2001-01-01T00:00:00.000Z`.
const MADE_BYTES_MAX: usize = 24;
/// To look one up is a walk through the document.
const POINTERS_MAX: usize = 200;

/// Bytes as a catalog file: twice the same, every place inside the file, placeholders included.
pub fn yaml_entity(data: &[u8]) {
    let kinds = Kinds::builtin();
    let limits = ReadLimits::default();
    let file = read_catalog_file(data, &kinds, &limits);
    let again = read_catalog_file(data, &kinds, &limits);
    assert_eq!(
        format!("{file:?}"),
        format!("{again:?}"),
        "the same bytes, another answer"
    );
    check_file(&file, data);
    for base in bases() {
        let draft = PendingFile::parse(data, &limits);
        let policy = ReadPolicy::default();
        for asked in draft.requests(&base, &policy, &limits) {
            black_box(format!("{asked:?}"));
        }
        check_file(
            &draft.finish(&base, &policy, &HashMap::new(), &kinds, &limits),
            data,
        );
    }
}

fn bases() -> [FileOrigin; 3] {
    [
        FileOrigin::Repository(RepositoryFile {
            repository: RepositoryName::new("github.com", "acme", "shop"),
            git_ref: GitRef::DefaultBranch,
            path: "sub/catalog-info.yaml".to_owned(),
        }),
        FileOrigin::Url("https://example.com/sub/catalog-info.yaml".to_owned()),
        FileOrigin::File(PathBuf::from("/srv/sub/catalog-info.yaml")),
    ]
}

fn check_file(file: &CatalogFile, data: &[u8]) {
    let lines = data.len() + 1;
    for problem in &file.problems {
        assert!(problem.line as usize <= lines, "a problem after the end");
        assert!(!problem.message.is_empty(), "a problem that says nothing");
    }
    for found in &file.entities {
        let entity_ref = found.entity.entity_ref().to_string();
        let parsed = EntityRef::parse(&entity_ref).expect("the ref of an entity is a ref");
        assert_eq!(parsed.to_string(), entity_ref);
        let document = found.entity.document();
        let canonical = canonical_json(document);
        let read: serde_json::Value =
            serde_json::from_str(&canonical).expect("canonical JSON is JSON");
        assert_eq!(
            canonical_json(&read),
            canonical,
            "canonical JSON stays as it is"
        );
    }
}

/// Bytes as the documents of a YAML stream: twice the same, within limits also where they are narrow, every
/// place inside the text.
pub fn yaml_documents(data: &[u8]) {
    let wide = ReadLimits::default();
    let documents = read_documents(data, &wide);
    let again = read_documents(data, &wide);
    assert_eq!(
        format!("{documents:?}"),
        format!("{again:?}"),
        "the same bytes, another answer"
    );
    check_documents(&documents, data, &wide);
    let narrow = ReadLimits {
        documents: 3,
        depth: 4,
        alias_uses: 3,
        nodes: 40,
        scalar_bytes: 400,
        ..wide
    };
    check_documents(&read_documents(data, &narrow), data, &narrow);
}

fn check_documents(
    documents: &[Result<ParsedDocument, SyntaxProblem>],
    data: &[u8],
    limits: &ReadLimits,
) {
    let lines = data.len() + 1;
    // The last one may say that there are more.
    assert!(documents.len() <= limits.documents + 1, "too many");
    let mut content = Content::default();
    for document in documents {
        match document {
            Ok(document) => {
                content.add(&document.value, 0);
                assert!(
                    content.depth <= limits.depth,
                    "{} levels in {}",
                    content.depth,
                    document.value
                );
                for pointer in content.pointers.drain(..) {
                    let at = document.positions.value_at(&pointer);
                    assert!(at.line as usize <= lines, "a value after the end");
                    assert!(at >= document.start, "a value before its document");
                }
            }
            Err(problem) => {
                assert!(problem.position.line as usize <= lines, "after the end");
                assert!(!problem.message.is_empty(), "it says nothing");
            }
        }
    }
    assert!(content.nodes <= limits.nodes, "{}", content.nodes);
    let made = content.nodes * MADE_BYTES_MAX;
    assert!(
        content.bytes <= limits.scalar_bytes + made,
        "{}",
        content.bytes
    );
}

/// What documents hold together.
#[derive(Default)]
struct Content {
    nodes: usize,
    bytes: usize,
    depth: usize,
    /// Of the newest document, some.
    pointers: Vec<String>,
}

impl Content {
    fn add(&mut self, value: &Value, levels: usize) {
        self.add_below(value, levels, &mut String::new());
    }

    fn add_below(&mut self, value: &Value, levels: usize, pointer: &mut String) {
        self.nodes += 1;
        if self.pointers.len() < POINTERS_MAX {
            self.pointers.push(pointer.clone());
        }
        let length = pointer.len();
        match value {
            Value::String(text) => self.bytes += text.len(),
            Value::Array(items) => {
                self.depth = self.depth.max(levels + 1);
                for (index, item) in items.iter().enumerate() {
                    pointer.push_str(&format!("/{index}"));
                    self.add_below(item, levels + 1, pointer);
                    pointer.truncate(length);
                }
            }
            Value::Object(members) => {
                self.depth = self.depth.max(levels + 1);
                for (name, member) in members {
                    pointer.push('/');
                    pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                    self.add_below(member, levels + 1, pointer);
                    pointer.truncate(length);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The first line as a pattern, the others as paths: what matching takes has an end, and a path that is escaped
/// stands for itself.
pub fn glob(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (written, paths) = text.split_once('\n').unwrap_or((text, ""));
    let paths: Vec<&str> = paths.split('\n').take(PATHS_MAX).collect();
    paths.iter().for_each(|path| check_escaped(path));
    black_box(has_magic(written));
    for (dot, ignores_case) in [(true, false), (false, true)] {
        let options = PatternOptions { dot, ignores_case };
        if let Ok(pattern) = Pattern::with(written, options) {
            let found = paths.iter().filter(|path| pattern.is_match(path));
            black_box(found.count());
        }
    }
    match Pattern::new(written) {
        Ok(pattern) => paths.iter().for_each(|path| check_match(&pattern, path)),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn check_match(pattern: &Pattern, path: &str) {
    let matched = pattern.match_within(path, &mut Work::new(MATCH_WORK_MAX));
    assert_eq!(matched, pattern.try_match(path), "the same, another answer");
    // Of many paths that share what they may take, none takes more than its share.
    let mut shared = Work::new(3 * MATCH_WORK_MAX);
    let _either_way = black_box(pattern.match_within(path, &mut shared));
    assert!(!shared.is_spent(), "one path took what three may take");
    if let (Ok(true), Some(most)) = (matched, pattern.slashes_max()) {
        let steps = path.split('/').filter(|step| !step.is_empty()).count();
        assert!(steps <= most + 1, "{path} has more than {most} slashes");
    }
}

/// Steps that go nowhere or back have no name of their own.
fn check_escaped(path: &str) {
    let is_plain = !path.split('/').any(|step| matches!(step, "" | "." | ".."));
    let pattern = escape(path);
    if !is_plain || pattern.chars().count() > PATTERN_CHARACTERS_MAX {
        return;
    }
    assert!(!has_magic(&pattern), "{pattern}");
    let options = PatternOptions {
        dot: true,
        ignores_case: false,
    };
    let pattern = Pattern::with(&pattern, options).expect("an escaped path is a pattern");
    assert_eq!(pattern.try_match(path), Ok(true), "{path}");
    assert!(pattern.is_name_of(path), "{path}");
}

/// Text as a reference: what is accepted is written as it was understood.
pub fn entity_ref(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(parsed) = EntityRef::parse(text) {
        let written = parsed.to_string();
        assert_eq!(written, written.to_lowercase(), "refs are lower-case");
    }
    let Ok(parsed) = EntityRef::parse_with(text, Some("group"), "default") else {
        return;
    };
    let again = EntityRef::parse(&parsed.to_string()).expect("what is written can be read");
    assert_eq!(again, parsed);
}

/// Text as a location, as an address of a file, as a target of a Location, as a pattern.
pub fn location_url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(location) = LocationRef::parse(text) {
        let again = LocationRef::parse(&location.to_string()).expect("what is written can be read");
        assert_eq!(again, location);
    }
    if let Ok(url) = GithubFileUrl::parse(text) {
        black_box(url.host().len());
    }
    if let Ok(url) = resolve(BASE, text) {
        black_box((edit_url(&url), source_location(&url)));
    }
    let _either_way = black_box(resolve(text, "./catalog-info.yaml"));
    let hosts = ["github.com".to_owned()];
    for own in [
        LocationRef::new("url", BASE),
        LocationRef::new("file", "/srv/catalog-info.yaml"),
    ] {
        let own = own.expect("a location");
        for location_type in ["url", "file"] {
            if let Ok(resolved) = ResolvedTarget::resolve(&own, location_type, text, &hosts) {
                check_target(&resolved.target);
            }
        }
    }
    black_box(LocationSpec::read(
        &serde_json::json!({"spec": {"target": text}}),
    ));
    if text.len() <= PATH_BYTES_MAX {
        black_box(has_magic(text));
        if let Ok(pattern) = Pattern::new(text) {
            black_box(pattern.is_match("sub/catalog-info.yaml"));
            black_box(pattern.is_match(text));
        }
    }
}

/// A target on a GitHub host stays there: it never leaves the repository it names.
fn check_target(target: &Target) {
    if let Target::RepositoryFile {
        repository, rest, ..
    } = target
    {
        assert_eq!(repository.host(), "github.com");
        assert!(
            !repository.owner().is_empty() && !repository.name().is_empty() && !rest.is_empty()
        );
        assert!(
            !rest.split('/').any(|step| step == ".." || step == "."),
            "{rest} climbs"
        );
    }
}

/// Text as the query of a list.
pub fn filter(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        black_box(freshet_store::api::is_valid_query(text));
    }
}
