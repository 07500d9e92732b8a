//! Settings that are numbers, and texts about what is kept.

use freshet_proto::stream::StreamSizes;

use super::tests::{check_mistakes, read};
use super::*;

const MEBIBYTE: i64 = 1024 * 1024;

fn nats_with(sizes: &str) -> String {
    format!("freshet: {{bus: {{nats: {{url: 'nats://nats:4222', streamMebibytes: {sizes}}}}}}}\n")
}

#[test]
fn the_sizes_of_streams_are_read_in_mebibytes() {
    let sizes_of = |sizes: &str| {
        let config = read(&nats_with(sizes)).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        match config.bus {
            BusConfig::Nats { sizes, .. } => sizes,
            BusConfig::Memory => panic!("not NATS"),
        }
    };
    let expected = StreamSizes {
        signals: 7 * MEBIBYTE,
        observations: 8 * MEBIBYTE,
        dead_letters: MEBIBYTE,
    };
    assert_eq!(
        sizes_of("{signals: 7, observations: 8, deadLetters: 1}"),
        expected
    );
    // What is not said is as usual.
    let usual = StreamSizes {
        signals: 512 * MEBIBYTE,
        observations: 256 * MEBIBYTE,
        dead_letters: 128 * MEBIBYTE,
    };
    assert_eq!(sizes_of("{}"), usual);
    let some = sizes_of("{observations: 8}");
    assert_eq!(
        some,
        StreamSizes {
            observations: 8 * MEBIBYTE,
            ..usual
        }
    );
}

#[test]
fn a_size_of_a_stream_that_is_none_is_a_mistake() {
    for value in ["0", "-1", "9223372036854775807", "1.5", "many"] {
        for key in ["signals", "observations", "deadLetters"] {
            let text = nats_with(&format!("{{{key}: {value}}}"));
            let path = format!("freshet.bus.nats.streamMebibytes.{key}");
            check_mistakes(&text, &[&path]);
        }
    }
    check_mistakes(
        &nats_with("{deadletters: 5}"),
        &["freshet.bus.nats.streamMebibytes.deadletters"],
    );
    check_mistakes(&nats_with("5"), &["freshet.bus.nats.streamMebibytes"]);
}

#[test]
fn limits_that_cannot_be_meant_are_mistakes() {
    for (limits, mistakes) in [
        ("{documents: 1, depth: 1}", Vec::new()),
        ("{depth: 120}", Vec::new()),
        ("{depth: 121}", vec!["freshet.limits.depth"]),
        (
            "{documents: 0, depth: 0}",
            vec!["freshet.limits.depth", "freshet.limits.documents"],
        ),
        ("{documents: -1}", vec!["freshet.limits.documents"]),
        ("{document: 1}", vec!["freshet.limits.document"]),
    ] {
        let text = format!("freshet: {{limits: {limits}}}\n");
        if mistakes.is_empty() {
            read(&text).unwrap_or_else(|mistakes| panic!("{limits}: {mistakes}"));
        } else {
            check_mistakes(&text, &mistakes);
        }
    }
    let usual = read("{}").unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let limits = usual.processor.limits;
    assert_eq!((limits.documents, limits.depth), (10_000, 100));
}

#[test]
fn a_catalog_that_is_kept_in_memory_says_that_nothing_survives() {
    let text = "backend: {database: {client: better-sqlite3, connection: ':memory:'}}\n";
    let config = read(text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let warnings = config.warnings.iter();
    let said: Vec<String> = warnings
        .map(|warning| format!("{} {}", warning.path, warning.message))
        .collect();
    assert_eq!(
        said,
        [
            "backend.database.connection is `:memory:`: nothing survives a restart; name a directory, `connection: {directory: …}`, to keep the catalog"
        ]
    );
}
