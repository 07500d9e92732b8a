//! Query parameters: known ones only, none of them empty, numbers that are numbers.

use axum::extract::Request;
use url::form_urlencoded;

use super::error::ApiProblem;

/// Taken by every route.
pub(super) const MIN_REVISION: &str = "minRevision";

/// The parameters of one request, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads the parameters of a route that knows these.
    pub(super) fn read_known(request: &Request, known: &[&str]) -> Result<Self, ApiProblem> {
        Self::parse(request.uri().query().unwrap_or_default(), known)
    }

    /// Reads the parameters of a route of our own, which says what it knows when asked for anything else.
    pub(super) fn read_own(request: &Request, known: &[&str]) -> Result<Self, ApiProblem> {
        Self::parse_own(request.uri().query().unwrap_or_default(), known)
    }

    fn parse_own(query: &str, known: &[&str]) -> Result<Self, ApiProblem> {
        for (name, _) in form_urlencoded::parse(query.as_bytes()) {
            let name = name.strip_suffix("[]").unwrap_or(&name);
            if name != MIN_REVISION && !known.contains(&name) {
                let known = [known, &[MIN_REVISION]].concat().join(", ");
                return Err(ApiProblem::Input(format!(
                    "Unknown query parameter '{name}'; known are {known}"
                )));
            }
        }
        Self::parse(query, known)
    }

    pub(super) fn parse(query: &str, known: &[&str]) -> Result<Self, ApiProblem> {
        let mut parameters = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // Clients that repeat a parameter may mark it as a list.
            let name = name.strip_suffix("[]").unwrap_or(&name).to_owned();
            if name != MIN_REVISION && !known.contains(&name.as_str()) {
                return Err(ApiProblem::Input(format!(
                    "Unknown query parameter '{name}'"
                )));
            }
            // Ignoring it would answer another question than was asked.
            if value.is_empty() {
                return Err(ApiProblem::Input(format!(
                    "Empty value found for query parameter '{name}'"
                )));
            }
            parameters.push((name, value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// All values of a parameter.
    pub(super) fn values_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The one value of a parameter.
    pub(super) fn single_value(&self, name: &str) -> Result<Option<&str>, ApiProblem> {
        let mut values = self.0.iter().filter(|(given, _)| given == name);
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiProblem::Input(format!(
                "Query parameter '{name}' was given more than once"
            )));
        }
        Ok(first.map(|(_, value)| value.as_str()))
    }

    /// The one value of a parameter that is an integer, at least `min`.
    pub(super) fn integer_value<N>(&self, name: &str, min: N) -> Result<Option<N>, ApiProblem>
    where
        N: Copy + std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(text) = self.single_value(name)? else {
            return Ok(None);
        };
        match text.parse::<N>() {
            Ok(number) if number >= min => Ok(Some(number)),
            _ => Err(ApiProblem::Input(format!(
                "Query parameter '{name}' must be an integer of at least {min}"
            ))),
        }
    }

    /// The parameters as a query string, but for these.
    pub(super) fn query_without(
        &self,
        left_out: &[&str],
    ) -> form_urlencoded::Serializer<'static, String> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.0 {
            if !left_out.contains(&name.as_str()) {
                query.append_pair(name, value);
            }
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(query: &str, message: &str) {
        let problem = Parameters::parse(query, &["filter", "limit"])
            .and_then(|parameters| parameters.integer_value("limit", 1_usize));
        assert_eq!(
            problem,
            Err(ApiProblem::Input(message.to_owned())),
            "{query}"
        );
    }

    #[test]
    fn what_is_not_known_or_empty_is_refused() {
        refused("x=1", "Unknown query parameter 'x'");
        refused("filter=", "Empty value found for query parameter 'filter'");
        refused("filter", "Empty value found for query parameter 'filter'");
    }

    #[test]
    fn a_route_of_our_own_says_what_it_knows() {
        let message = "Unknown query parameter 'x'; known are rule, kind, minRevision";
        assert_eq!(
            Parameters::parse_own("rule=a&x=1", &["rule", "kind"]),
            Err(ApiProblem::Input(message.to_owned()))
        );
        assert!(Parameters::parse_own("rule=a&rule[]=b", &["rule", "kind"]).is_ok());
    }

    #[test]
    fn numbers_are_numbers_and_given_once() {
        let message = "Query parameter 'limit' must be an integer of at least 1";
        refused("limit=x", message);
        refused("limit=0", message);
        refused("limit=-1", message);
        refused(
            "limit=1&limit=2",
            "Query parameter 'limit' was given more than once",
        );
    }

    #[test]
    fn parameters_may_be_repeated_and_marked_as_lists() {
        let parameters = Parameters::parse("filter=a%3Db+c&filter[]=d&minRevision=3", &["filter"])
            .expect("known");
        assert_eq!(
            parameters.values_of("filter").collect::<Vec<_>>(),
            ["a=b c", "d"]
        );
        assert_eq!(parameters.integer_value(MIN_REVISION, 0_i64), Ok(Some(3)));
    }
}
