//! A small catalog to tell stories with: the real ledger and apply over one database.
//!
//! Stories are written in a compact notation. A step is `r1: component:a@1>group:x`: somebody
//! pushes to repository 1 and its file then declares component `a`, content `1`, owned by group
//! `x`. `?component:a` is a problem with the document of `a`, `?` one with a document without a
//! name, `!` an error that keeps the whole file out. `gone`, `same`, `failed` and `behind` are
//! what else a reading can come to. Several steps joined by ` | ` are one batch.
//!
//! What it comes to is `+` created, `~` updated, `-` deleted, `%` related, and for problems
//! `!` opened, `!~` changed, `!-` solved, with the rule.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use freshet_bus::Bus;
use freshet_model::{EntityRef, Revision, SourceId};
use freshet_proto::message::{
    Behind, Content, EntityObserved, Failed, FailureKind, Gone, Lane, ListedRepository,
    ListingObserved, LocationObserved, Observation, ProblemObserved, Push, RelationObserved,
    Repository, RepositoryObserved, RepositoryTraits, Signal, Tick, Unchanged, location_observed,
    observation, signal,
};
use freshet_runtime::clock::{Clock, ManualClock};
use freshet_runtime::progress::{Total, Work};

use super::open;
use crate::apply::{Applier, ApplyConfig};
use crate::change::{ChangeRow, EntityRecord, Op, ProblemRow};
use crate::config::{DatabaseConfig, GithubProvider, ProviderFilters, Rule, StoreConfig};
use crate::ledger::{Ledger, LedgerConfig};
use crate::metrics::StoreMetrics;
use crate::repo::{Repo, SourceRow};
use crate::view::View;

const HOST: &str = "github.com";
pub(super) const FILE: &str = "catalog-info.yaml";
const FINGERPRINT: &str = "f1";
const START: i64 = 1_795_252_443_000_000;

pub(super) struct World {
    pub(super) repo: Repo,
    pub(super) view: Arc<View>,
    pub(super) ledger: Ledger,
    pub(super) applier: Applier,
    pub(super) config: StoreConfig,
    pub(super) bus: Bus,
    pub(super) now: Clock,
    pub(super) clock: ManualClock,
    /// Pushes so far, which number heads and deliveries.
    pub(super) pushes: u64,
    /// Heads by repository.
    heads: BTreeMap<u64, String>,
    told: Revision,
}

impl World {
    pub(super) async fn start(database: DatabaseConfig) -> Self {
        Self::start_with(database, None, ProviderFilters::default()).await
    }

    /// The same, configured to read this branch instead of the default one, and what the filters let in.
    pub(super) async fn start_with(
        database: DatabaseConfig,
        branch: Option<&str>,
        filters: ProviderFilters,
    ) -> Self {
        Self::start_as(configure(database, branch, filters)).await
    }

    pub(super) async fn start_as(config: StoreConfig) -> Self {
        let repo = open(&config.database).await;
        let (clock, hands) = Clock::manual(START);
        let view = View::load(repo.snapshot().await.expect("a snapshot"));
        let metrics = Arc::new(StoreMetrics::unregistered());
        let bus = Bus::memory();
        let ledger = Ledger::new(
            repo.clone(),
            bus.clone(),
            clock.clone(),
            LedgerConfig::from(&config),
            Arc::clone(&metrics),
        );
        let applier = Applier::new(
            repo.clone(),
            bus.clone(),
            Arc::clone(&view),
            clock.clone(),
            ApplyConfig::from(&config),
            metrics,
        );
        Self {
            repo,
            view,
            ledger,
            applier,
            config,
            bus,
            now: clock,
            clock: hands,
            pushes: 0,
            heads: BTreeMap::new(),
            told: Revision::default(),
        }
    }

