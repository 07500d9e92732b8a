//! What PostgreSQL is asked for, and how it finds the rows: few statements for a push, and none whose cost grows with
//! the catalog.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use freshet_store::repo::{Repo, conformance};
use freshet_store::{DatabaseConfig, PostgresTls};
use freshet_tests::backends::Profile;
use freshet_tests::db::PostgresServer;
use serde_json::Value;
use sqlx::PgPool;

use crate::pay::{PAY, catalog_with_pay};

/// What one push may cost from its hook to its event, with one subscriber who reads along.
const STATEMENTS_PER_PUSH_MAX: usize = 20;
/// Pushes until every connection has prepared its statements and nothing is left over from the start.
const WARM_UP: usize = 10;
const PUSHES: usize = 21;

/// Begins what the ledger writes of a signal, which happens once for each push.
const BEGINS_A_PUSH: &str = "insert into delivery";

const FILL: &str = include_str!("statements.sql");

/// Tables with a row for each source, file, entity, change, signal or registration.
const GROWING: [&str; 12] = [
    "source",
    "location",
    "entity",
    "claim",
    "problem",
    "change",
    "delivery",
    "observation_part",
    "location_entity",
    "link",
    "dependency",
    "registered_location",
];

/// Statements that read all of a table, each by its own part, and why they may.
const READS_ALL: [(&str, &str); 6] = [
    ("document_revision > 0", "the view is loaded at the start"),
    ("from problem p join", "the view is loaded at the start"),
    (
        "from source where kind <> 'roots'",
        "the state of all sources is polled, not asked for by a push",
    ),
    (
        "count(*)",
        "sums for gauges, and for removals that are too large",
    ),
    (
        "from registered_location order by id",
        "people who list what is registered want all of it",
    ),
    (
        "where recheck_every > 0",
        "the index holds only what nobody sweeps, in the order of its age",
    ),
];

/// Says which set of tests runs: `long` has the plan test under all three kinds of statistics.
const SET_VARIABLE: &str = "FRESHET_TEST_SET";

/// Fewer were not read from the log as they should be.
const STATEMENTS_EXPLAINED_MIN: usize = 40;

