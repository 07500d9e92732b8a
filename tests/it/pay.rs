//! The repository most stories are about: it holds one component, `pay`.

use freshet_github_emulator::CommitSha;
use freshet_tests::backends::Profile;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::repository::Repository;

/// Ref of the component.
pub(crate) const PAY: &str = "component:default/pay";
/// Its catalog file.
pub(crate) const FILE: &str = "catalog-info.yaml";
const NAME: &str = "pay";

/// A valid file that declares the component with this title.
pub(crate) fn component(title: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\n  title: {title}\n\
         spec:\n  type: service\n  lifecycle: production\n  owner: group:default/payments\n"
    )
}

/// The developers of the component.
pub(crate) struct Pay(Repository);

impl Pay {
    /// Those of a catalog that has their repository.
    pub(crate) fn of(world: &TestCatalog) -> Self {
        Self(world.repository(NAME))
    }

    /// Their repository.
    pub(crate) fn repository(&self) -> &Repository {
        &self.0
    }

    /// Pushes the component with this title.
    pub(crate) fn says(&self, title: &str) -> CommitSha {
        self.writes(&component(title))
    }

    /// Pushes a catalog file.
    pub(crate) fn writes(&self, file: &str) -> CommitSha {
        self.0.writes(FILE, file)
    }

    /// Pushes the removal of the catalog file.
    pub(crate) fn removes_its_file(&self) {
        self.0.removes(FILE);
    }
}

/// A catalog with the one repository, whose component is visible with the title `first`.
pub(crate) async fn catalog_with_pay(profile: Profile) -> (TestCatalog, Pay) {
    let world = TestCatalog::with(profile, &[(NAME, &[(FILE, &component("first"))])]).await;
    world.api.shows(PAY, "first").await;
    let pay = Pay::of(&world);
    (world, pay)
}
