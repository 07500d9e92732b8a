//! Where Freshet deviates from Backstage on purpose.
//!
//! Each deviation names the test of the better behaviour, and this module's tests see to it that it exists. What is
//! the same, case by case, is in `tests/conformance/behaviour.md`.

mod replayed;

/// One thing that is done differently.
pub(crate) struct Deviation {
    /// What Backstage does.
    pub(crate) backstage: &'static str,
    /// What Freshet does instead.
    pub(crate) freshet: &'static str,
    /// The test that shows it.
    pub(crate) test: &'static str,
    /// The file of the recorded corpus that ends differently for it, without its ending.
    pub(crate) case: Option<&'static str>,
    /// The reasons for which the replays of `tests/backstage` accept it.
    accepted_as: &'static [&'static str],
}

const fn deviation(
    backstage: &'static str,
    freshet: &'static str,
    test: &'static str,
) -> Deviation {
    Deviation {
        backstage,
        freshet,
        test,
        case: None,
        accepted_as: &[],
    }
}

impl Deviation {
    const fn in_case(self, case: &'static str) -> Self {
        Self {
            case: Some(case),
            ..self
        }
    }

    const fn accepted_as(self, reasons: &'static [&'static str]) -> Self {
        Self {
            accepted_as: reasons,
            ..self
        }
    }
}

