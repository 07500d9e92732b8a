//! How repositories come to be: empty in a folder of their own, or generated.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow, bail};

use crate::engine::{Engine, now_signed};
use crate::generated::GeneratedFile;
use crate::repository::{Facts, RepoOptions, Repository};
use crate::world::Named;

impl Engine {
    pub(super) fn create_repo(
        &self,
        owner: &str,
        name: &str,
        options: RepoOptions,
    ) -> Result<Arc<Repository>> {
        let facts = self.describe_new(owner, name, options)?;
        let id = self.repository_ids.fetch_add(1, Ordering::Relaxed);
        let directory = self.directory.join(format!("{id}.git"));
        Ok(self.add(Repository::create(id, directory, facts)?))
    }

    /// Makes a repository with one commit of one file that is generated.
    pub(super) fn generate_repo(&self, owner: &str, name: &str, file: GeneratedFile) -> Result<()> {
        let facts = self.describe_new(owner, name, RepoOptions::default())?;
        let id = self.repository_ids.fetch_add(1, Ordering::Relaxed);
        self.add(Repository::generate(id, facts, file));
        Ok(())
    }

    fn describe_new(&self, owner: &str, name: &str, options: RepoOptions) -> Result<Facts> {
        let organization = self
            .read(|world| world.organization(owner))
            .ok_or_else(|| anyhow!("no organisation {owner}"))?;
        let now = now_signed();
        let facts = Facts {
            owner: organization.login.clone(),
            name: name.to_owned(),
            options,
            created_at: now,
            pushed_at: now,
            refs: BTreeMap::new(),
        };
        let full_name = facts.full_name();
        if let Named::Current(_) = self.read(|world| world.repository(&full_name)) {
            bail!("the repository {full_name} exists");
        }
        Ok(facts)
    }

    fn add(&self, repository: Repository) -> Arc<Repository> {
        let repository = Arc::new(repository);
        let facts = repository.facts();
        let full_name = facts.full_name();
        self.write(|world| world.add_repository(&facts.owner, &full_name, &repository));
        repository
    }
}