    /// Tells one step and compares what it came to.
    #[track_caller]
    pub(super) fn check<'a>(
        &'a mut self,
        step: &'a str,
        expected: &'a str,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let happened = self.tell(step).await;
            assert_eq!(happened, expected, "{step} at {caller}");
            self.agrees().await;
        }
    }

    async fn tell(&mut self, step: &str) -> String {
        let mut batch = Vec::new();
        for part in step.split(" | ") {
            let (repository, reading) = part.split_once(": ").expect("a step is `rN: reading`");
            let repository = repository[1..].parse().expect("a repository number");
            let generation = self.push(repository, &["x"]).await;
            batch.push(self.observation(repository, generation, reading).await);
        }
        self.apply(&batch).await;
        self.news().await
    }

    pub(super) async fn apply(&mut self, batch: &[Observation]) {
        self.clock.advance(Duration::from_millis(1));
        self.applier.apply(batch).await.expect("the batch applies");
    }

    /// A push that touches these paths (`x` is the wanted file); the generation it raised.
    pub(super) async fn push(&mut self, repository: u64, touched: &[&str]) -> u64 {
        self.pushes += 1;
        let before = self.heads.get(&repository).cloned().unwrap_or_default();
        let after = format!("head{}", self.pushes);
        self.heads.insert(repository, after.clone());
        let push = Push {
            repository: Some(named(repository, "main")),
            r#ref: "refs/heads/main".to_owned(),
            before,
            after,
            complete: true,
            touched: touched
                .iter()
                .map(|path| if *path == "x" { FILE } else { path }.to_owned())
                .collect(),
            actor: "rosa".to_owned(),
            ..Push::default()
        };
        self.signal(
            &format!("gh:{HOST}:{}", self.pushes),
            "push",
            signal::Body::Push(push),
        )
        .await;
        let source = self.source(&repository.to_string()).await;
        source.wanted.unsigned_abs()
    }

    pub(super) async fn tick(&mut self, slot: i64) -> SourceRow {
        let tick = Tick {
            provider_id: "acme".to_owned(),
            organization: "acme".to_owned(),
            slot,
        };
        self.signal(
            &format!("tick:acme:{slot}"),
            "tick",
            signal::Body::Tick(tick),
        )
        .await;
        self.source("acme").await
    }

    pub(super) async fn signal(&mut self, id: &str, event: &str, body: signal::Body) {
        self.clock.advance(Duration::from_millis(1));
        let signal = Signal {
            id: id.to_owned(),
            provider: "github".to_owned(),
            host: HOST.to_owned(),
            event: event.to_owned(),
            received_at: START,
            body: Some(body),
        };
        self.ledger
            .record(std::slice::from_ref(&signal))
            .await
            .expect("the signal is recorded");
    }

    pub(super) async fn source(&self, external_id: &str) -> SourceRow {
        let statuses = self.repo.source_statuses().await.expect("statuses");
        let ids: Vec<SourceId> = statuses.iter().map(|status| status.id).collect();
        let mut tx = self.repo.read().await.expect("a transaction");
        let sources = tx.sources(&ids).await.expect("rows");
        sources
            .into_iter()
            .filter(|source| source.external_id == external_id)
            .max_by_key(|source| source.id)
            .expect("the source is known")
    }

    pub(super) async fn observation(
        &self,
        repository: u64,
        generation: u64,
        reading: &str,
    ) -> Observation {
        let source = self.source(&repository.to_string()).await;
        let head = self.heads.get(&repository).cloned().unwrap_or_default();
        let body = match reading {
            "behind" => observation::Body::Behind(Behind { shown_head: head }),
            "failed" => observation::Body::Failed(failed()),
            _ => observation::Body::Repository(RepositoryObserved {
                repository: Some(named(repository, "main")),
                locations: vec![LocationObserved {
                    path: FILE.to_owned(),
                    outcome: Some(outcome(reading, &head)),
                }],
                head,
            }),
        };
        whole(&source, generation, body)
    }

    /// A listing of these repositories: number, head, blob.
    pub(super) fn listing(source: &SourceRow, repositories: &[(u64, &str, &str)]) -> Observation {
        let repositories = repositories
            .iter()
            .map(|(id, head, blob)| ListedRepository {
                repository: Some(named(*id, "main")),
                head: (*head).to_owned(),
                blob: (*blob).to_owned(),
                path: FILE.to_owned(),
            })
            .collect();
        let listed = ListingObserved {
            organization: "acme".to_owned(),
            repositories,
        };
        whole(
            source,
            source.wanted.unsigned_abs(),
            observation::Body::Listing(listed),
        )
    }

    /// The same, from a processor that tells the topics of each.
    pub(super) fn listing_with_topics(
        source: &SourceRow,
        repositories: &[(u64, &str, &str)],
        topics: &[&str],
    ) -> Observation {
        let mut listing = Self::listing(source, repositories);
        if let Some(observation::Body::Listing(listed)) = &mut listing.body {
            let repositories = listed.repositories.iter_mut();
            for repository in repositories.filter_map(|it| it.repository.as_mut()) {
                repository.traits = Some(RepositoryTraits {
                    topics: topics.iter().map(|it| (*it).to_owned()).collect(),
                    ..RepositoryTraits::default()
                });
            }
        }
        listing
    }

    /// The changes since the last call, in the notation.
    pub(super) async fn news(&mut self) -> String {
        let rows = self
            .repo
            .changes_after(self.told, 1_000)
            .await
            .expect("rows");
        for row in &rows {
            assert_eq!(row.revision, self.told.next(), "revisions have no gaps");
            self.told = row.revision;
        }
        let told = rows.iter().filter(|row| !is_of_a_root(row)).map(spell);
        told.collect::<Vec<String>>().join(" ")
    }

    /// The view that was folded is the one a restart would load.
    pub(super) async fn agrees(&self) {
        let (reading, loading) = (Work::untold(), Work::untold());
        let snapshot = self.repo.snapshot_counted(&reading).await;
        let snapshot = snapshot.expect("a snapshot");
        assert_eq!(snapshot.revision, self.view.revision());
        let entities = u64::try_from(snapshot.entities.len()).expect("a few");
        let loaded = View::load_counted(snapshot, &loading);
        // Whoever waits for a start is told of every entity.
        for work in [reading, loading] {
            let progress = work.progress();
            assert_eq!(progress.done(), entities);
            assert_eq!(progress.total(), Total::Exactly(entities));
        }
        assert_eq!(contents(&self.view), contents(&loaded));
    }
}

