//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::validate::ReportFormat;

/// Keeps a software catalog true: every push is in it within milliseconds.
#[derive(Debug, Parser)]
#[command(name = "freshet", version, about)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: CliCommand,
}

/// What `freshet` can do.
#[derive(Debug, Subcommand)]
pub enum CliCommand {
    /// Receive webhooks, read catalog files, keep the catalog and serve it.
    Serve(ServeArguments),
    /// Check catalog files before they are pushed, without a network. Exit status: 0 valid, 1 problems, 2 usage.
    Validate(ValidateArguments),
    /// Put a backup in the place of the catalog's database, with a new epoch: subscribers are told to start over. Stop the
    /// store before.
    Restore(RestoreArguments),
}

/// Arguments of `freshet restore`.
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// Copy of the embedded database's file. Without it, the database was restored already, as PostgreSQL's own tools do.
    #[arg(value_name = "BACKUP")]
    pub backup: Option<PathBuf>,
    /// Configuration file that names the database, as for `serve`. May be repeated.
    #[arg(long, value_name = "FILE", default_value = "app-config.yaml")]
    pub config: Vec<PathBuf>,
}

/// Arguments of `freshet serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// Configuration file, Backstage's app-config.yaml with a `freshet:` block. May be repeated: later files win,
    /// objects merge, lists replace.
    #[arg(long, value_name = "FILE", default_value = "app-config.yaml")]
    pub config: Vec<PathBuf>,
    /// Run one role only. Separate processes need `freshet.bus.nats`.
    #[arg(long, value_enum, default_value = "all")]
    pub role: ServiceRole,
}

/// Arguments of `freshet validate`.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Files, which are always read; directories, in which catalog files are looked for; `-` reads standard input.
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
    /// Configuration file whose kinds, rules and hosts to go by. May be repeated. Without it all kinds are allowed.
    #[arg(long, value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// URL under which the root of the work tree will be, such as https://github.com/acme/pay/blob/main/
    /// [default: what git's remote `origin` and the current branch say]
    #[arg(long, value_name = "URL")]
    pub location: Option<String>,
    /// Root of the work tree, outside of which nothing is read [default: that of git, or the given directory]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// For whom the report is.
    #[arg(long, value_enum, default_value = "human")]
    pub format: ReportFormat,
    /// Count warnings as errors.
    #[arg(long)]
    pub strict: bool,
}

/// Which services a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServiceRole {
    /// All three.
    All,
    /// Webhooks and schedules.
    Ingestor,
    /// Reads of GitHub.
    Processor,
    /// Ledger, catalog, API and change feed.
    Store,
}

impl ServiceRole {
    /// Whether this process runs the ingestor.
    #[must_use]
    pub fn runs_ingestor(self) -> bool {
        matches!(self, Self::All | Self::Ingestor)
    }

    /// Whether this process runs the processor.
    #[must_use]
    pub fn runs_processor(self) -> bool {
        matches!(self, Self::All | Self::Processor)
    }

    /// Whether this process runs the store.
    #[must_use]
    pub fn runs_store(self) -> bool {
        matches!(self, Self::All | Self::Store)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn configuration_files_may_be_repeated() {
        let cli = CommandLine::parse_from([
            "freshet", "serve", "--config", "a.yaml", "--config", "b.yaml",
        ]);
        let CliCommand::Serve(arguments) = cli.command else {
            panic!("not the command that was given");
        };
        assert_eq!(
            arguments.config,
            [PathBuf::from("a.yaml"), PathBuf::from("b.yaml")]
        );
        assert_eq!(arguments.role, ServiceRole::All);
    }

    #[test]
    fn validate_needs_a_path_and_a_known_format() {
        assert!(CommandLine::try_parse_from(["freshet", "validate"]).is_err());
        assert!(
            CommandLine::try_parse_from(["freshet", "validate", "--format", "xml", "x"]).is_err()
        );
        assert!(
            CommandLine::try_parse_from(["freshet", "validate", "--format", "sarif", "-"]).is_ok()
        );
    }
}
