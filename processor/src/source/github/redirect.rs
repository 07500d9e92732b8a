//! Where an answer of GitHub may lead. Pure.
//!
//! GitHub redirects within its API, for instance after a repository was renamed. Whoever poses as GitHub may
//! redirect anywhere: to a host that is given the token, to an address inside the operator's network, in
//! circles. So a redirect is followed only within the origin that was configured, only for requests that
//! change and carry nothing, and only a few times.

use http::header::LOCATION;
use http::{HeaderMap, Method, Uri};
use thiserror::Error;
use url::{Origin, Position, Url};

/// Most redirects of one call. One is what a renamed repository takes.
pub(super) const REDIRECTS_MAX: usize = 3;

/// Why an answer that leads elsewhere is not followed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RedirectRefusal {
    /// It leads to another scheme, host or port.
    #[error("{from} redirects to {to}, which is not followed, as it is outside of {origin}")]
    OtherOrigin {
        /// What was asked.
        from: String,
        /// Where it leads.
        to: String,
        /// Where it should stay.
        origin: String,
    },
    /// What was asked has a body, which belongs to this address alone.
    #[error("{from} redirects to {to}, which is not followed, as the request has a body")]
    WithBody {
        /// What was asked.
        from: String,
        /// Where it leads.
        to: String,
    },
    /// It leads on and on.
    #[error(
        "{from} redirects to {to}, which is not followed, as it is redirect {} of one call",
        REDIRECTS_MAX + 1
    )]
    TooMany {
        /// What was asked last.
        from: String,
        /// Where it leads.
        to: String,
    },
    /// It leads to an address that no request can name, such as one of more than 64 KiB.
    #[error("{from} redirects to an address that cannot be asked for: {reason}")]
    Unaskable {
        /// What was asked.
        from: String,
        /// What is wrong with the address.
        reason: String,
    },
    /// It does not say where to, or not in an understandable way.
    #[error("{from} redirects to nowhere")]
    Nowhere {
        /// What was asked.
        from: String,
    },
}

/// Where a redirect leads.
#[derive(Debug)]
pub(super) struct RedirectTarget {
    pub(super) url: Url,
    /// Its path and query, below the origin that it shares with what was asked.
    pub(super) path: Uri,
}

/// Where the redirect of a request leads, if it is followed; `followed` were before it.
pub(super) fn redirect_target(
    method: &Method,
    from: &Url,
    headers: &HeaderMap,
    followed: usize,
) -> Result<RedirectTarget, RedirectRefusal> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let target = location.and_then(|location| from.join(location).ok());
    let origin = from.origin();
    // As text from here on: an error is passed through many hands.
    let from = from.to_string();
    let Some(mut url) = target else {
        return Err(RedirectRefusal::Nowhere { from });
    };
    // It is of no use to a server, and messages are read by many.
    url.set_fragment(None);
    let to = url.to_string();
    if !is_same_origin(&origin, &url) {
        let origin = origin.ascii_serialization();
        return Err(RedirectRefusal::OtherOrigin { from, to, origin });
    }
    if method != Method::GET {
        return Err(RedirectRefusal::WithBody { from, to });
    }
    if followed >= REDIRECTS_MAX {
        return Err(RedirectRefusal::TooMany { from, to });
    }
    let path = &url[Position::BeforePath..Position::AfterQuery];
    match path.parse::<Uri>() {
        Ok(path) => Ok(RedirectTarget { url, path }),
        Err(error) => {
            let reason = error.to_string();
            Err(RedirectRefusal::Unaskable { from, reason })
        }
    }
}

fn is_same_origin(origin: &Origin, to: &Url) -> bool {
    // A user in front of the host would be another credential than ours.
    to.origin() == *origin && to.username().is_empty() && to.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: &str = "https://api.github.com/repos/acme/pay/git/trees/main";

    fn target(method: &Method, location: Option<&str>, followed: usize) -> Result<String, String> {
        let from = Url::parse(FROM).expect("a URL");
        let headers = location.map(|location| (LOCATION, location.parse().expect("a header")));
        redirect_target(method, &from, &headers.into_iter().collect(), followed)
            .map(|target| target.url.to_string())
            .map_err(|refusal| refusal.to_string())
    }

    #[track_caller]
    fn check_refused(location: &str, to: &str) {
        assert_eq!(
            target(&Method::GET, Some(location), 0),
            Err(format!(
                "{FROM} redirects to {to}, which is not followed, as it is outside of https://api.github.com"
            ))
        );
    }

    #[test]
    fn a_renamed_repository_is_found_at_its_id() {
        let renamed = "https://api.github.com/repositories/7/git/trees/main";
        for location in [renamed, "/repositories/7/git/trees/main"] {
            assert_eq!(
                target(&Method::GET, Some(location), 0),
                Ok(renamed.to_owned())
            );
        }
    }

    #[test]
    fn nothing_is_asked_of_another_origin() {
        for elsewhere in [
            "https://evil.example/",
            "http://api.github.com/x",
            "https://api.github.com:8443/x",
            "https://api.github.com.evil.example/x",
            "https://user:word@api.github.com/x",
            "http://169.254.169.254/latest",
            "file:///etc/passwd",
        ] {
            check_refused(elsewhere, elsewhere);
        }
        check_refused("//evil.example/x", "https://evil.example/x");
    }

    #[test]
    fn a_body_is_sent_once() {
        let refused = target(&Method::POST, Some("/elsewhere"), 0).expect_err("it has a body");
        assert!(
            refused.contains("https://api.github.com/elsewhere"),
            "{refused}"
        );
        assert!(refused.ends_with("as the request has a body"), "{refused}");
    }

    #[test]
    fn a_circle_ends() {
        assert!(target(&Method::GET, Some(FROM), REDIRECTS_MAX - 1).is_ok());
        let refused = target(&Method::GET, Some(FROM), REDIRECTS_MAX).expect_err("too many");
        assert!(refused.ends_with("redirect 4 of one call"), "{refused}");
    }

    #[test]
    fn an_address_that_is_too_long_is_not_asked_for() {
        let location = |length: usize| format!("/{}", "x".repeat(length));
        assert!(target(&Method::GET, Some(&location(60_000)), 0).is_ok());
        assert_eq!(
            target(&Method::GET, Some(&location(70_000)), 0),
            Err(format!(
                "{FROM} redirects to an address that cannot be asked for: uri too long"
            ))
        );
    }

    #[test]
    fn a_redirect_says_where_to() {
        let nowhere = Err(format!("{FROM} redirects to nowhere"));
        assert_eq!(target(&Method::GET, None, 0), nowhere);
        assert_eq!(target(&Method::GET, Some("https://"), 0), nowhere);
    }
}
