//! The GraphQL API: GitHub's type and field names for what Freshet asks, executed by a real
//! GraphQL library so that a query GitHub would refuse is refused here too.
//!
//! Errors have GitHub's `type` beside `message`; a repository that cannot be resolved is null with
//! an error, and the rest of the answer is there. A query is charged and logged by what it opened.

mod connection;
mod object;
mod organization;
mod people;
mod repository;
mod scalar;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_graphql::{
    Context, EmptyMutation, EmptySubscription, ID, Interface, Object, Response as Answer, Schema,
    ServerError, SimpleObject,
};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use self::organization::OrganizationNode;
use self::repository::RepositoryNode;
use self::scalar::{DateTime, Uri};
use super::engine::Engine;
use super::ids::parse_node_id;
use super::payload::text_time;
use super::rate::Resource;
use super::repository::{Repository, Visibility};
use super::requests::Scope;
use super::rest;
use super::world::Named;

/// Most ids `nodes` takes.
const NODES_MAX: usize = 100;

/// The executable schema.
pub(super) type GithubSchema = Schema<Query, EmptyMutation, EmptySubscription>;

/// Builds the schema over what the emulator knows.
pub(super) fn schema(engine: Arc<Engine>) -> GithubSchema {
    Schema::build(Query, EmptyMutation, EmptySubscription)
        .data(engine)
        .finish()
}

/// Answers a posted query.
pub(super) async fn answer(
    State(schema): State<GithubSchema>,
    Extension(scope): Extension<Arc<Scope>>,
    body: Bytes,
) -> Response {
    let Ok(request) = serde_json::from_slice::<async_graphql::Request>(&body) else {
        return rest::message(StatusCode::BAD_REQUEST, "Problems parsing JSON");
    };
    scope.name_operation(operation_name(&request));
    let answer = schema.execute(request.data(Arc::clone(&scope))).await;
    if answer.errors.is_empty() {
        return Json(answer).into_response();
    }
    Json(in_githubs_shape(&answer)).into_response()
}

/// The name given beside the query or within it.
fn operation_name(request: &async_graphql::Request) -> String {
    if let Some(name) = &request.operation_name {
        return name.clone();
    }
    let words = request
        .query
        .trim_start()
        .strip_prefix("query")
        .unwrap_or_default();
    let name: String = words
        .trim_start()
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect();
    if name.is_empty() {
        "query".to_owned()
    } else {
        name
    }
}

/// Moves each error's `type` from the extensions to where GitHub has it.
fn in_githubs_shape(answer: &Answer) -> Value {
    let mut shaped = json!(answer);
    for error in shaped["errors"].as_array_mut().into_iter().flatten() {
        let kind = error["extensions"]["type"].take();
        if kind.is_string() {
            error["type"] = kind;
            if let Some(fields) = error.as_object_mut() {
                fields.shift_remove("extensions");
            }
        }
    }
    shaped
}

/// Adds an error beside the data; the field it belongs to is null.
fn report(context: &Context<'_>, kind: &str, message: String) {
    let mut error = ServerError::new(message, Some(context.item.pos));
    error.extensions.get_or_insert_default().set("type", kind);
    context.add_error(context.set_error_path(error));
}

fn engine<'a>(context: &Context<'a>) -> &'a Arc<Engine> {
    context.data_unchecked::<Arc<Engine>>()
}

fn scope<'a>(context: &Context<'a>) -> &'a Arc<Scope> {
    context.data_unchecked::<Arc<Scope>>()
}

/// Anything with a global id.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The global id."))]
enum Node {
    Repository(RepositoryNode),
    Organization(OrganizationNode),
}

/// Whoever owns repositories; here always an organisation.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The global id."),
    field(name = "login", ty = "String", desc = "The name in URLs."),
    field(name = "url", ty = "Uri", desc = "The HTML page."),
    field(
        name = "repositories",
        ty = "Option<repository::RepositoryConnection>",
        desc = "Repositories, page by page.",
        arg(name = "first", ty = "Option<i32>"),
        arg(name = "after", ty = "Option<String>"),
        arg(name = "is_fork", ty = "Option<bool>"),
        arg(name = "order_by", ty = "Option<connection::RepositoryOrder>")
    )
)]
enum RepositoryOwner {
    Organization(OrganizationNode),
}

