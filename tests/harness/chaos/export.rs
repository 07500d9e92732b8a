//! The end state of a run, as GitHub, the database, the API and the bucket hold it.

use anyhow::{Context as _, Result, ensure};
use freshet_github_emulator::{DeliveryRecord, GithubEmulator};
use freshet_model::Revision;
use freshet_proto::stream::{CHANGES, STATE_BUCKET};
use freshet_store::repo::Repo;
use freshet_wait::{PATIENCE, try_within};
use futures::TryStreamExt as _;
use serde_json::Value;

use super::surroundings::{CATALOG_PATH, Surroundings};
use crate::history::{ApiEntity, ChangeRow, HeadFile, Hook, KvEntry, Recorder, file};
use crate::http::Http;
use crate::setup::ORGANIZATION;

const REVISION: &str = "select revision from catalog_meta";

/// Each with its table and the order of its rows.
const TABLES: [(&str, &str, &str); 4] = [
    (file::SQL_DELIVERY, "delivery", "received_at, guid"),
    (file::SQL_SOURCE, "source", "id"),
    (file::SQL_ENTITY, "entity", "ref"),
    (file::SQL_META, "catalog_meta", "revision"),
];

const CHANGES_AT_ONCE: i64 = 1_000;

/// Where everything ended.
pub(super) struct End {
    pub(super) revision: i64,
    pub(super) api_revision: i64,
    pub(super) stream_sequence: u64,
    pub(super) hooks_accepted: usize,
    pub(super) hooks_refused: usize,
}

pub(super) async fn export(world: &Surroundings, recorder: &Recorder) -> Result<End> {
    for (file, table, order) in TABLES {
        for row in world.database.rows(table, order).await.context(table)? {
            recorder.line(file, &row);
        }
    }
    changes(world, recorder).await?;
    let (hooks_accepted, hooks_refused) = hooks(&world.github, recorder);
    heads(&world.github, recorder)?;
    let [revision] = world.database.numbers(REVISION, &[]).await?;
    let api_revision = api(world, recorder, revision).await?;
    let stream_sequence = bucket(world, recorder).await?;
    Ok(End {
        revision,
        api_revision,
        stream_sequence,
        hooks_accepted,
        hooks_refused,
    })
}

/// The log, of which a row of the table holds many changes.
async fn changes(world: &Surroundings, recorder: &Recorder) -> Result<()> {
    let database = world.database.store_config()?;
    let repo = Repo::open(&database).await.context("open the log")?;
    let mut reached = Revision::default();
    loop {
        let rows = repo.changes_after(reached, CHANGES_AT_ONCE).await?;
        let Some(last) = rows.last() else {
            break;
        };
        reached = last.revision;
        for row in rows {
            recorder.record(file::SQL_CHANGE, &change_of(row));
        }
    }
    repo.close().await;
    Ok(())
}

fn change_of(row: freshet_store::change::ChangeRow) -> ChangeRow {
    ChangeRow {
        revision: row.revision.get(),
        verb: row.op.as_str().to_owned(),
        entity_ref: row.entity_ref.map(|it| it.to_string()),
        version: row.version,
        document: row.document.map(|it| it.to_string()),
        committed_at: row.committed_at,
    }
}

/// Every attempt to deliver a hook: how many were accepted, and how many not.
fn hooks(github: &GithubEmulator, recorder: &Recorder) -> (usize, usize) {
    let attempts: Vec<Hook> = github.deliveries().into_iter().map(hook_of).collect();
    for attempt in &attempts {
        recorder.record(file::HOOKS, attempt);
    }
    let accepted = attempts.iter().filter(|attempt| attempt.is_accepted());
    let accepted = accepted.count();
    (accepted, attempts.len() - accepted)
}

fn hook_of(record: DeliveryRecord) -> Hook {
    Hook {
        guid: record.guid,
        event: record.event,
        repository: record.repository,
        status: record.status,
        at: i64::try_from(record.delivered_at.unix_timestamp_nanos() / 1_000).unwrap_or_default(),
    }
}

/// The catalog files at the heads.
fn heads(github: &GithubEmulator, recorder: &Recorder) -> Result<()> {
    for repository in github.repositories(ORGANIZATION) {
        let head = HeadFile {
            sha: github
                .head(&repository)?
                .map_or_else(String::new, |sha| sha.to_string()),
            path: CATALOG_PATH.to_owned(),
            content: github.file(&repository, CATALOG_PATH)?,
            repository,
        };
        recorder.record(file::HEADS, &head);
    }
    Ok(())
}

/// All entities, as of `revision` at least; a store that just came back may need a moment.
async fn api(world: &Surroundings, recorder: &Recorder, revision: i64) -> Result<i64> {
    let http = Http::default();
    let url = format!(
        "{}/api/catalog/entities?minRevision={revision}",
        world.api.url()
    );
    let answer = try_within(PATIENCE, || async {
        let answer = http.get(&url).await?;
        let is_there = answer.status.is_success();
        is_there
            .then_some(answer)
            .ok_or_else(|| format!("it does not serve revision {revision}"))
    })
    .await
    .map_err(anyhow::Error::msg)
    .context("ask the API")?;
    let served = answer
        .headers
        .get("catalog-revision")
        .context("an answer has a revision")?
        .to_str()?
        .parse()?;
    let entities: Vec<Value> =
        serde_json::from_slice(&answer.body).context("the API lists entities")?;
    for entity in entities {
        recorder.record(file::API, &ApiEntity { entity });
    }
    Ok(served)
}

/// The bucket when it has followed its source to the end, and where that is.
async fn bucket(world: &Surroundings, recorder: &Recorder) -> Result<u64> {
    let client = async_nats::connect(world.nats.url())
        .await
        .context("connect to NATS")?;
    let context = async_nats::jetstream::new(client);
    let sequence = context
        .get_stream(CHANGES)
        .await?
        .cached_info()
        .state
        .last_sequence;
    let bucket = context.get_key_value(STATE_BUCKET).await?;
    let followed = try_within(PATIENCE, || async {
        let stream = context.get_stream(format!("KV_{STATE_BUCKET}")).await;
        let info = stream.map_err(|error| error.to_string())?;
        let mut sources = info.cached_info().sources.iter();
        // A source that was not reached since the server's start claims no lag either.
        let has_followed = sources.all(|source| source.active.is_some() && source.lag == 0);
        has_followed
            .then_some(())
            .ok_or_else(|| "the bucket is behind".to_owned())
    });
    // If it does not follow, that is for the checker to find.
    let _followed = followed.await;
    let keys: Vec<String> = bucket.keys().await?.try_collect().await?;
    for key in keys {
        let Some(value) = bucket.get(key.as_str()).await? else {
            continue;
        };
        let data = serde_json::from_slice(&value).with_context(|| format!("{key} holds JSON"))?;
        recorder.record(file::KV, &KvEntry { key, data });
    }
    ensure!(sequence > 0, "CHANGES is empty");
    Ok(sequence)
}
