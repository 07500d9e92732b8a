//! `GET /api/v1/sources`: what is looked at, and whether what we hold of it can be believed.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::SourceId;
use freshet_proto::timestamp::rfc3339;
use serde::Serialize;

use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::freshness::{FreshnessVerdict, SourceVerdict};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SourceItem {
    id: SourceId,
    kind: &'static str,
    host: String,
    name: String,
    url: String,
    verdict: FreshnessVerdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mechanism: Option<String>,
    bound_seconds: u64,
    wanted: i64,
    done: i64,
    failures: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<SourceVerdict> for SourceItem {
    fn from(judged: SourceVerdict) -> Self {
        let status = judged.status;
        Self {
            id: status.id,
            kind: status.kind.as_str(),
            host: status.host,
            name: status.name,
            url: status.url,
            verdict: judged.verdict,
            verified_at: status.verified_at.map(rfc3339),
            changed_at: status.changed_at.map(rfc3339),
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
struct SourceList {
    items: Vec<SourceItem>,
}

/// All sources with the verdict on each; those with one verdict if asked.
pub(super) async fn list_sources(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let parameters = Parameters::read_known(&request, &["verdict"])
        .map_err(|problem| asked.fail_with(problem))?;
    let wanted = requested_verdict(&parameters).map_err(|problem| asked.fail_with(problem))?;
    // From the database and not from the copy that serves the age of entities: who looks at this
    // page looks for what is wrong right now.
    let statuses = api
        .repo
        .source_statuses()
        .await
        .map_err(|error| asked.fail_with(error))?;
    let now = api.clock.now_micros();
    let items = statuses
        .into_iter()
        .map(|status| api.bounds.verdict_of_source(status, now))
        .filter(|judged| wanted.is_none_or(|wanted| judged.verdict == wanted))
        .map(SourceItem::from)
        .collect();
    Ok(answer_json(&SourceList { items }))
}

fn requested_verdict(parameters: &Parameters) -> Result<Option<FreshnessVerdict>, ApiProblem> {
    let Some(text) = parameters.single_value("verdict")? else {
        return Ok(None);
    };
    let known = FreshnessVerdict::ALL
        .iter()
        .copied()
        .find(|verdict| verdict.as_str() == text);
    match known {
        Some(verdict) => Ok(Some(verdict)),
        None => Err(ApiProblem::Input(format!("'{text}' is not a verdict"))),
    }
}
