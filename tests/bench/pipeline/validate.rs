//! `freshet validate` on one file, as a pre-commit hook calls it: start to exit.

use std::process::{Command, Stdio};
use std::time::Instant;

use freshet_tests::services::freshet_binary;
use serde_json::{Value, json};

use crate::dataset;
use crate::machine::{millis, quantile};

const ROUNDS: usize = 50;

/// Needs the binary of this profile: `cargo build --release --bin freshet`.
pub(crate) fn measure() -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("catalog-info.yaml");
    std::fs::write(&file, dataset::file(0, "t")).expect("written");
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            let status = Command::new(freshet_binary())
                .arg("validate")
                .arg(&file)
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .status()
                .expect("freshet runs");
            assert!(status.code().is_some_and(|code| code < 2), "{status}");
            started.elapsed()
        })
        .collect();
    json!({
        "bench": "validate",
        "documents": dataset::ENTITIES_PER_REPOSITORY,
        "n": ROUNDS,
        "p50_ms": millis(quantile(&mut times, 0.50)),
        "p99_ms": millis(quantile(&mut times, 0.99)),
    })
}
