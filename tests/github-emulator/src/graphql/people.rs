//! Members and teams of an organisation.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};

use super::connection::{PageInfo, page, page_size};
use super::scalar::Uri;
use super::{engine, scope};
use crate::ids::node_id;
use crate::world::{Member, Organization, Team};

/// A page of users.
#[derive(SimpleObject)]
pub(super) struct UserConnection {
    total_count: usize,
    page_info: PageInfo,
    nodes: Vec<UserNode>,
}

/// A page of teams.
#[derive(SimpleObject)]
pub(super) struct TeamConnection {
    total_count: usize,
    page_info: PageInfo,
    nodes: Vec<TeamNode>,
}

impl UserConnection {
    pub(super) fn page(
        context: &Context<'_>,
        name: &str,
        members: Vec<Member>,
        first: Option<i32>,
        after: Option<&str>,
    ) -> Option<Self> {
        let first = page_size(context, name, first)?;
        scope(context).opened(1);
        let total_count = members.len();
        let numbered: Vec<(u64, Member)> = (1..).zip(members).collect();
        let (shown, page_info) = page(numbered, first, after, |(number, _)| *number);
        Some(Self {
            total_count,
            page_info,
            nodes: shown
                .into_iter()
                .map(|(number, member)| UserNode { number, member })
                .collect(),
        })
    }
}

impl TeamConnection {
    pub(super) fn page(
        context: &Context<'_>,
        organization: &Arc<Organization>,
        name: &str,
        first: Option<i32>,
        after: Option<&str>,
        wanted: impl Fn(&Team) -> bool,
    ) -> Option<Self> {
        let first = page_size(context, name, first)?;
        scope(context).opened(1);
        let teams: Vec<TeamNode> = TeamNode::all(organization)
            .into_iter()
            .filter(|node| wanted(&node.team))
            .collect();
        let total_count = teams.len();
        let (nodes, page_info) = page(teams, first, after, |node| node.number);
        Some(Self {
            total_count,
            page_info,
            nodes,
        })
    }
}

/// A user.
#[derive(Clone)]
pub(super) struct UserNode {
    number: u64,
    member: Member,
}

#[Object(name = "User")]
impl UserNode {
    async fn id(&self) -> ID {
        ID(node_id("U", self.number))
    }

    async fn database_id(&self) -> u64 {
        self.number
    }

    async fn login(&self) -> &str {
        &self.member.login
    }

    async fn name(&self) -> Option<&str> {
        Some(&self.member.name)
    }

    async fn email(&self) -> &str {
        &self.member.email
    }

    async fn bio(&self) -> Option<&str> {
        None
    }

    async fn avatar_url(&self, context: &Context<'_>) -> Uri {
        Uri(format!(
            "{}/avatars/{}",
            engine(context).web,
            self.member.login
        ))
    }

    async fn url(&self, context: &Context<'_>) -> Uri {
        Uri(format!("{}/{}", engine(context).web, self.member.login))
    }
}

/// A team.
#[derive(Clone)]
pub(super) struct TeamNode {
    number: u64,
    team: Team,
    organization: Arc<Organization>,
}

impl TeamNode {
    fn all(organization: &Arc<Organization>) -> Vec<Self> {
        let teams = organization
            .people
            .lock()
            .expect("no holder of people panics")
            .teams
            .clone();
        (1..)
            .zip(teams)
            .map(|(number, team)| Self {
                number,
                team,
                organization: Arc::clone(organization),
            })
            .collect()
    }

    pub(super) fn find(organization: &Arc<Organization>, slug: &str) -> Option<Self> {
        Self::all(organization)
            .into_iter()
            .find(|node| node.team.slug == slug)
    }
}

#[Object(name = "Team")]
impl TeamNode {
    async fn id(&self) -> ID {
        ID(node_id("T", self.number))
    }

    async fn database_id(&self) -> u64 {
        self.number
    }

    async fn slug(&self) -> &str {
        &self.team.slug
    }

    async fn combined_slug(&self) -> String {
        format!("{}/{}", self.organization.login, self.team.slug)
    }

    async fn name(&self) -> &str {
        &self.team.name
    }

    async fn description(&self) -> Option<&str> {
        Some(&self.team.description)
    }

    async fn avatar_url(&self, context: &Context<'_>) -> Option<Uri> {
        Some(Uri(format!(
            "{}/avatars/teams/{}",
            engine(context).web,
            self.team.slug
        )))
    }

    async fn edit_team_url(&self, context: &Context<'_>) -> Uri {
        Uri(format!(
            "{}/orgs/{}/teams/{}/edit",
            engine(context).web,
            self.organization.login,
            self.team.slug
        ))
    }

    async fn url(&self, context: &Context<'_>) -> Uri {
        Uri(format!(
            "{}/orgs/{}/teams/{}",
            engine(context).web,
            self.organization.login,
            self.team.slug
        ))
    }

    async fn parent_team(&self) -> Option<TeamNode> {
        self.team
            .parent
            .as_deref()
            .and_then(|slug| Self::find(&self.organization, slug))
    }

    async fn child_teams(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<TeamConnection> {
        let mine = |team: &Team| team.parent.as_deref() == Some(self.team.slug.as_str());
        TeamConnection::page(
            context,
            &self.organization,
            "childTeams",
            first,
            after.as_deref(),
            mine,
        )
    }

    async fn members(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<UserConnection> {
        let mut members = self
            .organization
            .people
            .lock()
            .expect("no holder of people panics")
            .members
            .clone();
        members.retain(|member| self.team.members.contains(&member.login));
        UserConnection::page(context, "members", members, first, after.as_deref())
    }
}
