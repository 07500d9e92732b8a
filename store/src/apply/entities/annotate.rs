//! The annotations the catalog itself writes into a document: where it was read. Pure.
//!
//! They are spliced into the canonical text; nothing else of the document is parsed. What a
//! file says about where it comes from is overwritten, so it cannot be forged; the links for
//! people (view, edit, source) are the author's if he gives them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use freshet_model::annotation::{
    EDIT_URL, GITHUB_PROJECT_SLUG, MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION, ORPHAN,
    REJECTED_URL, SOURCE_LOCATION, VIEW_URL,
};
use freshet_model::location::{edit_url, is_script_url, source_location};
use freshet_model::utf16_order;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// The type of locations whose target a person can open.
const URL: &str = "url";
const QUOTED_EMPTY: &str = "\"\"";

/// What is known about the forges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forges {
    /// Hosts of GitHub integrations.
    pub(crate) hosts: Vec<String>,
    /// Kinds that are told the name of their repository.
    pub(crate) slug_kinds: Vec<String>,
}

/// Where one file is, in the spellings the annotations use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    forced: [(&'static str, String); 2],
    offered: Vec<(&'static str, String)>,
    slug: Option<RepositorySlug>,
}

/// The name of the repository, for the kinds that are told.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RepositorySlug {
    kinds: Vec<String>,
    name: String,
}

impl Place {
    /// The file at `target`, found by way of `origin`.
    pub(crate) fn new(location_type: &str, target: &str, origin: &str, forges: &Forges) -> Self {
        let mut offered = Vec::new();
        let mut slug = None;
        if location_type == URL {
            let is_forge = is_on_host(target, &forges.hosts);
            if is_forge {
                offered.extend(source_location(target).map(|it| (SOURCE_LOCATION, it)));
                slug = RepositorySlug::read_target(target, &forges.slug_kinds);
            }
            // Whatever has a URL can be looked at; only a forge has a page to edit it.
            offered.push((VIEW_URL, target.to_owned()));
            if is_forge {
                offered.extend(edit_url(target).map(|it| (EDIT_URL, it)));
            }
        }
        Self {
            forced: [
                (MANAGED_BY_LOCATION, format!("{location_type}:{target}")),
                (MANAGED_BY_ORIGIN_LOCATION, origin.to_owned()),
            ],
            offered,
            slug,
        }
    }

