//! Things go wrong again and again while developers push, and nothing that was promised is lost.

use std::path::Path;
use std::time::Duration;

use freshet_tests::chaos::{self, DatabaseKind, Plan, Summary};
use freshet_tests::checker;
use freshet_tests::history::History;
use tokio::sync::Mutex;

/// Repeats a run: the seed that it printed.
const SEED_VARIABLE: &str = "FRESHET_SEED";
/// Keeps the history of a run that went well, too.
const KEEP_VARIABLE: &str = "FRESHET_KEEP_RUN";
/// `long` for the long set of tests.
const SET_VARIABLE: &str = "FRESHET_TEST_SET";
/// Each of them twice.
const FAULTS_SHORT: usize = 52;
const FAULTS_LONG: usize = 200;
/// Each of them once, as most are those of the other run.
const FAULTS_OF_FILE_SHORT: usize = 25;
const FAULTS_OF_FILE_LONG: usize = 100;

fn plan(database: DatabaseKind) -> Plan {
    let is_long = std::env::var(SET_VARIABLE).is_ok_and(|set| set == "long");
    let seed = std::env::var(SEED_VARIABLE)
        .ok()
        .map(|seed| seed.parse().expect("a seed is a number"));
    let (short, long) = match database {
        DatabaseKind::Postgres => (FAULTS_SHORT, FAULTS_LONG),
        DatabaseKind::Sqlite => (FAULTS_OF_FILE_SHORT, FAULTS_OF_FILE_LONG),
    };
    Plan {
        seed: seed.unwrap_or_else(rand::random),
        database,
        repositories: 30,
        writers: 4,
        faults: if is_long { long } else { short },
        fault_every: Duration::from_millis(500)..Duration::from_millis(1_500),
        sweep_every: Duration::from_secs(5),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_by_any_fault() {
    check(&plan(DatabaseKind::Postgres)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_promise_is_broken_by_any_fault_of_a_database_file() {
    check(&plan(DatabaseKind::Sqlite)).await;
}

/// Two runs at a time would be two loads on one machine.
static TURN: Mutex<()> = Mutex::const_new(());

async fn check(plan: &Plan) {
    let _turn = TURN.lock().await;
    println!("seed {} ({SEED_VARIABLE} repeats it)", plan.seed);
    let folder = tempfile::Builder::new()
        .prefix("freshet-kill-run-")
        .tempdir()
        .expect("a folder for the run");
    let outcome = chaos::run(plan, folder.path()).await;
    let verdict = outcome
        .map_err(|error| format!("{error:#}"))
        .and_then(|summary| judge(&summary, folder.path()));
    if verdict.is_err() || std::env::var_os(KEEP_VARIABLE).is_some() {
        println!(
            "the run is kept; check it again: cargo run -p freshet-tests --bin catalog-check -- {}",
            folder.keep().display()
        );
    }
    if let Err(reason) = verdict {
        panic!("{reason}");
    }
}

fn judge(summary: &Summary, folder: &Path) -> Result<(), String> {
    println!("{}", describe(summary));
    let history = History::read(folder).map_err(|error| error.to_string())?;
    let report = checker::check(&history);
    println!("{report}");
    if report.violations() == 0 {
        Ok(())
    } else {
        Err(format!("the run broke promises:\n{report}"))
    }
}

fn describe(summary: &Summary) -> String {
    let faults: Vec<String> = summary
        .faults
        .iter()
        .map(|(fault, count)| format!("{fault} {count}"))
        .collect();
    format!(
        "pushes {} · hooks accepted {}, refused or unanswered {} · faults: {} · gave up by themselves {} · revisions {} · drained in {:.1?} · whole run {:.1?}",
        summary.pushes,
        summary.hooks_accepted,
        summary.hooks_refused,
        faults.join(", "),
        summary.exits,
        summary.revisions,
        summary.drained_in,
        summary.took,
    )
}
