//! `github-emulator`: the emulator as a program, for demonstrations and for trying things by hand.
//!
//! Prints one line of JSON with its addresses when it is ready and serves until it is interrupted.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use clap::Parser;
use freshet_github_emulator::{GithubEmulator, Options, sample};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// Emulates what Freshet uses of GitHub.
#[derive(Parser)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Login of the organisation to create.
    #[arg(long, default_value = "acme")]
    org: String,
    /// Fill the organisation with some forty repositories.
    #[arg(long)]
    sample: bool,
    /// Where the organisation's webhook is sent.
    #[arg(long, requires = "hook_secret_env")]
    hook_url: Option<String>,
    /// Environment variable that holds the webhook's secret.
    #[arg(long, value_name = "NAME")]
    hook_secret_env: Option<String>,
    /// Environment variable that holds the only token the API accepts.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let token = arguments.token_env.as_deref().map(variable).transpose()?;
    let secret = arguments
        .hook_secret_env
        .as_deref()
        .map(variable)
        .transpose()?;
    let options = Options {
        listen: arguments.listen,
        token,
        ..Options::default()
    };
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let github = GithubEmulator::start(options).await?;
    github.create_org(&arguments.org);
    if arguments.sample {
        sample::create(&github, &arguments.org)?;
    }
    if let (Some(url), Some(secret)) = (&arguments.hook_url, &secret) {
        github.set_hook(&arguments.org, url, secret);
    }
    println!("{}", addresses(&github, &arguments.org));
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("listen for an interrupt")?,
        _ = terminated.recv() => {}
    }
    github.stop().await;
    Ok(())
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("read the environment variable {name}"))
}

fn addresses(github: &GithubEmulator, org: &str) -> serde_json::Value {
    json!({
        "url": github.base_url(),
        "api_url": github.api_url(),
        "graphql_url": github.graphql_url(),
        "organization": org,
        "organization_url": format!("{}/{org}", github.base_url()),
        "repositories": github.repositories(org).len(),
        "demo_clone_url": github.clone_url(&format!("{org}/{}", sample::DEMO_REPOSITORY)),
    })
}
