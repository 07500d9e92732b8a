//! Local files, for development.
//!
//! Only regular files are read, each with a bound. A pattern is looked for below the folder in
//! front of its first wildcard, and leads through no symbolic link, so that nothing outside of
//! that folder is found by it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use freshet_model::glob::{Pattern, TREE_WORK_MAX, Work, has_magic, unescape};
use freshet_proto::message::FailureKind;
use ignore::{DirEntry, WalkBuilder};

use super::url::reader::version_of;
use crate::failure::Failure;
use crate::limits::FolderLimits;
use crate::source::fetched::Fetched;

/// Reads one file of which a version may be held already.
#[must_use]
pub fn read_file(path: &str, held: &str, bytes_max: usize) -> Fetched {
    // A relative path would be resolved from wherever the process was started.
    if !Path::new(path).is_absolute() || path.contains('\0') {
        return Fetched::failed(
            FailureKind::NotFound,
            format!("{path:?} is not an absolute path"),
        );
    }
    match read_regular_file(path, bytes_max) {
        Ok(Fetched::Content { version, .. }) if version == held => Fetched::Unchanged { version },
        Ok(fetched) => fetched,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Fetched::absent("there is no such file")
        }
        Err(error) => Fetched::failed(FailureKind::Unreadable, format!("{path}: {error}")),
    }
}

fn read_regular_file(path: &str, bytes_max: usize) -> io::Result<Fetched> {
    // Asked before it is opened, for opening a pipe waits for its other end.
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Ok(Fetched::absent_because(format!(
            "{path} is a folder, not a file"
        )));
    }
    if !metadata.is_file() {
        return Ok(Fetched::failed(
            FailureKind::Unreadable,
            format!("{path} is not a file"),
        ));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    if size > most {
        return Ok(Fetched::TooLarge {
            version: format!("size:{size}"),
            bytes: size,
            bytes_max,
        });
    }
    let mut bytes = Vec::new();
    // It may have grown since its size was asked for.
    file.take(most).read_to_end(&mut bytes)?;
    Ok(Fetched::Content {
        version: version_of(&bytes),
        bytes: bytes.into(),
    })
}

/// The files that a pattern matches, in order; if there is a file of that very name, only that.
///
/// # Errors
/// If it is no absolute pattern, if a folder cannot be read, or if there are too many files or too many folders
/// within each other.
pub fn find_matches(pattern: &str, limits: &FolderLimits) -> Result<Vec<String>, Failure> {
    let compiled = Pattern::new(pattern).map_err(|error| refuse(error.to_string()))?;
    if !pattern.starts_with('/') || pattern.contains('\0') {
        return Err(refuse(format!("{pattern:?} is not an absolute path")));
    }
    // A pattern is written with a slash more than a path.
    let pattern = pattern
        .strip_prefix('/')
        .filter(|it| it.starts_with('/'))
        .unwrap_or(pattern);
    let name = unescape(pattern);
    if Path::new(&name).is_file() {
        return Ok(vec![name]);
    }
    let folder = unescape(find_folder(pattern));
    let folder = folder.as_str();
    match Path::new(folder).try_exists() {
        Ok(true) => {}
        Ok(false) => return Ok(Vec::new()),
        // What cannot be looked into proves nothing.
        Err(error) => return Err(Failure::unreadable(format!("{folder}: {error}"))),
    }
    let mut found = Vec::new();
    let mut work = Work::new(TREE_WORK_MAX);
    let walk = WalkBuilder::new(folder)
        // A catalog file may well stand in .gitignore or in a hidden folder.
        .standard_filters(false)
        .follow_links(false)
        // One more than is looked into, which tells that there is one.
        .max_depth(Some(limits.depth + 1))
        .sort_by_file_name(std::ffi::OsStr::cmp)
        .build();
    for (looked_at, entry) in walk.enumerate() {
        // The first is the folder itself.
        if looked_at > limits.looked_at {
            return Err(refuse(format!(
                "{pattern} has to look at more than {} files and folders",
                limits.looked_at
            )));
        }
        let entry = entry.map_err(|error| Failure::unreadable(format!("{pattern}: {error}")))?;
        if entry.depth() > limits.depth && may_lead_to_match(&entry, &compiled) {
            return Err(refuse(format!(
                "{pattern} has to look into more than {} folders within each other: {}",
                limits.depth,
                entry.path().display()
            )));
        }
        let is_file = entry.file_type().is_some_and(|it| it.is_file());
        let path = entry.path().to_str().filter(|_| is_file);
        if let Some(path) = path {
            let matched = compiled.match_within(path, &mut work);
            if matched.map_err(|error| refuse(error.to_string()))? {
                found.push(path.to_owned());
            }
        }
        if found.len() > limits.matches {
            return Err(refuse(format!(
                "{pattern} matches more than {} files",
                limits.matches
            )));
        }
    }
    found.sort();
    Ok(found)
}

