//! The three services as processes: who is killed, and who starts again what ended by itself.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use freshet_github_emulator::GithubEmulator;
use serde_json::{Value, json};

use crate::api::Api;
use crate::history::{self, Counter, Fault, FaultKind, Recorder, file};
use crate::http::Http;
use crate::process::{FreshetProcess, Service, free_address};
use crate::services::freshet_binary;
use crate::setup::{Setup, app_config};
use crate::wall_clock::{ClockMaker, WallClock};

const SCRAPE_TIMEOUT: Duration = Duration::from_millis(300);
const SERVICES: [Service; 3] = [Service::Ingestor, Service::Processor, Service::Store];
/// Last lines of a log that are kept with the note that its process ended.
const NOTE_LINES: usize = 3;
/// The copied program in the run folder.
pub(super) const BINARY: &str = "freshet";
const LOG_FILTER: &str = "info";

/// What is killed, or stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// One of ours.
    Service(Service),
    /// The server of the bus.
    Nats,
    /// The server of the database.
    Postgres,
}

impl Target {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Service(service) => service.name(),
            Self::Nats => "nats-server",
            Self::Postgres => "postgres",
        }
    }
}

struct Role {
    process: FreshetProcess,
    admin: String,
}

/// The processes.
pub(super) struct Roles {
    roles: Vec<Role>,
    recorder: Arc<Recorder>,
    http: Http,
    exits: AtomicUsize,
    /// What is not started again when it ends.
    resting: Mutex<BTreeSet<Service>>,
}

impl Roles {
    /// Starts all of them and says how the API is reached.
    pub(super) fn start(
        setup: &Setup,
        github: &GithubEmulator,
        (bus, database): (&Value, &Value),
        clocks: &ClockMaker,
        recorder: Arc<Recorder>,
    ) -> Result<(Self, Api)> {
        // A copy: a build that runs meanwhile must not take the program away or change it.
        let binary = recorder.folder().join(BINARY);
        std::fs::copy(freshet_binary(), &binary).context("copy the freshet binary")?;
        let mut roles = Vec::new();
        for service in SERVICES {
            let setup = Setup {
                admin: free_address(),
                ..setup.clone()
            };
            let mut config = app_config(&setup, github, bus, database);
            config["freshet"]["telemetry"] = json!({"logFilter": LOG_FILTER});
            let clock = Some(clocks.make(service.name()).context("make a clock")?);
            let folder = recorder.folder();
            let process =
                FreshetProcess::start_with_clock(service, &binary, folder, &config, clock)?;
            let admin = setup.admin;
            roles.push((process, admin));
        }
        let store = roles
            .iter()
            .find(|(process, _)| process.service() == Service::Store);
        let api = Api::new(setup.api, store.expect("every service runs").1);
        let roles = roles.into_iter().map(|(process, admin)| Role {
            process,
            admin: format!("http://{admin}"),
        });
        let started = Self {
            roles: roles.collect(),
            recorder,
            http: Http::default(),
            exits: AtomicUsize::new(0),
            resting: Mutex::default(),
        };
        Ok((started, api))
    }

    /// Kills a service and starts it again at once.
    pub(super) fn crash(&self, service: Service) -> Result<()> {
        Ok(self.role(service).process.restart()?)
    }

    /// Its wall clock.
    pub(super) fn clock(&self, service: Service) -> Option<&WallClock> {
        self.role(service).process.clock()
    }

    /// Whether a service has ended by itself, and was not started again.
    pub(super) fn has_ended(&self, service: Service) -> bool {
        self.role(service).process.ended().is_some()
    }

    /// What a service has logged over all its lives.
    pub(super) fn log(&self, service: Service) -> String {
        self.role(service).process.log()
    }

    /// Leaves a service as it is when it ends.
    pub(super) fn let_rest(&self, service: Service) {
        self.resting().insert(service);
    }

    /// Ends [`Self::let_rest`].
    pub(super) fn want_again(&self, service: Service) {
        self.resting().remove(&service);
    }

    /// Ends a service for now, or for good; it is to be let rest first.
    pub(super) fn kill(&self, service: Service) {
        self.role(service).process.kill();
    }

    /// The process of a service; nothing while there is none.
    pub(super) fn pid(&self, service: Service) -> Option<u32> {
        self.role(service).process.pid()
    }

    /// Starts again what ended by itself, as the supervisor of a machine does.
    pub(super) fn start_again_what_ended(&self) -> Result<()> {
        for process in self.roles.iter().map(|role| &role.process) {
            let rests = self.resting().contains(&process.service());
            if let (false, Some(status)) = (rests, process.ended()) {
                self.exits.fetch_add(1, Ordering::Relaxed);
                self.recorder.record(
                    file::FAULTS,
                    &Fault {
                        kind: FaultKind::Exit,
                        target: process.service().name().to_owned(),
                        at: history::now(),
                        note: format!("{status}: {}", last_lines(&process.log())),
                    },
                );
                process.restart()?;
            }
        }
        Ok(())
    }

    /// Ends the ingestor for good.
    pub(super) fn stop_ingestor(&self) {
        self.let_rest(Service::Ingestor);
        self.kill(Service::Ingestor);
    }

    /// Times a process gave up by itself.
    pub(super) fn exits(&self) -> usize {
        self.exits.load(Ordering::Relaxed)
    }

    /// Writes down the counters of every process that answers.
    pub(super) async fn record_counters(&self) {
        for role in &self.roles {
            let Some(pid) = role.process.pid() else {
                continue;
            };
            let url = format!("{}/metrics", role.admin);
            let answer = tokio::time::timeout(SCRAPE_TIMEOUT, self.http.get(&url)).await;
            let Ok(Ok(answer)) = answer else { continue };
            let process = format!("{}-{pid}", role.process.service().name());
            for (series, value) in counters(&String::from_utf8_lossy(&answer.body)) {
                let (process, series) = (process.clone(), series.to_owned());
                let counter = Counter {
                    process,
                    series,
                    value,
                };
                self.recorder.record(file::COUNTERS, &counter);
            }
        }
    }

    fn resting(&self) -> MutexGuard<'_, BTreeSet<Service>> {
        self.resting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn role(&self, service: Service) -> &Role {
        let mut roles = self.roles.iter();
        roles
            .find(|role| role.process.service() == service)
            .expect("every service runs")
    }
}

fn counters(text: &str) -> impl Iterator<Item = (&str, f64)> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let value = value.parse().ok()?;
        series.contains("_total").then_some((series, value))
    })
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(NOTE_LINES)..].join("\n")
}
