//! A story about registered files: GitHub under its own name, roots in the configuration, and pushes that are known to be applied.

use freshet_model::location::generated_location_name;
use freshet_tests::catalog::TestCatalog;
use freshet_tests::setup::ORGANIZATION;
use freshet_tests::stage::{Stage, staged};
use serde_json::{Value, json};

/// In every repository of a story: its title says how far the repository is applied.
const MARKER_FILE: &str = "marker.yaml";

/// The address a file is registered under.
pub(crate) fn url(repository: &str, path: &str) -> String {
    format!("https://github.com/{ORGANIZATION}/{repository}/blob/main/{path}")
}

/// The same as children carry it.
pub(crate) fn tree_url(repository: &str, path: &str) -> String {
    format!("https://github.com/{ORGANIZATION}/{repository}/tree/main/{path}")
}

/// Ref of the Location entity that is generated for a registered URL.
pub(crate) fn generated(target: &str) -> String {
    format!(
        "location:default/{}",
        generated_location_name("url", target)
    )
}

/// One document: a component.
pub(crate) fn component(name: &str, title: &str) -> String {
    document(
        "Component",
        name,
        title,
        "{type: service, lifecycle: production, owner: team}",
    )
}

/// One document: a component, with `more` in its `metadata`, flow style.
pub(crate) fn component_with(name: &str, more: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}, {more}}}\nspec: {{type: service, lifecycle: production, owner: team}}\n"
    )
}

/// One document: a Location with this `spec`, flow style.
pub(crate) fn location(name: &str, spec: &str) -> String {
    document("Location", name, name, spec)
}

/// One document, `spec` in flow style.
pub(crate) fn document(kind: &str, name: &str, title: &str, spec: &str) -> String {
    format!(
        "apiVersion: backstage.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\n  title: {title}\nspec: {spec}\n"
    )
}

/// A title of an entity, if the entity is there.
pub(crate) fn title(entity: Option<&Value>) -> Option<&str> {
    entity?.pointer("/metadata/title")?.as_str()
}

/// A running catalog of registered files.
pub(crate) struct Story {
    pub(crate) world: TestCatalog,
    repositories: Vec<String>,
    more: Value,
    roots: Vec<Value>,
    pushes: usize,
}

impl Story {
    /// One repository, `shop`, whose files at `roots` are registered.
    pub(crate) async fn of_shop(files: &[(&str, &str)], roots: &[&str]) -> Self {
        let roots: Vec<Value> = roots.iter().map(|path| root(&url("shop", path))).collect();
        Self::begin(&[("shop", files)], roots, json!({})).await
    }

    /// Repositories, registered locations as `catalog.locations` has them, and what else the configuration says, by block and key.
    pub(crate) async fn begin(
        repositories: &[(&str, &[(&str, &str)])],
        roots: Vec<Value>,
        more: Value,
    ) -> Self {
        let names: Vec<String> = repositories
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let mut staged: Vec<_> = repositories.iter().copied().map(staged).collect();
        for (name, files) in &mut staged {
            files.push((MARKER_FILE.to_owned(), marker(name, 0).into_bytes()));
        }
        let stage = Stage {
            repositories: staged,
            overlay: overlay(&names, &roots, &more),
            named_github: true,
            ..Stage::default()
        };
        let story = Self {
            world: TestCatalog::stage(stage).await,
            repositories: names,
            more,
            roots,
            pushes: 0,
        };
        story.settled().await;
        story
    }

    /// Pushes to `shop` and waits until everything that follows from it is applied.
    pub(crate) async fn push(&mut self, files: &[(&str, Option<&str>)]) {
        self.push_to("shop", files).await;
    }

    /// Pushes to a repository and waits until everything that follows from it is applied.
    pub(crate) async fn push_to(&mut self, repository: &str, files: &[(&str, Option<&str>)]) {
        self.push_quietly(repository, files);
        let title = marker_title(self.pushes);
        self.world.api.shows(&marker_ref(repository), &title).await;
        self.world.api.settles().await;
    }

    /// Pushes to a repository and waits for nothing.
    pub(crate) fn push_quietly(&mut self, repository: &str, files: &[(&str, Option<&str>)]) {
        self.pushes += 1;
        let marker = marker(repository, self.pushes);
        let mut files = files.to_vec();
        files.push((MARKER_FILE, Some(&marker)));
        self.world.repository(repository).commits(&files);
    }

    /// What the configuration says beside the usual.
    pub(crate) fn overlay(&self) -> Value {
        overlay(&self.repositories, &self.roots, &self.more)
    }

    /// Starts again with other registered locations.
    pub(crate) async fn register_instead(&mut self, roots: Vec<Value>) {
        self.roots = roots;
        self.restart().await;
    }

    /// Starts again with other registered locations, and waits for nothing that follows from it.
    pub(crate) async fn roots_become(&mut self, roots: Vec<Value>) {
        self.roots = roots;
        self.start_again().await;
    }

    /// Starts again, and waits for nothing that follows from it.
    pub(crate) async fn start_again(&mut self) {
        self.world.restart_with(self.overlay()).await;
    }

    /// Starts again with something else in the configuration.
    pub(crate) async fn configure(&mut self, more: Value) {
        self.more = more;
        self.restart().await;
    }

    async fn restart(&mut self) {
        self.start_again().await;
        self.settled().await;
    }

    async fn settled(&self) {
        for repository in &self.repositories {
            self.world.api.sees(&marker_ref(repository)).await;
        }
        self.world.api.settles().await;
    }

    /// Waits until the entity is there.
    pub(crate) async fn sees(&self, entity_ref: &str) -> Value {
        self.world.api.sees(entity_ref).await
    }

    /// Waits until the entity has this title.
    pub(crate) async fn shows(&self, entity_ref: &str, title: &str) -> Value {
        self.world.api.shows(entity_ref, title).await
    }

    /// Waits until all that was pushed is applied, and checks that subscribers were never told that the entity is gone.
    pub(crate) async fn never_lost(&self, entity_ref: &str) {
        let heard = self.world.heard_everything().await;
        assert_eq!(heard.count(&format!("deleted {entity_ref}")), 0);
    }

    /// What is served now.
    pub(crate) async fn now(&self, entity_ref: &str) -> Option<Value> {
        self.world.api.entity(entity_ref).await.expect("answered")
    }

    /// Ends it: nothing failed, and what subscribers heard is what is served.
    pub(crate) async fn end(self) {
        self.world.finish().await;
    }
}

/// An entry of `catalog.locations`.
pub(crate) fn root(target: &str) -> Value {
    json!({"type": "url", "target": target})
}

fn overlay(repositories: &[String], roots: &[Value], more: &Value) -> Value {
    let markers = repositories.iter().map(|name| {
        json!({"type": "url", "target": url(name, MARKER_FILE), "rules": [{"allow": ["Component"]}]})
    });
    let locations: Vec<Value> = roots.iter().cloned().chain(markers).collect();
    let mut overlay = json!({"catalog": {"providers": null, "locations": locations}});
    for (block, keys) in more.as_object().into_iter().flatten() {
        for (key, value) in keys.as_object().into_iter().flatten() {
            overlay[block][key] = value.clone();
        }
    }
    overlay
}

fn marker(repository: &str, number: usize) -> String {
    component(&format!("marker-{repository}"), &marker_title(number))
}

fn marker_title(number: usize) -> String {
    format!("m{number}")
}

fn marker_ref(repository: &str) -> String {
    format!("component:default/marker-{repository}")
}
