//! How lists are sorted: the `order` parameter (`asc:field`) and `orderField` (`field,asc`).

use super::InvalidQuery;
use crate::view::Direction;

/// One key that a list is sorted by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SortField {
    /// The key.
    pub(crate) field: String,
    /// Which way.
    pub(crate) direction: Direction,
}

/// Reads the values of all `order` parameters, the most significant first.
///
/// # Errors
///
/// If one is not `asc:field` or `desc:field`.
pub(crate) fn parse_orders<'a>(
    parameters: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<SortField>, InvalidQuery> {
    parameters.into_iter().map(parse_order).collect()
}

fn parse_order(parameter: &str) -> Result<SortField, InvalidQuery> {
    let invalid = || {
        InvalidQuery(format!(
            "Invalid order parameter '{parameter}', expected <asc|desc>:<field name>"
        ))
    };
    let (direction, field) = parameter.split_once(':').ok_or_else(invalid)?;
    let direction = read_direction(direction).ok_or_else(invalid)?;
    let field = field.trim();
    if field.is_empty() {
        return Err(invalid());
    }
    Ok(SortField {
        field: field.to_owned(),
        direction,
    })
}

/// Reads the values of all `orderField` parameters; only the first of them counts, as in Backstage.
///
/// # Errors
///
/// If one is not `field` or `field,asc` or `field,desc`.
pub(crate) fn parse_order_fields<'a>(
    parameters: impl IntoIterator<Item = &'a str>,
) -> Result<Option<SortField>, InvalidQuery> {
    let fields = parameters
        .into_iter()
        .map(parse_order_field)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(fields.into_iter().next())
}

fn parse_order_field(parameter: &str) -> Result<SortField, InvalidQuery> {
    let (field, direction) = match parameter.split_once(',') {
        Some((field, direction)) => (field, Some(direction)),
        None => (parameter, None),
    };
    SortField::new(field, direction)
}

impl SortField {
    /// A field and, if it is said, a direction; ascending otherwise.
    ///
    /// # Errors
    ///
    /// If the field is empty or the direction is none.
    pub(crate) fn new(field: &str, direction: Option<&str>) -> Result<Self, InvalidQuery> {
        let direction = match direction {
            None => Direction::Ascending,
            Some(text) => read_direction(text).ok_or_else(|| {
                InvalidQuery("Invalid order field order, must be asc or desc".to_owned())
            })?,
        };
        let field = field.trim().to_lowercase();
        if field.is_empty() {
            return Err(InvalidQuery("Invalid order field, it is empty".to_owned()));
        }
        Ok(Self { field, direction })
    }

    /// The same without regard to the case of the field.
    pub(super) fn folded(&self) -> Self {
        Self {
            field: self.field.to_lowercase(),
            direction: self.direction,
        }
    }
}

/// `asc` or `desc`.
pub(super) fn read_direction(text: &str) -> Option<Direction> {
    match text {
        "asc" => Some(Direction::Ascending),
        "desc" => Some(Direction::Descending),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_order_is_refused() {
        for text in ["name", "up:name", "asc:", ""] {
            assert!(parse_orders([text]).is_err(), "{text}");
        }
        for text in ["name,up", "", ",asc", "name,asc,desc"] {
            assert!(parse_order_fields([text]).is_err(), "{text}");
        }
    }

    #[test]
    fn of_several_fields_the_first_counts_and_all_are_read() {
        let first = parse_order_fields(["Spec.Rank,desc", "metadata.name"]).expect("valid");
        let expected = SortField {
            field: "spec.rank".to_owned(),
            direction: Direction::Descending,
        };
        assert_eq!(first, Some(expected));
        assert!(parse_order_fields(["spec.rank", "name,up"]).is_err());
        assert_eq!(parse_order_fields([]), Ok(None));
    }
}
