//! `POST /refresh` and `GET /api/v1/refreshes/{id}`: reading what belongs to an entity now, and what came of it.

use std::collections::BTreeMap;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use freshet_model::{EntityRef, LocationId, SourceId};
use serde::Deserialize;
use uuid::Uuid;

use super::audit::{AuditEntry, AuditedAct, name_of};
use super::auth::principal_of;
use super::body::read_body;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::parameters::Parameters;
use super::permissions::Permission;
use super::problems::problems_shown_by;
use super::refresh_report::{RefreshReport, RefreshedSource};
use super::revision::MIN_REVISION_TIMEOUT;
use super::writes::parse_whole_ref;
use super::{Api, answer_json};
use crate::ledger::{RefreshRequest, refresh_identities, refreshed_entity};
use crate::lineage::{Lineage, load_lineage};
use crate::repo::{RefreshDelivery, RepoError, SourceKind, SourceRow};
use crate::view::CatalogState;

/// Names the refresh that an answer is about.
pub(super) const REFRESH: HeaderName = HeaderName::from_static("freshet-refresh");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RefreshBody {
    entity_ref: String,
    /// Older clients send the token here of whom they ask for; it counts instead of that of the request.
    #[serde(default)]
    authorization_token: Option<String>,
}

/// Has an entity read again, with the Location entities that lead to it.
pub(super) async fn refresh_entity(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let failed = |problem| asked.fail_with(problem);
    Parameters::read_known(&request, &[]).map_err(failed)?;
    let principal = principal_of(&request).map_err(failed)?;
    let body: RefreshBody = read_body(request).await.map_err(failed)?;
    let principal = match &body.authorization_token {
        Some(token) => api.auth.identify(token).await.map_err(failed)?,
        None => principal,
    };
    let find = |_: &CatalogState| parse_whole_ref(&body.entity_ref);
    let allowed = api.require_for(&principal, Permission::EntityRefresh, find);
    allowed.await.map_err(failed)?;
    let caller = name_of(&principal);
    let act = AuditedAct::RefreshEntity;
    let entry = AuditEntry::new(act, &body.entity_ref, caller.as_deref());
    let refreshed = refresh_named(&api, &body.entity_ref, caller).await;
    let id = entry.tell(refreshed).map_err(failed)?;
    Ok(([(REFRESH, header_of(&id))], ()).into_response())
}

/// The id of a refresh as a header has it.
pub(super) fn header_of(id: &Uuid) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("digits and hyphens")
}

async fn refresh_named(
    api: &Api,
    entity_ref: &str,
    caller: Option<String>,
) -> Result<Uuid, ApiProblem> {
    let missing = || ApiProblem::NotFound(format!("Entity {entity_ref} not found"));
    let entity_ref = parse_whole_ref(entity_ref).ok_or_else(missing)?;
    let lineage = load_lineage_of(api, &entity_ref).await?;
    let (lineage, location_id) = lineage.ok_or_else(missing)?;
    let chain = lineage.chain_from(location_id);
    let own = chain.iter().map(|location| location.source_id);
    // What a Location entity points at is what its reading is about.
    let sources: Vec<SourceId> = own.chain(lineage.targets.iter().copied()).collect();
    let sources = find_looked_at(api, &sources).await?;
    let request = RefreshRequest {
        entity_ref: entity_ref.to_string(),
        sources,
        actor: caller.unwrap_or_default(),
    };
    api.request_refresh(request).await
}

/// What leads to an entity of the catalog, and where it is declared.
pub(super) async fn load_lineage_of(
    api: &Api,
    entity_ref: &EntityRef,
) -> Result<Option<(Lineage, LocationId)>, RepoError> {
    let location_id = api
        .view
        .read(|state| state.entity(entity_ref).map(|record| record.location_id));
    let Some(location_id) = location_id else {
        return Ok(None);
    };
    let lineage = load_lineage(&api.repo, entity_ref, location_id).await?;
    Ok(Some((lineage, location_id)))
}

