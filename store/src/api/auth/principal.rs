//! Who a caller is.

use std::fmt;

use secrecy::SecretString;

use super::restrictions::AccessRestrictions;

/// Who a caller is.
#[derive(Clone, Debug)]
pub(in crate::api) enum Principal {
    /// Nobody has said so, and here nobody needs to.
    Anonymous,
    /// Somebody with credentials of the configuration.
    External {
        /// As the configuration or the token calls him.
        subject: String,
        /// What his credentials are good for; `None` is everything.
        restrictions: Option<AccessRestrictions>,
    },
    /// A plugin of Backstage, of its own accord.
    Plugin {
        /// Its id.
        id: String,
    },
    /// A plugin of Backstage, for a user of it.
    OnBehalfOf {
        /// The plugin's id.
        plugin: String,
        /// For whom.
        user: UserIdentity,
    },
    /// A user of Backstage.
    User(UserIdentity),
}

/// A user of Backstage.
#[derive(Clone, Debug)]
pub(in crate::api) struct UserIdentity {
    /// His entity, as his token names it.
    pub(in crate::api) entity_ref: String,
    /// What proves to other plugins that he asks.
    pub(super) proof: Option<UserProof>,
}

/// A token that says who somebody is and is good for nothing but to be passed on by a plugin.
#[derive(Clone, Debug)]
pub(super) struct UserProof {
    pub(super) token: SecretString,
    /// Seconds since the epoch.
    pub(super) expires_at: i64,
}

impl Principal {
    /// The user who asks, himself or through a plugin.
    pub(in crate::api) fn user(&self) -> Option<&UserIdentity> {
        match self {
            Self::OnBehalfOf { user, .. } | Self::User(user) => Some(user),
            Self::Anonymous | Self::External { .. } | Self::Plugin { .. } => None,
        }
    }
}

/// Without anything secret.
impl fmt::Display for Principal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::External { subject, .. } => formatter.write_str(subject),
            Self::Plugin { id } => write!(formatter, "plugin:{id}"),
            Self::OnBehalfOf { plugin, user } => {
                write!(formatter, "{} by plugin:{plugin}", user.entity_ref)
            }
            Self::User(user) => formatter.write_str(&user.entity_ref),
        }
    }
}

#[cfg(test)]
impl UserIdentity {
    /// Somebody who cannot be proved to others.
    pub(in crate::api) fn named(entity_ref: &str) -> Self {
        Self {
            entity_ref: entity_ref.to_owned(),
            proof: None,
        }
    }
}
