//! What is fed with anything: readers of what strangers write. None may panic or hang, and what they
//! accept must hold what they promise.
//!
//! The fuzzer calls these with what it invents, the short test set with a small corpus.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::PathBuf;

use freshet_model::glob::{Pattern, has_magic};
use freshet_model::location::{
    GithubFileUrl, LocationRef, LocationSpec, ResolvedTarget, Target, edit_url, resolve,
    source_location,
};
use freshet_model::{EntityRef, GitRef, Kinds, RepositoryName, canonical_json};
use freshet_processor::catalog_file::{
    CatalogFile, FileOrigin, PendingFile, ReadPolicy, RepositoryFile, read_catalog_file,
};
use freshet_processor::limits::ReadLimits;

/// A base of relative targets like most.
const BASE: &str = "https://github.com/acme/shop/blob/main/sub/catalog-info.yaml";
/// Longer paths only make a slow match slower; the limits of their readers are tested elsewhere.
const PATH_BYTES_MAX: usize = 512;

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
