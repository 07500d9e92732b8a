//! The `freshet` binary's parts: command line, configuration, composition. No logic of its own.

pub mod app_config;
pub mod cli;
pub mod compose;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use freshet_runtime::config;
use freshet_runtime::telemetry;
use tokio_util::sync::CancellationToken;

use crate::app_config::AppConfig;
use crate::cli::{Cli, Command, Role, ServeArguments};

/// How long, after everything has stopped, threads are waited for that nothing can interrupt: looking up
/// names, parsing a large file.
const THREADS_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs one command to its end.
///
/// # Errors
///
/// Whatever stopped it, with the chain of causes; every configuration mistake at once.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        Command::Serve(arguments) => serve(&arguments),
    }
}

fn serve(arguments: &ServeArguments) -> anyhow::Result<()> {
    let app_config = read_config(&arguments.config)?;
    let _telemetry = telemetry::init(&app_config.telemetry)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve_until_stopped(app_config, arguments.role));
    runtime.shutdown_timeout(THREADS_TIMEOUT);
    outcome
}

async fn serve_until_stopped(app_config: AppConfig, role: Role) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let on_signal = tokio::spawn(freshet_runtime::shutdown::on_signal(shutdown.clone()));
    let running = compose::start(app_config, role, shutdown).await?;
    announce(&running.addresses);
    let outcome = running.run().await;
    on_signal.abort();
    outcome.map_err(anyhow::Error::from)
}

/// Reads the configuration files, later ones over earlier ones, with this process's environment.
///
/// # Errors
///
/// All mistakes of all files together.
pub fn read_config(files: &[PathBuf]) -> anyhow::Result<AppConfig> {
    let document = config::load(files, &|name| std::env::var(name).ok())?;
    Ok(AppConfig::read(&document)?)
}

/// Tells scripts where the listeners are: one line of JSON on standard output.
fn announce(addresses: &compose::Addresses) {
    let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    let line = serde_json::json!({
        "api": text(addresses.api),
        "webhooks": text(addresses.webhooks),
        "admin": text(Some(addresses.admin)),
    });
    println!("{line}");
}