    /// Digest of a declared entity at this place.
    // It changes when the place does: a file that is moved says the same, and what is served differs.
    pub(crate) fn digest(&self, declared: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(declared.as_bytes());
        // What stands between the values keeps two places from spelling the same text.
        for (_, value) in self.forced.iter().chain(&self.offered) {
            hash.update([0]);
            hash.update(value.as_bytes());
        }
        if let Some(slug) = &self.slug {
            hash.update([1]);
            hash.update(slug.name.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// The document with its annotations, canonical if it was.
    pub(crate) fn annotate(&self, document: &str) -> Result<String, serde_json::Error> {
        let root: JsonFields<'_> = serde_json::from_str(document)?;
        let metadata_text = root.get("metadata").map_or("{}", |raw| raw.get());
        let metadata: JsonFields<'_> = serde_json::from_str(metadata_text)?;
        let annotations_text = metadata.get("annotations").map_or("{}", |raw| raw.get());
        let mut annotations: Annotations<'_> =
            serde_json::from_str::<JsonFields<'_>>(annotations_text)?
                .into_iter()
                .map(|(key, raw)| (key, Cow::Borrowed(raw.get())))
                .collect();
        let kind = root.get("kind").map_or("", |raw| raw.get());
        self.write_annotations(&mut annotations, kind);
        let annotations = write_object(annotations.iter().map(|(key, value)| (&**key, &**value)));
        let metadata = with_field(&metadata, "annotations", &annotations)?;
        with_field(&root, "metadata", &metadata)
    }

    fn write_annotations<'a>(&'a self, annotations: &mut Annotations<'a>, quoted_kind: &str) {
        // What the author wrote is judged before ours is offered, which needs no judging.
        for key in [VIEW_URL, EDIT_URL] {
            if let Some(value) = annotations.get_mut(key) {
                reject_script(value);
            }
        }
        for (key, value) in &self.offered {
            annotations
                .entry(Cow::Borrowed(key))
                .or_insert_with(|| Cow::Owned(quote(value)));
        }
        if let Some(slug) = &self.slug
            && slug.is_for(quoted_kind)
        {
            let value = annotations
                .entry(Cow::Borrowed(GITHUB_PROJECT_SLUG))
                .or_insert(Cow::Borrowed(QUOTED_EMPTY));
            // An empty annotation tells nobody anything, so it is no choice of the author.
            if &**value == QUOTED_EMPTY {
                *value = Cow::Owned(quote(&slug.name));
            }
        }
        // Last, so that no file can claim to be somewhere else.
        for (key, value) in &self.forced {
            annotations.insert(Cow::Borrowed(key), Cow::Owned(quote(value)));
        }
    }
}

/// A link a person clicks on must not run a script.
fn reject_script(value: &mut Cow<'_, str>) {
    let is_script = serde_json::from_str::<String>(value).is_ok_and(|url| is_script_url(&url));
    if is_script {
        *value = Cow::Owned(quote(REJECTED_URL));
    }
}

/// The fields of an object, their values as they are written.
// A cold ingest annotates every document there is, so only the way to the annotations is parsed and
// the rest stays text.
type JsonFields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Annotations by name, the values as JSON text.
type Annotations<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

fn with_field(
    fields: &JsonFields<'_>,
    name: &str,
    value: &str,
) -> Result<String, serde_json::Error> {
    let value: &RawValue = serde_json::from_str(value)?;
    let mut all: BTreeMap<&str, &str> = fields
        .iter()
        .map(|(key, raw)| (&**key, raw.get()))
        .collect();
    all.insert(name, value.get());
    Ok(write_object(all.into_iter()))
}

/// An object whose values are JSON already, keys in canonical order.
fn write_object<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut fields: Vec<(&str, &str)> = fields.collect();
    // Canonical order is that of JavaScript, by UTF-16 units, which is not that of `str`.
    fields.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
    let mut text = String::from("{");
    for (index, (key, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&quote(key));
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always valid JSON")
}

impl RepositorySlug {
    fn read_target(target: &str, kinds: &[String]) -> Option<Self> {
        if kinds.is_empty() {
            return None;
        }
        let (_, path) = target.split_once("://")?.1.split_once('/')?;
        let mut steps = path.split('/').filter(|step| !step.is_empty());
        let (owner, name) = (steps.next()?, steps.next()?);
        Some(Self {
            kinds: kinds.to_vec(),
            name: format!("{owner}/{}", name.strip_suffix(".git").unwrap_or(name)),
        })
    }

    fn is_for(&self, quoted_kind: &str) -> bool {
        let kind = quoted_kind.trim_matches('"');
        self.kinds.iter().any(|it| it.eq_ignore_ascii_case(kind))
    }
}

/// Whether a URL is on one of these hosts, ports included.
fn is_on_host(url: &str, hosts: &[String]) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    hosts.iter().any(|it| it.eq_ignore_ascii_case(host))
}

/// Adds the mark of an entity that nothing declares any more.
pub(crate) fn mark_orphan(document: &str) -> Result<String, serde_json::Error> {
    let mut document: serde_json::Value = serde_json::from_str(document)?;
    document["metadata"]["annotations"][ORPHAN] = "true".into();
    Ok(freshet_model::canonical_json(&document))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://github.com/o/r";

    fn forges(slug_kinds: &[&str]) -> Forges {
        Forges {
            hosts: vec!["github.com".to_owned()],
            slug_kinds: slug_kinds.iter().map(|kind| (*kind).to_owned()).collect(),
        }
    }

    fn place(branch: &str, path: &str) -> Place {
        let target = format!("{BASE}/tree/{branch}/{path}");
        let origin = format!("url:{BASE}/blob/{branch}/{path}");
        Place::new("url", &target, &origin, &forges(&[]))
    }

    #[track_caller]
    fn check(path: &str, document: &str, expected: &str) {
        let annotated = place("main", path).annotate(document).expect("valid JSON");
        let value: serde_json::Value = serde_json::from_str(&annotated).expect("valid JSON");
        assert_eq!(
            freshet_model::canonical_json(&value),
            annotated,
            "canonical"
        );
        assert_eq!(value["metadata"]["annotations"].to_string(), expected);
    }

    #[test]
    fn a_document_says_where_it_was_read() {
        check(
            "catalog-info.yaml",
            r#"{"kind":"Component","metadata":{"name":"a"},"spec":{}}"#,
            concat!(
                r#"{"backstage.io/edit-url":"https://github.com/o/r/edit/main/catalog-info.yaml","#,
                r#""backstage.io/managed-by-location":"url:https://github.com/o/r/tree/main/catalog-info.yaml","#,
                r#""backstage.io/managed-by-origin-location":"url:https://github.com/o/r/blob/main/catalog-info.yaml","#,
                r#""backstage.io/source-location":"url:https://github.com/o/r/tree/main/","#,
                r#""backstage.io/view-url":"https://github.com/o/r/tree/main/catalog-info.yaml"}"#
            ),
        );
    }

    #[test]
    fn the_author_may_say_where_to_look_but_not_where_it_was_read() {
        check(
            "a/b.yaml",
            concat!(
                r#"{"kind":"Component","metadata":{"annotations":{"a":"ä","backstage.io/managed-by-location":"url:x","#,
                r#""backstage.io/view-url":"https://x"},"name":"a"}}"#
            ),
            concat!(
                r#"{"a":"ä","#,
                r#""backstage.io/edit-url":"https://github.com/o/r/edit/main/a/b.yaml","#,
                r#""backstage.io/managed-by-location":"url:https://github.com/o/r/tree/main/a/b.yaml","#,
                r#""backstage.io/managed-by-origin-location":"url:https://github.com/o/r/blob/main/a/b.yaml","#,
                r#""backstage.io/source-location":"url:https://github.com/o/r/tree/main/a/","#,
                r#""backstage.io/view-url":"https://x"}"#
            ),
        );
    }

    #[test]
    fn a_link_that_would_run_a_script_is_replaced() {
        check(
            "a/b.yaml",
            concat!(
                r#"{"kind":"Component","metadata":{"annotations":{"backstage.io/edit-url":" java\nscript:alert(1)","#,
                r#""backstage.io/source-location":"url:https://y","backstage.io/view-url":"JavaScript:x"},"name":"a"}}"#
            ),
            concat!(
                r#"{"backstage.io/edit-url":"https://backstage.io/annotation-rejected-for-security-reasons","#,
                r#""backstage.io/managed-by-location":"url:https://github.com/o/r/tree/main/a/b.yaml","#,
                r#""backstage.io/managed-by-origin-location":"url:https://github.com/o/r/blob/main/a/b.yaml","#,
                r#""backstage.io/source-location":"url:https://y","#,
                r#""backstage.io/view-url":"https://backstage.io/annotation-rejected-for-security-reasons"}"#
            ),
        );
    }

    #[test]
    fn a_file_pinned_to_a_commit_has_no_edit_link() {
        let pinned = place(&"0123456789".repeat(4), "a.yaml");
        assert!(pinned.offered.iter().all(|(key, _)| *key != EDIT_URL));
    }

    #[test]
    fn a_file_that_no_forge_shows_has_fewer_links() {
        let keys = |location_type: &str, target: &str| -> Vec<&str> {
            let place = Place::new(location_type, target, "url:x", &forges(&["component"]));
            assert_eq!(place.slug, None);
            place.offered.iter().map(|(key, _)| *key).collect()
        };
        assert_eq!(keys("url", "https://example.com/a.yaml"), [VIEW_URL]);
        assert!(keys("file", "/srv/a.yaml").is_empty());
    }

    #[test]
    fn the_configured_kinds_are_told_their_repository() {
        let target = format!("{BASE}/tree/main/a.yaml");
        let place = Place::new("url", &target, "url:x", &forges(&["component"]));
        let slug = |document: &str| {
            let annotated = place.annotate(document).expect("valid JSON");
            let value: serde_json::Value = serde_json::from_str(&annotated).expect("valid JSON");
            value["metadata"]["annotations"][GITHUB_PROJECT_SLUG].clone()
        };
        assert_eq!(
            slug(r#"{"kind":"Component","metadata":{"name":"a"}}"#),
            "o/r"
        );
        assert!(slug(r#"{"kind":"API","metadata":{"name":"a"}}"#).is_null());
        let own = r#"{"kind":"Component","metadata":{"annotations":{"github.com/project-slug":"x/y"},"name":"a"}}"#;
        assert_eq!(slug(own), "x/y");
    }

    #[test]
    fn the_digest_follows_the_place() {
        assert_ne!(
            place("main", "a").digest("x"),
            place("main", "b").digest("x")
        );
        assert_eq!(
            place("main", "a").digest("x"),
            place("main", "a").digest("x")
        );
    }
}
