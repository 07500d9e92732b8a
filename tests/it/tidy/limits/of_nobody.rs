//! Where each limit is in the code that nobody meets, or that Backstage has as well.

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
    ("store/src/view/index/build.rs", &["THREADS_MAX"]),
    ("store/src/view/index/entity_set.rs", &["FEW_MAX"]),
    ("store/src/view/indexer.rs", &["LEFT_TO_READERS_MAX"]),
    ("store/src/progress/reading.rs", &["SMALL_LOOKS_MAX"]),
    ("store/src/relay.rs", &["BATCH_BYTES_MAX"]),
    ("store/src/repo/change_run.rs", &["RUN_BYTES_MAX"]),
    ("store/src/repo/changes.rs", &["PAGE_BYTES_MAX"]),
    ("store/src/repo/log_file.rs", &["LOG_BYTES_MAX"]),
    ("store/src/repo/sqlite.rs", &["READERS_MAX"]),
    ("store/src/view/follow.rs", &["PAGE_SIZE_MAX"]),
];
