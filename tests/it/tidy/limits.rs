//! README's tables of limits say what the code does, and no limit is left out of them unseen.

use std::collections::BTreeSet;
use std::fs;

use super::documents::rows_of_tables;
use super::{is_test, production_sources, root};

/// First cells of the tables' headings.
const TABLES: [&str; 7] = [
    "files and YAML",
    "patterns and targets",
    "GitHub and plain URLs",
    "webhooks",
    "API and change feed",
    "configuration",
    "`freshet validate`",
];

const READ: &str = "processor/src/limits.rs";
const GLOB: &str = "proto/model/src/glob/mod.rs";
const STORE: &str = "store/src/config.rs";
const VERDICT: &str = "store/src/freshness/verdict.rs";
const HOOKS: &str = "ingestor/src/config.rs";
const PROCESSOR: &str = "processor/src/config.rs";

/// The first cell of a row, and where its numbers are: a file with constants of it, or fields of a `Default`.
type DocumentedLimit = (
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

const DOCUMENTED: &[DocumentedLimit] = &[
    ("a catalog file", &[(READ, &["FILE_BYTES_MAX"])]),
    ("documents of a file", &[(READ, &["DOCUMENTS_MAX"])]),
    (
        "mappings and lists within each other, with aliases written out",
        &[(READ, &["DEPTH_MAX", "DEPTH_HIGHEST"])],
    ),
    ("the same with what `$json` and `$yaml` read put in", &[]),
    (
        "handles of tags declared with `%TAG`",
        &[(
            "processor/src/yaml/split.rs",
            &["TAG_HANDLES_MAX", "TAG_PREFIX_BYTES_MAX"],
        )],
    ),
    (
        "values of a file, with aliases written out",
        &[(READ, &["NODES_MAX", "SCALAR_BYTES_MAX"])],
    ),
    (
        "uses of an alias, as in Backstage",
        &[(READ, &["ALIAS_USES_MAX"])],
    ),
    (
        "what one file declares, with what its placeholders read",
        &[(READ, &["OBSERVED_BYTES_MAX"])],
    ),
    ("files and entities of one source", &[]),
    ("problems of a file", &[(READ, &["PROBLEMS_MAX"])]),
    (
        "what a placeholder reads",
        &[(
            READ,
            &[
                "PLACEHOLDER_BYTES_MAX",
                "PLACEHOLDERS_BYTES_MAX",
                "PLACEHOLDERS_MAX",
            ],
        )],
    ),
    (
        "an entity reference",
        &[("proto/model/src/entity_ref.rs", &["REF_CHARACTERS_MAX"])],
    ),
    (
        "a pattern",
        &[(
            GLOB,
            &[
                "PATTERN_CHARACTERS_MAX",
                "ALTERNATIVES_MAX",
                "EXPANDED_CHARACTERS_MAX",
                "NESTING_MAX",
                "GROUPS_MAX",
            ],
        )],
    ),
    (
        "matching a pattern",
        &[(GLOB, &["MATCH_WORK_MAX", "TREE_WORK_MAX"])],
    ),
    (
        "files that the patterns of a repository match",
        &[(READ, &["PATTERN_MATCHES_MAX"])],
    ),
    (
        "folders that are looked into for a pattern or a symbolic link",
        &[(READ, &["TREE_FOLDERS_MAX"])],
    ),
    (
        "symbolic links that lead on to each other",
        &[(READ, &["LINKS_MAX"])],
    ),
    (
        "a pattern of local files",
        &[(
            READ,
            &[
                "LOCAL_MATCHES_MAX",
                "LOCAL_LOOKED_AT_MAX",
                "LOCAL_DEPTH_MAX",
            ],
        )],
    ),
    (
        "a branch in a URL that a placeholder reads",
        &[("processor/src/fetch/github_files.rs", &["BRANCH_STEPS_MAX"])],
    ),
    (
        "an answer of GitHub",
        &[(
            READ,
            &[
                "REPOSITORIES_BYTES_MAX",
                "TREE_BYTES_MAX",
                "LISTING_BYTES_MAX",
            ],
        )],
    ),
    (
        "an answer of GitHub in time",
        &[(
            PROCESSOR,
            &[
                "Timeouts::connect",
                "Timeouts::call",
                "RetryPolicy::times_max",
            ],
        )],
    ),
    (
        "repositories of an organisation",
        &[
            (READ, &["LISTING_PAGES_MAX"]),
            (PROCESSOR, &["ProcessorConfig::listing_page"]),
        ],
    ),
    (
        "a plain URL",
        &[(
            "processor/src/source/url/reader.rs",
            &["CONNECT_TIMEOUT", "READ_TIMEOUT"],
        )],
    ),
    (
        "redirects",
        &[
            (
                "processor/src/source/github/redirect.rs",
                &["REDIRECTS_MAX"],
            ),
            ("processor/src/source/url/reader.rs", &["HOPS_MAX"]),
        ],
    ),
    (
        "a push that GitHub does not show yet",
        &[(PROCESSOR, &["ProcessorConfig::behind_age_max"])],
    ),
    ("a body", &[(HOOKS, &["WebhookLimits::body_bytes_max"])]),
    (
        "a body on its way",
        &[(HOOKS, &["WebhookLimits::read_timeout"])],
    ),
    (
        "bodies at once",
        &[(
            HOOKS,
            &[
                "WebhookLimits::concurrency_max",
                "WebhookLimits::in_flight_bytes_max",
            ],
        )],
    ),
    (
        "problems of an answer",
        &[("store/src/api/problems.rs", &["LIMIT_MAX"])],
    ),
    (
        "sources of a dangling relation, refs of a withheld removal",
        &[
            ("store/src/api/dangling.rs", &["SOURCES_MAX"]),
            ("store/src/apply/removals/limits.rs", &["REFS_MAX"]),
        ],
    ),
    (
        "what confirms removals",
        &[("store/src/api/removals.rs", &["BODY_BYTES_MAX"])],
    ),
    (
        "lists made at once",
        &[("store/src/api/mod.rs", &["LISTS_AT_ONCE_MAX"])],
    ),
    (
        "waiting for `minRevision`",
        &[("store/src/api/revision.rs", &["MIN_REVISION_TIMEOUT"])],
    ),
    (
        "readers of the change feed",
        &[(STORE, &["FeedLimits::subscribers_max"])],
    ),
    (
        "a reader of the feed who takes nothing",
        &[(STORE, &["FeedLimits::stalled_after"])],
    ),
    (
        "the document in an event",
        &[("proto/src/message/change/body.rs", &["DOCUMENT_BYTES_MAX"])],
    ),
    (
        "a changed value in an event",
        &[("proto/src/message/change/fields.rs", &["VALUE_BYTES_MAX"])],
    ),
    (
        "an event on NATS",
        &[("proto/src/stream.rs", &["PAYLOAD_BYTES_MAX"])],
    ),
    (
        "`$include` within `$include`",
        &[(
            "deploy/runtime/src/config/resolve.rs",
            &["INCLUDE_DEPTH_MAX"],
        )],
    ),
    (
        "a token of `backend.auth.externalAccess`",
        &[(
            "deploy/standalone/src/app_config/access.rs",
            &["TOKEN_CHARACTERS_MIN"],
        )],
    ),
    (
        "`freshet.removals.percent`, `.entities`",
        &[(
            STORE,
            &["RemovalLimits::percent", "RemovalLimits::entities"],
        )],
    ),
    (
        "`freshet.removals.wait`",
        &[(STORE, &["RemovalLimits::wait"])],
    ),
    (
        "`freshet.removals.window`",
        &[(STORE, &["RemovalLimits::window"])],
    ),
    (
        "`freshet.recheck.files`, `.urls`, `.repositories`",
        &[(
            STORE,
            &["Recheck::files", "Recheck::urls", "Recheck::repositories"],
        )],
    ),
    (
        "`schedule.frequency` of a provider",
        &[(
            "deploy/standalone/src/app_config/github_providers.rs",
            &["FREQUENCY"],
        )],
    ),
    ("a source that fails", &[(VERDICT, &["FAILING_AFTER"])]),
    (
        "a source that was not proved",
        &[(
            VERDICT,
            &["SWEEPS_UNTIL_UNKNOWN", "BOUND_UNLESS_CONFIGURED"],
        )],
    ),
    (
        "notes of one kind about a file",
        &[(
            "deploy/standalone/src/validate/files.rs",
            &["NOTES_OF_A_KIND_MAX"],
        )],
    ),
    (
        "files that Location entities lead to",
        &[(
            "deploy/standalone/src/validate/settings.rs",
            &["REACHED_FILES_MAX"],
        )],
    ),
    (
        "files of the work tree that patterns are compared with",
        &[(
            "deploy/standalone/src/validate/settings.rs",
            &["TREE_FILES_MAX"],
        )],
    ),
];

/// Constants that README says one less of: where an anchor is defined counts as one.
const SAID_ONE_LESS: [&str; 1] = ["ALIAS_USES_MAX"];

/// What a table says, by the first cell of the row.
fn rows() -> Vec<(String, String)> {
    rows_of_tables("README.md", &TABLES)
        .into_iter()
        .map(|mut cells| (cells.remove(0), cells.join(" | ")))
        .collect()
}

/// A number of the code.
#[derive(Clone, Copy)]
struct LimitValue {
    number: u64,
    is_seconds: bool,
}

impl LimitValue {
    /// As a person writes it.
    fn spellings(self) -> Vec<String> {
        let units: &[(u64, &str)] = if self.is_seconds {
            &[(1, " s"), (60, " min"), (60 * 60, " h")]
        } else {
            &[(1, ""), (1024, " KiB"), (1024 * 1024, " MiB")]
        };
        let whole = units
            .iter()
            .filter(|(unit, _)| self.number.is_multiple_of(*unit));
        whole
            .map(|(unit, name)| format!("{}{name}", with_commas(self.number / unit)))
            .collect()
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether a text has this number, and not as a part of another one.
fn has_number(text: &str, number: &str) -> bool {
    text.match_indices(number).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + number.len()..].chars();
        let is_whole = match after.next() {
            Some(',') => !after.next().is_some_and(|it| it.is_ascii_digit()),
            Some(next) => !next.is_ascii_alphanumeric(),
            None => true,
        };
        is_whole && !before.is_some_and(|it| it.is_ascii_digit() || it == ',')
    })
}

