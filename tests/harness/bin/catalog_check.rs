//! `catalog-check`: the verdict on the recorded history of a run.
//!
//! Prints one line per invariant. Exits 0 if all hold, 1 if one does not, 2 if there is no history to read.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use freshet_runtime::error_chain::Chain;
use freshet_tests::checker;
use freshet_tests::history::History;

/// Checks the recorded history of a run.
#[derive(Parser)]
struct Arguments {
    /// Folder of the run.
    run: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let history = match History::read(&arguments.run) {
        Ok(history) => history,
        Err(error) => {
            eprintln!("catalog-check: {}", Chain(&error));
            return ExitCode::from(2);
        }
    };
    let report = checker::check(&history);
    print!("{report}");
    if report.violations() == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
