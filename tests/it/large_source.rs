//! One repository with thousands of entities is applied in slices: what comes between two of them, and what a kill
//! leaves.

use freshet_github_emulator::GithubEmulator;
use freshet_tests::api::Api;
use freshet_tests::backends::{Backends, Profile};
use freshet_tests::changes::{Changes, Heard};
use freshet_tests::process::{FreshetProcess, Service};
use freshet_tests::services::freshet_binary;
use freshet_tests::setup::{ORGANIZATION, Setup, app_config, hook};
use freshet_tests::stage::{Stage, staged};
use freshet_wait::{PATIENCE_FOR_MANY, within};

use crate::pay::{FILE, PAY, component};

const FILES: usize = 80;
/// In each of them.
const ENTITIES: usize = 100;
/// With the files that are registered, and the component elsewhere.
const VISIBLE: usize = FILES * ENTITIES + 4;
/// A document is this long, so that a few files are a slice.
const DESCRIPTION_BYTES: usize = 400;
const LIST: &str = "apiVersion: backstage.io/v1alpha1\nkind: Location\nmetadata: {name: files}\nspec: {targets: [./files/*.yaml]}\n";

/// A large repository, a small one, and Freshet as a process of its own.
struct LargeSource {
    github: GithubEmulator,
    process: FreshetProcess,
    api: Api,
    changes: Changes,
    _backends: Backends,
}

impl LargeSource {
    async fn begin() -> Self {
        let names: Vec<String> = (0..FILES).map(path).collect();
        let texts: Vec<String> = (0..FILES).map(|number| file(number, "first")).collect();
        let mut files: Vec<(&str, &str)> = names
            .iter()
            .zip(&texts)
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        files.push((FILE, LIST));
        let pay = component("first");
        let stage = Stage {
            repositories: vec![
                staged(("mono", files.as_slice())),
                staged(("pay", &[(FILE, pay.as_str())])),
            ],
            ..Stage::default()
        };
        let github = stage.github().await;
        let backends = Backends::start(Profile::Embedded).await;
        let database = backends.database().await;
        let setup = Setup::at_free_addresses();
        hook(&github, setup.webhooks);
        let config = app_config(&setup, &github, &backends.bus(), &database);
        let folder = backends.folder.path();
        let process = FreshetProcess::start(Service::All, &freshet_binary(), folder, &config);
        let api = Api::new(setup.api, setup.admin);
        Self {
            github,
            process: process.expect("the process starts"),
            changes: Changes::follow(&api),
            api,
            _backends: backends,
        }
    }

    fn push(&self, repository: &str, path: &str, text: &str) {
        let files = [(path, Some(text))];
        let repository = format!("{ORGANIZATION}/{repository}");
        self.github
            .commit(&repository, &files, "change")
            .expect("committed");
    }

    async fn count_visible(&self) -> Result<usize, String> {
        let visible = self.api.metric("catalog_entities_count", &[]).await?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some thousands"
        )]
        Ok(visible as usize)
    }

    async fn until_visible(&self, entities: usize) {
        within(PATIENCE_FOR_MANY, "entities are visible", || async {
            let visible = self.count_visible().await?;
            (visible >= entities)
                .then_some(())
                .ok_or_else(|| format!("{visible} of {entities}"))
        })
        .await;
    }

    /// Until the first slices are applied, and the last ones are not.
    async fn until_begun(&self) {
        self.until_visible(VISIBLE / 10).await;
        let visible = self.count_visible().await.expect("metrics");
        assert!(visible < VISIBLE, "all {visible} came at once");
    }

    /// Everything is applied: all there is, once, and nothing has gone meanwhile.
    async fn ends(self) -> Heard {
        self.until_visible(VISIBLE).await;
        within(PATIENCE_FOR_MANY, "it settles", || self.api.is_settled()).await;
        let entities = self.api.entities().await.expect("the API answers");
        assert_eq!(entities.len(), VISIBLE);
        self.changes.agrees_with(&self.api).await;
        let heard = self.changes.heard_all_of(&self.api).await;
        assert_eq!(heard.beginning_with("deleted"), [""; 0]);
        assert_eq!(heard.beginning_with("created").len(), VISIBLE);
        heard
    }
}

fn path(number: usize) -> String {
    format!("files/{number:02}.yaml")
}

fn file(number: usize, title: &str) -> String {
    let description = "text ".repeat(DESCRIPTION_BYTES / 5);
    let one = |index| {
        component(title).replace(
            "  name: pay\n",
            &format!("  name: mono-{number:02}-{index:02}\n  description: {description}\n"),
        )
    };
    let documents: Vec<String> = (0..ENTITIES).map(one).collect();
    documents.join("---\n")
}

/// Where this was heard first.
fn place_of(heard: &Heard, verb: &str) -> usize {
    let place = heard.verbs.iter().position(|it| it == verb);
    place.unwrap_or_else(|| panic!("nobody said {verb}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_elsewhere_is_seen_between_two_slices() {
    let large = LargeSource::begin().await;
    large.until_begun().await;
    large.push("pay", FILE, &component("second"));
    let heard = large.ends().await;
    let pushed = place_of(&heard, &format!("updated {PAY}"));
    let last = format!("created component:default/mono-{:02}-00", FILES - 1);
    assert!(place_of(&heard, "created component:default/mono-00-00") < pushed);
    assert!(pushed < place_of(&heard, &last));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_two_slices_costs_nothing_that_was_applied() {
    let large = LargeSource::begin().await;
    large.until_begun().await;
    large.process.kill();
    large.process.restart().expect("it starts again");
    large.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_source_that_is_half_applied_wins() {
    let large = LargeSource::begin().await;
    large.until_begun().await;
    large.push("mono", &path(0), &file(0, "second"));
    large.push("mono", &path(FILES - 1), &file(FILES - 1, "second"));
    for number in [0, FILES - 1] {
        let name = format!("component:default/mono-{number:02}-00");
        large
            .api
            .sees_with(&name, "/metadata/title", "second")
            .await;
    }
    large.ends().await;
}
