//! `POST /.well-known/backstage/permissions/apply-conditions`: whether conditions hold of entities, for the plugins that
//! decide about them.

use axum::extract::{Request, State};
use axum::response::Response;
use freshet_model::EntityRef;

use super::conditions::{ConditionsBody, ConditionsFault, TestOutcome, answer_conditions};
use super::criteria::Criteria;
use super::rules::EntityTest;
use crate::api::body::read_body;
use crate::api::error::{ApiError, ApiProblem, RequestLine};
use crate::api::writes::parse_whole_ref;
use crate::api::{Api, answer_json};

/// Applies conditions.
pub(in crate::api) async fn apply_conditions(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let body = read_body(request).await;
    let body: ConditionsBody = body.map_err(|problem| asked.fail_with(problem))?;
    let answer = answer_conditions(
        &body,
        |written| find_entity(&api, written).is_some(),
        |written, criteria| test_entity(&api, written, criteria),
    );
    answer
        .map(|answer| answer_json(&answer))
        .map_err(|fault| asked.fail_with(fault))
}

fn find_entity(api: &Api, written: &str) -> Option<EntityRef> {
    let entity_ref = parse_whole_ref(written)?;
    api.view
        .read(|state| state.entity(&entity_ref).is_some())
        .then_some(entity_ref)
}

fn test_entity(api: &Api, written: &str, criteria: &Criteria<EntityTest>) -> TestOutcome {
    let found = find_entity(api, written);
    match found {
        Some(found) if api.is_among(&found, &criteria.to_predicate()) => TestOutcome::Holds,
        Some(_) | None => TestOutcome::Fails,
    }
}

impl From<ConditionsFault> for ApiProblem {
    fn from(fault: ConditionsFault) -> Self {
        Self::Input(fault.to_string())
    }
}