/// The expression of a constant, or of a field of what is `Default`.
fn find_expression<'s>(source: &'s str, name: &str) -> Option<&'s str> {
    let Some((of_type, field)) = name.split_once("::") else {
        let (_, rest) = source.split_once(&format!("const {name}: "))?;
        let (declared, _) = rest.split_once(';')?;
        return Some(declared.split_once('=')?.1.trim());
    };
    let (_, rest) = source.split_once(&format!("impl Default for {of_type} {{"))?;
    let (_, rest) = rest.split_once(&format!(" {field}: "))?;
    Some(rest.split_once(",\n")?.0.trim())
}

fn evaluate(expression: &str) -> Option<LimitValue> {
    let seconds = expression.strip_prefix("Duration::from_secs(");
    let factors = match seconds {
        Some(seconds) => seconds.strip_suffix(')')?,
        None => expression,
    };
    let factors = factors.split('*').map(|factor| match factor.trim() {
        "MEBIBYTE" => Some(1024 * 1024),
        digits => digits.replace('_', "").parse::<u64>().ok(),
    });
    Some(LimitValue {
        number: factors.collect::<Option<Vec<_>>>()?.iter().product(),
        is_seconds: seconds.is_some(),
    })
}

fn read_value(file: &str, name: &str) -> LimitValue {
    let source = fs::read_to_string(root().join(file)).expect("readable");
    let expression = find_expression(&source, name)
        .unwrap_or_else(|| panic!("{file} has no {name}: where is that limit now?"));
    let mut value =
        evaluate(expression).unwrap_or_else(|| panic!("{file}: {name} is {expression}"));
    value.number -= u64::from(SAID_ONE_LESS.contains(&name));
    value
}

