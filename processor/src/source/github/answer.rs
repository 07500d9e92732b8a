//! GraphQL answers into what the catalog reasons about. Pure.
//!
//! GitHub answers in part: a field that failed is null and an error names its path. An error without
//! a path (a query that was cut short) could belong to any null, so then no absence is proven.

use std::collections::HashMap;

use freshet_proto::message::{Repository, RepositoryTraits};
use serde::Deserialize;

use super::query::{COMMIT_ALIAS, REF_ALIASES, path_alias, repository_alias};
use crate::failure::Failure;
use crate::reconcile::{ObjectShown, RefKind, RepositoryQuestion, RepositoryShown, TextShown};

/// A GraphQL answer.
#[derive(Debug, Deserialize)]
pub struct GraphqlAnswer<T> {
    /// What was answered; absent if the query failed as a whole.
    pub data: Option<T>,
    /// What was not.
    #[serde(default)]
    pub errors: Vec<GraphqlError>,
}

/// One error of an answer.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct GraphqlError {
    /// GitHub's class of the error, such as `NOT_FOUND`.
    #[serde(default, rename = "type")]
    pub class: String,
    /// For people.
    #[serde(default)]
    pub message: String,
    /// The failing field; empty if the error belongs to the whole query.
    #[serde(default)]
    path: Option<Vec<serde_json::Value>>,
}

impl GraphqlError {
    fn path_steps(&self) -> Vec<&str> {
        let segments = self.path.as_deref().unwrap_or_default();
        segments
            .iter()
            .map(|segment| segment.as_str().unwrap_or_default())
            .collect()
    }

    pub(super) fn index_after(&self, field: &str) -> Option<usize> {
        let segments = self.path.as_deref()?;
        let at = segments
            .iter()
            .position(|segment| segment.as_str() == Some(field))?;
        usize::try_from(segments.get(at + 1)?.as_u64()?).ok()
    }

    pub(super) fn failure(&self) -> Failure {
        match self.class.as_str() {
            "NOT_FOUND" => Failure::not_visible(self.message.clone()),
            // Each of these lasts until somebody changes the credential, unlike an outage.
            "FORBIDDEN" | "INSUFFICIENT_SCOPES" | "SAML_SSO" => {
                Failure::denied(self.message.clone())
            }
            _ => Failure::unreadable(self.message.clone()),
        }
    }
}

/// The data of a query made by [`super::query::write_repositories`].
pub type RepositoriesData = HashMap<String, Option<RepositoryNode>>;

/// A repository with the objects asked for, by alias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RepositoryNode {
    #[serde(flatten)]
    identity: RepositoryIdentity,
    #[serde(flatten)]
    objects: HashMap<String, Option<ObjectNode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RepositoryIdentity {
    #[serde(default)]
    id: String,
    database_id: Option<u64>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    is_archived: bool,
    #[serde(default)]
    is_empty: bool,
    is_fork: Option<bool>,
    visibility: Option<String>,
    repository_topics: Option<TopicPage>,
    owner: Option<OwnerLogin>,
    default_branch_ref: Option<BranchRef>,
}

#[derive(Debug, Deserialize)]
struct TopicPage {
    #[serde(default)]
    nodes: Vec<Option<TopicNode>>,
}

#[derive(Debug, Deserialize)]
struct TopicNode {
    topic: TopicName,
}

#[derive(Debug, Deserialize)]
struct TopicName {
    name: String,
}

#[derive(Debug, Deserialize)]
struct OwnerLogin {
    login: String,
}

#[derive(Debug, Deserialize)]
struct BranchRef {
    name: String,
    target: Option<BranchTarget>,
}

#[derive(Debug, Deserialize)]
struct BranchTarget {
    oid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ObjectNode {
    #[serde(default, rename = "__typename")]
    pub(super) typename: String,
    pub(super) oid: String,
    byte_size: Option<u64>,
    is_binary: Option<bool>,
    is_truncated: Option<bool>,
    text: Option<String>,
    /// What an annotated tag is put on.
    target: Option<Box<ObjectNode>>,
}

impl ObjectNode {
    /// The commit it is, or stands for.
    fn into_commit(self) -> Option<String> {
        match self.typename.as_str() {
            "Commit" => Some(self.oid),
            "Tag" => self.target?.into_commit(),
            _ => None,
        }
    }
}

impl RepositoryIdentity {
    pub(super) fn to_repository(&self) -> Option<Repository> {
        Some(Repository {
            id: self.database_id?,
            node_id: self.id.clone(),
            owner: self.owner.as_ref()?.login.clone(),
            name: self.name.clone(),
            html_url: self.url.clone(),
            default_branch: self
                .default_branch_ref
                .as_ref()
                .map(|branch| branch.name.clone())
                .unwrap_or_default(),
            archived: self.is_archived,
            traits: self.to_traits(),
        })
    }

    /// `None` unless all of them are told: half of a repository's topics would pass another filter.
    fn to_traits(&self) -> Option<RepositoryTraits> {
        let topics = self.repository_topics.as_ref()?.nodes.iter();
        let topics = topics.map(|node| Some(node.as_ref()?.topic.name.clone()));
        Some(RepositoryTraits {
            fork: self.is_fork?,
            visibility: self.visibility.as_ref()?.to_lowercase(),
            topics: topics.collect::<Option<_>>()?,
        })
    }

