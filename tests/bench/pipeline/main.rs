//! The pipeline's numbers: push to visible, a burst of pushes, cold ingest, a large definition, a large group, in both
//! profiles; a cold discovery and one large source of any size; and what parsing and `freshet validate` cost alone, and how that
//! grows.
//!
//! `cargo bench -p freshet-tests --bench pipeline -- --json` prints one JSON line per result. Commits are made before
//! a clock starts, and no git client takes part. The emulator, the services and the readers share this
//! process and its cores; nats-server and PostgreSQL are processes of their own on the same machine, and so is
//! Freshet in the cold discovery, which takes the `freshet` binary of the same build: `cargo build --release --bin freshet`.

mod burst;
mod cold;
mod dataset;
mod embed;
mod group;
mod growth;
mod ingest;
mod large;
mod machine;
mod memory;
mod parse;
mod push;
mod reads;
mod validate;
mod world;

use clap::Parser;
use freshet_tests::backends::Profile;
use serde_json::Value;

/// What to measure.
#[derive(Debug, Parser)]
struct Arguments {
    /// One JSON line per result; the only format there is.
    #[arg(long)]
    json: bool,
    /// Given by cargo.
    #[arg(long)]
    bench: bool,
    /// Only this bench.
    #[arg(long, value_parser = ["push", "burst", "ingest", "embed", "group", "parse", "validate", "growth", "memory", "cold", "large", "reads"])]
    only: Option<String>,
    /// Only this profile.
    #[arg(long, value_parser = ["embedded", "nats"])]
    profile: Option<String>,
    /// Pushes of the push bench.
    #[arg(long, default_value_t = 2_000)]
    pushes: usize,
    /// Entities of other repositories that are in the catalog during the push bench.
    #[arg(long, default_value_t = 0)]
    others: usize,
    /// Changes of those entities before the push bench begins to count.
    #[arg(long, default_value_t = 0)]
    changes: usize,
    /// Repositories of the cold discovery and of the reads.
    #[arg(long, default_value_t = 1_000)]
    repositories: usize,
    /// Entities in each of them, and of the one large source.
    #[arg(long, default_value_t = 100)]
    entities: usize,
    /// How often the cold discovery is stopped and started again before it is through.
    #[arg(long, default_value_t = 0)]
    stops: usize,
}

const PROFILES: [(Profile, &str); 2] = [(Profile::Embedded, "embedded"), (Profile::Nats, "nats")];

fn main() {
    freshet_runtime::crypto::install_crypto_provider();
    let arguments = Arguments::parse();
    let wants = |name: &str| arguments.only.as_deref().is_none_or(|only| only == name);
    if wants("parse") {
        println!("{}", parse::measure());
    }
    if wants("validate") {
        println!("{}", validate::measure());
    }
    if wants("growth") {
        for line in growth::measure() {
            println!("{line}");
        }
    }
    for (profile, label) in PROFILES {
        if arguments
            .profile
            .as_deref()
            .is_some_and(|only| only != label)
        {
            continue;
        }
        if wants("push") {
            let others = push::Others {
                entities: arguments.others,
                changes: arguments.changes,
            };
            run(push::measure(profile, label, arguments.pushes, others));
        }
        if wants("burst") {
            run(burst::measure(profile, label));
        }
        if wants("ingest") {
            run(ingest::measure(profile, label));
        }
        if wants("embed") {
            run(embed::measure(profile, label));
        }
        if wants("group") {
            run(group::measure(profile, label));
        }
        if wants("memory") {
            run(memory::measure(profile, label));
        }
        if wants("large") {
            run(large::measure(profile, label, arguments.entities));
        }
        if wants("reads") {
            let (repositories, entities) = (arguments.repositories, arguments.entities);
            let lines = reads::measure(profile, label, repositories, entities);
            run(async { join_lines(&lines.await) });
        }
        if wants("cold") {
            let plan = cold::Plan {
                repositories: arguments.repositories,
                entities: arguments.entities,
                stops: arguments.stops,
            };
            run(cold::measure(profile, label, plan));
        }
    }
}

/// Each measurement has a runtime of its own, so that nothing of the one before is still running.
fn run(measurement: impl Future<Output = impl std::fmt::Display>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!("{}", runtime.block_on(measurement));
}

/// Several lines of one measurement.
fn join_lines(lines: &[Value]) -> String {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    lines.join("\n")
}
