//! `GET /api/v1/sources`: what is looked at, and whether what we hold of it can be believed.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_proto::timestamp::rfc3339_if_known;
use serde::Serialize;

use super::error::{ApiError, Asked, Problem};
use super::parameters::Parameters;
use super::{Api, ok_json};
use crate::freshness::{Judged, Verdict};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    id: i64,
    kind: &'static str,
    host: String,
    name: String,
    url: String,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    mechanism: String,
    bound_seconds: u64,
    wanted: i64,
    done: i64,
    failures: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
}

impl From<Judged> for Shown {
    fn from(judged: Judged) -> Self {
        let status = judged.status;
        Self {
            id: status.id,
            kind: status.kind.as_str(),
            host: status.host,
            name: status.name,
            url: status.url,
            verdict: judged.verdict,
            verified_at: rfc3339_if_known(status.verified_at),
            changed_at: rfc3339_if_known(status.changed_at),
            mechanism: status.mechanism,
            bound_seconds: judged.bound.as_secs(),
            wanted: status.wanted,
            done: status.done,
            failures: status.fail_count,
            last_error: status.last_error,
        }
    }
}

#[derive(Serialize)]
struct Listed {
    items: Vec<Shown>,
}

/// All sources with the verdict on each; those with one verdict if asked.
pub(super) async fn list(State(api): State<Api>, request: Request) -> Result<Response, ApiError> {
    let asked = Asked::of(&request);
    let parameters =
        Parameters::read(&request, &["verdict"]).map_err(|problem| asked.failed(problem))?;
    let wanted = verdict(&parameters).map_err(|problem| asked.failed(problem))?;
    let statuses = api
        .repo
        .source_statuses()
        .await
        .map_err(|error| asked.failed(error))?;
    let now = api.clock.now_micros();
    let items = statuses
        .into_iter()
        .map(|status| api.bounds.judge(status, now))
        .filter(|judged| wanted.is_none_or(|wanted| judged.verdict == wanted))
        .map(Shown::from)
        .collect();
    Ok(ok_json(
        serde_json::to_string(&Listed { items }).expect("a source is plain data"),
    ))
}

fn verdict(parameters: &Parameters) -> Result<Option<Verdict>, Problem> {
    let Some(text) = parameters.one("verdict")? else {
        return Ok(None);
    };
    let known = Verdict::ALL
        .iter()
        .copied()
        .find(|verdict| verdict.as_str() == text);
    match known {
        Some(verdict) => Ok(Some(verdict)),
        None => Err(Problem::Input(format!("'{text}' is not a verdict"))),
    }
}
