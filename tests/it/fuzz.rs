//! The fuzz targets, run on their committed corpus and on the whole conformance corpus.

use std::path::Path;

#[path = "../fuzz/src/targets.rs"]
#[expect(
    unreachable_pub,
    reason = "a library of its own for the fuzzer, a module here"
)]
mod targets;

#[track_caller]
fn run(target: fn(&[u8]), folder: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut inputs = 0;
    for entry in std::fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            let input = std::fs::read(&path).expect("readable");
            target(&input);
            // A file that was cut off is what hurts readers most.
            for end in [
                input.len() / 3,
                input.len() / 2,
                input.len().saturating_sub(1),
            ] {
                target(&input[..end]);
            }
            inputs += 1;
        }
    }
    assert!(inputs > 5, "{} holds the corpus", folder.display());
}

#[test]
fn no_file_makes_the_reader_of_catalog_files_panic() {
    run(targets::yaml_entity, "fuzz/corpus/yaml_entity");
    run(targets::yaml_entity, "conformance/catalog/cases");
}

#[test]
fn no_bytes_make_the_reader_of_yaml_panic_or_pass_its_limits() {
    run(targets::yaml_documents, "fuzz/corpus/yaml_documents");
    run(targets::yaml_documents, "fuzz/corpus/yaml_entity");
    run(targets::yaml_documents, "conformance/catalog/cases");
}

#[test]
fn no_pattern_makes_matching_panic_or_endless() {
    run(targets::glob, "fuzz/corpus/glob");
}

#[test]
fn no_text_makes_the_reader_of_references_panic() {
    run(targets::entity_ref, "fuzz/corpus/entity_ref");
}

#[test]
fn no_text_makes_the_readers_of_locations_panic() {
    run(targets::location_url, "fuzz/corpus/location_url");
}

#[test]
fn no_query_makes_the_reader_of_filters_panic() {
    run(targets::filter, "fuzz/corpus/filter");
}
