//! Owners from a CODEOWNERS file, for entities that name none.
//!
//! The file is looked for where GitHub looks, in its order, and read as GitHub reads it: the last line whose
//! pattern matches the catalog file counts, and of its owners the first.

use std::collections::HashMap;

use ignore::gitignore::GitignoreBuilder;
use serde_json::{Map, Value};

use super::request::{FileOrigin, FileRequest, RepositoryFile};
use crate::source::fetched::Fetched;

/// Where the file may be; most repositories have none of them.
pub(crate) const CANDIDATES: [&str; 3] = [".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"];
const KINDS: [&str; 5] = ["API", "Component", "Domain", "Resource", "System"];

/// Whether the document is of a kind that has an owner, and names none.
pub(super) fn is_ownerless(document: &Value) -> bool {
    let kind = document.get("kind").and_then(Value::as_str);
    if !kind.is_some_and(|kind| KINDS.contains(&kind)) {
        return false;
    }
    match document.get("spec").and_then(|spec| spec.get("owner")) {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(owner)) => owner.is_empty(),
        // Whatever is falsy in JavaScript counts as no owner there, so it does here.
        Some(Value::Number(number)) => number.as_f64() == Some(0.0),
        Some(Value::Bool(true) | Value::Array(_) | Value::Object(_)) => false,
    }
}

/// The files that may say who owns what, the one that counts first.
pub(super) fn list_candidates(origin: &FileOrigin) -> impl Iterator<Item = RepositoryFile> {
    let file = match origin {
        FileOrigin::Repository(file) => Some(file.clone()),
        FileOrigin::Url(_) | FileOrigin::File(_) => None,
    };
    file.into_iter().flat_map(|file| {
        CANDIDATES.map(|path| RepositoryFile {
            path: path.to_owned(),
            ..file.clone()
        })
    })
}

/// Who owns the file at `origin`, if anybody says.
///
/// # Errors
/// Why nobody can tell: a candidate that could not be read.
pub(super) fn find_owner(
    origin: &FileOrigin,
    fetched: &HashMap<FileRequest, Fetched>,
) -> Result<Option<String>, OwnersUnread> {
    let FileOrigin::Repository(file) = origin else {
        return Ok(None);
    };
    for candidate in list_candidates(origin) {
        let path = candidate.path.clone();
        let reason = match fetched.get(&FileRequest::File(candidate)) {
            Some(Fetched::Content { bytes, .. }) => {
                return Ok(find_owner_in(&String::from_utf8_lossy(bytes), &file.path));
            }
            Some(Fetched::Absent { .. }) => continue,
            Some(fetched) => fetched.describe_missing(),
            None => return Ok(None),
        };
        return Err(OwnersUnread { path, reason });
    }
    Ok(None)
}

/// A file that may say who owns what and could not be read.
#[derive(Clone, Debug)]
pub(super) struct OwnersUnread {
    pub(super) path: String,
    pub(super) reason: String,
}

/// Writes the owner into the document.
pub(super) fn set_owner(document: &mut Value, owner: String) {
    let Value::Object(root) = document else {
        return;
    };
    let spec = root
        .entry("spec")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(spec) = spec {
        spec.insert("owner".to_owned(), Value::String(owner));
    }
}

fn find_owner_in(codeowners: &str, path: &str) -> Option<String> {
    let mut builder = GitignoreBuilder::new("/");
    // The same pattern again replaces what the earlier line said.
    let mut lines: HashMap<String, (usize, Option<String>)> = HashMap::new();
    for (number, line) in codeowners.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = split_words(line).into_iter();
        let Some(pattern) = words.next() else {
            continue;
        };
        // CODEOWNERS knows no exceptions; a pattern that cannot be understood matches nothing.
        if pattern.starts_with('!') || builder.add_line(None, &pattern).is_err() {
            continue;
        }
        // A line without owners takes ownership away again, so it is kept as a match.
        lines.insert(pattern, (number, words.next()));
    }
    let patterns = builder.build().ok()?;
    let folders = path.match_indices('/').map(|(at, _)| (&path[..at], true));
    let (_, owner) = folders
        .chain([(path, false)])
        .filter_map(|(path, is_folder)| {
            let pattern = patterns.matched(path, is_folder).inner()?.original();
            lines.get(pattern)
        })
        // A line may match the file or any folder above it; the last line counts, not the nearest
        // folder.
        .max_by_key(|(number, _)| *number)?;
    owner.as_deref().map(ref_of_owner)
}

/// Splits at white space that has no backslash in front.
fn split_words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut escaped = false;
    for character in line.chars() {
        match words.last_mut() {
            Some(word) if escaped || !character.is_whitespace() => word.push(character),
            _ => words.push(String::new()),
        }
        escaped = character == '\\' && !escaped;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// An owner as an entity ref: a team by its name, a person as a user, an address by its front.
fn ref_of_owner(owner: &str) -> String {
    match owner.strip_prefix('@') {
        // GitHub writes a team with its organisation; in the catalog a group has a name of its
        // own.
        Some(team) if team.contains('/') => team.split('/').nth(1).unwrap_or_default().to_owned(),
        Some(user) => format!("User:{user}"),
        None => match owner.split_once('@') {
            Some((front, host)) if host.contains('.') => front.to_owned(),
            _ => owner.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codeowners: &str, path: &str, expected: Option<&str>) {
        assert_eq!(find_owner_in(codeowners, path).as_deref(), expected);
    }

    #[test]
    fn the_last_pattern_that_matches_counts() {
        let file = "# who owns what\n* @acme/everyone\n/pay/ @acme/pay @acme/money\n*.yaml @jane # hers\n/docs/**\n";
        check(file, "README.md", Some("everyone"));
        check(file, "pay/src/main.rs", Some("pay"));
        check(file, "pay/catalog-info.yaml", Some("User:jane"));
        check(file, "docs/a.md", None);
        check("", "catalog-info.yaml", None);
        check("/other @a/b\n", "catalog-info.yaml", None);
        check("* @a/b\n* @a/c\n", "catalog-info.yaml", Some("c"));
        check("!x @a/b\n[ @a/c\n", "x", None);
        check("a\\ b.yaml @a/b\n", "a b.yaml", Some("b"));
    }

    #[test]
    fn an_owner_becomes_a_ref() {
        check("* @acme/team-a", "x", Some("team-a"));
        check("* @jane", "x", Some("User:jane"));
        check("* jane@acme.example", "x", Some("jane"));
        check("* group:default/pay", "x", Some("group:default/pay"));
    }
}
