//! The repository most stories are about: it holds one component, `pay`.

use freshet_tests::catalog::{Profile, TestCatalog};

/// Ref of the component.
pub(crate) const PAY: &str = "component:default/pay";
/// Its repository.
pub(crate) const REPOSITORY: &str = "acme/pay";
/// Its catalog file.
pub(crate) const FILE: &str = "catalog-info.yaml";

/// A valid file that declares the component with this title.
pub(crate) fn component(title: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: pay\n  title: {title}\n\
         spec:\n  type: service\n  lifecycle: production\n  owner: group:default/payments\n"
    )
}

/// A catalog with the one repository, whose component is visible with the title `first`.
pub(crate) async fn catalog_with_pay(profile: Profile) -> TestCatalog {
    let world = TestCatalog::with(profile, &[("pay", &[(FILE, &component("first"))])]).await;
    world.api.sees_with(PAY, "/metadata/title", "first").await;
    world
}