pub(super) fn configure(
    database: DatabaseConfig,
    branch: Option<&str>,
    filters: ProviderFilters,
) -> StoreConfig {
    StoreConfig {
        providers: vec![GithubProvider {
            id: "acme".to_owned(),
            host: HOST.to_owned(),
            organization: "acme".to_owned(),
            catalog_path: FILE.to_owned(),
            frequency: Duration::from_secs(60),
            branch: branch.map(str::to_owned),
            filters,
        }],
        rules: vec![Rule::everywhere(&["Component", "Group"])],
        fingerprint: FINGERPRINT.to_owned(),
        ..StoreConfig::new(database)
    }
}

/// Whether a change is that of the Location entity that stands for a repository's file: it comes and
/// goes with what is in it.
fn is_of_a_root(row: &ChangeRow) -> bool {
    row.entity_ref
        .as_ref()
        .is_some_and(|it| it.kind() == "location" && it.name().starts_with("generated-"))
}

pub(super) fn whole(source: &SourceRow, generation: u64, body: observation::Body) -> Observation {
    Observation {
        source_id: source.id.get(),
        generation,
        lane: Lane::Lo.into(),
        installation: HOST.to_owned(),
        cause: Some(source.trigger.clone()),
        fingerprint: FINGERPRINT.to_owned(),
        fetched_at: START,
        part: 0,
        last: true,
        body: Some(body),
    }
}