/// The standing of the caller's rate limit.
#[derive(SimpleObject)]
struct RateLimit {
    limit: u64,
    cost: u64,
    remaining: u64,
    used: u64,
    reset_at: DateTime,
    node_count: u64,
}

/// The owner of the credential.
#[derive(SimpleObject)]
struct Viewer {
    login: String,
}

/// The root of all queries.
pub(super) struct Query;

#[Object]
impl Query {
    async fn organization(&self, context: &Context<'_>, login: String) -> Option<OrganizationNode> {
        let found = OrganizationNode::find(context, &login);
        if found.is_none() {
            report(
                context,
                "NOT_FOUND",
                format!("Could not resolve to an Organization with the login of '{login}'."),
            );
        }
        found
    }

    async fn repository_owner(
        &self,
        context: &Context<'_>,
        login: String,
    ) -> Option<RepositoryOwner> {
        OrganizationNode::find(context, &login).map(RepositoryOwner::Organization)
    }

    async fn repository(
        &self,
        context: &Context<'_>,
        owner: String,
        name: String,
        follow_renames: Option<bool>,
    ) -> Option<RepositoryNode> {
        scope(context).asked(1);
        let full_name = format!("{owner}/{name}");
        let found = match engine(context).read(|world| world.repository(&full_name)) {
            Named::Current(repository) => node_of(context, &repository),
            Named::Former(repository) if follow_renames.unwrap_or(true) => {
                node_of(context, &repository)
            }
            Named::Former(_) | Named::Nothing => None,
        };
        if found.is_none() {
            report(
                context,
                "NOT_FOUND",
                format!("Could not resolve to a Repository with the name '{full_name}'."),
            );
        }
        found
    }

    async fn node(&self, context: &Context<'_>, id: ID) -> Option<Node> {
        resolve_node(context, &id)
    }

    async fn nodes(&self, context: &Context<'_>, ids: Vec<ID>) -> Vec<Option<Node>> {
        if ids.len() > NODES_MAX {
            report(
                context,
                "ARGUMENT_LIMIT",
                format!(
                    "You may not provide more than {NODES_MAX} node ids; you provided {}.",
                    ids.len()
                ),
            );
            return Vec::new();
        }
        ids.iter().map(|id| resolve_node(context, id)).collect()
    }

    async fn rate_limit(
        &self,
        context: &Context<'_>,
        #[graphql(name = "dryRun")] _dry_run: Option<bool>,
    ) -> Option<RateLimit> {
        let standing = engine(context).rates.standing(Resource::Graphql);
        let cost = scope(context).points();
        let used = standing.used + cost;
        Some(RateLimit {
            limit: standing.limit,
            cost,
            remaining: standing.limit.saturating_sub(used),
            used,
            reset_at: DateTime(text_time(i64::try_from(standing.reset).unwrap_or(i64::MAX))),
            node_count: scope(context).repositories.load(Ordering::Relaxed) as u64,
        })
    }

    async fn viewer(&self) -> Viewer {
        Viewer {
            login: super::payload::PUSHER_LOGIN.to_owned(),
        }
    }
}

fn resolve_node(context: &Context<'_>, id: &ID) -> Option<Node> {
    scope(context).asked(1);
    let world = |look: &dyn Fn(&super::world::World) -> Option<Node>| engine(context).read(look);
    let found = match parse_node_id(id) {
        Some(("R", number)) => world(&|world| {
            world
                .repository_by_id(number)
                .and_then(|repository| node_of(context, &repository))
                .map(Node::Repository)
        }),
        Some(("O", number)) => world(&|world| {
            world
                .organization_by_id(number)
                .map(|organization| Node::Organization(OrganizationNode(organization)))
        }),
        Some(_) | None => None,
    };
    if found.is_none() {
        report(
            context,
            "NOT_FOUND",
            format!(
                "Could not resolve to a node with the global id of '{}'",
                id.as_str()
            ),
        );
    }
    found
}

/// A repository as this request may see it.
fn node_of(context: &Context<'_>, repository: &Arc<Repository>) -> Option<RepositoryNode> {
    let scope = scope(context);
    let view = repository.view(scope.id)?;
    let open = scope.authorized || view.facts.options.visibility == Visibility::Public;
    open.then_some(RepositoryNode(view))
}
