//! A served catalog, and a client of it.

use std::net::SocketAddr;
use std::sync::Arc;

use freshet_bus::Bus;
use freshet_model::{
    EntityRef, ErrorClass, LocationId, Problem, RelationDeclaration, Revision, RuleId, SourceId,
};
use freshet_runtime::clock::{Clock, ManualClock};
use freshet_runtime::metrics::Registry;
use freshet_wait::in_time;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::settings::Settings;
use crate::api::*;
use crate::change::sample::change_row;
use crate::change::{ChangeRow, EntityRecord, ProblemRow, Snapshot};
use crate::config::{DatabaseConfig, StoreConfig};
use crate::feed::FeedDeps;

const SOURCE: SourceId = SourceId::new(1);
/// When a world begins, in seconds since the epoch.
pub(super) const BEGIN: i64 = 1_795_252_443;
pub(super) const BASE_URL: &str = "http://localhost:7007";

pub(super) struct World {
    pub(super) address: SocketAddr,
    /// Moves its clock.
    pub(super) hand: ManualClock,
    pub(super) view: Arc<View>,
    pub(super) registry: Registry,
    /// What lists wait for.
    pub(super) lists: Arc<Semaphore>,
    log: SqlitePool,
    pub(super) epoch: String,
    shutdown: CancellationToken,
    serving: JoinHandle<Result<(), ServeError>>,
    _directory: tempfile::TempDir,
}

pub(super) struct Answer {
    pub(super) status: u16,
    headers: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (given, value) = line.split_once(": ")?;
            given.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Names of the entities of a list.
    pub(super) fn names(&self) -> String {
        let list = self.json();
        let names = list.as_array().expect("a list").iter();
        names
            .map(|entity| entity["metadata"]["name"].as_str().expect("a name"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl World {
    pub(super) async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    /// A catalog in which this may be registered.
    pub(super) async fn start_registering(registration: RegistrationConfig) -> Self {
        Self::start_with(Settings {
            registration,
            ..Settings::default()
        })
        .await
    }

    /// A catalog as its operator wants it.
    pub(super) async fn start_with(settings: Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog.sqlite");
        let config = StoreConfig::new(DatabaseConfig::Sqlite { path: path.clone() });
        let repo = Repo::open(&config.database).await.expect("a database");
        let log = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path))
            .await
            .expect("a database");
        let epoch = repo.meta().await.expect("a database").epoch;
        let view = View::load(Snapshot {
            epoch: epoch.clone(),
            ..catalog()
        });
        let registry = Registry::new("catalog");
        let metrics = Arc::new(StoreMetrics::register(&registry));
        let (clock, hand) = Clock::manual(BEGIN * 1_000_000);
        let shutdown = CancellationToken::new();
        let feed = ChangeFeed::new(FeedDeps {
            repo: repo.clone(),
            view: Arc::clone(&view),
            clock: clock.clone(),
            base_url: BASE_URL.to_owned(),
            limits: settings.feed,
            metrics: Arc::clone(&metrics),
            shutdown: shutdown.clone(),
        });
        let (applier, ledger) = build_writers(&config, &repo, &view, &clock, &metrics);
        let auth = settings.build_auth(&repo, &clock);
        let api = Api::new(ApiDeps {
            view: Arc::clone(&view),
            repo,
            feed,
            freshness: Freshness::default(),
            bounds: Arc::default(),
            clock,
            metrics,
            confirmed: Arc::default(),
            auth,
            applier,
            ledger,
            registration: settings.registration,
        });
        let lists = Arc::clone(&api.0.lists);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's task ends with its runtime"
        )]
        let serving = tokio::spawn(api.serve(
            settings.cors,
            settings.certificate,
            listener,
            shutdown.clone(),
        ));
        Self {
            address,
            hand,
            view,
            registry,
            lists,
            log,
            epoch,
            shutdown,
            serving,
            _directory: directory,
        }
    }