/// All that something else than a replay shows.
pub(crate) const DEVIATIONS: &[Deviation] = &[
    deviation(
        "Of two files that declare one entity the second is forgotten: when the first goes, the entity is lost.",
        "The second claim is kept and takes over at once.",
        "a_claim_that_lost_is_promoted_when_the_winner_goes",
    )
    .accepted_as(&[
        "A file that did not get a ref is not forgotten; in Backstage it gets none until it changes.",
    ]),
    deviation(
        "An entity that moves between two files of one Location is deleted and made again, with another uid.",
        "It stays the same and is never absent.",
        "an_entity_that_moves_between_files_stays_the_same",
    ),
    deviation(
        "Of two Locations that list one file the last owns it: when that one goes, so do the file's entities.",
        "Either may go.",
        "of_two_locations_with_one_file_either_may_go",
    )
    .accepted_as(&[
        "A file that several list stays while one of them does; in Backstage its entities go with the one that was read last.",
    ]),
    deviation(
        "Locations that list each other keep each other alive after their root is gone.",
        "What no root reaches goes.",
        "locations_that_list_each_other_go_with_their_root",
    ),
    deviation(
        "A reference of more than 255 characters makes every write of its entity fail, silently.",
        "It is an error of its entity.",
        "a_reference_that_is_too_long_is_an_error_of_its_entity",
    ),
    deviation(
        "Keys that differ only by case keep an entity from ever being shown, silently.",
        "They are an error of their entity.",
        "keys_that_differ_only_by_case_are_an_error_of_their_entity",
    )
    .in_case("spec-case-clash")
    .accepted_as(&[
        "Keys that differ only by case are an error of their entity, which Backstage could never show.",
    ]),
    deviation(
        "A NUL character keeps an entity from ever being shown, silently.",
        "It is an error of its entity.",
        "a_nul_character_is_an_error_of_its_entity",
    )
    .in_case("yaml-nul")
    .accepted_as(&[
        "A NUL character is an error of its entity, which Backstage could never show.",
    ]),
    deviation(
        "A YAML alias inside what it names makes the reading fail endlessly; an unknown one is a failure to read.",
        "Both are problems with a line and a column.",
        "a_bad_alias_is_a_problem_with_a_place",
    )
    .accepted_as(&[
        "An alias without an anchor is an error of its document, with a place; in Backstage the whole reading fails.",
    ]),
    deviation(
        "An author's etag is kept, so that changes are not noticed, and so is an author's orphan annotation.",
        "Authors choose neither.",
        "authors_choose_neither_etag_nor_orphan_annotation",
    )
    .in_case("annotation-orphan-in-file"),
    deviation(
        "Every file a placeholder names is downloaded at every look.",
        "It is known by its content.",
        "a_placeholder_is_read_again_only_when_its_file_changed",
    ),
    deviation(
        "Placeholders read any repository through hosts without an integration, such as raw.githubusercontent.com.",
        "They read their own repository and what the operator allows.",
        "a_placeholder_reads_its_own_repository_or_what_the_operator_allows",
    ),
    deviation(
        "A placeholder may not name its own repository in other letters (`O/R` in `o/r`).",
        "It may: to GitHub it is the same repository.",
        "a_repository_is_the_same_in_any_case",
    )
    .accepted_as(&[
        "GitHub knows a repository by its name in any case, and with `.git`.",
    ]),
    deviation(
        "A placeholder may not read from hosts of other forges, such as gitlab.com, though they be in backend.reading.allow.",
        "What the operator allows may be read, as a plain URL.",
        "a_url_that_is_no_page_of_a_repository_is_refused_unless_allowed",
    ),
    deviation(
        "Of several placeholders that fail the first is told.",
        "Each is.",
        "each_placeholder_that_fails_is_told_and_nothing_of_the_others_is_kept",
    ),
    deviation(
        "A relative target may climb out of its repository.",
        "It is refused.",
        "a_target_does_not_climb_out_of_its_repository",
    )
    .accepted_as(&[
        "A relative target may not climb out of its branch.",
    ]),
    deviation(
        "Of a branch with a slash in its name neither patterns nor targets that begin at the root can be read.",
        "They can.",
        "a_branch_may_have_slashes_in_its_name",
    ),
    // In a monorepo one broken file would freeze a thousand.
    deviation(
        "One broken or missing target keeps its Location entity and all other targets as they were, or unserved.",
        "Each target stands on its own, and its Location entity shows what is wrong with it.",
        "one_missing_target_holds_back_neither_its_siblings_nor_the_location_entity",
    )
    .accepted_as(&[
        "A file that is missing holds back nothing but itself.",
    ]),
    deviation(
        "Of two documents that declare one entity the first counts even if it is invalid, and then there is none.",
        "A valid one counts, and the error stays with the other's file.",
        "a_broken_document_puts_no_error_on_the_entity_of_another",
    )
    .accepted_as(&[
        "An invalid document holds no ref; in Backstage it keeps the valid one of another file out.",
    ]),
    deviation(
        "What is percent-encoded in a target is a pattern all the same, and so are folders such as `[id]`.",
        "It is a name; and a file of that very name comes before what the name matches.",
        "folders_may_be_called_anything",
    )
    .accepted_as(&[
        "A file of that very name comes before what the name matches as a pattern.",
        "What is percent-encoded is a name and no pattern.",
        "The folder of a file is a name, also if it is called `[slug]`; Backstage reads it as a pattern, and cuts it at the root.",
    ]),
    deviation(
        "A local folder as a target is an error also of a Location whose targets are optional.",
        "Nothing is wrong then: where a folder is there is no file, and none need be.",
        "a_local_file_may_point_at_urls_and_at_files_beside_it",
    ),
    deviation(
        "A local folder that is named without a slash behind, such as `.`, is opened, and cannot be read.",
        "It is a missing file.",
        "only_regular_files_are_read",
    ),
    deviation(
        "A question mark in a target begins a query, and braces in a relative one are encoded.",
        "They are wildcards, unless `key=` follows.",
        "patterns_have_the_meaning_of_minimatch",
    )
    .accepted_as(&[
        "A question mark that begins no query is a wildcard.",
        "A question mark that begins no query is a wildcard; to Backstage it ends the path.",
    ]),
    deviation(
        "Of a ref with slashes, such as refs/heads/main or a tag written in full, nothing can be read.",
        "It can, and a ref that is missing is told as that.",
        "a_file_is_read_at_a_tag_or_a_short_commit",
    )
    .accepted_as(&[
        "`refs/heads/main` is a branch; Backstage takes `refs` for it.",
    ]),
    deviation(
        "An error is announced whenever it is seen again.",
        "It is announced when it comes and when it goes.",
        "a_problem_is_announced_when_it_comes_and_when_it_goes",
    ),
    deviation(
        "The order of relations is that of the database's language.",
        "It is that of their bytes.",
        "relations_are_ordered_by_their_bytes",
    ),
    deviation(
        "Of several CODEOWNERS files the one that is downloaded first counts.",
        "The one in .github comes first, then the root's, then that of docs.",
        "the_codeowners_file_in_dot_github_comes_first",
    ),
    deviation(
        "With its model layers, a relation that no layer declares is seen from one side.",
        "Every relation is seen from both.",
        "every_relation_is_seen_from_both_sides",
    ),
    deviation(
        "GitHub says of what it hides that it does not exist, and then everything discovered there is deleted.",
        "Only a repository that can be seen proves that a file is gone.",
        "a_repository_that_cannot_be_seen_loses_nothing",
    ),
    deviation(
        "A repository that discovery no longer lists loses its entities.",
        "It keeps them while it is not known whether it was deleted or hidden.",
        "a_repository_that_is_neither_listed_nor_found_proves_nothing",
    ),
    deviation(
        "What fails is tried again as often as what does not.",
        "Less and less often, until a push.",
        "a_source_that_fails_is_asked_less_and_less",
    ),
    deviation(
        "An entity that was mended waits until the back-off of its stitching ends, for an hour and more.",
        "A new request is due at once.",
        "a_new_request_ends_a_back_off",
    ),
    deviation(
        "The generation of a publication leaves deletions out, and nothing reads it.",
        "Each change has a revision, a deletion too, and everybody may read it.",
        "a_file_is_added_changed_and_removed_over_nats",
    ),
    // No decision of Backstage: in JavaScript such a key names something else and gets lost on the way.
    deviation(
        "Keys such as `__proto__` get lost.",
        "They are keys like any other.",
        "keys_that_mean_something_in_javascript_are_keys_like_any_other",
    )
    .in_case("yaml-proto-keys"),
];

