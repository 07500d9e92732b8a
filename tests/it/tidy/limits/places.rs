//! Where each limit is in the code: those that README has a row for, and those that nobody meets.

const READ: &str = "processor/src/limits.rs";
const GLOB: &str = "proto/model/src/glob/mod.rs";
const STORE: &str = "store/src/config.rs";
const VERDICT: &str = "store/src/freshness/verdict.rs";
const HOOKS: &str = "ingestor/src/config.rs";
const PROCESSOR: &str = "processor/src/config.rs";

/// The first cell of a row, and where its numbers are: a file with constants of it, or fields of a `Default`.
pub(super) type DocumentedLimit = (
    &'static str,
    &'static [(&'static str, &'static [&'static str])],
);

pub(super) const DOCUMENTED: &[DocumentedLimit] = &[
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
        "entities of a page of `by-query`",
        &[("store/src/api/by_query.rs", &["PAGE_SIZE_MAX", "PAGE_SIZE"])],
    ),
    (
        "facets in one answer, fields that a text is looked for in",
        &[
            ("store/src/api/facets.rs", &["FACETS_MAX"]),
            ("store/src/query/full_text.rs", &["FULL_TEXT_FIELDS_MAX"]),
        ],
    ),
    (
        "what is met from one ref, steps to it",
        &[("store/src/api/impact.rs", &["REFS_MET_MAX", "DEPTH_MAX"])],
    ),
    (
        "refs of `impact` and `owned` in an answer",
        &[
            ("store/src/api/impact.rs", &["LIMIT_MAX", "LIMIT"]),
            ("store/src/api/owned.rs", &["LIMIT_MAX", "LIMIT"]),
        ],
    ),
    (
        "shortest paths, cycles, refs of a cycle",
        &[
            ("store/src/api/impact.rs", &["PATHS_MAX"]),
            ("store/src/api/cycles.rs", &["CYCLES_MAX", "REFS_MAX"]),
        ],
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
        "the body of a request",
        &[("store/src/api/body.rs", &["BODY_BYTES_MAX"])],
    ),
    (
        "the target of a registered location",
        &[(
            "store/src/api/locations/registration.rs",
            &["TARGET_BYTES_MAX"],
        )],
    ),
    (
        "registered locations of a page",
        &[(
            "store/src/query/location_page.rs",
            &["LIMIT_MAX", "LIMIT_DEFAULT"],
        )],
    ),
    (
        "what a refresh asks for",
        &[
            ("store/src/ledger/refresh.rs", &["SOURCES_MAX"]),
            ("store/src/lineage.rs", &["LEVELS_MAX"]),
        ],
    ),
    (
        "a token",
        &[("store/src/api/auth/bearer.rs", &["TOKEN_BYTES_MAX"])],
    ),
    (
        "an answer with the keys of a plugin or issuer",
        &[
            (
                "store/src/api/outbound.rs",
                &["ANSWER_BYTES_MAX", "CONNECT_TIMEOUT", "CALL_TIMEOUT"],
            ),
            ("store/src/api/auth/key_set.rs", &["KEYS_MAX"]),
        ],
    ),
    (
        "key sets that are kept",
        &[("store/src/api/auth/key_source.rs", &["KEY_SETS_MAX"])],
    ),
    (
        "fetches of the keys of plugins that only a token names",
        &[("store/src/api/auth/key_source.rs", &["FIRST_FETCHES_MAX"])],
    ),
    (
        "fetches of a key set as a token names a key that is not in it",
        &[("store/src/api/auth/key_state.rs", &["FORCED_RELOADS_MAX"])],
    ),
    (
        "requests of a caller",
        &[(
            "store/src/api/auth/rates.rs",
            &["REQUESTS_PER_SECOND", "RESERVE_SECONDS"],
        )],
    ),
    (
        "callers that are told apart for that",
        &[("store/src/api/auth/rates.rs", &["CALLERS_MAX"])],
    ),
    (
        "TLS handshakes at once",
        &[(
            "store/src/api/tls.rs",
            &["HANDSHAKES_MAX", "HANDSHAKE_TIMEOUT"],
        )],
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
pub(super) const SAID_ONE_LESS: [&str; 1] = ["ALIAS_USES_MAX"];

/// Bounds of Freshet's own steps, waits and texts, and those that only another system sets: whoever meets one is
/// told nothing less, or what happens is told where it does.
pub(super) const OF_NOBODY: &[(&str, &[&str])] = &[
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
    (
        "store/src/api/auth/authenticate.rs",
        &["PLUGIN_ID_BYTES_MAX"],
    ),
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
    // No tree of groups is as large.
    ("store/src/graph/ownership.rs", &["OWNERS_MAX", "DEPTH_MAX"]),
    ("store/src/ledger/publish.rs", &["IN_FLIGHT_MAX"]),
    (
        "store/src/ledger/reconciler.rs",
        &["RECHECKS_MAX", "SOURCES_MAX"],
    ),
    // No request line is longer.
    ("store/src/query/cursor.rs", &["CURSOR_BYTES_MAX"]),
    ("store/src/view/index/terms.rs", &["UNITS_MAX"]),
    ("store/src/view/index/pending.rs", &["LOOKED_UP_MAX"]),
    ("store/src/view/index/build.rs", &["READERS_MAX"]),
    ("store/src/view/indexer.rs", &["LEFT_TO_READERS_MAX"]),
    ("store/src/progress/reading.rs", &["SMALL_LOOKS_MAX"]),
    ("store/src/relay.rs", &["BATCH_BYTES_MAX"]),
    ("store/src/repo/change_run.rs", &["RUN_BYTES_MAX"]),
    ("store/src/repo/changes.rs", &["PAGE_BYTES_MAX"]),
    ("store/src/repo/log_file.rs", &["LOG_BYTES_MAX"]),
    ("store/src/repo/sqlite.rs", &["READERS_MAX"]),
    ("store/src/view/follow.rs", &["PAGE_SIZE_MAX"]),
];
