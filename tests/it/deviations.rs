//! Where Freshet deviates from Backstage on purpose, and which numbered cases it has no place for.
//!
//! Each deviation names the test of the better behaviour; `tidy` sees to it that the test exists.

/// A recorded case of the corpus that ends differently on purpose.
pub(crate) struct Deviation {
    /// Name of the file, without its ending.
    pub(crate) case: &'static str,
    /// The defect of Backstage that is not repeated.
    pub(crate) number: &'static str,
    /// The test that shows what is done instead.
    pub(crate) test: &'static str,
}

/// Files of the corpus that end differently on purpose.
pub(crate) const CONFORMANCE: &[Deviation] = &[
    Deviation {
        case: "spec-case-clash",
        number: "A6",
        test: "a6_case_211_keys_that_differ_only_by_case_are_an_error_of_their_entity",
    },
    Deviation {
        case: "yaml-nul",
        number: "A7",
        test: "a7_a_nul_character_is_an_error_of_its_entity",
    },
    Deviation {
        case: "annotation-orphan-in-file",
        number: "A10",
        test: "a10_authors_choose_neither_etag_nor_orphan_annotation",
    },
    // Not a listed defect: in JavaScript the key names something else and gets lost on the way.
    Deviation {
        case: "yaml-proto-keys",
        number: "JavaScript",
        test: "keys_that_mean_something_in_javascript_are_keys_like_any_other",
    },
];

/// Files of the corpus with an error that is one of a target: the Location entity that points at it, in
/// the file or generated for it, is served with the error. Backstage serves none that never was in
/// order, and keeps all of its targets as they were; here each target stands on its own, for in a
/// monorepo one broken file would freeze a thousand.
pub(crate) const SERVED_WITH_ERRORS: &[&str] = &[
    "annotations-list",
    "apiversion-missing",
    "apiversion-number",
    "kind-array",
    "kind-bad-chars",
    "kind-bad-unknown",
    "kind-empty",
    "kind-missing",
    "location-missing-target-file",
    "location-one-bad-target",
    "location-type-url-bad",
    "metadata-missing",
    "metadata-null",
    "name-bool",
    "name-empty",
    "name-missing",
    "name-null",
    "name-number",
    "namespace-empty",
    "namespace-null",
    "yaml-alias-bomb",
    "yaml-alias-undefined",
    "yaml-anchor-across-docs",
    "yaml-cr-only",
    "yaml-duplicate-key",
    "yaml-list-doc",
    "yaml-multidoc-bad-middle",
    "yaml-multidoc-invalid-entity",
    "yaml-number-doc",
    "yaml-scalar-doc",
    "yaml-syntax-error",
    "yaml-tab-indent",
    "yaml-utf16",
];

/// What the corpus declares beside a target that is missing; Backstage does not serve it.
pub(crate) const SERVED_BESIDE_A_MISSING_TARGET: &str = "component:default/included-d";

/// Defects of Backstage that are not repeated, each with the test of what is done instead.
pub(crate) const BETTER: &[(&str, &str)] = &[
    (
        "A1",
        "a1_a_claim_that_lost_is_promoted_when_the_winner_goes",
    ),
    (
        "A2",
        "a2_case_214_an_entity_that_moves_between_files_stays_the_same",
    ),
    ("A3", "a3_of_two_locations_with_one_file_either_may_go"),
    ("A4", "a4_locations_that_list_each_other_go_with_their_root"),
    (
        "A5",
        "a5_case_210_a_reference_that_is_too_long_is_an_error_of_its_entity",
    ),
    (
        "A6",
        "a6_case_211_keys_that_differ_only_by_case_are_an_error_of_their_entity",
    ),
    ("A7", "a7_a_nul_character_is_an_error_of_its_entity"),
    (
        "A8",
        "a8_a9_case_125_220_a_bad_alias_is_a_problem_with_a_place",
    ),
    (
        "A9",
        "a8_a9_case_125_220_a_bad_alias_is_a_problem_with_a_place",
    ),
    (
        "A10",
        "a10_authors_choose_neither_etag_nor_orphan_annotation",
    ),
    (
        "A12",
        "a12_a_placeholder_is_read_again_only_when_its_file_changed",
    ),
    (
        "A13",
        "a13_a_placeholder_reads_its_own_repository_or_what_the_operator_allows",
    ),
    ("A14", "a14_a_target_does_not_climb_out_of_its_repository"),
    ("A15", "a15_a_branch_may_have_slashes_in_its_name"),
    (
        "A20",
        "a20_a_problem_is_announced_when_it_comes_and_when_it_goes",
    ),
    ("A23", "a23_relations_are_ordered_by_their_bytes"),
    ("A25", "a25_the_codeowners_file_in_dot_github_comes_first"),
    ("A28", "a28_every_relation_is_seen_from_both_sides"),
    ("A31", "a31_a_repository_that_cannot_be_seen_loses_nothing"),
    (
        "A31",
        "a31_case_198_a_repository_that_is_neither_listed_nor_found_proves_nothing",
    ),
    ("A32", "a32_a_source_that_fails_is_asked_less_and_less"),
    (
        "targets",
        "case_156_one_missing_target_holds_back_neither_its_siblings_nor_the_location_entity",
    ),
    ("targets", "one_broken_file_of_a_monorepo_costs_only_itself"),
    (
        "JavaScript",
        "keys_that_mean_something_in_javascript_are_keys_like_any_other",
    ),
];

