//! Mistakes that are told by what is behind them.

use freshet_model::{Kinds, Level, RuleId};

use crate::catalog_file::{CatalogFile, read_catalog_file};
use crate::limits::ReadLimits;

fn component(metadata: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n{metadata}\nspec:\n  type: service\n  lifecycle: production\n  owner: team-a\n"
    )
}

fn read(text: impl AsRef<[u8]>) -> CatalogFile {
    read_catalog_file(text.as_ref(), &Kinds::builtin(), &ReadLimits::default())
}

/// The file is refused for this alone, and told in these words.
#[track_caller]
fn check(text: impl AsRef<[u8]>, rule: RuleId, place: (u32, u32), words: &str) {
    let file = read(text);
    let [problem] = file.problems.as_slice() else {
        panic!("{:?}", file.problems)
    };
    assert!(file.entities.is_empty() && file.is_invalid);
    assert_eq!(
        (problem.rule, (problem.line, problem.column)),
        (rule, place)
    );
    assert!(problem.message.contains(words), "{}", problem.message);
    assert!(!problem.hint.is_empty());
}

#[test]
fn what_only_looks_like_indentation_is_named() {
    let name = component("\u{A0} \u{A0} name: pay");
    check(
        name,
        RuleId::YamlSpace,
        (4, 1),
        "a non-breaking space (U+00A0)",
    );
    let tags = component("  name: pay\n  tags:\n \u{3000} - a");
    check(
        tags,
        RuleId::YamlSpace,
        (6, 2),
        "looks like a space (U+3000)",
    );
    let valid = read(component("  name: pay\n  x:\n    \u{A0}y: 1"));
    assert_eq!(valid.entities.len(), 1);
    assert_eq!(valid.problems[0].rule, RuleId::YamlSpace);
    assert_eq!(valid.problems[0].level, Level::Warning);
}

#[test]
fn another_encoding_is_named() {
    let text = component("  name: pay");
    let units = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    };
    let mut marked = b"\xFF\xFE".to_vec();
    marked.extend(units(u16::to_le_bytes));
    for bytes in [marked, units(u16::to_be_bytes)] {
        check(bytes, RuleId::YamlEncoding, (1, 1), "UTF-16");
    }
}

#[test]
fn a_merge_that_was_not_finished_is_named() {
    let conflict = "  name: pay\n<<<<<<< HEAD\n  title: A\n=======\n  title: B\n>>>>>>> feature";
    check(
        component(conflict),
        RuleId::YamlConflict,
        (5, 1),
        "`<<<<<<<` is a conflict marker of git",
    );
    let rest = "  name: pay\n  title: [B\n>>>>>>> feature";
    check(
        component(rest),
        RuleId::YamlConflict,
        (6, 1),
        "`>>>>>>>` is a conflict marker of git",
    );
    let text = component("  name: pay\n  description: |\n    a\n    =======\n    <<<<<<< b");
    assert_eq!(read(text).problems, []);
}

#[test]
fn a_star_in_front_of_a_text_is_named() {
    let text = component("  name: pay\n  description: **bold** text");
    check(
        text,
        RuleId::YamlAliasUndefined,
        (5, 16),
        "`**bold**` is read as an alias",
    );
}

#[test]
fn a_byte_that_is_no_text_is_warned_of() {
    let mut bytes = component("  name: pay\n  title: Gro").into_bytes();
    let at = bytes
        .iter()
        .position(|byte| *byte == b'G')
        .expect("it is there")
        + 3;
    bytes.insert(at, 0xDF);
    let file = read(&bytes);
    assert_eq!(file.entities.len(), 1);
    let [problem] = file.problems.as_slice() else {
        panic!("{:?}", file.problems)
    };
    assert_eq!(
        (problem.rule, problem.level),
        (RuleId::YamlEncoding, Level::Warning)
    );
    assert_eq!((problem.line, problem.column), (5, 13));
    assert!(problem.message.contains("0xDF"), "{}", problem.message);
}
