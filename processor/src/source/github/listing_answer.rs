//! Answers to listings into pages. Pure.

use freshet_proto::message::ListedRepository;
use serde::Deserialize;

use super::answer::{GraphqlAnswer, GraphqlError, ObjectNode, RepositoryIdentity};
use crate::failure::Failure;

/// The data of a query made by [`super::query::write_listing`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListingData {
    repository_owner: Option<OwnerNode>,
}

#[derive(Debug, Deserialize)]
struct OwnerNode {
    login: String,
    repositories: Option<RepositoryPage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RepositoryPage {
    page_info: PageInfo,
    #[serde(default)]
    nodes: Vec<Option<ListedNode>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    has_next_page: bool,
    end_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ListedNode {
    #[serde(flatten)]
    identity: RepositoryIdentity,
    file: Option<ObjectNode>,
}

/// One page of a listing.
#[derive(Debug, PartialEq)]
pub struct ListingPage {
    /// The account as it spells itself.
    pub organization: String,
    /// Its repositories, without those the answer says nothing certain about.
    pub repositories: Vec<ListedRepository>,
    /// Cursor of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Reads one page of a listing.
///
/// A repository whose entry is null or has an error is left out: a source that is not listed keeps
/// its state and is looked at on its own.
///
/// # Errors
/// Why the page proves nothing.
pub fn read_listing(
    answer: GraphqlAnswer<ListingData>,
    catalog_path: &str,
) -> Result<ListingPage, Failure> {
    let GraphqlAnswer { data, errors } = answer;
    let owner = data.and_then(|data| data.repository_owner);
    let failed_nodes: Vec<Option<usize>> = errors
        .iter()
        .map(|error| error.index_after("nodes"))
        .collect();
    // An error about no single entry may have cut the page, which must not pass for a whole one.
    let whole = errors
        .iter()
        .zip(&failed_nodes)
        .find(|(_, index)| index.is_none());
    if let Some((error, _)) = whole {
        return Err(error.failure());
    }
    let Some(OwnerNode {
        login,
        repositories: Some(page),
    }) = owner
    else {
        let error = errors.first();
        return Err(error.map_or_else(
            || Failure::not_visible("GitHub shows no such account"),
            GraphqlError::failure,
        ));
    };
    let repositories = page
        .nodes
        .into_iter()
        .enumerate()
        // A source that is missing in one listing keeps its state and is looked at on its own.
        .filter(|(index, _)| !failed_nodes.contains(&Some(*index)))
        .filter_map(|(_, node)| read_listed(node?, catalog_path))
        .filter(|listed| is_owned_by(listed, &login))
        .collect();
    let next = page
        .page_info
        .end_cursor
        // GitHub names an end cursor on the last page as well.
        .filter(|_| page.page_info.has_next_page);
    Ok(ListingPage {
        organization: login,
        repositories,
        next,
    })
}

fn read_listed(node: ListedNode, catalog_path: &str) -> Option<ListedRepository> {
    Some(ListedRepository {
        repository: Some(node.identity.to_repository()?),
        head: node.identity.head().unwrap_or_default(),
        blob: node
            .file
            // A folder may have the name of the catalog file.
            .filter(|file| file.typename == "Blob")
            .map(|file| file.oid)
            .unwrap_or_default(),
        path: catalog_path.to_owned(),
    })
}

// A person's list also holds repositories of others they work on.
fn is_owned_by(listed: &ListedRepository, login: &str) -> bool {
    listed
        .repository
        .as_ref()
        .is_some_and(|repository| repository.owner.eq_ignore_ascii_case(login))
}