/// Those of the sources that can be read, in the same order.
async fn find_looked_at(api: &Api, wanted: &[SourceId]) -> Result<Vec<SourceId>, RepoError> {
    let rows = load_sources(api, wanted).await?;
    let is_read = |id: &SourceId| {
        let row = rows.get(id);
        row.is_some_and(|row| row.kind.is_looked_at() && row.kind != SourceKind::Listing)
    };
    Ok(wanted.iter().copied().filter(is_read).collect())
}

async fn load_sources(
    api: &Api,
    ids: &[SourceId],
) -> Result<BTreeMap<SourceId, SourceRow>, RepoError> {
    let mut tx = api.repo.read_once().await?;
    let rows = tx.sources(ids).await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// What came of a refresh so far.
pub(super) async fn get_refresh(
    State(api): State<Api>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    Parameters::read_own(&request, &[]).map_err(|problem| asked.fail_with(problem))?;
    let report = report_refresh(&api, &id).await;
    let report = report.map_err(|error| asked.fail_with(error))?;
    let report = report.ok_or_else(|| {
        asked.fail_with(ApiProblem::NotFound(format!(
            "No refresh found with ID {id}"
        )))
    })?;
    Ok(answer_json(&report))
}

async fn report_refresh(api: &Api, id: &str) -> Result<Option<RefreshReport>, RepoError> {
    let Ok(id) = Uuid::parse_str(id) else {
        return Ok(None);
    };
    let (first, end) = refresh_identities(&id);
    // In one state of the database: what has ended in it is served at its revision.
    let mut tx = api.repo.read().await?;
    let deliveries = tx.refresh_deliveries(&first, &end).await?;
    let revision = tx.meta().await?.revision;
    let ids: Vec<SourceId> = deliveries.iter().filter_map(|it| it.source_id).collect();
    let rows = tx.sources(&ids).await?;
    tx.commit().await?;
    let Some(asked_for) = deliveries.first() else {
        return Ok(None);
    };
    // What is wrong is told from the view, which may be a little behind.
    api.view.reached(revision, MIN_REVISION_TIMEOUT).await;
    let entity_ref = refreshed_entity(&asked_for.guid).to_owned();
    let sources = join_sources(deliveries, rows);
    let mut report = RefreshReport::new(&id, &entity_ref, sources, revision);
    add_what_is_wrong(api, &entity_ref, &mut report).await?;
    Ok(Some(report))
}

fn join_sources(deliveries: Vec<RefreshDelivery>, rows: Vec<SourceRow>) -> Vec<RefreshedSource> {
    let mut rows: BTreeMap<SourceId, SourceRow> =
        rows.into_iter().map(|row| (row.id, row)).collect();
    let joined = deliveries.into_iter().map(|delivery| RefreshedSource {
        source: delivery.source_id.and_then(|id| rows.remove(&id)),
        delivery,
    });
    joined.collect()
}

/// A reading that succeeded may have found that the file is broken, or is not there.
async fn add_what_is_wrong(
    api: &Api,
    entity_ref: &str,
    report: &mut RefreshReport,
) -> Result<(), RepoError> {
    let Some(entity_ref) = parse_whole_ref(entity_ref) else {
        return Ok(());
    };
    let Some((lineage, location_id)) = load_lineage_of(api, &entity_ref).await? else {
        return Ok(());
    };
    let chain = lineage.chain_from(location_id);
    let above = chain.iter().filter_map(|location| location.parent_ref());
    let shown_by = above
        .filter_map(parse_whole_ref)
        .chain([entity_ref.clone()]);
    let shown_by: Vec<EntityRef> = shown_by.collect();
    report.add_problems(
        problems_shown_by(api, &shown_by),
        Lineage::is_any_wrong(&chain) || !problems_shown_by(api, &[entity_ref]).is_empty(),
    );
    Ok(())
}
