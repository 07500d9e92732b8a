//! Where the two APIs of one GitHub are.

use thiserror::Error;

/// Why no client could be made.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The configured address is no URL with a scheme and a host.
    #[error("{url}: not an API base URL")]
    BaseUrl {
        /// As configured.
        url: String,
        /// Why.
        #[source]
        source: Option<url::ParseError>,
    },
    /// octocrab refused.
    #[error("{url}: no client")]
    Octocrab {
        /// As configured.
        url: String,
        /// Why.
        #[source]
        source: Box<octocrab::Error>,
    },
}

/// Where the two APIs of one GitHub are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Scheme, host and port.
    pub origin: String,
    /// The host alone.
    pub host: String,
    /// Path of the GraphQL endpoint.
    pub graphql: String,
    /// Prefix of every REST path.
    pub rest: String,
}

impl Endpoints {
    /// Derives both APIs from the REST base URL, the one Backstage's configuration names.
    ///
    /// GitHub Enterprise Server has REST at `/api/v3` and GraphQL at `/api/graphql`; github.com has
    /// both at the root of its API host.
    ///
    /// # Errors
    /// [`ClientError::BaseUrl`] if it is no URL with a host.
    pub fn parse(api_base_url: &str) -> Result<Self, ClientError> {
        let mistake = |source| ClientError::BaseUrl {
            url: api_base_url.to_owned(),
            source,
        };
        let url = url::Url::parse(api_base_url).map_err(|source| mistake(Some(source)))?;
        let host = url.host_str().ok_or_else(|| mistake(None))?.to_owned();
        let rest = url.path().trim_end_matches('/').to_owned();
        // GitHub Enterprise Server names a version in the path of REST only.
        let root = rest.strip_suffix("/v3").unwrap_or(&rest);
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            host,
            graphql: format!("{root}/graphql"),
            rest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(api_base_url: &str, origin: &str, graphql: &str, rest: &str) {
        let endpoints = Endpoints::parse(api_base_url).expect("a base URL");
        assert_eq!(
            (
                endpoints.origin.as_str(),
                endpoints.graphql.as_str(),
                endpoints.rest.as_str()
            ),
            (origin, graphql, rest)
        );
    }

    #[test]
    fn both_apis_follow_from_the_rest_base_url() {
        check(
            "https://api.github.com",
            "https://api.github.com",
            "/graphql",
            "",
        );
        check(
            "https://ghe.acme.example/api/v3",
            "https://ghe.acme.example",
            "/api/graphql",
            "/api/v3",
        );
        check(
            "https://ghe.acme.example/api/v3/",
            "https://ghe.acme.example",
            "/api/graphql",
            "/api/v3",
        );
        check(
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080",
            "/graphql",
            "",
        );
    }

    #[test]
    fn an_address_without_a_host_is_refused() {
        assert!(Endpoints::parse("api.github.com").is_err());
        assert!(Endpoints::parse("mailto:a@b").is_err());
    }
}
