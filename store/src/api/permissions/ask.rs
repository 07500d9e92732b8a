//! Finds out which rights a principal has: by who he is, or by asking the permission plugin.

use freshet_runtime::error_chain::Chain;

use super::decision::{Decision, UndecidedAnswer, ask_for, read_decision};
use super::permission::Permission;
use crate::api::Api;
use crate::api::auth::{PermissionPolicy, Principal};
use crate::api::error::ApiProblem;
use crate::api::outbound::CallError;

/// The plugin that decides.
const PERMISSION_PLUGIN: &str = "permission";
const NOT_ALLOWED: u16 = 401;

/// Why nothing is decided.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    /// The permission plugin did not answer as it should.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Its answer says nothing.
    #[error(transparent)]
    Answer(#[from] UndecidedAnswer),
}

impl Api {
    /// For which entities a principal has a right.
    pub(in crate::api) async fn decide(
        &self,
        principal: &Principal,
        permission: Permission,
    ) -> Result<Decision, ApiProblem> {
        if let Some(decision) = decide_by_name(principal, permission, self.auth.permissions) {
            return Ok(decision);
        }
        let token = match principal.user() {
            Some(user) => {
                let token = self.auth.token_for(PERMISSION_PLUGIN, user).await?;
                Some(token.ok_or_else(no_proof)?)
            }
            None => None,
        };
        let url = format!(
            "{}/authorize",
            self.auth.endpoints.base_url(PERMISSION_PLUGIN)
        );
        let answer = self
            .auth
            .client
            .post_json(&url, token.as_ref(), ask_for(permission));
        let decided = match answer.await {
            Ok(body) => read_decision(&body).map_err(Undecided::from),
            Err(error) => Err(error.into()),
        };
        decided.map_err(|undecided| refuse(principal, &undecided))
    }

    /// Whether a principal has a right that is given for everything or not at all.
    pub(in crate::api) async fn require(
        &self,
        principal: &Principal,
        permission: Permission,
    ) -> Result<(), ApiProblem> {
        match self.decide(principal, permission).await? {
            Decision::Everything => Ok(()),
            Decision::Nothing | Decision::Matching(_) => Err(not_allowed(permission)),
        }
    }
}

/// What needs no question: `None` if it does.
fn decide_by_name(
    principal: &Principal,
    permission: Permission,
    policy: PermissionPolicy,
) -> Option<Decision> {
    match (principal, policy) {
        (
            Principal::External {
                restrictions: Some(restrictions),
                ..
            },
            _,
        ) if !restrictions.allow(permission) => Some(Decision::Nothing),
        (Principal::External { .. } | Principal::Plugin { .. }, _)
        | (_, PermissionPolicy::Everything) => Some(Decision::Everything),
        (
            Principal::Anonymous | Principal::User(_) | Principal::OnBehalfOf { .. },
            PermissionPolicy::Ask,
        ) => None,
    }
}

/// What is answered to whoever has not this right.
pub(in crate::api) fn not_allowed(permission: Permission) -> ApiProblem {
    ApiProblem::NotAllowed(format!("{} is not allowed", permission.name()))
}

fn no_proof() -> ApiProblem {
    ApiProblem::Unauthenticated(
        "Failed to create limited user token, missing user identity proof".to_owned(),
    )
}

fn refuse(principal: &Principal, undecided: &Undecided) -> ApiProblem {
    match (undecided, principal) {
        // There it is as here: whoever says nothing of himself has no rights unless the operator lets him.
        (Undecided::Call(CallError::Refused { status, .. }), Principal::Anonymous)
            if *status == NOT_ALLOWED =>
        {
            return ApiProblem::Unauthenticated("Missing credentials".to_owned());
        }
        (Undecided::Answer(UndecidedAnswer::Rule(fault)), _) => {
            freshet_runtime::summed_up!(warn, error = %fault, "The permission policy decides by a rule that this catalog does not have");
            return ApiProblem::NotAllowed(format!(
                "The permission policy cannot be applied: {fault}"
            ));
        }
        (Undecided::Call(_) | Undecided::Answer(_), _) => {}
    }
    freshet_runtime::summed_up!(warn, error = %Chain(undecided), "The permission plugin does not decide, so users are refused");
    // The reason stays in the log: it may name hosts.
    ApiProblem::Unavailable("The permission plugin does not decide".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::auth::{AccessRestrictions, UserIdentity};

    #[track_caller]
    fn check(principal: &Principal, policy: PermissionPolicy, expected: Option<&Decision>) {
        let decision = decide_by_name(principal, Permission::EntityRead, policy);
        assert_eq!(decision.as_ref(), expected, "{principal}");
    }

    #[test]
    fn services_are_never_asked_about_and_users_only_where_the_operator_says_so() {
        use PermissionPolicy::{Ask, Everything};
        let external = |restrictions| Principal::External {
            subject: "a-tool".to_owned(),
            restrictions,
        };
        let only = |name: &str| AccessRestrictions {
            permissions: Some(BTreeSet::from([name.to_owned()])),
            actions: None,
        };
        let plugin = Principal::Plugin {
            id: "search".to_owned(),
        };
        let user = Principal::User(UserIdentity::named("user:default/ana"));
        for policy in [Ask, Everything] {
            check(&plugin, policy, Some(&Decision::Everything));
            check(&external(None), policy, Some(&Decision::Everything));
            check(
                &external(Some(only("catalog.entity.read"))),
                policy,
                Some(&Decision::Everything),
            );
            check(
                &external(Some(only("catalog.location.read"))),
                policy,
                Some(&Decision::Nothing),
            );
        }
        for principal in [user, Principal::Anonymous] {
            check(&principal, Everything, Some(&Decision::Everything));
            check(&principal, Ask, None);
        }
    }
}