    pub(super) async fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "").await
    }

    pub(super) async fn post(&self, target: &str, content_type: &str, body: &str) -> Answer {
        self.send_body("POST", target, content_type, body).await
    }

    /// Sends JSON.
    pub(super) async fn send_json(&self, method: &str, target: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send_body(method, target, "application/json", &body)
            .await
    }

    pub(super) async fn delete(&self, target: &str) -> Answer {
        self.request("DELETE", target, "").await
    }

    async fn send_body(
        &self,
        method: &str,
        target: &str,
        content_type: &str,
        body: &str,
    ) -> Answer {
        let length = body.len();
        // The body follows the empty line that ends the headers.
        let headers = format!("content-type: {content_type}\r\ncontent-length: {length}\r\n");
        self.exchange(method, target, &headers, body).await
    }

    /// Sends JSON with these headers beside those that belong to it.
    pub(super) async fn post_with(&self, target: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let headers =
            format!("content-type: application/json\r\ncontent-length: {length}\r\n{headers}");
        self.exchange("POST", target, &headers, body).await
    }

    /// Sends a request as it is written.
    pub(super) async fn exchange_raw(&self, request: &str) -> Answer {
        let mut stream = self.connect().await;
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("a request");
        read_answer(stream).await
    }

    pub(super) async fn request(&self, method: &str, target: &str, headers: &str) -> Answer {
        self.exchange(method, target, headers, "").await
    }

    pub(super) async fn exchange(
        &self,
        method: &str,
        target: &str,
        headers: &str,
        body: &str,
    ) -> Answer {
        let mut stream = self
            .send(method, target, &format!("{headers}connection: close\r\n"))
            .await;
        stream
            .write_all(body.as_bytes())
            .await
            .expect("a body sent");
        read_answer(stream).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address)
            .await
            .expect("a connection")
    }

    pub(super) async fn send(&self, method: &str, target: &str, headers: &str) -> TcpStream {
        let mut stream = self.connect().await;
        let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        stream
    }

    /// Opens the feed.
    pub(super) async fn subscribe(&self, target: &str, headers: &str) -> Feedback {
        let stream = self.send("GET", target, headers).await;
        let mut feedback = Feedback(BufReader::new(stream));
        assert!(feedback.line().await.contains("200 OK"));
        while !feedback.line().await.starts_with(": connected") {}
        feedback
    }

    /// Commits a change of the entity, as another process would, and wakes this one.
    pub(super) async fn commit(&self, revision: i64) {
        let row = change(revision);
        sqlx::query(
            "insert into change (revision, verb, ref, version, uid, location_id, source_id, document, relations, digest, data, committed_at, fact_at) \
             values ($1, 'updated', $2, $3, $4, 1, 1, $5, '[]', 'd', $6, 1, 1)",
        )
        .bind(row.revision.get())
        .bind("component:default/pay")
        .bind(row.version)
        .bind(Uuid::from_u128(2).to_string())
        .bind(row.document.as_deref())
        .bind(&row.data)
        .execute(&self.log)
        .await
        .expect("a row");
        sqlx::query("update catalog_meta set revision = $1")
            .bind(revision)
            .execute(&self.log)
            .await
            .expect("a row");
        self.view.fold(&[row]);
    }

    pub(super) async fn stop(self) {
        self.shutdown.cancel();
        self.serving
            .await
            .expect("no panic")
            .expect("a graceful end");
    }
}

/// What people's requests go through.
fn build_writers(
    config: &StoreConfig,
    repo: &Repo,
    view: &Arc<View>,
    clock: &Clock,
    metrics: &Arc<StoreMetrics>,
) -> (Arc<Applier>, Ledger) {
    let bus = Bus::memory();
    let ledger = Ledger::new(
        repo.clone(),
        bus.clone(),
        clock.clone(),
        config.into(),
        Arc::clone(metrics),
    );
    let applier = Applier::new(
        repo.clone(),
        bus,
        Arc::clone(view),
        clock.clone(),
        config.into(),
        Arc::clone(metrics),
    );
    (Arc::new(applier), ledger)
}

pub(super) struct Feedback(BufReader<TcpStream>);

