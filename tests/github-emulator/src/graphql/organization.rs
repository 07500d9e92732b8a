//! Organisations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};

use super::connection::{RepositoryOrder, page, page_size, sort};
use super::people::{TeamConnection, TeamNode, UserConnection};
use super::repository::{RepositoryConnection, RepositoryNode};
use super::scalar::Uri;
use super::{engine, node_of, scope};
use crate::view::View;
use crate::world::Organization;

/// An organisation.
#[derive(Clone)]
pub(super) struct OrganizationNode(pub(super) Arc<Organization>);

impl OrganizationNode {
    pub(super) fn find(context: &Context<'_>, login: &str) -> Option<Self> {
        engine(context)
            .read(|world| world.organization(login))
            .map(Self)
    }
}

#[Object(name = "Organization")]
impl OrganizationNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.node_id.clone())
    }

    async fn database_id(&self) -> u64 {
        self.0.id
    }

    pub(super) async fn login(&self) -> String {
        self.0.login.clone()
    }

    async fn name(&self) -> Option<String> {
        Some(self.0.login.clone())
    }

    pub(super) async fn url(&self, context: &Context<'_>) -> Uri {
        Uri(format!("{}/{}", engine(context).web, self.0.login))
    }

    pub(super) async fn repositories(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
        is_fork: Option<bool>,
        order_by: Option<RepositoryOrder>,
    ) -> Option<RepositoryConnection> {
        let first = page_size(context, "repositories", first)?;
        let all = engine(context).read(|world| world.repositories_of(&self.0.login));
        let mut views: Vec<View> = all
            .iter()
            .filter_map(|repository| node_of(context, repository))
            .map(|node| node.0)
            .collect();
        views.retain(|view| is_fork.is_none_or(|fork| fork == view.facts.options.fork));
        if let Some(order) = &order_by {
            sort(&mut views, order);
        }
        let total_count = views.len();
        let (shown, page_info) = page(views, first, after.as_deref(), |view| view.repository.id);
        scope(context).asked(shown.len());
        scope(context).opened(1);
        Some(RepositoryConnection {
            total_count,
            page_info,
            nodes: shown.into_iter().map(RepositoryNode).collect(),
        })
    }

    async fn members_with_role(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<UserConnection> {
        let members = self
            .0
            .people
            .lock()
            .expect("no holder of people panics")
            .members
            .clone();
        UserConnection::page(context, "membersWithRole", members, first, after.as_deref())
    }

    async fn teams(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<TeamConnection> {
        TeamConnection::page(context, &self.0, "teams", first, after.as_deref(), |_| true)
    }

    async fn team(&self, slug: String) -> Option<TeamNode> {
        TeamNode::find(&self.0, &slug)
    }
}
