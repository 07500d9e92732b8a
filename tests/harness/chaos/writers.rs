//! Developers who push: they add, change, break, mend, remove and restore catalog files.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_github_emulator::{Fault, HookMode, StaleUntil};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::surroundings::{CATALOG_PATH, Surroundings};
use crate::history::{self, Commit, Recorder, file};
use crate::setup::ORGANIZATION;

/// Between two pushes of one writer.
const PAUSE_MILLIS: std::ops::Range<u64> = 50..300;
/// How often, of a hundred pushes, the next one follows at once and goes to the same repository.
const AT_ONCE_PERCENT: u32 = 20;
const HOOK_DELAY: Duration = Duration::from_millis(1_500);
const README: &str = "README.md";

/// What one push does to the catalog file.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Change,
    ChangeWithApi,
    BreakSyntax,
    BreakSchema,
    Remove,
    TouchReadme,
    ForceChange,
}

impl Deed {
    /// Of a hundred pushes.
    fn draw(random: &mut StdRng) -> Self {
        match random.random_range(0..100) {
            0..45 => Self::Change,
            45..60 => Self::ChangeWithApi,
            60..67 => Self::BreakSyntax,
            67..74 => Self::BreakSchema,
            74..84 => Self::Remove,
            84..95 => Self::TouchReadme,
            _ => Self::ForceChange,
        }
    }

    /// The file's content after it; `None`: there is no file.
    fn content(self, name: &str, title: &str) -> Option<String> {
        let component = format!(
            "apiVersion: backstage.io/v1alpha1\nkind: Component\nmetadata:\n  name: {name}\n  title: {title}\nspec:\n  type: service\n  lifecycle: production\n  owner: payments\n"
        );
        match self {
            Self::Change | Self::ForceChange => Some(component),
            Self::ChangeWithApi => Some(format!(
                "{component}  providesApis: [{name}-api]\n  dependsOn: [component:service-0]\n---\napiVersion: backstage.io/v1alpha1\nkind: API\nmetadata:\n  name: {name}-api\n  title: {title}\nspec:\n  type: openapi\n  lifecycle: production\n  owner: payments\n  definition: '{{}}'\n"
            )),
            Self::BreakSyntax => Some(format!("{component}  broken: [\n")),
            Self::BreakSchema => Some(component.replace("  owner: payments\n", "")),
            Self::Remove => None,
            Self::TouchReadme => Some(title.to_owned()),
        }
    }
}

/// The writers at work.
pub(super) struct Writers {
    stop: CancellationToken,
    pushes: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<Result<()>>>,
}

impl Writers {
    pub(super) fn start(plan: &Plan, world: &Arc<Surroundings>, recorder: &Arc<Recorder>) -> Self {
        let stop = CancellationToken::new();
        let pushes = Arc::<AtomicUsize>::default();
        let tasks = (0..plan.writers).map(|number| {
            let writer = Writer {
                number,
                // Each repository has one writer, so its commits are recorded in their order.
                repositories: (0..plan.repositories)
                    .filter(|index| index % plan.writers == number)
                    .collect(),
                random: StdRng::seed_from_u64(
                    plan.seed
                        .wrapping_add(1 + u64::try_from(number).expect("few writers")),
                ),
                world: Arc::clone(world),
                recorder: Arc::clone(recorder),
                pushes: Arc::clone(&pushes),
            };
            tokio::spawn(writer.write(stop.clone()))
        });
        Self {
            tasks: tasks.collect(),
            stop,
            pushes,
        }
    }

    /// Ends the pushing and says how many pushes there were.
    pub(super) async fn stop(self) -> Result<usize> {
        self.stop.cancel();
        for task in self.tasks {
            task.await.context("a writer")??;
        }
        Ok(self.pushes.load(Ordering::Relaxed))
    }
}

struct Writer {
    number: usize,
    repositories: Vec<usize>,
    random: StdRng,
    world: Arc<Surroundings>,
    recorder: Arc<Recorder>,
    pushes: Arc<AtomicUsize>,
}

impl Writer {
    async fn write(mut self, stop: CancellationToken) -> Result<()> {
        let mut index = self.repositories[0];
        for count in 0.. {
            if self.random.random_range(0..100) >= AT_ONCE_PERCENT {
                let pause = Duration::from_millis(self.random.random_range(PAUSE_MILLIS));
                freshet_wait::pause(pause).await;
                index = self.repositories[self.random.random_range(0..self.repositories.len())];
            }
            if stop.is_cancelled() {
                return Ok(());
            }
            let name = format!("service-{index}");
            self.trouble(&format!("{ORGANIZATION}/{name}"))?;
            self.push(&name, count)?;
            self.pushes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// What GitHub does on some days, to the next push of this repository.
    fn trouble(&mut self, repository: &str) -> Result<()> {
        let github = &self.world.github;
        match self.random.random_range(0..100) {
            0..4 => github.set_hook_mode_of_next(1, HookMode::Lose),
            4..9 => github.set_hook_mode_of_next(1, HookMode::Duplicate(2)),
            9..13 => github.set_hook_mode_of_next(1, HookMode::Delay(HOOK_DELAY)),
            13..16 => github.stale_after_next_push(repository, StaleUntil::Calls(2))?,
            16..18 => github.fail_next(1, Fault::Server(502)),
            _ => {}
        }
        Ok(())
    }

    fn push(&mut self, name: &str, count: usize) -> Result<()> {
        let repository = format!("{ORGANIZATION}/{name}");
        let title = format!("{}-{count}", self.number);
        let deed = Deed::draw(&mut self.random);
        let path = if matches!(deed, Deed::TouchReadme) {
            README
        } else {
            CATALOG_PATH
        };
        let content = deed.content(name, &title);
        let github = &self.world.github;
        if content.is_none() && github.file(&repository, path)?.is_none() {
            return Ok(());
        }
        let files = [(path, content.as_deref())];
        let sha = match deed {
            Deed::ForceChange => github.force_push(&repository, &files, &title)?,
            _ => github.commit(&repository, &files, &title)?,
        };
        let (sha, path) = (sha.to_string(), path.to_owned());
        self.recorder.record(
            file::COMMITS,
            &Commit {
                repository,
                sha,
                path,
                content,
                at: history::now(),
            },
        );
        Ok(())
    }
}