/// What the planner knows of the tables when the stories begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Statistics {
    /// Nothing: they were never counted.
    None,
    /// That they are empty: they were counted, and filled since.
    Stale,
    /// How they are.
    Fresh,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_costs_few_statements() {
    let (world, pay) = catalog_with_pay(Profile::Nats).await;
    for round in 0..WARM_UP {
        let title = format!("warm-up {round}");
        pay.says(&title);
        world.api.shows(PAY, &title).await;
    }
    let server = world.postgres();
    let url = server.create_database_url().await;
    run(
        &url,
        "alter system set log_statement = 'all'; select pg_reload_conf()",
    )
    .await;
    let before = server.log().len();
    for round in 0..PUSHES {
        let title = format!("push {round}");
        pay.says(&title);
        world.api.shows(PAY, &title).await;
    }
    world.api.settles().await;
    let log = server.log().split_off(before);
    let statements = statements_in(&log);
    let begins = statements
        .iter()
        .enumerate()
        .filter(|(_, statement)| statement.contains(BEGINS_A_PUSH))
        .map(|(index, _)| index);
    let begins: Vec<usize> = begins.collect();
    assert_eq!(begins.len(), PUSHES, "{log}");
    let mut pushes: Vec<&[&str]> = begins
        .windows(2)
        .map(|ends| &statements[ends[0]..ends[1]])
        .collect();
    // What looks around at its own pace, such as the reconciler, is in some of them.
    pushes.sort_by_key(|push| push.len());
    let usual = pushes[pushes.len() / 2];
    eprintln!("{} statements per push", usual.len());
    assert!(
        usual.len() <= STATEMENTS_PER_PUSH_MAX,
        "{} statements:\n{}",
        usual.len(),
        usual.join("\n")
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_a_table_that_grows_from_end_to_end() {
    let server = PostgresServer::start().await;
    let url = server.create_database_url().await;
    // What the server finds out by itself within a minute is what these stories must do without. And each of them
    // gets a copy of a full database, which nobody wants to keep.
    run(
        &url,
        "alter system set autovacuum = off; alter system set fsync = off; select pg_reload_conf()",
    )
    .await;
    let mut templates = BTreeMap::new();
    // Each takes a minute and more. Fresh ones tempt the planner most to read a small table whole.
    let is_long = std::env::var(SET_VARIABLE).is_ok_and(|set| set == "long");
    let skipped = if is_long { 0 } else { 2 };
    let all = [Statistics::None, Statistics::Stale, Statistics::Fresh];
    for statistics in all.into_iter().skip(skipped) {
        let template = server.create_database_url().await;
        fill(&template, statistics).await;
        templates.insert(format!("{statistics:?}"), template);
    }
    run(
        &url,
        "alter role postgres set session_preload_libraries = 'auto_explain'; \
         alter role postgres set auto_explain.log_min_duration = 0; \
         alter role postgres set auto_explain.log_format = 'json'",
    )
    .await;
    for (statistics, template) in templates {
        let before = server.log().len();
        let copies = AtomicUsize::new(0);
        let copies = &copies;
        let template = template.as_str();
        conformance::run_beside_others(|| async move {
            copy(template, copies.fetch_add(1, Ordering::Relaxed)).await
        })
        .await;
        let log = server.log().split_off(before);
        let plans = plans_in(&log);
        assert!(
            plans.len() >= STATEMENTS_EXPLAINED_MIN,
            "{} statements were explained",
            plans.len()
        );
        let scans: Vec<String> = plans
            .iter()
            .filter(|(text, _)| !READS_ALL.iter().any(|(part, _)| text.contains(part)))
            .filter_map(|(text, plan)| Some(format!("{}\n  {text}", find_scan(plan)?)))
            .collect();
        assert!(scans.is_empty(), "{statistics}:\n{}", scans.join("\n"));
    }
}

async fn run(url: &str, statements: &'static str) {
    let pool = PgPool::connect(url).await.expect("a connection");
    for statement in statements.split("; ") {
        let done = sqlx::query(statement).execute(&pool).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    pool.close().await;
}

/// Makes the schema, and fills its tables.
async fn fill(url: &str, statistics: Statistics) {
    let repo = Repo::open(&config(url.to_owned())).await;
    repo.expect("the schema is made").close().await;
    let pool = PgPool::connect(url).await.expect("a connection");
    if statistics == Statistics::Stale {
        sqlx::raw_sql("vacuum analyze")
            .execute(&pool)
            .await
            .expect("counted");
    }
    sqlx::raw_sql(FILL).execute(&pool).await.expect("filled");
    if statistics == Statistics::Fresh {
        sqlx::raw_sql("vacuum analyze")
            .execute(&pool)
            .await
            .expect("counted");
    }
    pool.close().await;
}

/// A database with the contents of another one, which nobody uses.
async fn copy(template: &str, number: usize) -> DatabaseConfig {
    let (server, name) = template.rsplit_once('/').expect("a URL names a database");
    let copy = format!("{name}_{number}");
    let pool = PgPool::connect(&format!("{server}/postgres"))
        .await
        .expect("a connection");
    let statement = format!("create database {copy} template {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(&pool)
        .await
        .expect("copied");
    pool.close().await;
    config(format!("{server}/{copy}"))
}

fn config(url: String) -> DatabaseConfig {
    DatabaseConfig::Postgres {
        url: url.into(),
        tls: PostgresTls::default(),
        pool_max: 4,
    }
}

/// The statements that were carried out, in their order.
fn statements_in(log: &str) -> Vec<&str> {
    log.lines()
        .filter_map(|line| {
            let (_, message) = line.split_once(" LOG:  ")?;
            let prepared = message
                .strip_prefix("execute ")
                .and_then(|it| it.split_once(": "));
            match prepared {
                Some((_, statement)) => Some(statement),
                None => message.strip_prefix("statement: "),
            }
        })
        .collect()
}

/// The plans of the statements that were carried out, one of each kind, by the text.
fn plans_in(log: &str) -> BTreeMap<String, Value> {
    let mut plans = BTreeMap::new();
    let mut texts = log.split(" plan:\n");
    // What is in front of the first one.
    texts.next();
    for text in texts {
        let lines = text.lines().map_while(|line| line.strip_prefix('\t'));
        let lines: Vec<&str> = lines.collect();
        let explained: Value = serde_json::from_str(&lines.join("\n")).expect("a plan in JSON");
        let statement = explained["Query Text"].as_str().expect("a statement");
        let words: Vec<&str> = statement.split_whitespace().collect();
        let plan = explained["Plan"].clone();
        // Each connection plans it anew; one that reads a whole table is enough.
        let known = plans.entry(words.join(" ")).or_insert_with(|| plan.clone());
        if find_scan(known).is_none() {
            *known = plan;
        }
    }
    plans
}

/// A part of a plan that reads a growing table without knowing where.
fn find_scan(plan: &Value) -> Option<String> {
    let of = |name: &str| plan[name].as_str().unwrap_or_default();
    let kind = of("Node Type");
    let is_growing = GROWING.contains(&of("Relation Name"));
    let is_blind_index = matches!(kind, "Index Scan" | "Index Only Scan")
        && is_growing
        && plan["Index Cond"].is_null();
    let is_blind_bitmap = kind == "Bitmap Index Scan" && plan["Index Cond"].is_null();
    if (kind == "Seq Scan" && is_growing) || is_blind_index || is_blind_bitmap {
        return Some(format!(
            "{kind} of {}{}",
            of("Relation Name"),
            of("Index Name")
        ));
    }
    plan["Plans"].as_array()?.iter().find_map(find_scan)
}

#[test]
fn a_scan_is_found_wherever_it_is_in_a_plan() {
    let scan =
        |kind: &str, table: &str| serde_json::json!({"Node Type": kind, "Relation Name": table});
    let below = |plan: Value| serde_json::json!({"Node Type": "Sort", "Plans": [scan("Function Scan", ""), plan]});
    let by_index = serde_json::json!({"Node Type": "Index Scan", "Relation Name": "source", "Index Cond": "(id = 1)"});
    assert!(find_scan(&below(scan("Seq Scan", "source"))).is_some());
    assert!(find_scan(&below(scan("Index Scan", "source"))).is_some());
    assert!(find_scan(&below(scan("Bitmap Index Scan", ""))).is_some());
    assert!(find_scan(&below(scan("Seq Scan", "catalog_meta"))).is_none());
    assert!(find_scan(&below(by_index)).is_none());
}