pub(super) fn named(repository: u64, branch: &str) -> Repository {
    Repository {
        id: repository,
        node_id: format!("R_{repository}"),
        owner: "acme".to_owned(),
        name: format!("r{repository}"),
        html_url: format!("https://{HOST}/acme/r{repository}"),
        default_branch: branch.to_owned(),
        archived: false,
        traits: None,
    }
}

fn failed() -> Failed {
    Failed {
        kind: FailureKind::Unreachable.into(),
        message: "no answer".to_owned(),
    }
}

pub(super) fn outcome(reading: &str, head: &str) -> location_observed::Outcome {
    match reading {
        "gone" => location_observed::Outcome::Gone(Gone {
            evidence: "absent".to_owned(),
            ..Gone::default()
        }),
        "same" => location_observed::Outcome::Unchanged(Unchanged {
            blob: String::new(),
        }),
        "unreadable" => location_observed::Outcome::Failed(failed()),
        _ => location_observed::Outcome::Content(content(reading, head)),
    }
}

fn content(reading: &str, head: &str) -> Content {
    let mut content = Content {
        blob: format!("blob-of-{head}"),
        ..Content::default()
    };
    for (word, line) in reading.split(' ').zip(1_u32..) {
        match word.strip_prefix('?') {
            Some(name) => content.problems.push(problem(name, line)),
            None if word == "!" => {
                content.invalid = true;
                content.problems.push(problem("", line));
            }
            None if word == "empty" => {}
            None => content.entities.push(entity(word, line)),
        }
    }
    content
}

pub(super) fn problem(name: &str, line: u32) -> ProblemObserved {
    let entity_ref = EntityRef::parse(name).map_or_else(|_| String::new(), |it| it.to_string());
    ProblemObserved {
        rule: "yaml.syntax".to_owned(),
        message: "broken".to_owned(),
        hint: String::new(),
        line,
        column: 1,
        entity_ref,
        ..ProblemObserved::default()
    }
}

fn entity(word: &str, line: u32) -> EntityObserved {
    let (name, targets) = word.split_once('>').unwrap_or((word, ""));
    let (name, content) = name.split_once('@').expect("an entity has content");
    let entity_ref = EntityRef::parse(name).expect("a valid ref");
    let relations = targets
        .split('>')
        .filter(|target| !target.is_empty())
        .map(|target| RelationObserved {
            forward: "ownedBy".to_owned(),
            reverse: "ownerOf".to_owned(),
            target: EntityRef::parse(target).expect("a valid ref").to_string(),
        })
        .collect();
    EntityObserved {
        document: format!(
            "{{\"kind\":\"{}\",\"metadata\":{{\"name\":\"{}\",\"title\":\"{content}\"}}}}",
            entity_ref.kind(),
            entity_ref.name()
        ),
        r#ref: entity_ref.to_string(),
        relations,
        digest: word.to_owned(),
        line,
        target_places: None,
    }
}

fn spell(row: &ChangeRow) -> String {
    let name = row
        .entity_ref
        .as_ref()
        .map_or_else(String::new, |it| format!("{}:{}", it.kind(), it.name()));
    let rule = row
        .problem
        .as_ref()
        .map_or("", |row| row.problem.rule.as_str());
    match row.op {
        Op::Created => format!("+{name}"),
        Op::Updated => format!("~{name}"),
        Op::Deleted => format!("-{name}"),
        Op::Related => format!("%{name}"),
        Op::ProblemOpened => format!("!{rule}"),
        Op::ProblemUpdated => format!("!~{rule}"),
        Op::ProblemResolved => format!("!-{rule}"),
    }
}

pub(super) fn contents(view: &View) -> (Vec<EntityRecord>, Vec<ProblemRow>) {
    view.read(|state| {
        let mut records: Vec<EntityRecord> = state.entities().cloned().collect();
        records.sort_by(|left, right| left.entity_ref.cmp(&right.entity_ref));
        let mut problems: Vec<ProblemRow> = state.problems().cloned().collect();
        problems.sort_by_key(|problem| problem.id);
        (records, problems)
    })
}
