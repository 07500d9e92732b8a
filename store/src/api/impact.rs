//! `GET /api/v1/impact` and `/api/v1/paths`: what breaks if something goes, and how two things hang together.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;
use serde::Serialize;

use super::error::{ApiError, ApiProblem, RequestLine};
use super::list_body::permit_list_work;
use super::parameters::Parameters;
use super::{Api, answer_json};
use crate::graph::{Along, Met, WalkLimits, Walked};
use crate::view::CatalogState;

/// Refs that one walk meets at most.
const REFS_MET_MAX: usize = 100_000;
/// Steps that one walk takes at most, and if nothing is said.
const DEPTH_MAX: usize = 100;
/// Refs of an answer, and at most.
const LIMIT: usize = 1_000;
const LIMIT_MAX: usize = 10_000;
/// Shortest paths of an answer at most.
const PATHS_MAX: usize = 20;

/// Relations by which an entity is shown what depends on it.
const TO_DEPENDENTS: [&str; 3] = ["dependencyOf", "apiConsumedBy", "providesApi"];
/// Relations by which an entity shows what it depends on.
const TO_DEPENDENCIES: [&str; 3] = ["dependsOn", "consumesApi", "apiProvidedBy"];

const IMPACT: [&str; 6] = ["ref", "direction", "relation", "depth", "limit", "offset"];
const PATHS: [&str; 4] = ["from", "to", "relation", "depth"];

/// What was met, as it is answered.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Impact {
    entity_ref: String,
    relations: Vec<String>,
    items: Vec<Step>,
    total_items: usize,
    /// There is more, further away or beyond what one walk meets.
    is_cut: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    entity_ref: String,
    distance: usize,
    from: String,
    relation: String,
    /// Whether anybody declares it.
    exists: bool,
}

#[derive(Serialize)]
struct Paths {
    from: String,
    to: String,
    paths: Vec<Vec<Step>>,
}

/// What an entity is connected with, over any number of relations.
pub(super) async fn get_impact(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let question = read_impact(&request).map_err(|problem| asked.fail_with(problem))?;
    let answer = look(&api, move |state| question.answer(state)).await;
    answer
        .map(|impact| answer_json(&impact))
        .map_err(|problem| asked.fail_with(problem))
}

/// The shortest ways from one entity to another.
pub(super) async fn get_paths(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let question = read_paths(&request).map_err(|problem| asked.fail_with(problem))?;
    let answer = look(&api, move |state| question.answer(state)).await;
    answer
        .map(|paths| answer_json(&paths))
        .map_err(|problem| asked.fail_with(problem))
}

/// Looks at the catalog where it may take a while.
pub(super) async fn look<T: Send + 'static>(
    api: &Api,
    question: impl FnOnce(&CatalogState) -> T + Send + 'static,
) -> Result<T, ApiProblem> {
    let permit = permit_list_work(api).await;
    let view = Arc::clone(&api.view);
    let looking = tokio::task::spawn_blocking(move || {
        let _held_until_done = permit;
        view.read(question)
    });
    looking.await.map_err(|_panicked| ApiProblem::Internal)
}

struct ImpactQuestion {
    start: EntityRef,
    relations: Vec<String>,
    limits: WalkLimits,
    offset: usize,
    limit: usize,
}

fn read_impact(request: &Request) -> Result<ImpactQuestion, ApiProblem> {
    let parameters = Parameters::read_own(request, &IMPACT)?;
    let default = match parameters.single_value("direction")? {
        None | Some("dependents") => TO_DEPENDENTS,
        Some("dependencies") => TO_DEPENDENCIES,
        Some(other) => {
            return Err(ApiProblem::Input(format!(
                "'{other}' is no direction; known are dependents and dependencies"
            )));
        }
    };
    let limit = parameters.integer_value("limit", 1_usize)?;
    Ok(ImpactQuestion {
        start: read_ref(&parameters, "ref")?,
        relations: read_relations(&parameters)
            .unwrap_or_else(|| default.map(str::to_owned).to_vec()),
        limits: read_limits(&parameters)?,
        offset: parameters.integer_value("offset", 0_usize)?.unwrap_or(0),
        limit: limit.unwrap_or(LIMIT).min(LIMIT_MAX),
    })
}

impl ImpactQuestion {
    fn answer(self, state: &CatalogState) -> Impact {
        let along = Along::types(self.relations.iter().map(String::as_str));
        let Walked { met, is_cut } = state.graph().walk_from(&self.start, &along, self.limits);
        let total_items = met.len();
        let shown = met.into_iter().skip(self.offset).take(self.limit);
        Impact {
            entity_ref: self.start.to_string(),
            relations: self.relations,
            items: shown.map(|met| step_of(state, met)).collect(),
            total_items,
            is_cut,
        }
    }
}

struct PathsQuestion {
    from: EntityRef,
    to: EntityRef,
    relations: Option<Vec<String>>,
    limits: WalkLimits,
}

fn read_paths(request: &Request) -> Result<PathsQuestion, ApiProblem> {
    let parameters = Parameters::read_own(request, &PATHS)?;
    Ok(PathsQuestion {
        from: read_ref(&parameters, "from")?,
        to: read_ref(&parameters, "to")?,
        relations: read_relations(&parameters),
        limits: read_limits(&parameters)?,
    })
}

impl PathsQuestion {
    fn answer(self, state: &CatalogState) -> Paths {
        let along = self.relations.as_ref();
        let along = along.map(|types| Along::types(types.iter().map(String::as_str)));
        let ends = (&self.from, &self.to);
        let paths = state
            .graph()
            .find_paths(ends, along.as_ref(), self.limits, PATHS_MAX);
        let paths = paths.into_iter().map(|path| {
            let steps = path.into_iter().map(|met| step_of(state, met));
            steps.collect()
        });
        Paths {
            from: self.from.to_string(),
            to: self.to.to_string(),
            paths: paths.collect(),
        }
    }
}

fn step_of(state: &CatalogState, met: Met) -> Step {
    Step {
        exists: state.entity(&met.entity_ref).is_some(),
        entity_ref: met.entity_ref.to_string(),
        distance: met.distance,
        from: met.from.to_string(),
        relation: met.relation,
    }
}

pub(super) fn read_ref(parameters: &Parameters, name: &str) -> Result<EntityRef, ApiProblem> {
    let text = parameters
        .single_value(name)?
        .ok_or_else(|| ApiProblem::Input(format!("Query parameter '{name}' is missing")))?;
    EntityRef::parse(text)
        .map_err(|error| ApiProblem::Input(format!("Query parameter '{name}': {error}")))
}

pub(super) fn read_relations(parameters: &Parameters) -> Option<Vec<String>> {
    let values = parameters
        .values_of("relation")
        .flat_map(|it| it.split(','));
    let types: Vec<String> = values.map(|it| it.trim().to_owned()).collect();
    (!types.is_empty()).then_some(types)
}

fn read_limits(parameters: &Parameters) -> Result<WalkLimits, ApiProblem> {
    let depth = parameters.integer_value("depth", 1_usize)?;
    Ok(WalkLimits {
        depth: depth.unwrap_or(DEPTH_MAX).min(DEPTH_MAX),
        refs: REFS_MET_MAX,
    })
}
