//! The `order` parameter of lists: `asc:field` or `desc:field`, most significant first.

use std::cmp::Ordering;

use freshet_model::EntityRef;
use uuid::Uuid;

use super::InvalidQuery;
use super::search::{SearchCandidate, is_relation};

/// How a list is sorted; the default is by nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntityOrder {
    clauses: Vec<OrderClause>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OrderClause {
    field: String,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Ascending,
    Descending,
}

/// What one entity is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SortKey {
    /// Lower-cased value for each clause; `None` if the entity has none.
    pub(super) values: Vec<Option<String>>,
    pub(super) uid: Uuid,
    pub(super) entity_ref: EntityRef,
}

impl EntityOrder {
    /// Reads the values of all `order` parameters.
    ///
    /// # Errors
    ///
    /// If one is not `asc:field` or `desc:field`.
    pub(crate) fn parse<'a>(
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidQuery> {
        let clauses = parameters
            .into_iter()
            .map(parse_clause)
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { clauses })
    }

    pub(super) fn is_given(&self) -> bool {
        !self.clauses.is_empty()
    }

    pub(super) fn asks_for_relations(&self) -> bool {
        self.clauses.iter().any(|clause| is_relation(&clause.field))
    }

    /// The order of an unpaged list: only the first clause counts, without regard to case.
    pub(super) fn for_unpaged_list(&self) -> Self {
        let clauses = self
            .clauses
            .iter()
            .take(1)
            .map(|clause| OrderClause {
                field: clause.field.to_lowercase(),
                direction: clause.direction,
            })
            .collect();
        Self { clauses }
    }

    pub(super) fn sort_key_of(&self, row: &mut SearchCandidate<'_>) -> SortKey {
        let values = self
            .clauses
            .iter()
            .map(|clause| clause.sort_value(row))
            .collect();
        SortKey {
            values,
            uid: row.record.uid,
            entity_ref: row.record.entity_ref.clone(),
        }
    }

    /// Entities without a value come last in both directions; ties are sorted by identity.
    pub(super) fn compare_keys(&self, a: &SortKey, b: &SortKey) -> Ordering {
        let by_clauses = self
            .clauses
            .iter()
            .zip(a.values.iter().zip(&b.values))
            .map(|(clause, (a, b))| clause.compare_values(a.as_deref(), b.as_deref()))
            .find(|ordering| ordering.is_ne());
        // Pages are cut by position, so equal entities must keep their order from one request to
        // the next.
        by_clauses.unwrap_or_else(|| a.uid.cmp(&b.uid))
    }
}

fn parse_clause(parameter: &str) -> Result<OrderClause, InvalidQuery> {
    let invalid = || {
        InvalidQuery(format!(
            "Invalid order parameter '{parameter}', expected <asc|desc>:<field name>"
        ))
    };
    let (direction, field) = parameter.split_once(':').ok_or_else(invalid)?;
    let direction = match direction {
        "asc" => Direction::Ascending,
        "desc" => Direction::Descending,
        _ => return Err(invalid()),
    };
    let field = field.trim();
    if field.is_empty() {
        return Err(invalid());
    }
    Ok(OrderClause {
        field: field.to_owned(),
        direction,
    })
}

impl OrderClause {
    /// Of several values, the one that comes first.
    fn sort_value(&self, row: &mut SearchCandidate<'_>) -> Option<String> {
        let values = row.values_of(&self.field).into_iter().flatten();
        let first = match self.direction {
            Direction::Ascending => values.min(),
            Direction::Descending => values.max(),
        };
        first.map(std::borrow::Cow::into_owned)
    }

    fn compare_values(&self, a: Option<&str>, b: Option<&str>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => match self.direction {
                Direction::Ascending => a.cmp(b),
                Direction::Descending => b.cmp(a),
            },
            // Last in both directions, as PostgreSQL's `nulls last` in Backstage's query.
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use freshet_model::{LocationId, RelationDeclaration, Revision, SourceId};

    use super::*;
    use crate::change::EntityRecord;

    /// A record, and relations as the view would show them.
    pub(in super::super) fn entity(
        name: &str,
        document: &str,
        relations: &[(&str, &str)],
    ) -> (EntityRecord, Vec<(String, EntityRef)>) {
        let parse = |text: &str| EntityRef::parse(text).expect("a valid ref");
        let record = EntityRecord {
            entity_ref: parse(name),
            uid: Uuid::from_u128(u128::from(name.bytes().map(u64::from).sum::<u64>())),
            version: 1,
            revision: Revision::new(1),
            digest: String::new(),
            document: Arc::from(document),
            relations: Arc::from(Vec::<RelationDeclaration>::new()),
            location_id: LocationId::new(1),
            source_id: SourceId::new(1),
            changed_at: 0,
        };
        let relations = relations
            .iter()
            .map(|(relation, target)| ((*relation).to_owned(), parse(target)))
            .collect();
        (record, relations)
    }

    #[track_caller]
    fn check(order: &[&str], expected: &str) {
        let entities =
            [("a", "2", "x"), ("b", "1", "x"), ("c", "", "w")].map(|(name, rank, group)| {
                let rank = if rank.is_empty() {
                    String::new()
                } else {
                    format!(r#""rank":{rank},"#)
                };
                let document = format!(r#"{{"spec":{{{rank}"group":"{group}"}}}}"#);
                entity(&format!("component:default/{name}"), &document, &[]).0
            });
        let order = EntityOrder::parse(order.iter().copied()).expect("a valid order");
        let mut keys: Vec<SortKey> = entities
            .iter()
            .map(|record| order.sort_key_of(&mut SearchCandidate::new(record, &[])))
            .collect();
        keys.sort_by(|a, b| order.compare_keys(a, b));
        let sorted: Vec<&str> = keys.iter().map(|key| key.entity_ref.name()).collect();
        assert_eq!(sorted.join(" "), expected, "{order:?}");
    }

    #[test]
    fn entities_without_a_value_come_last_in_both_directions() {
        check(&["asc:spec.rank"], "b a c");
        check(&["desc:spec.rank"], "a b c");
    }

    #[test]
    fn later_clauses_break_ties() {
        check(&["asc:spec.group", "asc:spec.rank"], "c b a");
        check(&["desc:spec.group", "desc:spec.rank"], "a b c");
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["name", "up:name", "asc:", ""] {
            assert!(EntityOrder::parse([text]).is_err(), "{text}");
        }
    }
}
