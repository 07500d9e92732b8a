//! The cursor of a by-query page: everything that the next request must know, as text that goes into a browser's address.
//!
//! Base64 of JSON, as Backstage's: its client looks inside, and asks by `POST` if there is a `query`. It is not signed; whoever
//! forges one gets the page that he asked for, or is told that it is none.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::InvalidQuery;
use super::full_text::FullTextFilter;
use super::order::SortField;
use super::page::{PagePosition, PageTotal};
use super::predicate::EntityPredicate;
use super::sort::SortMark;
use crate::view::Direction;

/// Bytes of a cursor at most; its own never come near, and a request line is not longer.
pub(crate) const CURSOR_BYTES_MAX: usize = 64 * 1024;

/// What one page says about those beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PageCursor {
    pub(crate) predicate: EntityPredicate,
    pub(crate) text: FullTextFilter,
    pub(crate) order: Option<SortField>,
    pub(crate) position: PagePosition,
    pub(crate) total: PageTotal,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenCursor {
    #[serde(default)]
    order_fields: Vec<WrittenField>,
    #[serde(default)]
    order_field_values: Vec<Option<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first_sort_field_values: Vec<Option<String>>,
    #[serde(default)]
    is_previous: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    full_text_filter: Option<WrittenText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    query: Option<Value>,
    /// What cursors had before there was `query`; read, never written.
    #[serde(default, skip_serializing)]
    filter: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    total_items: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct WrittenField {
    field: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct WrittenText {
    #[serde(default)]
    term: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<String>>,
}

impl PageCursor {
    /// Reads a cursor.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidQuery> {
        if text.len() > CURSOR_BYTES_MAX {
            return Err(malformed("it is too long"));
        }
        let json = decode(text).ok_or_else(|| malformed("it is no base64"))?;
        let written: WrittenCursor =
            serde_json::from_slice(&json).map_err(|error| malformed(&error.to_string()))?;
        written.read()
    }

    /// The cursor as text.
    pub(crate) fn to_text(&self) -> String {
        let json = serde_json::to_string(&WrittenCursor::from(self));
        STANDARD.encode(json.expect("a cursor is plain data"))
    }
}

impl WrittenCursor {
    fn read(self) -> Result<PageCursor, InvalidQuery> {
        let order = match self.order_fields.first() {
            Some(first) => Some(
                SortField::new(&first.field, first.order.as_deref())
                    .map_err(|InvalidQuery(reason)| malformed(&reason))?,
            ),
            None => None,
        };
        let is_sorted = order.is_some();
        let behind = read_mark(&self.order_field_values, is_sorted)?;
        let first = if self.first_sort_field_values.is_empty() {
            behind.clone()
        } else {
            read_mark(&self.first_sort_field_values, is_sorted)?
        };
        let position = if self.is_previous {
            PagePosition::Before {
                mark: behind,
                first,
            }
        } else {
            PagePosition::Behind {
                mark: behind,
                first,
            }
        };
        let text = self.full_text_filter.map_or_else(
            || Ok(FullTextFilter::default()),
            |text| {
                let fields = text.fields.unwrap_or_default();
                FullTextFilter::new(&text.term, fields.iter().map(String::as_str))
            },
        )?;
        Ok(PageCursor {
            predicate: read_predicate(self.query.as_ref(), self.filter.as_ref())?,
            text,
            order,
            position,
            total: self.total_items.map_or(PageTotal::Count, PageTotal::Known),
        })
    }
}

/// `[value, uid]` of a sorted list, `[uid]` of another.
fn read_mark(values: &[Option<String>], is_sorted: bool) -> Result<SortMark, InvalidQuery> {
    let (value, uid) = match (is_sorted, values) {
        (true, [Some(value), Some(uid)]) => (Some(value.clone()), uid),
        (false, [Some(uid)]) => (None, uid),
        _ => return Err(malformed("it does not say where the page begins")),
    };
    let uid = Uuid::parse_str(uid).map_err(|_| malformed("it names no entity"))?;
    Ok(SortMark { value, uid })
}

fn read_predicate(
    query: Option<&Value>,
    filter: Option<&Value>,
) -> Result<EntityPredicate, InvalidQuery> {
    let read = match (query, filter) {
        (Some(query), _) => EntityPredicate::parse(query),
        (None, Some(filter)) => read_filter(filter),
        (None, None) => Ok(EntityPredicate::default()),
    };
    read.map_err(|InvalidQuery(reason)| malformed(&reason))
}

/// The tree that cursors had before: `{key, values}`, `{not}`, `{anyOf}`, `{allOf}`.
fn read_filter(filter: &Value) -> Result<EntityPredicate, InvalidQuery> {
    let invalid = || InvalidQuery("its filter is none".to_owned());
    let read_all = |items: &Value| -> Result<Vec<EntityPredicate>, InvalidQuery> {
        let items = items.as_array().ok_or_else(invalid)?;
        items.iter().map(read_filter).collect()
    };
    if let Some(part) = filter.get("not") {
        return Ok(EntityPredicate::Not(Box::new(read_filter(part)?)));
    }
    if let Some(parts) = filter.get("anyOf") {
        return read_all(parts).map(EntityPredicate::Any);
    }
    if let Some(parts) = filter.get("allOf") {
        return read_all(parts).map(EntityPredicate::All);
    }
    let key = filter
        .get("key")
        .and_then(Value::as_str)
        .ok_or_else(invalid)?;
    let Some(values) = filter.get("values") else {
        return Ok(EntityPredicate::exists(key));
    };
    let values = values.as_array().ok_or_else(invalid)?;
    let values: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    Ok(EntityPredicate::is_in(key, values.ok_or_else(invalid)?))
}

impl From<&PageCursor> for WrittenCursor {
    fn from(cursor: &PageCursor) -> Self {
        let (mark, first, is_previous) = match &cursor.position {
            PagePosition::Start { .. } => (None, None, false),
            PagePosition::Behind { mark, first } => (Some(mark), Some(first), false),
            PagePosition::Before { mark, first } => (Some(mark), Some(first), true),
        };
        let order = cursor.order.as_ref().map(|order| WrittenField {
            field: order.field.clone(),
            order: Some(direction_word(order.direction).to_owned()),
        });
        let text = cursor.text.is_given().then(|| WrittenText {
            term: cursor.text.term.clone(),
            fields: (!cursor.text.fields.is_empty()).then(|| cursor.text.fields.clone()),
        });
        Self {
            order_fields: order.into_iter().collect(),
            order_field_values: mark.map(write_mark).unwrap_or_default(),
            first_sort_field_values: first.map(write_mark).unwrap_or_default(),
            is_previous,
            full_text_filter: text,
            query: cursor.predicate.to_json(),
            filter: None,
            total_items: match cursor.total {
                PageTotal::Count => None,
                PageTotal::Known(total) => Some(total),
            },
        }
    }
}

fn write_mark(mark: &SortMark) -> Vec<Option<String>> {
    let uid = mark.uid.to_string();
    mark.value.iter().cloned().chain([uid]).map(Some).collect()
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ascending => "asc",
        Direction::Descending => "desc",
    }
}

