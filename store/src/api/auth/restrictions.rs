//! What the credentials of an external caller are restricted to, as Backstage's `accessRestrictions` mean it.
//! Pure.
//!
//! A caller without restrictions may do everything. One who has some may call the plugins they name and no other, and
//! there what the names and the actions of rights both leave.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::permissions::{Permission, PermissionAction};

/// This plugin, as restrictions name it.
const CATALOG: &str = "catalog";

/// What the credentials of a caller are good for, plugin by plugin; of none, if they are good for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginRestrictions(BTreeMap<String, AccessRestrictions>);

/// What the credentials of a caller are good for at one plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRestrictions {
    /// Names of rights; `None` is every right.
    pub permissions: Option<BTreeSet<String>>,
    /// What the rights may do; `None` is everything.
    pub actions: Option<BTreeSet<PermissionAction>>,
}

/// The credentials are for other plugins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OtherPlugins(pub(super) Vec<String>);

impl PluginRestrictions {
    /// Adds what holds for one plugin. Answers whether something was said of it before.
    pub fn insert(&mut self, plugin: &str, restrictions: AccessRestrictions) -> bool {
        self.0.insert(plugin.to_owned(), restrictions).is_some()
    }

    /// What holds here; `None` is no restriction.
    pub(super) fn for_catalog(&self) -> Result<Option<&AccessRestrictions>, OtherPlugins> {
        if self.0.is_empty() {
            return Ok(None);
        }
        match self.0.get(CATALOG) {
            Some(restrictions) => Ok(Some(restrictions)),
            None => Err(OtherPlugins(self.0.keys().cloned().collect())),
        }
    }
}

impl AccessRestrictions {
    /// Whether they leave this right.
    pub(in crate::api) fn allow(&self, permission: Permission) -> bool {
        let by_name = self
            .permissions
            .as_ref()
            .is_none_or(|names| names.contains(permission.name()));
        let by_action = self.actions.as_ref().is_none_or(|actions| {
            // A right that does nothing in particular is none of those that are listed.
            permission
                .action()
                .is_some_and(|action| actions.contains(&action))
        });
        by_name && by_action
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(names: &[&str], actions: &[PermissionAction], allowed: &[Permission]) {
        let some = |is_given: bool| is_given.then_some(());
        let restrictions = AccessRestrictions {
            permissions: some(!names.is_empty())
                .map(|()| names.iter().map(|&name| name.to_owned()).collect()),
            actions: some(!actions.is_empty()).map(|()| actions.iter().copied().collect()),
        };
        let left: Vec<Permission> = Permission::ALL
            .into_iter()
            .filter(|&permission| restrictions.allow(permission))
            .collect();
        assert_eq!(left, allowed, "{names:?} {actions:?}");
    }

    #[test]
    fn names_and_actions_must_both_leave_a_right() {
        use Permission::{EntityRead, IngestionRead, LocationCreate, LocationRead};
        use PermissionAction::{Create, Read, Update};
        check(&[], &[], &Permission::ALL);
        check(&[], &[Read], &[EntityRead, LocationRead, IngestionRead]);
        check(&["catalog.entity.read"], &[], &[EntityRead]);
        check(
            &["catalog.entity.read", "catalog.location.create"],
            &[Read, Create],
            &[EntityRead, LocationCreate],
        );
        check(&["catalog.entity.read"], &[Update], &[]);
        check(&["catalog.location.analyze"], &[Read], &[]);
        check(&["events.receive"], &[], &[]);
    }

    #[test]
    fn restrictions_to_other_plugins_leave_nothing_here() {
        let mut restrictions = PluginRestrictions::default();
        assert_eq!(restrictions.for_catalog(), Ok(None));
        restrictions.insert("search", AccessRestrictions::default());
        restrictions.insert("events", AccessRestrictions::default());
        assert_eq!(
            restrictions.for_catalog(),
            Err(OtherPlugins(vec!["events".to_owned(), "search".to_owned()]))
        );
        assert!(!restrictions.insert("catalog", AccessRestrictions::default()));
        assert_eq!(
            restrictions.for_catalog(),
            Ok(Some(&AccessRestrictions::default()))
        );
    }
}
