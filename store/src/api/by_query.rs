//! `GET` and `POST /entities/by-query`: pages with cursors, for lists too long to be sent whole.

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Api;
use super::auth::{Principal, principal_of};
use super::body::read_body;
use super::error::{ApiError, ApiProblem, RequestLine};
use super::list_body::answer_page;
use super::parameters::Parameters;
use crate::query::{
    EntityPredicate, FieldSelection, FullTextFilter, InvalidQuery, PageCursor, PagePosition,
    PageQuery, PageTotal, SortField, parse_filters, parse_order_fields,
};

/// Entities of a page that names no limit, as in Backstage.
const PAGE_SIZE: usize = 200;
/// Entities of a page at most; Backstage has no bound, and no client of it asks for as many.
pub(super) const PAGE_SIZE_MAX: usize = 10_000;

const KNOWN: [&str; 9] = [
    "filter",
    "fields",
    "limit",
    "offset",
    "orderField",
    "cursor",
    "fullTextFilterTerm",
    "fullTextFilterFields",
    "totalItems",
];

/// The body of the `POST` form.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    cursor: Option<String>,
    limit: Option<i64>,
    offset: Option<i64>,
    order_by: Option<Vec<BodyOrder>>,
    full_text_filter: Option<BodyText>,
    fields: Option<Vec<String>>,
    total_items: Option<String>,
    query: Option<Value>,
}

#[derive(Deserialize)]
struct BodyOrder {
    field: String,
    order: Option<String>,
}

#[derive(Deserialize)]
struct BodyText {
    term: Option<String>,
    fields: Option<Vec<String>>,
}

/// A page, asked for by parameters.
pub(super) async fn get_page(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let parameters =
        Parameters::read_known(&request, &KNOWN).map_err(|problem| asked.fail_with(problem))?;
    let query = read_parameters(&parameters).map_err(|problem| asked.fail_with(problem))?;
    let principal = principal_of(&request).map_err(|problem| asked.fail_with(problem))?;
    answer_visible(&api, query, &principal)
        .await
        .map_err(|problem| asked.fail_with(problem))
}

/// A page, asked for by a body.
pub(super) async fn post_page(
    State(api): State<Api>,
    request: Request,
) -> Result<Response, ApiError> {
    let asked = RequestLine::of_request(&request);
    let answer = async {
        Parameters::read_known(&request, &[])?;
        let principal = principal_of(&request)?;
        // Whoever asks for nothing in particular gets the first page of everything, as in Backstage.
        let body = if request.body().size_hint().exact() == Some(0) {
            PageBody::default()
        } else {
            read_body(request).await?
        };
        answer_visible(&api, read_page_body(&body)?, &principal).await
    };
    answer.await.map_err(|problem| asked.fail_with(problem))
}

/// Nothing of what somebody may not see goes into a cursor, which others may be given.
async fn answer_visible(
    api: &Api,
    mut query: PageQuery,
    principal: &Principal,
) -> Result<Response, ApiProblem> {
    query.visible = api.visible_to(principal).await?;
    answer_page(api, query).await
}

fn read_parameters(parameters: &Parameters) -> Result<PageQuery, ApiProblem> {
    let limit = parameters.integer_value("limit", 0_usize)?;
    let fields = FieldSelection::parse(parameters.values_of("fields"))?;
    if let Some(cursor) = parameters.single_value("cursor")? {
        return page_of(PageCursor::parse(cursor)?, limit, fields);
    }
    let term = parameters.single_value("fullTextFilterTerm")?;
    let text_fields = parameters
        .values_of("fullTextFilterFields")
        .flat_map(|fields| fields.split(','));
    let cursor = PageCursor {
        predicate: parse_filters(parameters.values_of("filter"))?,
        text: FullTextFilter::new(term.unwrap_or_default(), text_fields)?,
        order: parse_order_fields(parameters.values_of("orderField"))?,
        position: PagePosition::Start {
            offset: parameters.integer_value("offset", 0_usize)?.unwrap_or(0),
        },
        total: read_total(parameters.single_value("totalItems")?)?,
    };
    page_of(cursor, limit, fields)
}

fn read_page_body(body: &PageBody) -> Result<PageQuery, ApiProblem> {
    let limit = body
        .limit
        .map(|limit| not_negative("limit", limit))
        .transpose()?;
    let fields = body.fields.as_deref().unwrap_or_default();
    let fields = FieldSelection::parse_each(fields.iter().map(String::as_str))?;
    if let Some(cursor) = &body.cursor {
        return page_of(PageCursor::parse(cursor)?, limit, fields);
    }
    let orders = body
        .order_by
        .iter()
        .flatten()
        .map(|order| SortField::new(&order.field, order.order.as_deref()))
        .collect::<Result<Vec<_>, InvalidQuery>>()?;
    let cursor = PageCursor {
        predicate: body
            .query
            .as_ref()
            .map(EntityPredicate::parse)
            .transpose()?
            .unwrap_or_default(),
        text: read_text(body.full_text_filter.as_ref())?,
        order: orders.into_iter().next(),
        position: PagePosition::Start {
            offset: body
                .offset
                .map(|offset| not_negative("offset", offset))
                .transpose()?
                .unwrap_or(0),
        },
        total: read_total(body.total_items.as_deref())?,
    };
    page_of(cursor, limit, fields)
}

fn read_text(text: Option<&BodyText>) -> Result<FullTextFilter, InvalidQuery> {
    let Some(BodyText { term, fields }) = text else {
        return Ok(FullTextFilter::default());
    };
    let fields = fields.as_deref().unwrap_or_default();
    FullTextFilter::new(
        term.as_deref().unwrap_or_default(),
        fields.iter().map(String::as_str),
    )
}

fn page_of(
    cursor: PageCursor,
    limit: Option<usize>,
    fields: Option<FieldSelection>,
) -> Result<PageQuery, ApiProblem> {
    let limit = limit.unwrap_or(PAGE_SIZE);
    if limit > PAGE_SIZE_MAX {
        return Err(ApiProblem::Input(format!(
            "A page has at most {PAGE_SIZE_MAX} entities; ask for the others by the cursor of this one"
        )));
    }
    Ok(PageQuery {
        cursor,
        visible: EntityPredicate::default(),
        limit,
        fields,
    })
}

fn read_total(text: Option<&str>) -> Result<PageTotal, ApiProblem> {
    match text {
        None | Some("include") => Ok(PageTotal::Count),
        Some("exclude") => Ok(PageTotal::Known(0)),
        Some(_) => Err(ApiProblem::Input(
            "'totalItems' must be 'include' or 'exclude'".to_owned(),
        )),
    }
}

fn not_negative(name: &str, number: i64) -> Result<usize, ApiProblem> {
    usize::try_from(number)
        .map_err(|_negative| ApiProblem::Input(format!("'{name}' must not be negative")))
}

/// What stands behind the entities of a page.
pub(super) fn page_end(total: u64, next: Option<&str>, previous: Option<&str>) -> String {
    let mut info = serde_json::Map::new();
    if let Some(next) = next {
        info.insert("nextCursor".to_owned(), Value::from(next));
    }
    if let Some(previous) = previous {
        info.insert("prevCursor".to_owned(), Value::from(previous));
    }
    let info = json!({ "totalItems": total, "pageInfo": info }).to_string();
    // The entities stand in the same object.
    format!(",{}", &info[1..])
}
