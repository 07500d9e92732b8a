//! GraphQL questions, as GitHub's schema names things. Pure.
//!
//! Many repositories are asked in one query through aliases: `r0`, `r1`, …, and in each the wanted
//! paths as `p0`, `p1`, …. Values are written into the query as escaped literals, for a variable per
//! path would double its length.

use std::fmt::Write as _;

use freshet_model::GitRef;
use freshet_proto::message::{ListingTarget, RepositoryTarget};

use crate::reconcile::{RepositoryQuestion, git_ref_of};

/// Most repositories in one query.
pub const REPOSITORIES_PER_QUERY_MAX: usize = 100;
const IDENTITY: &str = "fragment I on Repository { id databaseId name url isArchived isEmpty owner { login } \
     isFork visibility repositoryTopics(first: 100) { nodes { topic { name } } } defaultBranchRef { name target { oid } } }";
const BLOB_ID: &str = "{ __typename oid ... on Blob { byteSize } }";
const COMMIT_ID: &str = "{ __typename oid ... on Tag { target { __typename oid } } }";
const BLOB_TEXT: &str = "{ __typename oid ... on Blob { byteSize isBinary isTruncated text } }";

/// The alias of the `index`-th repository.
#[must_use]
pub fn repository_alias(index: usize) -> String {
    format!("r{index}")
}

/// The alias of the `index`-th wanted path.
#[must_use]
pub fn path_alias(index: usize) -> String {
    format!("p{index}")
}

/// Aliases of what a ref that is no default branch may be, in the order in which it is taken for that.
pub const REF_ALIASES: [&str; 3] = ["branch", "tag", "revision"];
/// Alias of the commit a question is pinned to.
pub const COMMIT_ALIAS: &str = "commit";

/// Digits of the id of a commit.
const COMMIT_DIGITS: usize = 40;
/// Fewest digits by which git takes a word for the beginning of one.
const SHORT_COMMIT_DIGITS_MIN: usize = 4;

/// One query for many repositories.
#[must_use]
pub fn write_repositories(asked: &[(&RepositoryTarget, &RepositoryQuestion)]) -> String {
    let mut query = String::with_capacity(256 + asked.len() * 256);
    // One fragment for all, or the identity alone would double the query.
    query.push_str("query Repositories { ");
    for (index, (target, question)) in asked.iter().enumerate() {
        write_repository(&mut query, index, target, question);
    }
    query.push_str("} ");
    query.push_str(IDENTITY);
    query
}

