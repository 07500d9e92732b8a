//! `GET /api/v1/removals` and `POST /api/v1/removals/confirm`: removals too large to be made unasked.

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::{LocationId, SourceId};
use freshet_proto::message::Cause;
use freshet_proto::timestamp::rfc3339;
use serde::{Deserialize, Serialize};

use super::audit::{AuditEntry, AuditedAct, caller_of};
use super::body::read_body;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::apply::PROVIDER_ROOTS;
use crate::ledger::request_refresh;
use crate::repo::sources::SourceKey;
use crate::repo::{Lane, RemovalRow, RepoError, SourceKind, SourceRow};

/// How a confirmed removal says why its source is looked at.
const MECHANISM: &str = "confirmation";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RemovalItem {
    location: LocationId,
    source: SourceId,
    installation: String,
    /// How many entities would go.
    entities: i64,
    /// The first of them.
    refs: Vec<String>,
    since: String,
    is_confirmed: bool,
}

impl From<RemovalRow> for RemovalItem {
    fn from(row: RemovalRow) -> Self {
        Self {
            location: row.location_id,
            source: row.source_id,
            installation: row.installation,
            entities: row.entities,
            refs: serde_json::from_str(&row.refs).unwrap_or_default(),
            since: rfc3339(row.since),
            is_confirmed: row.confirmed_at > 0,
        }
    }
}

#[derive(Serialize)]
struct RemovalList {
    items: Vec<RemovalItem>,
}

/// What is confirmed: these locations, or everything of an installation.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    #[serde(default)]
    locations: Vec<LocationId>,
    #[serde(default)]
    installation: Option<String>,
}

impl Confirmation {
    fn spell(&self) -> String {
        let locations = self.locations.iter().map(|id| format!("location {id}"));
        let installation = self.installation.iter().map(|it| format!("all of {it}"));
        locations.chain(installation).collect::<Vec<_>>().join(", ")
    }

    fn names_removal(&self, row: &RemovalRow) -> bool {
        self.locations.contains(&row.location_id)
            || self.installation.as_ref() == Some(&row.installation)
    }
}

/// Every removal that waits, the oldest first.
pub(super) async fn list_removals(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_own(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let rows = load_waiting(&api)
        .await
        .map_err(|error| asked.fail_with(error))?;
    Ok(answer_with(rows))
}

/// Confirms removals: their sources are looked at again at once, and what is still gone goes.
pub(super) async fn confirm_removals(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    let caller = caller_of(&request);
    let confirmation: Confirmation = read_body(request).await.map_err(failed)?;
    let act = AuditedAct::ConfirmRemovals;
    let entry = AuditEntry::new(act, confirmation.spell(), caller.as_deref());
    let confirmed = confirm_any(&api, &confirmation).await;
    let confirmed = entry.tell(confirmed).map_err(failed)?;
    // What the configuration takes away has no source that could be looked at; the applier makes
    // that removal itself.
    api.confirmed.notify_one();
    Ok(answer_with(confirmed))
}

async fn confirm_any(
    api: &Api,
    confirmation: &Confirmation,
) -> Result<Vec<RemovalRow>, ApiProblem> {
    let confirmed = confirm_matching(api, confirmation).await?;
    if confirmed.is_empty() {
        return Err(ApiProblem::NotFound(
            "None of these removals waits for a confirmation".to_owned(),
        ));
    }
    Ok(confirmed)
}

fn answer_with(rows: Vec<RemovalRow>) -> Response {
    let items = rows.into_iter().map(RemovalItem::from).collect();
    answer_json(&RemovalList { items })
}

async fn load_waiting(api: &Api) -> Result<Vec<RemovalRow>, RepoError> {
    let mut tx = api.repo.read().await?;
    let rows = tx.removals().await?;
    tx.commit().await?;
    Ok(rows)
}

/// The listing that decides about the roots of a provider.
fn listing_of(source: &SourceRow) -> Option<SourceKey> {
    let provider_id = source.external_id.strip_prefix(PROVIDER_ROOTS)?;
    (source.kind == SourceKind::Roots)
        .then(|| SourceKey::new(SourceKind::Listing, &source.host, provider_id))
}

async fn confirm_matching(
    api: &Api,
    confirmation: &Confirmation,
) -> Result<Vec<RemovalRow>, RepoError> {
    let now = api.clock.now_micros();
    let mut tx = api.repo.write().await?;
    let mut rows = tx.removals().await?;
    rows.retain(|row| confirmation.names_removal(row));
    let sources: BTreeSet<SourceId> = rows.iter().map(|row| row.source_id).collect();
    let sources: Vec<SourceId> = sources.into_iter().collect();
    let mut sources = tx.lock_sources(&sources).await?;
    // What a provider's roots took away is looked at by listing what the provider lists.
    let listings: Vec<SourceKey> = sources.iter().filter_map(listing_of).collect();
    // A confirmation removes nothing by itself. The source is read again, and what is back in the
    // meantime stays.
    sources.retain(|source| source.kind.is_looked_at());
    if !listings.is_empty() {
        sources.extend(tx.lock_sources_by_key(&listings).await?);
    }
    for source in &mut sources {
        let trigger = Cause {
            mechanism: MECHANISM.to_owned(),
            received_at: now,
            ..Cause::default()
        };
        request_refresh(source, Lane::Hi, trigger, now);
        // Nobody publishes its job here, so the next round of the reconciler does.
        source.enqueued_at = 0;
    }
    tx.put_sources(&sources).await?;
    // After the sources, as everywhere, so that two transactions never wait for each other.
    let locations: Vec<LocationId> = rows.iter().map(|row| row.location_id).collect();
    tx.confirm_removals(&locations, now).await?;
    tx.commit().await?;
    for row in &mut rows {
        row.confirmed_at = now;
    }
    Ok(rows)
}
