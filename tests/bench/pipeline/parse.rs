//! Catalog files to validated entities with their relations, on one core and without any I/O.

use std::time::{Duration, Instant};

use freshet_model::Kinds;
use freshet_processor::catalog_file::read_catalog_file;
use freshet_processor::limits::ReadLimits;
use serde_json::{Value, json};

use crate::dataset::{self, ENTITIES_PER_REPOSITORY, REPOSITORIES};

const WARM_UP: Duration = Duration::from_millis(500);
const MEASURED: Duration = Duration::from_secs(3);

pub(crate) fn measure() -> Value {
    let files: Vec<String> = (0..REPOSITORIES)
        .map(|number| dataset::file(number, "t"))
        .collect();
    let kinds = Kinds::builtin();
    let _warm = read_for(WARM_UP, &files, &kinds);
    let (documents, bytes, elapsed) = read_for(MEASURED, &files, &kinds);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let per_second = |count: usize| count as f64 / elapsed.as_secs_f64();
    json!({
        "bench": "parse",
        "documents": documents,
        "documents_per_s": per_second(documents).round(),
        "mb_per_s": (per_second(bytes) / 1e5).round() / 10.0,
    })
}

/// Documents and bytes read, and the time it took.
fn read_for(time: Duration, files: &[String], kinds: &Kinds) -> (usize, usize, Duration) {
    let limits = ReadLimits::default();
    let (mut documents, mut bytes) = (0, 0);
    let started = Instant::now();
    while started.elapsed() < time {
        for file in files {
            let read = read_catalog_file(file.as_bytes(), kinds, &limits);
            assert_eq!(
                read.entities.len(),
                ENTITIES_PER_REPOSITORY,
                "all are valid"
            );
            documents += read.entities.len();
            bytes += file.len();
        }
    }
    (documents, bytes, started.elapsed())
}