impl Feedback {
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        in_time("a line", read).await.expect("a line");
        line.trim_end().to_owned()
    }

    /// Revision and version of the next event.
    pub(super) async fn event(&mut self) -> (String, String, Value) {
        let (mut id, mut verb) = (String::new(), String::new());
        loop {
            let line = self.line().await;
            match line.split_once(": ") {
                Some(("id", value)) => id = value.to_owned(),
                Some(("event", value)) => verb = value.to_owned(),
                Some(("data", json)) => {
                    return (id, verb, serde_json::from_str(json).expect("JSON"));
                }
                _ => {}
            }
        }
    }
}

async fn read_answer(mut stream: TcpStream) -> Answer {
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    in_time("an answer", read).await.expect("an answer");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    let headers = head.replace('\r', "");
    let is_chunked = headers
        .to_lowercase()
        .contains("transfer-encoding: chunked");
    Answer {
        status,
        headers,
        body: if is_chunked {
            join_chunks(body)
        } else {
            body.to_owned()
        },
    }
}

/// The text of a body that came in chunks, and with its end.
fn join_chunks(body: &str) -> String {
    let (mut text, mut rest) = (String::new(), body);
    loop {
        let (length, chunk) = rest.split_once("\r\n").expect("a length");
        let length = usize::from_str_radix(length, 16).expect("a length");
        if length == 0 {
            return text;
        }
        text.push_str(&chunk[..length]);
        rest = chunk[length..].strip_prefix("\r\n").expect("its end");
    }
}

fn parse(text: &str) -> EntityRef {
    EntityRef::parse(text).expect("a valid ref")
}

fn change(revision: i64) -> ChangeRow {
    let document = format!(
        r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{{"name":"pay","namespace":"default","title":"r{revision}"}},"spec":{{"type":"service"}}}}"#
    );
    ChangeRow {
        uid: Some(Uuid::from_u128(2)),
        source_id: SOURCE,
        document: Some(Arc::from(document)),
        relations: Some(Arc::from([])),
        digest: Some("d".to_owned()),
        ..change_row(revision)
    }
}

fn record(number: u8, name: &str, kind: &str, spec: &str, owner: Option<&str>) -> EntityRecord {
    let relations = owner.map(|owner| RelationDeclaration {
        forward: "ownedBy".into(),
        reverse: Some("ownerOf".into()),
        target: parse(owner),
    });
    EntityRecord {
        entity_ref: parse(&format!("{}:default/{name}", kind.to_lowercase())),
        uid: Uuid::from_u128(u128::from(number)),
        version: 1,
        revision: Revision::default(),
        digest: "d".to_owned(),
        document: Arc::from(format!(
            r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"{kind}","metadata":{{"name":"{name}","namespace":"default"}},"spec":{spec}}}"#
        )),
        relations: relations.into_iter().collect(),
        location_id: LocationId::new(i64::from(number)),
        source_id: SOURCE,
        changed_at: 1,
    }
}

fn catalog() -> Snapshot {
    let problem = ProblemRow {
        id: 9,
        location_id: LocationId::new(2),
        source_id: SOURCE,
        provider: "github".to_owned(),
        repository: "acme/pay".to_owned(),
        path: "catalog-info.yaml".to_owned(),
        problem: Problem {
            owner: Some("team-b".to_owned()),
            ..Problem::error(
                RuleId::SpecSchema,
                ErrorClass::InputError,
                "spec.type must be a string",
            )
            .with_hint("write a string")
            .at(4, 9)
            .about(parse("component:default/pay"))
        },
        first_seen: 1,
        last_seen: 1,
        status_of: vec![parse("component:default/pay")],
    };
    Snapshot {
        epoch: String::new(),
        revision: Revision::default(),
        entities: vec![
            record(
                3,
                "team-a",
                "Group",
                r#"{"children":[],"type":"team"}"#,
                None,
            ),
            record(
                2,
                "pay",
                "Component",
                r#"{"type":"service"}"#,
                Some("group:default/team-a"),
            ),
            record(
                1,
                "site",
                "Component",
                r#"{"type":"website"}"#,
                Some("group:default/team-b"),
            ),
        ],
        problems: vec![problem],
    }
}
