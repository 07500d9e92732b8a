//! The `freshet` binary: all of Freshet in one process, or one role of it.

use std::process::ExitCode;

use clap::Parser as _;
use freshet::cli::CommandLine;
use freshet_runtime::crypto::install_crypto_provider;
use freshet_runtime::error_chain::Chain;

fn main() -> ExitCode {
    install_crypto_provider();
    match freshet::run_command(CommandLine::parse()) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("freshet: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
