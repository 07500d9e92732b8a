//! Where each limit is in the code that README has a row for.

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
