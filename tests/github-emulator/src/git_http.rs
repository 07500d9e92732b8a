//! Git over smart HTTP: real `git clone`, `git fetch` and `git push`.
//!
//! Runs `git upload-pack` and `git receive-pack` themselves in place of `git http-backend`, which
//! would cost ten milliseconds more per push. A push is taken over when git has accepted it: the
//! moved refs are read from the request, checked against the repository, and announced.

use std::io::Read as _;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::engine::Engine;
use crate::git::Oid;
use crate::repository::Repository;

/// A git process that takes longer is killed.
const GIT_TIMEOUT: Duration = Duration::from_secs(60);
/// Largest unpacked request.
const UNPACKED_BYTES_MAX: u64 = 512 * 1024 * 1024;

#[derive(Deserialize)]
pub(super) struct Service {
    service: String,
}

/// `GET info/refs`: what the repository offers.
pub(super) async fn advertise(
    State(engine): State<Arc<Engine>>,
    Path((owner, repo)): Path<(String, String)>,
    Query(Service { service }): Query<Service>,
    headers: HeaderMap,
) -> Response {
    let Some(repository) = find(&engine, &owner, &repo) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let Some(command) = service
        .strip_prefix("git-")
        .filter(|name| ["upload-pack", "receive-pack"].contains(name))
    else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let offered = match run(
        &repository,
        &[command, "--stateless-rpc", "--advertise-refs"],
        protocol(&headers),
        Bytes::new(),
    )
    .await
    {
        Ok(offered) => offered,
        Err(error) => return failed(&error),
    };
    let announced = format!("# service={service}\n");
    let mut body = format!("{:04x}{announced}0000", announced.len() + 4).into_bytes();
    body.extend_from_slice(&offered);
    answer(&format!("application/x-{service}-advertisement"), body)
}

/// `POST git-upload-pack`: clone and fetch.
pub(super) async fn upload_pack(
    State(engine): State<Arc<Engine>>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(repository) = find(&engine, &owner, &repo) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let answered = async {
        let body = unpacked(&headers, body)?;
        run(
            &repository,
            &["upload-pack", "--stateless-rpc"],
            protocol(&headers),
            body,
        )
        .await
    };
    match answered.await {
        Ok(output) => answer("application/x-git-upload-pack-result", output),
        Err(error) => failed(&error),
    }
}