    pub(super) fn head(&self) -> Option<String> {
        Some(
            self.default_branch_ref
                .as_ref()?
                .target
                .as_ref()?
                .oid
                .clone(),
        )
    }
}

/// What an answer shows of each repository that was asked for, in the order of the questions.
///
/// # Errors
/// Per repository, why the answer proves nothing about it.
pub fn read_repositories(
    answer: GraphqlAnswer<RepositoriesData>,
    asked: &[(&RepositoryQuestion, BranchChoice)],
) -> Vec<Result<RepositoryShown, Failure>> {
    let GraphqlAnswer { data, errors } = answer;
    let mut data = data.unwrap_or_default();
    // A query that was cut short has nulls in place of what it did not get to.
    let whole = errors.iter().find(|error| error.path_steps().is_empty());
    asked
        .iter()
        .enumerate()
        .map(|(index, (question, branch))| {
            let alias = repository_alias(index);
            let own: Vec<&GraphqlError> = errors
                .iter()
                .filter(|error| error.path_steps().first() == Some(&alias.as_str()))
                .collect();
            let node = data.remove(&alias).flatten();
            read_repository(node, question, *branch, &own, whole)
        })
        .collect()
}

/// Which branch a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BranchChoice {
    /// The default one.
    Default,
    /// One asked for by name.
    Named,
}

fn read_repository(
    node: Option<RepositoryNode>,
    question: &RepositoryQuestion,
    branch: BranchChoice,
    own: &[&GraphqlError],
    whole: Option<&GraphqlError>,
) -> Result<RepositoryShown, Failure> {
    // Without its identity, above all its number, nothing can be said to be of this repository.
    let Some((mut node, repository)) = node.and_then(|node| {
        node.identity
            .to_repository()
            .map(|identity| (node, identity))
    }) else {
        let error = own.first().copied().or(whole);
        return Err(error.map_or_else(
            || Failure::not_visible("GitHub shows no such repository"),
            GraphqlError::failure,
        ));
    };
    // Errors of a wanted path concern that path; any other (head, commit) spoils the repository.
    if let Some(error) = own.iter().find(|error| !concerns_path(error)) {
        return Err(error.failure());
    }
    let (head, at_ref) = match branch {
        BranchChoice::Default => (node.identity.head(), RefKind::Expected),
        BranchChoice::Named => find_head(&mut node.objects),
    };
    // A branch that is missing without any error counts as deleted, with all its files.
    if let (None, Some(error)) = (&head, whole) {
        return Err(error.failure());
    }
    let commit_shown = question.base.commit().is_none()
        || node.objects.get(COMMIT_ALIAS).is_some_and(Option::is_some);
    let objects = question
        .texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let alias = path_alias(index);
            let error = own
                .iter()
                .copied()
                .find(|error| error.path_steps().get(1) == Some(&alias.as_str()));
            read_object(
                node.objects.remove(&alias).flatten(),
                *text,
                error.or(whole),
            )
        })
        .collect();
    Ok(RepositoryShown {
        repository,
        is_empty: node.identity.is_empty,
        head,
        at_ref,
        commit_shown,
        objects,
    })
}

/// The commit that a ref leads to, and as what.
fn find_head(objects: &mut HashMap<String, Option<ObjectNode>>) -> (Option<String>, RefKind) {
    let commit_at = |alias: &&str| objects.remove(*alias).flatten()?.into_commit();
    let found = REF_ALIASES.iter().map(commit_at).enumerate();
    let found = found.filter_map(|(index, commit)| Some((index, commit?)));
    match found.collect::<Vec<_>>().into_iter().next() {
        Some((0, commit)) => (Some(commit), RefKind::Expected),
        Some((_, commit)) => (Some(commit), RefKind::Other),
        None => (None, RefKind::Expected),
    }
}

fn concerns_path(error: &GraphqlError) -> bool {
    error.path_steps().get(1).is_some_and(|alias| {
        alias.strip_prefix('p').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

fn read_object(
    node: Option<ObjectNode>,
    asked_for_text: bool,
    error: Option<&GraphqlError>,
) -> ObjectShown {
    let Some(node) = node else {
        // A null proves absence only if no error can be the reason for it.
        return error.map_or(ObjectShown::Absent, |error| {
            ObjectShown::Unreadable(error.message.clone())
        });
    };
    if node.typename != "Blob" {
        return ObjectShown::NotAFile;
    }
    // A null says that GitHub did not tell, and half a file must not pass for a file.
    let is_complete = node.is_truncated == Some(false) && node.is_binary == Some(false);
    // What is no UTF-8 is shown as some other text, by which nobody could tell the author.
    let is_file = |text: &str| node.byte_size.and_then(|it| it.try_into().ok()) == Some(text.len());
    let text = match node.text {
        Some(text) if is_complete && is_file(&text) => TextShown::Text(text),
        _ if asked_for_text => TextShown::OnlyRaw,
        _ => TextShown::NotQueried,
    };
    ObjectShown::Blob {
        oid: node.oid,
        size: node.byte_size.unwrap_or_default(),
        text,
    }
}

#[cfg(test)]
mod tests;
