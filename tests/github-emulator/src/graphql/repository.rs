//! Repositories.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};

use super::connection::{PageInfo, page, page_size};
use super::object::{GitObject, RefNode};
use super::organization::OrganizationNode;
use super::scalar::{DateTime, GitObjectId, Uri};
use super::{RepositoryOwner, engine, scope};
use crate::payload::text_time;
use crate::repository::Visibility;
use crate::view::View;

/// A page of repositories.
#[derive(SimpleObject)]
pub(super) struct RepositoryConnection {
    pub(super) total_count: usize,
    pub(super) page_info: PageInfo,
    pub(super) nodes: Vec<RepositoryNode>,
}

/// Who may see a repository.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum RepositoryVisibility {
    Public,
    Private,
    Internal,
}

#[derive(SimpleObject)]
struct Topic {
    name: String,
}

#[derive(SimpleObject)]
struct RepositoryTopic {
    topic: Topic,
}

/// A page of topics.
#[derive(SimpleObject)]
struct RepositoryTopicConnection {
    total_count: usize,
    page_info: PageInfo,
    nodes: Vec<RepositoryTopic>,
}

/// A repository as one request sees it.
#[derive(Clone)]
pub(super) struct RepositoryNode(pub(super) View);

#[Object(name = "Repository")]
impl RepositoryNode {
    pub(super) async fn id(&self) -> ID {
        ID(self.0.repository.node_id.clone())
    }

    async fn database_id(&self) -> u64 {
        self.0.repository.id
    }

    async fn name(&self) -> &str {
        &self.0.facts.name
    }

    async fn name_with_owner(&self) -> String {
        self.0.facts.full_name()
    }

    async fn description(&self) -> Option<&str> {
        self.0.facts.options.description.as_deref()
    }

    async fn url(&self, context: &Context<'_>) -> Uri {
        Uri(format!(
            "{}/{}",
            engine(context).web,
            self.0.facts.full_name()
        ))
    }

    async fn is_archived(&self) -> bool {
        self.0.facts.options.archived
    }

    async fn is_disabled(&self) -> bool {
        false
    }

    async fn is_fork(&self) -> bool {
        self.0.facts.options.fork
    }

    async fn is_empty(&self) -> bool {
        self.0.facts.refs.is_empty()
    }

    async fn is_private(&self) -> bool {
        self.0.facts.options.visibility != Visibility::Public
    }

    async fn is_in_organization(&self) -> bool {
        true
    }

    async fn visibility(&self) -> RepositoryVisibility {
        match self.0.facts.options.visibility {
            Visibility::Public => RepositoryVisibility::Public,
            Visibility::Private => RepositoryVisibility::Private,
            Visibility::Internal => RepositoryVisibility::Internal,
        }
    }

    async fn created_at(&self) -> DateTime {
        DateTime(text_time(self.0.facts.created_at))
    }

    async fn updated_at(&self) -> DateTime {
        DateTime(text_time(self.0.facts.pushed_at))
    }

    async fn pushed_at(&self) -> Option<DateTime> {
        Some(DateTime(text_time(self.0.facts.pushed_at)))
    }

    async fn owner(&self, context: &Context<'_>) -> Option<RepositoryOwner> {
        OrganizationNode::find(context, &self.0.facts.owner).map(RepositoryOwner::Organization)
    }

    async fn repository_topics(
        &self,
        context: &Context<'_>,
        first: Option<i32>,
        after: Option<String>,
    ) -> Option<RepositoryTopicConnection> {
        let first = page_size(context, "repositoryTopics", first)?;
        scope(context).opened(1);
        let topics = &self.0.facts.options.topics;
        let numbered: Vec<(u64, String)> = (1..).zip(topics.iter().cloned()).collect();
        let (shown, page_info) = page(numbered, first, after.as_deref(), |(number, _)| *number);
        let nodes = shown
            .into_iter()
            .map(|(_, name)| RepositoryTopic {
                topic: Topic { name },
            })
            .collect();
        Some(RepositoryTopicConnection {
            total_count: topics.len(),
            page_info,
            nodes,
        })
    }

    async fn default_branch_ref(&self) -> Option<RefNode> {
        RefNode::find(&self.0, &self.0.facts.default_ref())
    }

    #[graphql(name = "ref")]
    async fn reference(&self, qualified_name: String) -> Option<RefNode> {
        let branch = format!("refs/heads/{qualified_name}");
        RefNode::find(&self.0, &qualified_name).or_else(|| RefNode::find(&self.0, &branch))
    }

    async fn object(
        &self,
        expression: Option<String>,
        oid: Option<GitObjectId>,
    ) -> Option<GitObject> {
        let asked = expression.or(oid.map(|GitObjectId(oid)| oid))?;
        self.0
            .resolve(&asked)
            .map(|found| GitObject::of(&self.0, found))
    }
}
