//! The `freshet` binary's parts: command line, configuration, composition, and the check of files before they
//! are pushed.

pub mod app_config;
pub mod cli;
pub mod compose;
mod terminal;
pub mod validate;

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use freshet_runtime::clock::Clock;
use freshet_runtime::config::{self, Mistake};
use freshet_runtime::error_chain::Chain;
use freshet_runtime::progress::ProgressBoard;
use freshet_runtime::telemetry;
use tokio_util::sync::CancellationToken;

use crate::app_config::{AppConfig, BusConfig};
use crate::cli::{
    CliCommand, CommandLine, RestoreArguments, ServeArguments, ServiceRole, ValidateArguments,
};
use crate::terminal::Terminal;
use crate::validate::{Colours, Strictness, ValidateRequest};

/// Chosen by measurement: bringing 100,000 entities in leaves 1.2 times the memory that a restart needs (3.1 times
/// with that of the C library, which hands little back once threads have mixed their blocks), and in
/// two runs beside it 10,000 came in 11 and 22 % faster.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long, after everything has stopped, threads are waited for that nothing can interrupt: looking up
/// names, parsing a large file.
const THREADS_TIMEOUT: Duration = Duration::from_secs(1);

/// Exit status if the command line asks for something that cannot be done.
const USAGE: u8 = 2;

/// Runs one command to its end.
///
/// # Errors
///
/// Whatever stopped it, with the chain of causes; every configuration mistake at once.
pub fn run_command(command_line: CommandLine) -> anyhow::Result<ExitCode> {
    match command_line.command {
        CliCommand::Serve(arguments) => serve_catalog(&arguments).map(|()| ExitCode::SUCCESS),
        CliCommand::Validate(arguments) => check_files(arguments),
        CliCommand::Restore(arguments) => restore_catalog(&arguments).map(|()| ExitCode::SUCCESS),
    }
}

/// Restores the database and says where its log stands now.
fn restore_catalog(arguments: &RestoreArguments) -> anyhow::Result<()> {
    let app_config = read_config(&arguments.config)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let restored = freshet_store::repo::restore_database(
        &app_config.store.database,
        arguments.backup.as_deref(),
    );
    let log = runtime.block_on(restored)?;
    println!(
        "restored: revision {}, new epoch {}; every subscriber starts over",
        log.revision, log.epoch
    );
    if let BusConfig::Nats { .. } = app_config.bus {
        println!(
            "The streams CHANGES and KV_catalog_state still hold the old epoch: delete them before the store is started."
        );
    }
    Ok(())
}

/// Checks files and prints what was found.
fn check_files(arguments: ValidateArguments) -> anyhow::Result<ExitCode> {
    let ValidateArguments {
        paths,
        config,
        location,
        root,
        format,
        strict,
    } = arguments;
    let request = ValidateRequest {
        paths,
        config,
        location,
        root,
        strictness: if strict {
            Strictness::Strict
        } else {
            Strictness::Lenient
        },
    };
    let report = match validate::validate_files(&request, &mut std::io::stdin().lock()) {
        Ok(report) => report,
        Err(error) => {
            // A mistake of the caller is no finding: a pre-commit hook must tell the two apart by the status.
            eprintln!("freshet: {}", Chain(&error));
            return Ok(ExitCode::from(USAGE));
        }
    };
    let mut stdout = std::io::stdout().lock();
    let is_plain = app_config::read_variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colours = if stdout.is_terminal() && !is_plain {
        Colours::On
    } else {
        Colours::Off
    };
    match stdout.write_all(validate::render(&report, format, colours).as_bytes()) {
        // Whoever reads a pipe may stop when it has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    Ok(if report.is_valid() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn serve_catalog(arguments: &ServeArguments) -> anyhow::Result<()> {
    let app_config = read_config(&arguments.config)?;
    let terminal = Terminal::of_process(app_config::read_variable);
    // Held to the end: dropping it flushes the spans that are still queued.
    let _telemetry = telemetry::init(&app_config.telemetry, terminal.log_output())?;
    log_warnings(&app_config.warnings);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(serve_until_stopped(app_config, arguments.role, &terminal));
    // Also after a failure at the start: what is said of it must not stand behind a bar.
    terminal.show(&[]);
    // Dropping the runtime would wait for its blocking threads without a bound.
    runtime.shutdown_timeout(THREADS_TIMEOUT);
    outcome
}

/// Says of each setting that is not honoured where it stands.
fn log_warnings(warnings: &[Mistake]) {
    for warning in warnings {
        let Mistake {
            path,
            file,
            message,
        } = warning;
        let file = file.as_ref().map(|file| file.display().to_string());
        tracing::warn!(config.path = path, config.file = file, "{path} {message}");
    }
}

async fn serve_until_stopped(
    app_config: AppConfig,
    role: ServiceRole,
    terminal: &Terminal,
) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    #[expect(
        clippy::disallowed_methods,
        reason = "it hears a second signal even where the supervisor has ended or not begun"
    )]
    let on_signal = tokio::spawn(freshet_runtime::shutdown::on_signal(shutdown.clone()));
    let progress = open_board(terminal);
    let running = compose::start_services(app_config, role, shutdown, progress).await?;
    terminal.suspended(|| print_addresses(&running.addresses));
    let outcome = running.run().await;
    on_signal.abort();
    outcome.map_err(anyhow::Error::from)
}

/// Where long work is told of, and shown where somebody watches.
fn open_board(terminal: &Terminal) -> ProgressBoard {
    let clock = Clock::system();
    if terminal.has_bars() {
        let terminal = terminal.clone();
        ProgressBoard::with_screen(clock, move |progresses| terminal.show(progresses))
    } else {
        ProgressBoard::new(clock)
    }
}

/// Reads the configuration files, later ones over earlier ones, with this process's environment.
///
/// # Errors
///
/// All mistakes of all files together.
pub fn read_config(files: &[PathBuf]) -> anyhow::Result<AppConfig> {
    let document = config::load(files, &app_config::read_variable)?;
    Ok(AppConfig::read(&document)?)
}

/// Tells scripts where the listeners are: one line of JSON on standard output.
fn print_addresses(addresses: &compose::Addresses) {
    let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    let line = serde_json::json!({
        "api": text(addresses.api),
        "webhooks": text(addresses.webhooks),
        "admin": text(Some(addresses.admin)),
    });
    // Printed and not logged: port 0 is how tests and `deploy/demo` start, and this is how they learn the ports.
    println!("{line}");
}