// By node id where it is known: a name may belong to another repository after a rename.
fn write_repository(
    query: &mut String,
    index: usize,
    target: &RepositoryTarget,
    question: &RepositoryQuestion,
) {
    let alias = repository_alias(index);
    let repository = target.repository.clone().unwrap_or_default();
    let selector = if repository.node_id.is_empty() {
        format!(
            "repository(owner: {}, name: {})",
            quote_literal(&repository.owner),
            quote_literal(&repository.name)
        )
    } else {
        format!("node(id: {})", quote_literal(&repository.node_id))
    };
    push_formatted(
        query,
        format_args!("{alias}: {selector} {{ ... on Repository {{ ...I "),
    );
    let git_ref = git_ref_of(&target.r#ref);
    for (alias, expression) in REF_ALIASES.iter().zip(ref_expressions(&git_ref)) {
        let expression = quote_literal(&expression);
        push_formatted(
            query,
            format_args!("{alias}: object(expression: {expression}) {COMMIT_ID} "),
        );
    }
    if let Some(commit) = question.base.commit() {
        push_formatted(
            query,
            format_args!(
                "{COMMIT_ALIAS}: object(expression: {}) {{ oid }} ",
                quote_literal(commit)
            ),
        );
    }
    let base = match question.base.commit() {
        Some(commit) => commit.to_owned(),
        None => branch_expression(&git_ref),
    };
    for (index, (wanted, text)) in target.wanted.iter().zip(&question.texts).enumerate() {
        let expression = quote_literal(&format!("{base}:{}", wanted.path));
        let selection = if *text { BLOB_TEXT } else { BLOB_ID };
        push_formatted(
            query,
            format_args!(
                "{}: object(expression: {expression}) {selection} ",
                path_alias(index)
            ),
        );
    }
    query.push_str("} } ");
}

/// What the files of a ref are asked for at first, as git names it; GitHub resolves `HEAD` to the default
/// branch.
fn branch_expression(git_ref: &GitRef) -> String {
    match git_ref {
        GitRef::Named(name) if !is_unambiguous(name) => format!("refs/heads/{name}"),
        GitRef::Named(_) | GitRef::DefaultBranch => git_ref.to_string(),
    }
}

/// What a ref that is no default branch may be, as git names it: in full, for to git a tag comes before a
/// branch of that name, and on GitHub's pages after it.
fn ref_expressions(git_ref: &GitRef) -> Vec<String> {
    let GitRef::Named(name) = git_ref else {
        return Vec::new();
    };
    let mut expressions = vec![branch_expression(git_ref)];
    if !is_unambiguous(name) {
        expressions.push(format!("refs/tags/{name}"));
        if is_hexadecimal(name) && name.len() >= SHORT_COMMIT_DIGITS_MIN {
            expressions.push(name.clone());
        }
    }
    expressions
}

/// Whether a ref can be one thing only. A branch named like a commit cannot be asked for; GitHub refuses
/// to make one.
fn is_unambiguous(name: &str) -> bool {
    name.starts_with("refs/") || (name.len() == COMMIT_DIGITS && is_hexadecimal(name))
}

fn is_hexadecimal(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One page of an account's repositories: heads and blob ids, no texts.
///
/// In the order of creation, so that repositories made or renamed while the pages are read do not
/// push others over a page boundary.
#[must_use]
pub fn write_listing(target: &ListingTarget, page_size: usize, after: Option<&str>) -> String {
    let after = after.map_or_else(|| "null".to_owned(), quote_literal);
    let expression = quote_literal(&format!(
        "{}:{}",
        GitRef::DefaultBranch,
        target.catalog_path
    ));
    format!(
        "query Listing {{ repositoryOwner(login: {login}) {{ login repositories(first: {page_size}, after: {after}, \
         orderBy: {{ field: CREATED_AT, direction: ASC }}) {{ pageInfo {{ hasNextPage endCursor }} \
         nodes {{ ...I file: object(expression: {expression}) {BLOB_ID} }} }} }} }} {IDENTITY}",
        login = quote_literal(&target.organization),
    )
}

fn push_formatted(query: &mut String, arguments: std::fmt::Arguments<'_>) {
    query
        .write_fmt(arguments)
        .expect("writing to a string cannot fail");
}

/// A GraphQL string literal. JSON's escapes are a subset of GraphQL's.
fn quote_literal(text: &str) -> String {
    // Never pasted: a path comes from whoever can write a catalog file.
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use freshet_proto::message::{Repository, WantedPath};

    use super::*;
    use crate::reconcile::QuestionBase;

    fn target(node_id: &str, branch: &str, paths: &[&str]) -> RepositoryTarget {
        RepositoryTarget {
            repository: Some(Repository {
                id: 1,
                node_id: node_id.to_owned(),
                owner: "acme".to_owned(),
                name: "pay".to_owned(),
                ..Repository::default()
            }),
            r#ref: branch.to_owned(),
            wanted: paths
                .iter()
                .map(|path| WantedPath {
                    path: (*path).to_owned(),
                    held_blob: String::new(),
                    ..WantedPath::default()
                })
                .collect(),
            ..RepositoryTarget::default()
        }
    }

    #[track_caller]
    fn check(target: &RepositoryTarget, question: &RepositoryQuestion, fragments: &[&str]) {
        let query = write_repositories(&[(target, question)]);
        for fragment in fragments {
            assert!(query.contains(fragment), "{fragment} is missing in {query}");
        }
        assert_eq!(query.matches('{').count(), query.matches('}').count());
    }

    #[test]
    fn a_push_is_read_at_its_commit_with_text() {
        let question = RepositoryQuestion::new(QuestionBase::Pushed("abc".to_owned()), vec![true]);
        check(
            &target("R_1", "HEAD", &["catalog-info.yaml"]),
            &question,
            &[
                r#"r0: node(id: "R_1") { ... on Repository { ...I "#,
                r#"commit: object(expression: "abc") { oid }"#,
                r#"p0: object(expression: "abc:catalog-info.yaml") { __typename oid ... on Blob { byteSize isBinary isTruncated text } }"#,
            ],
        );
    }

    #[test]
    fn a_sweep_asks_for_ids_at_the_default_branch() {
        let question = RepositoryQuestion::new(QuestionBase::Branch, vec![false, true]);
        check(
            &target("", "HEAD", &["a.yaml", "b.yaml"]),
            &question,
            &[
                r#"r0: repository(owner: "acme", name: "pay")"#,
                r#"p0: object(expression: "HEAD:a.yaml") { __typename oid ... on Blob { byteSize } }"#,
                r#"p1: object(expression: "HEAD:b.yaml") { __typename oid ... on Blob { byteSize isBinary"#,
            ],
        );
    }

    #[test]
    fn another_branch_is_named_in_full() {
        let question = RepositoryQuestion::new(QuestionBase::Branch, vec![false]);
        check(
            &target("R_1", "release/1", &["a.yaml"]),
            &question,
            &[
                r#"branch: object(expression: "refs/heads/release/1") { __typename oid"#,
                r#"tag: object(expression: "refs/tags/release/1") { __typename oid"#,
                r#"p0: object(expression: "refs/heads/release/1:a.yaml")"#,
            ],
        );
    }

    #[test]
    fn a_name_may_be_that_of_a_branch_a_tag_or_a_short_commit() {
        let expressions = |name: &str| ref_expressions(&GitRef::Named(name.to_owned()));
        assert_eq!(ref_expressions(&GitRef::DefaultBranch), [""; 0]);
        assert_eq!(expressions("v1.2"), ["refs/heads/v1.2", "refs/tags/v1.2"]);
        assert_eq!(
            expressions("0123abc"),
            ["refs/heads/0123abc", "refs/tags/0123abc", "0123abc"]
        );
        assert_eq!(expressions("refs/tags/v1.2"), ["refs/tags/v1.2"]);
    }

    #[test]
    fn a_commit_is_named_by_itself() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        check(
            &target("R_1", commit, &["a.yaml"]),
            &RepositoryQuestion::new(QuestionBase::Branch, vec![false]),
            &[
                r#"branch: object(expression: "0123456789abcdef0123456789abcdef01234567") { __typename oid"#,
                r#"p0: object(expression: "0123456789abcdef0123456789abcdef01234567:a.yaml")"#,
            ],
        );
    }

    #[test]
    fn no_path_can_leave_its_literal() {
        let question = RepositoryQuestion::new(QuestionBase::Branch, vec![false]);
        let path = "a\"}\n{ viewer { login }";
        check(
            &target("R_1", "HEAD", &[path]),
            &question,
            &[r#""HEAD:a\"}\n{ viewer { login }""#],
        );
    }

    #[test]
    fn a_listing_asks_for_no_text() {
        let target = ListingTarget {
            provider_id: "default".to_owned(),
            organization: "acme".to_owned(),
            catalog_path: "catalog-info.yaml".to_owned(),
        };
        let query = write_listing(&target, 100, Some("cursor"));
        assert!(query.contains(r#"repositories(first: 100, after: "cursor""#));
        assert!(!query.contains("text"));
    }
}