/// Numbered cases without a test, and why.
pub(crate) const NOT_APPLICABLE: &[(&[u16], &str)] = &[
    (
        &[92, 93, 94, 113, 114],
        "Backstage's alpha mode of model layers is not offered",
    ),
    (
        &[163, 164, 195, 209, 218, 222],
        "locations are registered in the configuration; there are no requests that write the catalog",
    ),
    (
        &[194],
        "entities cannot be deleted while a file declares them",
    ),
    (
        &[15, 16, 199, 200, 201, 202, 203, 204],
        "providers are part of Freshet and declare roots, not entities, so they neither leave annotations out nor compete with keys",
    ),
    (
        &[206],
        "what was read is known by its content, so there is no cache that a failure could use up",
    ),
    (
        &[207],
        "nobody has to ask for a refresh: pushes and sweeps do",
    ),
    (
        &[212, 213],
        "a registered address is looked up at every read, and a repository is known by its id, not its name",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::{BETTER, CONFORMANCE, NOT_APPLICABLE};

    /// The numbered cases of Backstage's behaviour.
    const CASES: std::ops::RangeInclusive<u16> = 1..=222;
    const PREFIXES: [&str; 2] = ["case_", "cases_"];

    /// Names of all functions of the workspace.
    fn functions() -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut names = BTreeSet::new();
        let mut folders: Vec<PathBuf> =
            ["proto", "ingestor", "processor", "store", "deploy", "tests"]
                .map(|folder| root.join(folder))
                .into();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).expect("readable");
                    names.extend(text.lines().filter_map(name_in).map(str::to_owned));
                }
            }
        }
        names
    }

    fn name_in(line: &str) -> Option<&str> {
        let (before, name) = line.split_once("fn ")?;
        let is_definition = before.split_whitespace().all(|word| {
            matches!(
                word,
                "pub" | "async" | "const" | "pub(crate)" | "pub(super)"
            )
        });
        is_definition.then(|| name.split(['(', '<']).next().unwrap_or_default())
    }

    /// `case_152_153_a_file` is about 152 and 153, `cases_019_to_021_names` about 19, 20 and 21.
    fn numbers_in(name: &str) -> Vec<u16> {
        let prefix = PREFIXES.iter().find_map(|prefix| name.split_once(prefix));
        let mut words = prefix.map_or("", |(_, rest)| rest).split('_').peekable();
        let mut numbers: Vec<u16> = Vec::new();
        while let Some(word) = words.next() {
            if let Ok(number) = word.parse() {
                numbers.push(number);
            } else if let ("to", Some(Ok(end)), Some(start)) = (
                word,
                words.peek().map(|word| word.parse::<u16>()),
                numbers.last(),
            ) {
                numbers.extend(start + 1..end);
            } else {
                break;
            }
        }
        numbers
    }

    #[test]
    fn every_numbered_case_has_a_test_or_a_reason_why_not() {
        let tested: BTreeSet<u16> = functions()
            .iter()
            .flat_map(|name| numbers_in(name))
            .collect();
        let excused: BTreeSet<u16> = NOT_APPLICABLE
            .iter()
            .flat_map(|(cases, _)| *cases)
            .copied()
            .collect();
        let both: Vec<_> = tested.intersection(&excused).collect();
        assert!(both.is_empty(), "{both:?} have a test and an excuse");
        let missing: Vec<u16> = CASES
            .filter(|case| !tested.contains(case) && !excused.contains(case))
            .collect();
        assert!(
            missing.is_empty(),
            "no test is named after the cases {missing:?}"
        );
    }

    #[test]
    fn every_deviation_has_the_test_it_names() {
        let functions = functions();
        let named = BETTER.iter().map(|(number, test)| (*number, *test));
        for (number, test) in named.chain(CONFORMANCE.iter().map(|it| (it.number, it.test))) {
            assert!(
                functions.contains(test),
                "{number} names {test}, which is nowhere"
            );
            let is_listed = BETTER.iter().any(|(listed, _)| *listed == number);
            assert!(
                is_listed,
                "{number} is a deviation on purpose and not listed"
            );
        }
    }
}
