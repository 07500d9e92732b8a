//! Who and what exists: organisations, their repositories, and the names that lead to them.
//!
//! Names are looked up without regard to case, as GitHub does. A repository's old names lead to it
//! until somebody else takes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use crate::hooks::Hook;
use crate::repository::Repository;

/// A member of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Login name.
    pub login: String,
    /// Full name.
    pub name: String,
    /// Public mail address.
    pub email: String,
}

/// A team of an organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Name in URLs.
    pub slug: String,
    /// Name for people.
    pub name: String,
    /// One line about it.
    pub description: String,
    /// Slug of the team above it.
    pub parent: Option<String>,
    /// Logins of its immediate members.
    pub members: Vec<String>,
}

/// An organisation.
pub(super) struct Organization {
    pub(super) id: u64,
    pub(super) node_id: String,
    pub(super) login: String,
    pub(super) hook: Mutex<Option<Hook>>,
    pub(super) people: Mutex<People>,
}

/// Members and teams, in the order they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct People {
    pub(super) members: Vec<Member>,
    pub(super) teams: Vec<Team>,
}

struct Held {
    organization: Arc<Organization>,
    /// By id, which is the order they were created in.
    repositories: BTreeMap<u64, Arc<Repository>>,
}

/// Everything that exists.
#[derive(Default)]
pub(super) struct World {
    organizations: BTreeMap<String, Held>,
    repositories: HashMap<u64, Arc<Repository>>,
    names: HashMap<String, u64>,
    former_names: HashMap<String, u64>,
}

/// Where a name leads.
pub(super) enum Named {
    /// To the repository of that name.
    Current(Arc<Repository>),
    /// To a repository that was called so.
    Former(Arc<Repository>),
    Nothing,
}

impl World {
    pub(super) fn add_organization(&mut self, organization: Organization) -> Arc<Organization> {
        let key = organization.login.to_lowercase();
        let organization = Arc::new(organization);
        let held = Held {
            organization: Arc::clone(&organization),
            repositories: BTreeMap::new(),
        };
        self.organizations.insert(key, held);
        organization
    }

    pub(super) fn organization(&self, login: &str) -> Option<Arc<Organization>> {
        self.organizations
            .get(&login.to_lowercase())
            .map(|held| Arc::clone(&held.organization))
    }

    pub(super) fn organization_by_id(&self, id: u64) -> Option<Arc<Organization>> {
        let held = self
            .organizations
            .values()
            .find(|held| held.organization.id == id)?;
        Some(Arc::clone(&held.organization))
    }

    /// Repositories of an organisation in the order they were created.
    pub(super) fn repositories_of(&self, login: &str) -> Vec<Arc<Repository>> {
        let held = self.organizations.get(&login.to_lowercase());
        held.map(|held| held.repositories.values().cloned().collect())
            .unwrap_or_default()
    }

    pub(super) fn add_repository(
        &mut self,
        owner: &str,
        full_name: &str,
        repository: &Arc<Repository>,
    ) {
        if let Some(held) = self.organizations.get_mut(&owner.to_lowercase()) {
            held.repositories
                .insert(repository.id, Arc::clone(repository));
        }
        self.repositories
            .insert(repository.id, Arc::clone(repository));
        self.former_names.remove(&full_name.to_lowercase());
        self.names.insert(full_name.to_lowercase(), repository.id);
    }

    pub(super) fn remove_repository(&mut self, id: u64) {
        self.repositories.remove(&id);
        self.names.retain(|_, held| *held != id);
        self.former_names.retain(|_, held| *held != id);
        for held in self.organizations.values_mut() {
            held.repositories.remove(&id);
        }
    }

    pub(super) fn rename_repository(&mut self, id: u64, from: &str, to: &str) {
        self.names.remove(&from.to_lowercase());
        self.former_names.insert(from.to_lowercase(), id);
        self.former_names.remove(&to.to_lowercase());
        self.names.insert(to.to_lowercase(), id);
    }

    pub(super) fn repository(&self, full_name: &str) -> Named {
        let key = full_name.to_lowercase();
        let lookup = |names: &HashMap<String, u64>| {
            names
                .get(&key)
                .and_then(|id| self.repositories.get(id))
                .cloned()
        };
        match (lookup(&self.names), lookup(&self.former_names)) {
            (Some(repository), _) => Named::Current(repository),
            (None, Some(repository)) => Named::Former(repository),
            (None, None) => Named::Nothing,
        }
    }

    pub(super) fn repository_by_id(&self, id: u64) -> Option<Arc<Repository>> {
        self.repositories.get(&id).cloned()
    }
}
