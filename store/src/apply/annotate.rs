//! The annotations the catalog itself writes into a document: where it was read. Pure.
//!
//! They are spliced into the canonical text; nothing else of the document is parsed. What a
//! file says about where it comes from is overwritten, so it cannot be forged; the links for
//! people (view, edit, source) are the author's if he gives them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use freshet_model::annotation::{
    EDIT_URL, MANAGED_BY_LOCATION, MANAGED_BY_ORIGIN_LOCATION, REJECTED_URL, SOURCE_LOCATION,
    VIEW_URL,
};
use freshet_model::location::is_script_url;
use freshet_model::utf16_order;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::ledger::HEAD;
use crate::repo::{LocationRow, SourceRow};

/// A run of this many hexadecimal digits in a URL pins it to a commit, which nobody edits.
const COMMIT_HEX_MIN: usize = 40;

/// Where one file is, in the spellings the annotations use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Location reference with the `tree` spelling.
    pub(super) location: String,
    /// Branch that is read.
    pub(super) branch: String,
    forced: [(&'static str, String); 2],
    offered: Vec<(&'static str, String)>,
}

impl Place {
    pub(super) fn of(source: &SourceRow, location: &LocationRow) -> Self {
        let branch = if location.git_ref == HEAD {
            &source.default_branch
        } else {
            &location.git_ref
        };
        let path = &location.path;
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        let url = |spelling: &str, path: &str| format!("{}/{spelling}/{branch}/{path}", source.url);
        let tree = url("tree", path);
        let mut offered = vec![
            (SOURCE_LOCATION, format!("url:{}", url("tree", folder))),
            (VIEW_URL, tree.clone()),
        ];
        if !is_pinned(&tree) {
            offered.push((EDIT_URL, url("edit", path)));
        }
        let location = format!("url:{tree}");
        Self {
            forced: [
                (MANAGED_BY_LOCATION, location.clone()),
                (
                    MANAGED_BY_ORIGIN_LOCATION,
                    format!("url:{}", url("blob", path)),
                ),
            ],
            location,
            branch: branch.clone(),
            offered,
        }
    }

    /// Digest of a declared entity at this place: it changes when the place does.
    pub(super) fn digest(&self, declared: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(declared.as_bytes());
        for (_, value) in self.forced.iter().chain(&self.offered) {
            hash.update([0]);
            hash.update(value.as_bytes());
        }
        hex::encode(hash.finalize())
    }

    /// The document with its annotations, canonical if it was.
    pub(super) fn annotate(&self, document: &str) -> Result<String, serde_json::Error> {
        let mut root: Fields<'_> = serde_json::from_str(document)?;
        let metadata_text = root.get("metadata").map_or("{}", |raw| raw.get());
        let mut metadata: Fields<'_> = serde_json::from_str(metadata_text)?;
        let annotations_text = metadata.get("annotations").map_or("{}", |raw| raw.get());
        let mut annotations: BTreeMap<Cow<'_, str>, Cow<'_, str>> =
            serde_json::from_str::<Fields<'_>>(annotations_text)?
                .into_iter()
                .map(|(key, raw)| (key, Cow::Borrowed(raw.get())))
                .collect();
        for key in [VIEW_URL, EDIT_URL] {
            if let Some(value) = annotations.get_mut(key) {
                reject_script(value);
            }
        }
        for (key, value) in &self.offered {
            annotations
                .entry(Cow::Borrowed(key))
                .or_insert_with(|| Cow::Owned(quoted(value)));
        }
        for (key, value) in &self.forced {
            annotations.insert(Cow::Borrowed(key), Cow::Owned(quoted(value)));
        }
        let annotations = object(annotations.iter().map(|(key, value)| (&**key, &**value)));
        let metadata = with_field(&mut metadata, "annotations", &annotations)?;
        with_field(&mut root, "metadata", &metadata)
    }
}

/// A link a person clicks on must not run a script.
fn reject_script(value: &mut Cow<'_, str>) {
    let is_script = serde_json::from_str::<String>(value).is_ok_and(|url| is_script_url(&url));
    if is_script {
        *value = Cow::Owned(quoted(REJECTED_URL));
    }
}

type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

fn with_field(
    fields: &mut Fields<'_>,
    name: &str,
    value: &str,
) -> Result<String, serde_json::Error> {
    let value: &RawValue = serde_json::from_str(value)?;
    let mut all: BTreeMap<&str, &str> = fields
        .iter()
        .map(|(key, raw)| (&**key, raw.get()))
        .collect();
    all.insert(name, value.get());
    Ok(object(all.into_iter()))
}

/// An object whose values are JSON already, keys in canonical order.
fn object<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut fields: Vec<(&str, &str)> = fields.collect();
    fields.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
    let mut text = String::from("{");
    for (index, (key, value)) in fields.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&quoted(key));
        text.push(':');
        text.push_str(value);
    }
    text.push('}');
    text
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always valid JSON")
}

fn is_pinned(url: &str) -> bool {
    url.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .any(|word| {
            word.len() >= COMMIT_HEX_MIN && word.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::SourceKind;

    fn place(git_ref: &str, path: &str) -> Place {
        let mut source = SourceRow::new(1, SourceKind::Repository, "github.com", "7");
        "https://github.com/o/r".clone_into(&mut source.url);
        "main".clone_into(&mut source.default_branch);
        Place::of(&source, &LocationRow::new(1, 1, git_ref, path))
    }

    #[track_caller]
    fn check(path: &str, document: &str, expected: &str) {
        let annotated = place(HEAD, path).annotate(document).expect("valid JSON");
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
    fn the_digest_follows_the_place() {
        assert_ne!(place(HEAD, "a").digest("x"), place(HEAD, "b").digest("x"));
        assert_eq!(place(HEAD, "a").digest("x"), place(HEAD, "a").digest("x"));
    }
}
