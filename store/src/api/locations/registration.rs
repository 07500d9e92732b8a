//! What a request to register a location asks for: its parameters and its body.

use axum::extract::Request;
use serde::Deserialize;

use crate::api::Api;
use crate::api::body::read_body;
use crate::api::error::ApiProblem;
use crate::api::parameters::Parameters;
use crate::apply::Registration;
use crate::config::LocationConflict;

/// Most bytes of a target: it is in an index of the database, and no URL is longer.
const TARGET_BYTES_MAX: usize = 2_000;
/// What means yes to Backstage.
const YES: [&str; 6] = ["true", "yes", "y", "1", "on", "t"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocationBody {
    #[serde(rename = "type")]
    location_type: String,
    target: String,
    #[serde(default)]
    presence: Presence,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Presence {
    #[default]
    Required,
    Optional,
}

/// What a request to register asks for besides its body.
pub(super) struct RegisterOptions {
    pub(super) is_dry_run: bool,
    pub(super) on_conflict: LocationConflict,
}

/// Reads the parameters.
pub(super) fn read_options(api: &Api, request: &Request) -> Result<RegisterOptions, ApiProblem> {
    let parameters = Parameters::read_known(request, &["dryRun", "onConflict"])?;
    let dry_run = parameters.single_value("dryRun")?.map(str::to_lowercase);
    let on_conflict = match parameters.single_value("onConflict")? {
        None => api.registration.on_conflict,
        Some("refresh") => LocationConflict::Refresh,
        Some("reject") => LocationConflict::Reject,
        Some(other) => {
            return Err(ApiProblem::Input(format!(
                "Query parameter 'onConflict' must be refresh or reject, and not '{other}'"
            )));
        }
    };
    Ok(RegisterOptions {
        is_dry_run: dry_run.is_some_and(|it| YES.contains(&it.as_str())),
        on_conflict,
    })
}

/// Reads the body, and checks that it may be registered.
pub(super) async fn read_registration(
    api: &Api,
    request: Request,
) -> Result<Registration, ApiProblem> {
    let body: LocationBody = read_body(request).await?;
    let types = &api.registration.types;
    if !types.contains(&body.location_type) {
        return Err(ApiProblem::Input(format!(
            "Registered locations must be of an allowed type [{}]",
            types.join(", ")
        )));
    }
    check_target(&body.target)?;
    Ok(Registration {
        location_type: body.location_type,
        target: body.target,
        is_required: body.presence == Presence::Required,
    })
}

/// Whether it is a URL is seen when it is read, as in Backstage.
fn check_target(target: &str) -> Result<(), ApiProblem> {
    let refused = |reason: &str| Err(ApiProblem::Input(format!("The target {reason}")));
    if target.is_empty() {
        return refused("is empty");
    }
    if target.len() > TARGET_BYTES_MAX {
        return refused(&format!("has more than {TARGET_BYTES_MAX} bytes"));
    }
    // No database keeps all of them, and nothing that is read is called so.
    if target.contains(char::is_control) {
        return refused("has control characters in it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, refused: Option<&str>) {
        match (check_target(target), refused) {
            (Ok(()), None) => {}
            (Err(ApiProblem::Input(message)), Some(part)) => {
                assert!(message.contains(part), "{message}");
            }
            (checked, refused) => panic!("{checked:?}, and not {refused:?}"),
        }
    }

    #[test]
    fn a_target_need_be_no_url_but_must_be_something_that_can_be_kept() {
        check(
            "https://github.com/acme/pay/blob/main/catalog-info.yaml",
            None,
        );
        check("not a url", None);
        check(&"é".repeat(TARGET_BYTES_MAX / 2), None);
        check("", Some("is empty"));
        check(
            &"é".repeat(TARGET_BYTES_MAX / 2 + 1),
            Some("more than 2000 bytes"),
        );
        check("https://example.com/\0", Some("control characters"));
    }
}
