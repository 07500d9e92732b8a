//! Pages: cursors, their bounds, and the order of repositories.

use async_graphql::{Context, Enum, InputObject, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::report;
use crate::view::View;

/// Most records in one page.
const PAGE_MAX: usize = 100;
const CURSOR_PREFIX: &str = "cursor:v2:";

/// Where a page is within its connection.
#[derive(SimpleObject, Clone)]
pub(super) struct PageInfo {
    has_next_page: bool,
    has_previous_page: bool,
    start_cursor: Option<String>,
    end_cursor: Option<String>,
}

/// By what repositories are ordered.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum RepositoryOrderField {
    CreatedAt,
    UpdatedAt,
    PushedAt,
    Name,
    Stargazers,
}

#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum OrderDirection {
    Asc,
    Desc,
}

/// The order of a list of repositories.
#[derive(InputObject)]
pub(super) struct RepositoryOrder {
    field: RepositoryOrderField,
    direction: OrderDirection,
}

/// Sorts as asked; without an order the list stays in the order of creation.
pub(super) fn sort(repositories: &mut [View], order: &RepositoryOrder) {
    match order.field {
        RepositoryOrderField::Name => repositories.sort_by(|a, b| {
            a.facts
                .name
                .to_lowercase()
                .cmp(&b.facts.name.to_lowercase())
        }),
        RepositoryOrderField::PushedAt | RepositoryOrderField::UpdatedAt => {
            repositories.sort_by_key(|view| view.facts.pushed_at);
        }
        RepositoryOrderField::CreatedAt | RepositoryOrderField::Stargazers => {
            repositories.sort_by_key(|view| view.repository.id);
        }
    }
    if order.direction == OrderDirection::Desc {
        repositories.reverse();
    }
}

/// Checks `first`. GitHub refuses a connection without a bound and one above a hundred.
pub(super) fn page_size(
    context: &Context<'_>,
    connection: &str,
    first: Option<i32>,
) -> Option<usize> {
    let Some(first) = first else {
        let message = format!(
            "You must provide a `first` or `last` value to properly paginate the `{connection}` connection."
        );
        report(context, "MISSING_PAGINATION_BOUNDARIES", message);
        return None;
    };
    match usize::try_from(first) {
        Ok(first) if first <= PAGE_MAX => Some(first),
        Ok(_) => {
            let message = format!(
                "Requesting {first} records on the `{connection}` connection exceeds the `first` limit of {PAGE_MAX} records."
            );
            report(context, "EXCESSIVE_PAGINATION", message);
            None
        }
        Err(_) => {
            report(
                context,
                "INVALID_PAGINATION",
                format!("`first` on the `{connection}` connection cannot be less than zero."),
            );
            None
        }
    }
}

/// The records of one page and where it is. `key` is stable for a record.
pub(super) fn page<T>(
    all: Vec<T>,
    first: usize,
    after: Option<&str>,
    key: impl Fn(&T) -> u64,
) -> (Vec<T>, PageInfo) {
    let after = after.and_then(parse_cursor);
    let start = after.map_or(0, |after| {
        match all.iter().position(|record| key(record) == after) {
            Some(position) => position + 1,
            // The record is gone: go on behind where it was in the order of creation.
            None => all
                .iter()
                .position(|record| key(record) > after)
                .unwrap_or(all.len()),
        }
    });
    let has_next_page = start + first < all.len();
    let records: Vec<T> = all.into_iter().skip(start).take(first).collect();
    let info = PageInfo {
        has_next_page,
        has_previous_page: start > 0,
        start_cursor: records.first().map(|record| cursor(key(record))),
        end_cursor: records.last().map(|record| cursor(key(record))),
    };
    (records, info)
}

fn cursor(key: u64) -> String {
    STANDARD.encode(format!("{CURSOR_PREFIX}{key}"))
}

fn parse_cursor(cursor: &str) -> Option<u64> {
    let decoded = String::from_utf8(STANDARD.decode(cursor).ok()?).ok()?;
    decoded.strip_prefix(CURSOR_PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(all: &[u64], after: Option<u64>, expected: &[u64], more: bool) {
        let after = after.map(cursor);
        let (records, info) = page(all.to_vec(), 2, after.as_deref(), |record| *record);
        assert_eq!((records.as_slice(), info.has_next_page), (expected, more));
    }

    #[test]
    fn a_page_follows_its_cursor_even_if_the_record_is_gone() {
        check(&[], None, &[], false);
        check(&[1, 2, 3], None, &[1, 2], true);
        check(&[1, 2, 3], Some(2), &[3], false);
        check(&[1, 3, 4], Some(2), &[3, 4], false);
        check(&[1, 2], Some(2), &[], false);
    }
}
