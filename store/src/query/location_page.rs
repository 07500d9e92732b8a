//! Pages of registered locations: which are wanted, how many at once, and where the last page ended. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::InvalidQuery;
use super::location_predicate::LocationPredicate;
use crate::repo::RegisteredLocation;

/// Locations of a page whose request does not say how many.
const LIMIT_DEFAULT: u64 = 1_000;
/// Most locations of a page, however many are asked for.
const LIMIT_MAX: usize = 10_000;

/// A request for a page. What is in a cursor counts before what stands beside it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub(crate) struct LocationQuery {
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    query: Option<Value>,
}

/// What a cursor carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LocationCursor {
    limit: u64,
    after_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<Value>,
}

/// A page, and what there is besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocationPage {
    pub(crate) items: Vec<RegisteredLocation>,
    /// How many match, on all pages.
    pub(crate) total: usize,
    /// Where the next page begins; none if this is the last.
    pub(crate) next: Option<String>,
}

/// What is asked for, read.
struct PageRequest {
    limit: u64,
    after_id: Option<Uuid>,
    query: Option<Value>,
    predicate: LocationPredicate,
}

impl LocationQuery {
    /// Takes a page out of all registered locations, which come in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the cursor, the limit or the predicate is none.
    pub(crate) fn select_page(
        self,
        all: Vec<RegisteredLocation>,
    ) -> Result<LocationPage, InvalidQuery> {
        let request = self.read()?;
        let matching = all.into_iter().filter(|it| request.predicate.matches(it));
        let matching: Vec<RegisteredLocation> = matching.collect();
        let total = matching.len();
        let behind = |it: &RegisteredLocation| request.after_id.is_none_or(|after| it.id > after);
        let mut items: Vec<RegisteredLocation> = matching.into_iter().filter(behind).collect();
        let limit = usize::try_from(request.limit).unwrap_or(LIMIT_MAX);
        let limit = limit.min(LIMIT_MAX);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let last = items.last().filter(|_| has_more);
        Ok(LocationPage {
            next: last.map(|last| request.cursor_after(last.id)),
            items,
            total,
        })
    }

    fn read(self) -> Result<PageRequest, InvalidQuery> {
        let (limit, after_id, query) = match &self.cursor {
            Some(cursor) => {
                let cursor = parse_cursor(cursor)?;
                (
                    cursor.limit,
                    Some(parse_id(&cursor.after_id)?),
                    cursor.query,
                )
            }
            None => (self.limit.unwrap_or(LIMIT_DEFAULT), None, self.query),
        };
        if limit == 0 {
            return Err(InvalidQuery("limit must be at least 1".to_owned()));
        }
        let predicate = query.as_ref().map(LocationPredicate::parse).transpose()?;
        Ok(PageRequest {
            limit,
            after_id,
            predicate: predicate.unwrap_or_default(),
            query,
        })
    }
}

impl PageRequest {
    fn cursor_after(&self, id: Uuid) -> String {
        let cursor = LocationCursor {
            limit: self.limit,
            after_id: id.to_string(),
            query: self.query.clone(),
        };
        let json = serde_json::to_string(&cursor).expect("a cursor is plain data with text keys");
        STANDARD.encode(json)
    }
}

fn parse_cursor(cursor: &str) -> Result<LocationCursor, InvalidQuery> {
    let json = STANDARD.decode(cursor).map_err(|_| malformed())?;
    serde_json::from_slice(&json).map_err(|_| malformed())
}

fn parse_id(id: &str) -> Result<Uuid, InvalidQuery> {
    Uuid::parse_str(id).map_err(|_| malformed())
}

fn malformed() -> InvalidQuery {
    InvalidQuery("Malformed cursor, could not be parsed".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn locations(count: u128) -> Vec<RegisteredLocation> {
        let locations = (1..=count).map(|number| RegisteredLocation {
            id: Uuid::from_u128(number),
            location_type: if number % 2 == 0 { "file" } else { "url" }.to_owned(),
            target: number.to_string(),
            entity_ref: String::new(),
            is_required: true,
            registered_at: 0,
            changed_at: 0,
        });
        locations.collect()
    }

    fn query(body: Value) -> LocationQuery {
        serde_json::from_value(body).expect("a query")
    }

    #[test]
    fn pages_follow_each_other_and_the_last_one_says_so() {
        let mut asked = query(json!({"limit": 2, "query": {"type": "url"}}));
        let mut seen = Vec::new();
        loop {
            let page = asked.select_page(locations(5)).expect("a page");
            assert_eq!(page.total, 3);
            seen.push(
                page.items
                    .iter()
                    .map(|it| it.target.clone())
                    .collect::<Vec<_>>(),
            );
            let Some(next) = page.next else { break };
            // What stands beside a cursor does not count.
            asked = query(json!({"cursor": next, "limit": 9, "query": {"type": "file"}}));
        }
        assert_eq!(seen, [vec!["1", "3"], vec!["5"]]);
    }

    #[test]
    fn without_a_word_all_are_wanted() {
        let page = LocationQuery::default().select_page(locations(3));
        let page = page.expect("a page");
        assert_eq!((page.items.len(), page.total, page.next), (3, 3, None));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let cursor = |json: Value| STANDARD.encode(json.to_string());
        for body in [
            json!({"limit": 0}),
            json!({"cursor": "x"}),
            json!({"cursor": cursor(json!({"limit": 1}))}),
            json!({"cursor": cursor(json!({"limit": 1, "afterId": "x"}))}),
            json!({"cursor": cursor(json!({"limit": 0, "afterId": Uuid::nil().to_string()}))}),
            json!({"cursor": cursor(json!({"limit": 1, "afterId": Uuid::nil().to_string(), "query": {"$all": ["x"]}}))}),
            json!({"query": {"foo": "x"}}),
        ] {
            let page = query(body.clone()).select_page(locations(1));
            assert!(page.is_err(), "{body}");
        }
    }
}