/// `POST git-receive-pack`: push.
pub(super) async fn receive_pack(
    State(engine): State<Arc<Engine>>,
    Path((owner, repo)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(repository) = find(&engine, &owner, &repo) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if repository.facts().options.archived {
        return (
            StatusCode::FORBIDDEN,
            "This repository was archived so it is read-only.\n",
        )
            .into_response();
    }
    match receive(&engine, &repository, &headers, body).await {
        Ok(output) => answer("application/x-git-receive-pack-result", output),
        Err(error) => failed(&error),
    }
}

async fn receive(
    engine: &Engine,
    repository: &Arc<Repository>,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Vec<u8>> {
    let body = unpacked(headers, body)?;
    let commands = commands(&body);
    let output = run(
        repository,
        &["receive-pack", "--stateless-rpc"],
        protocol(headers),
        body,
    )
    .await?;
    for RefCommand {
        name,
        before,
        after,
    } in commands
    {
        let moved = engine.received(repository, &name, before, after)?;
        if let Some(event) = moved.and_then(|moved| engine.push_event(&moved)) {
            engine.hooks.fire(event);
        }
    }
    Ok(output)
}

fn find(engine: &Engine, owner: &str, repo: &str) -> Option<Arc<Repository>> {
    let name = repo.strip_suffix(".git").unwrap_or(repo);
    engine.repository(&format!("{owner}/{name}")).ok()
}

/// One line of a push: a ref and where it goes. No id: created, or deleted.
#[derive(Debug, PartialEq, Eq)]
struct RefCommand {
    name: String,
    before: Option<Oid>,
    after: Option<Oid>,
}

/// Reads `old new ref` from the packet lines at the start of a push, up to the flush.
fn commands(body: &[u8]) -> Vec<RefCommand> {
    let mut found = Vec::new();
    let mut rest = body;
    while let Some((length, _)) = rest.split_at_checked(4) {
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let Some(line) = length
            .filter(|length| *length > 4)
            .and_then(|length| rest.get(4..length))
        else {
            break;
        };
        rest = &rest[line.len() + 4..];
        found.extend(command(line));
    }
    found
}

fn command(line: &[u8]) -> Option<RefCommand> {
    let line = line.split(|byte| *byte == 0).next()?;
    let mut words = std::str::from_utf8(line).ok()?.trim_end().splitn(3, ' ');
    let mut oid = || Oid::from_hex(words.next()?.as_bytes()).ok();
    let (before, after) = (oid()?, oid()?);
    let present = |oid: Oid| (!oid.is_null()).then_some(oid);
    Some(RefCommand {
        name: words.next()?.to_owned(),
        before: present(before),
        after: present(after),
    })
}

async fn run(
    repository: &Repository,
    arguments: &[&str],
    protocol: Option<String>,
    input: Bytes,
) -> Result<Vec<u8>> {
    let mut command = Command::new("git");
    command
        .args(arguments)
        .arg(repository.bare()?.directory())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    let mut child = command.spawn().context("start git")?;
    let mut stdin = child.stdin.take().context("git has an input")?;
    let conversation = async {
        // Written and read at once: git answers while it still reads.
        let write = async {
            stdin.write_all(&input).await?;
            stdin.shutdown().await?;
            drop(stdin);
            std::io::Result::Ok(())
        };
        let (written, output) = tokio::join!(write, child.wait_with_output());
        let output = output.context("wait for git")?;
        if !output.status.success() {
            bail!(
                "git {} failed: {}",
                arguments[0],
                String::from_utf8_lossy(&output.stderr)
            );
        }
        written.context("write to git")?;
        Ok(output.stdout)
    };
    tokio::time::timeout(GIT_TIMEOUT, conversation)
        .await
        .context("git took too long")?
}

fn protocol(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("git-protocol")?.to_str().ok()?;
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"=:-_.".contains(&byte));
    plain.then(|| value.to_owned())
}

fn unpacked(headers: &HeaderMap, body: Bytes) -> Result<Bytes> {
    let packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding == "gzip" || encoding == "x-gzip");
    if !packed {
        return Ok(body);
    }
    let mut unpacked = Vec::new();
    let decoder = flate2::read::GzDecoder::new(body.as_ref());
    decoder
        .take(UNPACKED_BYTES_MAX)
        .read_to_end(&mut unpacked)
        .context("unpack the request")?;
    Ok(Bytes::from(unpacked))
}

fn answer(content_type: &str, body: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from(body)).into_response()
}

fn failed(error: &anyhow::Error) -> Response {
    tracing::warn!("A git request failed: {error:#}.");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";
    const NONE: &str = "0000000000000000000000000000000000000000";

    fn line(text: &str) -> String {
        format!("{:04x}{text}", text.len() + 4)
    }

    #[test]
    fn the_refs_of_a_push_are_read_up_to_the_flush() {
        let first = line(&format!("{OLD} {NEW} refs/heads/main\0 report-status"));
        let second = line(&format!("{OLD} {NONE} refs/heads/old"));
        let read = commands(format!("{first}{second}0000PACK…").as_bytes());
        let oid = |hex: &str| Oid::from_hex(hex.as_bytes()).ok();
        assert_eq!(
            read,
            [
                RefCommand {
                    name: "refs/heads/main".to_owned(),
                    before: oid(OLD),
                    after: oid(NEW)
                },
                RefCommand {
                    name: "refs/heads/old".to_owned(),
                    before: oid(OLD),
                    after: None
                },
            ]
        );
    }

    #[test]
    fn a_mangled_push_names_no_refs() {
        assert_eq!(commands(b""), []);
        assert_eq!(commands(b"zzzz"), []);
        assert_eq!(commands(b"ffffshort"), []);
        assert_eq!(commands(b"0008abcd"), []);
    }
}