/// Files of the corpus with an error that is one of a target: the Location entity that points at it, in
/// the file or generated for it, is served with the error.
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

/// Whether this file of the recorded corpus ends differently on purpose.
pub(crate) fn is_deviating_case(name: &str) -> bool {
    DEVIATIONS.iter().any(|it| it.case == Some(name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::replayed::REPLAYED;
    use super::{DEVIATIONS, Deviation};

    /// Rows of the tables of Backstage's behaviour.
    const CASES_MIN: usize = 239;
    /// What stands in the place of a test when there is a reason for having none.
    const NO_TEST: &str = "none: ";

    /// Folders that hold nothing of the tree.
    const OF_OTHERS: [&str; 2] = ["target", "node_modules"];

    fn all() -> impl Iterator<Item = &'static Deviation> {
        DEVIATIONS.iter().chain(REPLAYED)
    }

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// Names of all functions of the workspace.
    fn find_functions() -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut folders: Vec<PathBuf> =
            ["proto", "ingestor", "processor", "store", "deploy", "tests"]
                .map(|folder| root().join(folder))
                .into();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() && !OF_OTHERS.iter().any(|name| path.ends_with(name)) {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let text = std::fs::read_to_string(&path).expect("readable");
                    names.extend(text.lines().filter_map(find_name).map(str::to_owned));
                }
            }
        }
        names
    }

    fn find_name(line: &str) -> Option<&str> {
        let (before, name) = line.split_once("fn ")?;
        let is_definition = before.split_whitespace().all(|word| {
            matches!(
                word,
                "pub" | "async" | "const" | "pub(crate)" | "pub(super)"
            )
        });
        is_definition.then(|| name.split(['(', '<']).next().unwrap_or_default())
    }

    #[test]
    fn every_case_has_a_test_or_a_reason() {
        let functions = find_functions();
        let tables = root().join("tests/conformance/behaviour.md");
        let tables = std::fs::read_to_string(tables).expect("readable");
        let rows = tables.lines().filter(|line| line.starts_with("| "));
        let cases: Vec<&str> = rows.filter(|line| !line.starts_with("| given ")).collect();
        assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
        for case in cases {
            let (_, tests) = case
                .trim_end_matches([' ', '|'])
                .rsplit_once(" | ")
                .expect("three columns");
            let has_reason = tests
                .strip_prefix(NO_TEST)
                .is_some_and(|reason| reason.len() > 20);
            let exist = |test: &str| functions.contains(test.trim_matches('`'));
            assert!(has_reason || tests.split(", ").all(exist), "{case}");
        }
    }

    /// Each reason for which a replay accepts a difference.
    fn read_accepted() -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        let mut folders = vec![root().join("tests/backstage/replay")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("readable");
                let lines = text.lines().map(str::trim);
                let named = lines.filter_map(|line| line.strip_prefix("reason: \""));
                reasons.extend(named.map(|it| it.trim_end_matches("\",").to_owned()));
            }
        }
        reasons
    }

    #[test]
    fn every_difference_that_a_replay_accepts_is_listed() {
        let listed: BTreeSet<String> = all()
            .flat_map(|deviation| deviation.accepted_as)
            .map(|reason| (*reason).to_owned())
            .collect();
        let accepted = read_accepted();
        let missing: Vec<_> = accepted.difference(&listed).collect();
        let unknown: Vec<_> = listed.difference(&accepted).collect();
        assert!(missing.is_empty(), "not listed: {missing:#?}");
        assert!(unknown.is_empty(), "no replay accepts: {unknown:#?}");
    }

    #[test]
    fn every_deviation_is_described_and_has_the_test_it_names() {
        let functions = find_functions();
        for deviation in all() {
            let test = deviation.test;
            assert!(functions.contains(test), "{test} is nowhere");
            for sentence in [deviation.backstage, deviation.freshet] {
                assert!(sentence.ends_with('.'), "{test}: {sentence}");
            }
        }
    }
}