#[test]
fn the_tables_of_limits_say_what_the_code_does() {
    let rows = rows();
    let mut wrong = Vec::new();
    for (row, places) in DOCUMENTED {
        let Some((_, said)) = rows.iter().find(|(name, _)| name == row) else {
            wrong.push(format!("there is no row {row:?}"));
            continue;
        };
        for (file, names) in *places {
            for name in *names {
                let spellings = read_value(file, name).spellings();
                if !spellings.iter().any(|it| has_number(said, it)) {
                    wrong.push(format!("{row:?} does not say {spellings:?}: {name}"));
                }
            }
        }
    }
    let known: BTreeSet<&str> = DOCUMENTED.iter().map(|(row, _)| *row).collect();
    let unknown = rows.iter().filter(|(row, _)| !known.contains(row.as_str()));
    wrong.extend(unknown.map(|(row, _)| format!("nothing says where {row:?} is in the code")));
    assert!(wrong.is_empty(), "README.md: {wrong:#?}");
}

/// Bounds of Freshet's own steps, waits and texts, and those that only another system sets: whoever meets one is
/// told nothing less, or what happens is told where it does.
const OF_NOBODY: &[(&str, &[&str])] = &[
    (
        "deploy/standalone/src/app_config/database.rs",
        &["POOL_MAX"],
    ),
    (
        "deploy/standalone/src/validate/excerpt.rs",
        &["LOOKED_BACK_MAX", "SHOWN_CHARACTERS_MAX"],
    ),
    (
        "deploy/standalone/src/validate/work_tree/git.rs",
        &["FILE_BYTES_MAX"],
    ),
    // A push with more is read as one that does not say what it touched.
    (
        "ingestor/src/webhook/translate.rs",
        &[
            "COMMITS_LISTED_MAX",
            "EVENT_NAME_BYTES_MAX",
            "FILES_LISTED_MAX",
            "REASON_BYTES_MAX",
            "TOUCHED_BYTES_MAX",
            "TOUCHED_MAX",
        ],
    ),
    (
        "processor/src/catalog_file/placeholders/target.rs",
        &["QUOTED_CHARACTERS_MAX"],
    ),
    (
        "processor/src/catalog_file/secrets/scan.rs",
        &[
            "AUTHORITY_BYTES_MAX",
            "PEM_LINE_BYTES_MAX",
            "TOKEN_BYTES_MAX",
        ],
    ),
    (
        "processor/src/fetch/github_files.rs",
        &["PATHS_TOGETHER_MAX"],
    ),
    ("processor/src/fetch/links.rs", &["PATH_BYTES_MAX"]),
    ("processor/src/observation.rs", &["CHUNK_BYTES_MAX"]),
    ("processor/src/reconcile/mod.rs", &["TEXTS_AT_ONCE_MAX"]),
    (
        "processor/src/source/github/batch.rs",
        &["FAILED_IN_A_ROW_MAX", "OBJECTS_PER_QUERY_MAX"],
    ),
    (
        "processor/src/source/github/connection.rs",
        &["MESSAGE_CHARS_MAX", "REFUSAL_BYTES_MAX"],
    ),
    ("processor/src/source/github/files.rs", &["ROUNDS_MAX"]),
    (
        "processor/src/source/github/query.rs",
        &["REPOSITORIES_PER_QUERY_MAX"],
    ),
    (
        "processor/src/worker/disposition.rs",
        &["DOUBLINGS_MAX", "PANICS_MAX", "SENDS_MAX"],
    ),
    (
        "processor/src/worker/finisher.rs",
        &["FETCH_ROUNDS_MAX", "FINISHING_MAX"],
    ),
    ("processor/src/worker/messages.rs", &["ERROR_CHARS_MAX"]),
    ("processor/src/worker/panics.rs", &["MESSAGES_MAX"]),
    // YAML's.
    (
        "processor/src/yaml/resolve/block.rs",
        &["IMPLICIT_KEY_UNITS_MAX"],
    ),
    (
        "proto/bus/src/lib.rs",
        &["BATCH_MESSAGES_MAX", "HEADER_BYTES_MAX"],
    ),
    ("proto/bus/src/memory/stream.rs", &["BYTES_MAX"]),
    ("proto/bus/src/nats/settings.rs", &["MESSAGE_BYTES_MAX"]),
    ("proto/bus/src/room.rs", &["PUBLISHERS_MAX"]),
    ("proto/model/src/digest.rs", &["EXACT_INTEGER_MAX"]),
    // Backstage's, each with a rule of its own.
    (
        "proto/model/src/name.rs",
        &["NAME_LENGTH_MAX", "SUBDOMAIN_LENGTH_MAX"],
    ),
    (
        "proto/model/src/validate/findings.rs",
        &["QUOTE_CHARACTERS_MAX"],
    ),
    ("proto/src/subject.rs", &["TOKEN_BYTES_MAX"]),
    ("store/src/apply/locations/load.rs", &["ROUNDS_MAX"]),
    ("store/src/apply/slices/count.rs", &["COUNTED_MAX"]),
    ("store/src/apply/slices/deferred.rs", &["REMOVED_MAX"]),
    ("store/src/apply/slices/reader.rs", &["VARINT_BYTES_MAX"]),
    (
        "store/src/apply/slices/review.rs",
        &["CHILDREN_MAX", "MATCHES_MAX", "TARGETS_MAX"],
    ),
    ("store/src/apply/slices/run.rs", &["SLICE_FILES_MAX"]),
    ("store/src/apply/source_state.rs", &["DOUBLINGS_MAX"]),
    ("store/src/batch_limits.rs", &["WHOLE_BATCHES_MAX"]),
    ("store/src/config.rs", &["BATCH_BYTES_MAX"]),
    ("store/src/ledger/publish.rs", &["IN_FLIGHT_MAX"]),
    (
        "store/src/ledger/reconciler.rs",
        &["RECHECKS_MAX", "SOURCES_MAX"],
    ),
    ("store/src/query/search.rs", &["UNITS_MAX"]),
    ("store/src/progress/reading.rs", &["SMALL_LOOKS_MAX"]),
    ("store/src/relay.rs", &["BATCH_BYTES_MAX"]),
    ("store/src/repo/change_run.rs", &["RUN_BYTES_MAX"]),
    ("store/src/repo/changes.rs", &["PAGE_BYTES_MAX"]),
    ("store/src/repo/log_file.rs", &["LOG_BYTES_MAX"]),
    ("store/src/repo/sqlite.rs", &["READERS_MAX"]),
    ("store/src/view/follow.rs", &["PAGE_SIZE_MAX"]),
];

/// The number of things, bytes or levels that a line declares as a limit.
fn declared_limit(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (number_type, _) = rest.split_once(" =")?;
    let is_number = ["u8", "u32", "u64", "usize", "i64"].contains(&number_type);
    (name.ends_with("_MAX") && is_number).then_some(name)
}

#[test]
fn no_limit_is_left_out_of_the_readme_unseen() {
    let documented = DOCUMENTED.iter().flat_map(|(_, places)| places.iter());
    let known: BTreeSet<(&str, &str)> = documented
        .chain(OF_NOBODY)
        .flat_map(|(file, names)| names.iter().map(move |name| (*file, *name)))
        .collect();
    let mut unseen = Vec::new();
    for (path, source) in production_sources() {
        let tests = source.find("\nmod tests {").unwrap_or(source.len());
        let declared = source[..tests].lines().filter_map(declared_limit);
        let unknown = declared.filter(|name| !is_test(&path) && !known.contains(&(&*path, *name)));
        unseen.extend(unknown.map(|name| format!("{path}: {name}")));
    }
    assert!(
        unseen.is_empty(),
        "a row of README.md, or nobody's: {unseen:#?}"
    );
}