/// The folder in front of the first step with a wildcard or a brace.
fn find_folder(pattern: &str) -> &str {
    let mut end = 0;
    for (at, _) in pattern.match_indices('/') {
        // Alternatives may hold slashes, so that an open brace is not magic yet.
        if has_magic(&pattern[..at]) || has_brace(&pattern[..at]) {
            break;
        }
        end = at;
    }
    if end == 0 { "/" } else { &pattern[..end] }
}

/// Whether a brace opens that is not escaped.
fn has_brace(pattern: &str) -> bool {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                characters.next();
            }
            '{' => return true,
            _ => {}
        }
    }
    false
}

/// Whether it is a folder below which a file may match.
fn may_lead_to_match(entry: &DirEntry, pattern: &Pattern) -> bool {
    let is_folder = entry.file_type().is_some_and(|it| it.is_dir());
    // A file in it has as many slashes as there are names in front of it.
    let slashes = entry.path().components().count() - 1;
    is_folder && pattern.slashes_max().is_none_or(|most| slashes <= most)
}

fn refuse(message: String) -> Failure {
    Failure {
        kind: FailureKind::Refused,
        message,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn at(folder: &Path, name: &str) -> String {
        folder.join(name).to_string_lossy().into_owned()
    }

    fn find(folder: &Path, pattern: &str) -> Result<Vec<String>, Failure> {
        find_within(folder, pattern, &FolderLimits::default())
    }

    fn find_within(
        folder: &Path,
        pattern: &str,
        limits: &FolderLimits,
    ) -> Result<Vec<String>, Failure> {
        find_matches(&format!("/{}", at(folder, pattern)), limits)
    }

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [
            "a.yaml",
            "sub/x.yaml",
            "sub/y.yaml",
            "sub/deep/z.yaml",
            "sub/.h.yaml",
            "[id]/{a,b}/c.yml",
            "i/c.yml",
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, "text").expect("a file");
        }
        folder
    }

    #[track_caller]
    fn check(pattern: &str, expected: &[&str]) {
        let folder = folder();
        let found = find(folder.path(), pattern).expect("matches");
        let expected: Vec<String> = expected.iter().map(|it| at(folder.path(), it)).collect();
        assert_eq!(found, expected, "{pattern}");
    }

    #[test]
    fn a_pattern_finds_files_in_order() {
        check("*.yaml", &["a.yaml"]);
        check("sub/*.yaml", &["sub/x.yaml", "sub/y.yaml"]);
        check("**/[xz].yaml", &["sub/deep/z.yaml", "sub/x.yaml"]);
        check("no/*.yaml", &[]);
        check("s*b/x.yaml", &["sub/x.yaml"]);
        check("!(sub)/c.yml", &["i/c.yml"]);
        check(r"\[id\]/*/c.yml", &["[id]/{a,b}/c.yml"]);
        check("[id]/c.yml", &["i/c.yml"]);
        check(
            "{a,sub/deep/z,sub/x}.yaml",
            &["a.yaml", "sub/deep/z.yaml", "sub/x.yaml"],
        );
        check(r"\[id\]/\{a,b\}/*.yml", &["[id]/{a,b}/c.yml"]);
    }

    #[test]
    fn a_file_of_that_name_comes_before_what_the_name_matches() {
        check("[id]/{a,b}/c.yml", &["[id]/{a,b}/c.yml"]);
    }

    #[test]
    fn a_pattern_leads_through_no_link() {
        let (inside, outside) = (folder(), folder());
        symlink(outside.path(), inside.path().join("out")).expect("a link");
        symlink(outside.path().join("a.yaml"), inside.path().join("b.yaml")).expect("a link");
        let found = find(inside.path(), "**/*.yaml").expect("matches");
        assert!(
            found
                .iter()
                .all(|path| !path.contains("/out/") && !path.ends_with("/b.yaml"))
        );
        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_folder_that_cannot_be_looked_into_proves_nothing() {
        let folder = folder();
        symlink("round", folder.path().join("round")).expect("a link");
        let found = find(folder.path(), "round/*.yaml");
        assert!(found.is_err(), "{found:?}");
    }

    #[track_caller]
    fn check_refused(folder: &Path, pattern: &str, limits: &FolderLimits, reason: &str) {
        let failure = find_within(folder, pattern, limits).expect_err("too much");
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains(reason), "{}", failure.message);
    }

    #[test]
    fn a_pattern_finds_and_looks_at_so_many_files_and_no_more() {
        let folder = folder();
        let usual = FolderLimits::default();
        let matching = |matches| FolderLimits { matches, ..usual };
        let found = find_within(folder.path(), "sub/*.yaml", &matching(2));
        assert_eq!(found.map(|it| it.len()), Ok(2));
        let reason = "matches more than 1 files";
        check_refused(folder.path(), "sub/*.yaml", &matching(1), reason);
        // sub has .h.yaml, deep, deep/z.yaml, x.yaml and y.yaml.
        let looking_at = |looked_at| FolderLimits { looked_at, ..usual };
        let found = find_within(folder.path(), "sub/*.yaml", &looking_at(5));
        assert_eq!(found.map(|it| it.len()), Ok(2));
        let reason = "has to look at more than 4 files and folders";
        check_refused(folder.path(), "sub/*.yaml", &looking_at(4), reason);
    }

    #[test]
    fn a_folder_that_is_too_deep_to_look_into_is_told_and_not_passed_over() {
        let folder = folder();
        let limits = FolderLimits {
            depth: 2,
            ..FolderLimits::default()
        };
        let find = |pattern| find_within(folder.path(), pattern, &limits).map(|it| it.len());
        assert_eq!(find("**/*.yaml"), Ok(4), "sub/deep is the second");
        let third = folder.path().join("sub/deep/deeper");
        fs::create_dir(&third).expect("a folder");
        let reason = "has to look into more than 2 folders within each other: ";
        let reason = format!("{reason}{}", third.display());
        check_refused(folder.path(), "**/*.yaml", &limits, &reason);
        // What can match nothing in there need not know.
        assert_eq!(find("*/*/*.yaml"), Ok(1));
        assert_eq!(find("sub/**/x.yaml"), Ok(1), "counted from sub");
    }

    #[test]
    fn only_regular_files_are_read() {
        let folder = folder();
        let read_at = |name: &str| read_file(&at(folder.path(), name), "", 100);
        assert_eq!(
            read_at("a.yaml"),
            Fetched::Content {
                version: version_of(b"text"),
                bytes: b"text".as_slice().into()
            }
        );
        assert!(matches!(read_at("nothing"), Fetched::Absent { .. }));
        assert!(matches!(read_at("a.yaml/b"), Fetched::Absent { .. }));
        // A folder is no file, and where it is there is none.
        assert!(matches!(
            read_at("sub"),
            Fetched::Absent { reason: Some(reason), .. } if reason.ends_with("is a folder, not a file")
        ));
        let device = read_at("../../../../dev/null");
        assert!(matches!(device, Fetched::Failed(_)), "{device:?}");
        for odd in ["a.yaml", "", "./a.yaml", "/a\0b"] {
            assert!(
                matches!(read_file(odd, "", 100), Fetched::Failed(_)),
                "{odd}"
            );
        }
        let read_within = |bytes_max| read_file(&at(folder.path(), "a.yaml"), "", bytes_max);
        assert!(matches!(read_within(4), Fetched::Content { .. }));
        assert!(matches!(read_within(3), Fetched::TooLarge { bytes: 4, .. }));
        let held = version_of(b"text");
        assert_eq!(
            read_file(&at(folder.path(), "a.yaml"), &held, 100),
            Fetched::Unchanged { version: held }
        );
        assert!(find_matches("sub/*.yaml", &FolderLimits::default()).is_err());
    }
}
