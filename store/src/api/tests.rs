//! The API over a loopback listener, on a hand-made catalog and a real (empty) database.

use std::sync::Arc;
use std::time::Duration;

use freshet_model::{EntityRef, RelationDeclaration};
use freshet_runtime::clock::Clock;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::*;
use crate::change::{ChangeRow, Op, ProblemRow, Record, Snapshot};
use crate::config::{DatabaseConfig, FeedLimits};
use crate::feed::FeedDeps;

const PATIENCE: Duration = Duration::from_secs(10);

struct World {
    address: SocketAddr,
    view: Arc<View>,
    log: SqlitePool,
    epoch: String,
    shutdown: CancellationToken,
    serving: JoinHandle<std::io::Result<()>>,
    _directory: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (given, value) = line.split_once(": ")?;
            given.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// Names of the entities of a list.
    fn names(&self) -> String {
        let list = self.json();
        let names = list.as_array().expect("a list").iter();
        names
            .map(|entity| entity["metadata"]["name"].as_str().expect("a name"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl World {
    async fn start() -> Self {
        Self::start_with(None, FeedLimits::default()).await
    }

    async fn start_with(cors: Option<Cors>, limits: FeedLimits) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("catalog.sqlite");
        let repo = Repo::open(&DatabaseConfig::Sqlite { path: path.clone() })
            .await
            .expect("a database");
        let log = SqlitePool::connect_with(SqliteConnectOptions::new().filename(&path))
            .await
            .expect("a database");
        let epoch = repo.meta().await.expect("a database").epoch;
        let view = View::load(Snapshot {
            epoch: epoch.clone(),
            ..catalog()
        });
        let metrics = Arc::new(Metrics::unregistered());
        let (clock, _) = Clock::manual(1_795_252_443_000_000);
        let shutdown = CancellationToken::new();
        let feed = Feed::new(FeedDeps {
            repo: repo.clone(),
            view: Arc::clone(&view),
            clock: clock.clone(),
            base_url: "http://localhost:7007".to_owned(),
            limits,
            metrics: Arc::clone(&metrics),
            shutdown: shutdown.clone(),
        });
        let api = Api::new(ApiDeps {
            view: Arc::clone(&view),
            repo,
            feed,
            freshness: Freshness::default(),
            bounds: Arc::default(),
            clock,
            metrics,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(api.serve(cors, listener, shutdown.clone()));
        Self {
            address,
            view,
            log,
            epoch,
            shutdown,
            serving,
            _directory: directory,
        }
    }

    async fn get(&self, target: &str) -> Answer {
        self.request("GET", target, "").await
    }

    async fn request(&self, method: &str, target: &str, headers: &str) -> Answer {
        let mut stream = self
            .send(method, target, &format!("{headers}connection: close\r\n"))
            .await;
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("an answer in time")
            .expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .expect("a status");
        Answer {
            status,
            headers: head.replace('\r', ""),
            body: body.to_owned(),
        }
    }

    async fn send(&self, method: &str, target: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("a request");
        stream
    }

    /// Opens the feed.
    async fn subscribe(&self, target: &str, headers: &str) -> Feedback {
        let stream = self.send("GET", target, headers).await;
        let mut feedback = Feedback(BufReader::new(stream));
        assert!(feedback.line().await.contains("200 OK"));
        while !feedback.line().await.starts_with(": connected") {}
        feedback
    }

    /// Commits a change of the entity, as another process would, and wakes this one.
    async fn commit(&self, revision: i64) {
        let row = change(revision);
        sqlx::query(
            "insert into change (revision, verb, ref, version, uid, location_id, source_id, document, relations, digest, data, committed_at, fact_at) \
             values ($1, 'updated', $2, $3, $4, 1, 1, $5, '[]', 'd', $6, 1, 1)",
        )
        .bind(row.revision)
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

    async fn stop(self) {
        self.shutdown.cancel();
        self.serving
            .await
            .expect("no panic")
            .expect("a graceful end");
    }
}

struct Feedback(BufReader<TcpStream>);

impl Feedback {
    async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.0.read_line(&mut line);
        tokio::time::timeout(PATIENCE, read)
            .await
            .expect("a line in time")
            .expect("a line");
        line.trim_end().to_owned()
    }

    /// Revision and version of the next event.
    async fn event(&mut self) -> (String, String, Value) {
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

fn parse(text: &str) -> EntityRef {
    EntityRef::parse(text).expect("a valid ref")
}

fn change(revision: i64) -> ChangeRow {
    let data = format!(
        r#"{{"op":"updated","entity":{{"ref":"component:default/pay","uid":"u","kind":"Component"}},"revision":{{"catalog":{revision},"previous":0,"entity":1}},"change":{{"categories":[],"derived":false,"fields":{{"added":[],"updated":[],"deleted":[]}},"relations":{{"added":[],"removed":[]}}}},"cause":{{}},"timing":{{"committed":"2026-11-21T09:14:03.000000Z"}}}}"#
    );
    let document = format!(
        r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"Component","metadata":{{"name":"pay","namespace":"default","title":"r{revision}"}},"spec":{{"type":"service"}}}}"#
    );
    ChangeRow {
        revision,
        op: Op::Updated,
        entity_ref: Some(parse("component:default/pay")),
        version: revision,
        uid: Some(Uuid::from_u128(2)),
        location_id: 1,
        source_id: 1,
        document: Some(Arc::from(document)),
        relations: Some(Arc::from([])),
        digest: Some("d".to_owned()),
        problem: None,
        data,
        committed_at: 1,
        fact_at: 1,
    }
}

fn record(number: u128, name: &str, kind: &str, spec: &str, owner: Option<&str>) -> Record {
    let relations = owner.map(|owner| RelationDeclaration {
        forward: "ownedBy".to_owned(),
        reverse: Some("ownerOf".to_owned()),
        target: parse(owner),
    });
    Record {
        entity_ref: parse(&format!("{}:default/{name}", kind.to_lowercase())),
        uid: Uuid::from_u128(number),
        version: 1,
        revision: 0,
        digest: "d".to_owned(),
        document: Arc::from(format!(
            r#"{{"apiVersion":"backstage.io/v1alpha1","kind":"{kind}","metadata":{{"name":"{name}","namespace":"default"}},"spec":{spec}}}"#
        )),
        relations: relations.into_iter().collect(),
        location_id: i64::try_from(number).expect("small"),
        source_id: 1,
        changed_at: 1,
    }
}

fn catalog() -> Snapshot {
    let problem = ProblemRow {
        id: 9,
        location_id: 2,
        source_id: 1,
        provider: "github".to_owned(),
        repository: "acme/pay".to_owned(),
        path: "catalog-info.yaml".to_owned(),
        rule: "spec.schema".to_owned(),
        message: "spec.type must be a string".to_owned(),
        hint: "write a string".to_owned(),
        line: 4,
        column: 9,
        entity_ref: Some(parse("component:default/pay")),
        first_seen: 1,
        last_seen: 1,
    };
    Snapshot {
        epoch: String::new(),
        revision: 0,
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

#[tokio::test]
async fn an_entity_is_served_with_identity_relations_and_problems() {
    let world = World::start().await;
    let answer = world
        .get("/api/catalog/entities/by-name/Component/default/Pay/")
        .await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert_eq!(answer.header("catalog-revision"), Some("0"));
    let entity = answer.json();
    assert_eq!(entity["metadata"]["uid"], Uuid::from_u128(2).to_string());
    assert_eq!(entity["metadata"]["etag"].as_str().map(str::len), Some(40));
    assert_eq!(
        entity["relations"],
        serde_json::json!([{"type": "ownedBy", "targetRef": "group:default/team-a"}])
    );
    assert_eq!(entity["status"]["items"][0]["error"]["line"], 4);
    let target = format!("/api/catalog/entities/by-uid/{}", Uuid::from_u128(3));
    let owner = world.get(&target).await.json();
    assert_eq!(
        owner["relations"],
        serde_json::json!([{"type": "ownerOf", "targetRef": "component:default/pay"}])
    );
    assert!(owner.get("status").is_none());
    world.stop().await;
}

#[tokio::test]
async fn lists_are_filtered_sorted_projected_and_paged() {
    let world = World::start().await;
    assert_eq!(
        world.get("/api/catalog/entities").await.names(),
        "site pay team-a"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?filter=kind=component,spec.type=service")
            .await
            .names(),
        "pay"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?filter=relations.ownerOf")
            .await
            .names(),
        "team-a"
    );
    assert_eq!(
        world
            .get("/api/catalog/entities?order=desc:metadata.name")
            .await
            .names(),
        "team-a site pay"
    );
    let answer = world
        .get("/api/catalog/entities?fields=metadata.name&filter=kind=group")
        .await;
    assert_eq!(answer.body, r#"[{"metadata":{"name":"team-a"}}]"#);

    let first = world.get("/api/catalog/entities?limit=2&filter=kind").await;
    assert_eq!(first.names(), "pay site");
    let link = first.header("link").expect("a link");
    let next = link
        .strip_prefix('<')
        .and_then(|link| link.strip_suffix(">; rel=\"next\""))
        .expect("a link");
    let second = world.get(&format!("/api/catalog{next}")).await;
    assert_eq!(
        (second.names().as_str(), second.header("link")),
        ("team-a", None)
    );
    world.stop().await;
}

#[tokio::test]
async fn mistakes_are_answered_as_backstage_answers_them() {
    let world = World::start().await;
    for (target, status) in [
        ("/api/catalog/entities?x=1", 400),
        ("/api/catalog/entities?filter=", 400),
        ("/api/catalog/entities?limit=0", 400),
        ("/api/catalog/entities?after=nonsense", 400),
        ("/api/catalog/entities?order=name", 400),
        ("/api/catalog/entities/by-name/a/b/c?x=1", 400),
        ("/api/catalog/entities/by-name/component/default/none", 404),
        ("/api/catalog/entities/by-uid/none", 404),
        ("/api/v1/changes?since=x", 400),
        ("/api/v1/changes?since=1", 410),
    ] {
        let answer = world.get(target).await;
        assert_eq!(answer.status, status, "{target}");
        let error = answer.json();
        assert_eq!(error["response"]["statusCode"], status, "{target}");
        assert_eq!(
            error["request"]["url"],
            target.trim_start_matches("/api/catalog"),
            "{target}"
        );
        assert!(answer.header("catalog-revision").is_some(), "{target}");
    }
    let missing = world
        .get("/api/catalog/entities/by-name/component/default/none")
        .await
        .json();
    assert_eq!(
        missing["error"]["message"],
        "No entity named 'none' found, with kind 'component' in namespace 'default'"
    );
    for (method, target) in [("GET", "/nothing"), ("POST", "/api/catalog/entities")] {
        let answer = world.request(method, target, "content-length: 0\r\n").await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, ""),
            "{method} {target}"
        );
    }
    world.stop().await;
}

#[tokio::test]
async fn a_reader_may_wait_for_a_revision() {
    let world = World::start().await;
    let target = "/api/catalog/entities/by-name/component/default/pay?minRevision=1";
    let (answer, ()) = tokio::join!(world.get(target), world.commit(1));
    assert_eq!(answer.json()["metadata"]["title"], "r1");
    assert_eq!(answer.header("catalog-revision"), Some("1"));
    assert_eq!(
        world.get("/api/v1/problems?minRevision=x").await.status,
        400
    );
    world.stop().await;
}

#[tokio::test]
async fn problems_and_health_are_served() {
    let world = World::start().await;
    let problems = world
        .get("/api/v1/problems?repository=acme/pay")
        .await
        .json();
    assert_eq!(problems["items"][0]["rule"], "spec.schema");
    assert_eq!(
        world.get("/api/v1/problems?rule=other").await.json()["items"],
        serde_json::json!([])
    );
    assert_eq!(
        world.get("/api/v1/sources").await.json()["items"],
        serde_json::json!([])
    );
    let health = world.get("/.backstage/health/v1/readiness").await;
    assert_eq!(health.body, r#"{"status":"ok"}"#);
    world.stop().await;
}

#[tokio::test]
async fn the_feed_resumes_where_the_reader_was() {
    let world = World::start().await;
    let mut live = world.subscribe("/api/v1/changes", "").await;
    for revision in 1..=3 {
        world.commit(revision).await;
    }
    for revision in 1..=3 {
        let (id, verb, event) = live.event().await;
        assert_eq!(
            (id, verb.as_str()),
            (format!("{}-{revision}", world.epoch), "updated")
        );
        assert_eq!(
            event["data"]["after"]["metadata"]["title"],
            format!("r{revision}")
        );
        assert_eq!(event["type"], "io.freshet.catalog.entity.updated.v1");
    }
    let header = format!("last-event-id: {}-1\r\n", world.epoch);
    let mut resumed = world.subscribe("/api/v1/changes?since=0", &header).await;
    assert_eq!(resumed.event().await.0, format!("{}-2", world.epoch));
    let mut since = world.subscribe("/api/v1/changes?since=2", "").await;
    assert_eq!(since.event().await.0, format!("{}-3", world.epoch));
    world.commit(4).await;
    assert_eq!(since.event().await.0, format!("{}-4", world.epoch));
    let other = world
        .request("GET", "/api/v1/changes", "last-event-id: e0-1\r\n")
        .await;
    assert_eq!(other.status, 410);
    // A stop ends every subscription, or it would last as long as the slowest reader.
    world.stop().await;
}

#[tokio::test]
async fn no_more_readers_than_there_may_be() {
    let limits = FeedLimits {
        subscribers_max: 1,
        ..FeedLimits::default()
    };
    let world = World::start_with(None, limits).await;
    let _first = world.subscribe("/api/v1/changes", "").await;
    assert_eq!(world.get("/api/v1/changes").await.status, 503);
    world.stop().await;
}

#[tokio::test]
async fn browsers_of_configured_origins_may_call() {
    let cors = Cors {
        origins: vec!["http://localhost:3000".to_owned()],
        ..Cors::default()
    };
    let world = World::start_with(Some(cors), FeedLimits::default()).await;
    let answer = world
        .request(
            "GET",
            "/api/v1/problems",
            "origin: http://localhost:3000\r\n",
        )
        .await;
    assert_eq!(
        answer.header("access-control-allow-origin"),
        Some("http://localhost:3000")
    );
    let answer = world
        .request("GET", "/api/v1/problems", "origin: http://elsewhere\r\n")
        .await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    world.stop().await;
}