/// The bytes of a mark.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    // Addresses lose the padding on their way now and then.
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&base64::alphabet::STANDARD, config);
    engine.decode(text).ok()
}

fn malformed(reason: &str) -> InvalidQuery {
    InvalidQuery(format!("Malformed cursor: {reason}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encode(cursor: &Value) -> String {
        STANDARD.encode(cursor.to_string())
    }

    #[test]
    fn a_cursor_is_read_back_as_it_was_written() {
        let mark = |name: &str, number| SortMark {
            value: Some(name.to_owned()),
            uid: Uuid::from_u128(number),
        };
        let cursor = PageCursor {
            predicate: EntityPredicate::is_in("kind", ["component", "api"]),
            text: FullTextFilter::new("pay", ["metadata.name"]).expect("valid"),
            order: Some(SortField::new("metadata.name", Some("desc")).expect("valid")),
            position: PagePosition::Behind {
                mark: mark("b", 2),
                first: mark("z", 1),
            },
            total: PageTotal::Known(7),
        };
        assert_eq!(PageCursor::parse(&cursor.to_text()), Ok(cursor));
    }

    #[test]
    fn cursors_of_backstage_are_read() {
        let uid = Uuid::from_u128(1).to_string();
        let cursor = encode(&json!({
            "orderFields": [{"field": "metadata.name"}],
            "orderFieldValues": ["a", uid],
            "isPrevious": true,
            "fullTextFilter": {"term": ""},
            "filter": {"allOf": [{"key": "kind", "values": ["api"]}, {"not": {"key": "spec.x"}}]},
            "totalItems": 3,
        }));
        let cursor = PageCursor::parse(&cursor).expect("a cursor");
        let expected = json!({"$all": [{"kind": "api"}, {"$not": {"spec.x": {"$exists": true}}}]});
        assert_eq!(cursor.predicate.to_json(), Some(expected));
        assert_eq!(
            cursor.order.map(|it| it.direction),
            Some(Direction::Ascending)
        );
        assert!(matches!(cursor.position, PagePosition::Before { .. }));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let uid = Uuid::from_u128(1).to_string();
        for cursor in [
            "zzzz".to_owned(),
            String::new(),
            encode(&json!([])),
            encode(&json!({})),
            encode(&json!({"orderFieldValues": ["no uuid"]})),
            encode(&json!({"orderFieldValues": [null]})),
            encode(&json!({"orderFields": [{"field": "a"}], "orderFieldValues": [uid]})),
            encode(
                &json!({"orderFields": [{"field": "a", "order": "up"}], "orderFieldValues": ["a", uid]}),
            ),
            encode(&json!({"orderFieldValues": [uid], "query": "kind"})),
            encode(&json!({"orderFieldValues": [uid], "filter": {"key": 1}})),
            encode(&json!({"orderFieldValues": [uid], "totalItems": -1})),
            "A".repeat(CURSOR_BYTES_MAX + 1),
        ] {
            assert!(PageCursor::parse(&cursor).is_err(), "{cursor}");
        }
    }
}
