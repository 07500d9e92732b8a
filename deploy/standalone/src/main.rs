//! The `freshet` binary: all of Freshet in one process, or one role of it.

use std::process::ExitCode;

use clap::Parser as _;
use freshet::cli::CommandLine;
use freshet_runtime::crypto::install_crypto_provider;
use freshet_runtime::error_chain::Chain;

fn main() -> ExitCode {
    // Before anything connects: the first TLS handshake panics if there is no provider.
    install_crypto_provider();
    match freshet::run_command(CommandLine::parse()) {
        Ok(status) => status,
        Err(error) => {
            // Not logged: the configuration, which sets up the logs, may be what failed.
            eprintln!("freshet: {}", Chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
