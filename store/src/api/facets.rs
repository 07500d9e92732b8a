//! `GET` and `POST /entity-facets`: how many entities have which value.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::auth::{Principal, principal_of};
use super::body::read_body;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::etag::answer_tagged;
use super::list_body::permit_list_work;
use super::parameters::Parameters;
use crate::query::{EntityPredicate, FacetQuery, count_facets, parse_filters};

/// Keys that are counted in one answer at most.
pub(super) const FACETS_MAX: usize = 100;

#[derive(Deserialize)]
struct FacetsBody {
    facets: Vec<String>,
    query: Option<Value>,
}

/// Facets, asked for by parameters.
pub(super) async fn get_facets(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let headers = request.headers().clone();
    let query = read_parameters(&request).map_err(|problem| asked.fail_with(problem))?;
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    let facets = answer_facets(&api, query, &principal).await;
    let facets = facets.map_err(|problem| asked.fail_with(problem))?;
    Ok(answer_tagged(&headers, facets.to_string()))
}

fn read_parameters(request: &Request) -> Result<FacetQuery, ApiProblem> {
    let parameters = Parameters::read_known(request, &["facet", "filter"])?;
    Ok(FacetQuery {
        keys: parameters.values_of("facet").map(str::to_owned).collect(),
        predicate: parse_filters(parameters.values_of("filter"))?,
    })
}

/// Facets, asked for by a body.
pub(super) async fn post_facets(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let headers = request.headers().clone();
    let answer = async {
        Parameters::read_known(&request, &[])?;
        let principal = principal_of(&request)?;
        let body: FacetsBody = read_body(request).await?;
        let predicate = body
            .query
            .as_ref()
            .map(EntityPredicate::parse)
            .transpose()?;
        let query = FacetQuery {
            keys: body.facets,
            predicate: predicate.unwrap_or_default(),
        };
        answer_facets(&api, query, &principal).await
    };
    let facets = answer.await.map_err(|problem| asked.fail_with(problem))?;
    Ok(answer_tagged(&headers, facets.to_string()))
}

async fn answer_facets(
    api: &Api,
    mut query: FacetQuery,
    principal: &Principal,
) -> Result<Value, ApiProblem> {
    if query.keys.is_empty() || query.keys.iter().any(String::is_empty) {
        return Err(ApiProblem::Input("Missing facet parameter".to_owned()));
    }
    if query.keys.len() > FACETS_MAX {
        return Err(ApiProblem::Input(format!(
            "{} facets are asked for, at most {FACETS_MAX} are counted at once",
            query.keys.len()
        )));
    }
    query.predicate = query.predicate.and(api.visible_to(principal).await?);
    let permit = permit_list_work(api).await;
    let view = Arc::clone(&api.view);
    // A key may have as many values as there are entities.
    let counting = tokio::task::spawn_blocking(move || {
        let _held_until_done = permit;
        let counts = count_facets(&view, &query);
        let facets = query.keys.into_iter().zip(counts).map(|(key, values)| {
            let values: Vec<Value> = values
                .into_iter()
                .map(|value| json!({ "value": value.value, "count": value.count }))
                .collect();
            (key, Value::from(values))
        });
        json!({ "facets": facets.collect::<Map<_, _>>() })
    });
    counting.await.map_err(|_panicked| ApiProblem::Internal)
}
