//! The `filter` parameter.
//!
//! Repeated parameters are alternatives. Inside one, comma-separated statements must all hold, but
//! several values of the same key are alternatives again. `key` alone asks for presence.

use super::InvalidQuery;
use super::search::{SearchCandidate, is_relation};

/// Which entities are wanted; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntityFilter {
    alternatives: Vec<Vec<FilterCondition>>,
}

/// What must hold for one key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FilterCondition {
    key: String,
    /// Any of these; empty asks for presence.
    values: Vec<String>,
}

impl EntityFilter {
    /// Reads the values of all `filter` parameters.
    ///
    /// # Errors
    ///
    /// If a statement has no key.
    pub(crate) fn parse<'a>(
        parameters: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidQuery> {
        let alternatives = parameters
            .into_iter()
            .map(parse_conditions)
            .collect::<Result<Vec<_>, _>>()?;
        // A parameter without any statement restricts nothing, as if it were not there.
        let alternatives = alternatives
            .into_iter()
            .filter(|conditions| !conditions.is_empty())
            .collect();
        Ok(Self { alternatives })
    }

    pub(super) fn asks_for_relations(&self) -> bool {
        let mut conditions = self.alternatives.iter().flatten();
        conditions.any(|condition| is_relation(&condition.key))
    }

    pub(super) fn matches_candidate(&self, row: &mut SearchCandidate<'_>) -> bool {
        self.alternatives.is_empty()
            || self
                .alternatives
                .iter()
                .any(|conditions| conditions.iter().all(|condition| condition.holds_for(row)))
    }
}

fn parse_conditions(parameter: &str) -> Result<Vec<FilterCondition>, InvalidQuery> {
    let mut conditions: Vec<FilterCondition> = Vec::new();
    for statement in parameter.split(',').map(str::trim) {
        if statement.is_empty() {
            continue;
        }
        let (key, value) = match statement.split_once('=') {
            Some((key, value)) => (key.trim(), Some(value.trim().to_lowercase())),
            None => (statement, None),
        };
        if key.is_empty() {
            return Err(InvalidQuery(format!(
                "Invalid filter, '{statement}' is not a valid statement (expected a string on the form a=b or a= or a)"
            )));
        }
        // Keys of the index are lower-case, as in Backstage.
        let key = key.to_lowercase();
        match conditions.iter_mut().find(|condition| condition.key == key) {
            // `a=1,a=2` is either, although a comma means both everywhere else.
            Some(condition) => condition.values.extend(value),
            None => conditions.push(FilterCondition {
                key,
                values: value.into_iter().collect(),
            }),
        }
    }
    Ok(conditions)
}

impl FilterCondition {
    fn holds_for(&self, row: &mut SearchCandidate<'_>) -> bool {
        let found = row.values_of(&self.key);
        if self.values.is_empty() {
            return !found.is_empty();
        }
        found
            .iter()
            .flatten()
            .any(|value| self.values.iter().any(|wanted| wanted == value))
    }
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::entity;
    use super::super::search::SearchCandidate;
    use super::*;

    #[track_caller]
    fn check(filters: &[&str], expected: bool) {
        let (record, relations) = entity(
            "component:default/pay",
            r#"{"kind":"Component","metadata":{"labels":{"empty":"","tier":"Gold"},"name":"Pay","tags":["java"]},"spec":{"lifecycle":"production","type":"service"}}"#,
            &[("ownedBy", "group:default/team-a")],
        );
        let filter = EntityFilter::parse(filters.iter().copied()).expect("a valid filter");
        assert_eq!(
            filter.matches_candidate(&mut SearchCandidate::new(&record, &relations)),
            expected,
            "{filters:?}"
        );
    }

    #[test]
    fn no_filter_wants_everything() {
        check(&[], true);
        check(&[" , "], true);
    }

    #[test]
    fn statements_must_all_hold() {
        check(&["kind=component,spec.type=service"], true);
        check(&["kind=component,spec.type=website"], false);
    }

    #[test]
    fn repeated_parameters_and_repeated_keys_are_alternatives() {
        check(&["kind=api", "spec.type=service"], true);
        check(&["kind=api,kind=component"], true);
        check(&["kind=api,kind=system"], false);
    }

    #[test]
    fn a_key_alone_asks_for_presence_unless_values_are_given_too() {
        check(&["metadata.labels.tier"], true);
        check(&["metadata.labels.none"], false);
        check(&["metadata.labels.tier,metadata.labels.tier=silver"], false);
    }

    #[test]
    fn comparison_ignores_case_and_surrounding_space() {
        check(&[" KIND = COMPONENT , metadata.labels.tier = gold "], true);
    }

    #[test]
    fn an_empty_value_matches_an_empty_string_only() {
        check(&["metadata.labels.empty="], true);
        check(&["metadata.labels.tier="], false);
    }

    #[test]
    fn relations_tags_and_names_can_be_asked_for() {
        check(&["relations.ownedBy=group:default/team-a"], true);
        check(&["relations.ownedby=group:default/team-b"], false);
        check(&["metadata.tags=java,metadata.tags.java=true"], true);
        check(&["metadata.name=pay,metadata.namespace=default"], true);
    }

    #[test]
    fn only_the_first_equals_sign_separates() {
        check(&["spec.type=ser=vice"], false);
        assert!(EntityFilter::parse(["=x"]).is_err());
    }
}
