//! What goes wrong in a run: every way that it can, and how each is called.
//!
//! A database file that is deleted or replaced by an older one is none of them: what was accepted since is lost,
//! and no promise speaks of that. That the store ends then, and says why, is in its own tests. Here the file is
//! replaced by a copy of itself, or put back once it was missed. Nor can the wall clock of nats-server be set,
//! which asks the kernel itself.

use freshet_github_emulator::Fault as GithubFault;

use super::roles::Target;
use crate::history::FaultKind;
use crate::process::Service;

/// Seconds for which a limited GitHub wants to be left alone.
const LIMITED_SECONDS: u64 = 1;
/// What the embedded database is called.
const SQLITE: &str = "sqlite";

/// What keeps the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A server of its own.
    Postgres,
    /// A file of the store.
    Sqlite,
}

/// Who keeps on a disk what is sent to him.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    Nats,
    Database(DatabaseKind),
}

/// One way in which things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// `kill -9`.
    Kill(Target),
    /// It stands still for a while.
    Freeze(Target),
    /// The server closes all its clients' connections.
    Cut(Target),
    /// The wall clock is an hour wrong for a while.
    StepClock(Target),
    /// The database refuses to write for a while: the server, or the disk at the start of the store.
    ReadOnly(DatabaseKind),
    /// The disk is full for a while.
    FullDisk(Keeper),
    /// Another process has the lock of the database file for a while.
    Lock,
    /// The database file is replaced by a copy of itself.
    Replace,
    /// The database file is taken away until that was noticed.
    TakeAway,
    /// GitHub answers everything in this way for a while.
    Sick(GithubFault),
}

/// Whether there are disks that may be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disks {
    Small,
    Shared,
}

const SICK: [(GithubFault, &str); 7] = [
    (GithubFault::Server(503), "github-503"),
    (GithubFault::GraphqlInternal, "github-nothing-but-errors"),
    (GithubFault::Page, "github-page"),
    (GithubFault::Broken, "github-broken-answers"),
    (GithubFault::Misleading, "github-leads-elsewhere"),
    (
        GithubFault::RetryAfter {
            status: 403,
            seconds: LIMITED_SECONDS,
        },
        "github-retry-after",
    ),
    (
        GithubFault::GraphqlRateLimit {
            resets_in: LIMITED_SECONDS,
        },
        "github-limit",
    ),
];

impl DatabaseKind {
    /// As the records call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Postgres => Target::Postgres.name(),
            Self::Sqlite => SQLITE,
        }
    }
}

impl Keeper {
    fn name(self) -> &'static str {
        match self {
            Self::Nats => Target::Nats.name(),
            Self::Database(kind) => kind.name(),
        }
    }
}

impl Disturbance {
    /// Every one that can be made here.
    pub(super) fn all(database: DatabaseKind, disks: Disks) -> Vec<Self> {
        let services = [Service::Ingestor, Service::Processor, Service::Store].map(Target::Service);
        let mut processes = Vec::from(services);
        processes.push(Target::Nats);
        let mut clocks = Vec::from(services);
        let mut all = vec![Self::Cut(Target::Nats)];
        match database {
            DatabaseKind::Postgres => {
                processes.push(Target::Postgres);
                clocks.push(Target::Postgres);
                all.extend([Self::Cut(Target::Postgres), Self::ReadOnly(database)]);
            }
            DatabaseKind::Sqlite => all.extend([Self::Lock, Self::Replace, Self::TakeAway]),
        }
        if disks == Disks::Small {
            let keepers = [Keeper::Nats, Keeper::Database(database)];
            all.extend(keepers.map(Self::FullDisk));
            if database == DatabaseKind::Sqlite {
                all.push(Self::ReadOnly(database));
            }
        }
        all.extend(processes.iter().copied().map(Self::Kill));
        all.extend(processes.iter().copied().map(Self::Freeze));
        all.extend(clocks.into_iter().map(Self::StepClock));
        all.extend(SICK.map(|(fault, _)| Self::Sick(fault)));
        all
    }

    /// How it is recorded: the kind, and what it happens to.
    pub(super) fn record(self) -> (FaultKind, &'static str) {
        match self {
            Self::Kill(target) => (FaultKind::Kill, target.name()),
            Self::Freeze(target) => (FaultKind::Freeze, target.name()),
            Self::Cut(target) => (FaultKind::Cut, target.name()),
            Self::StepClock(target) => (FaultKind::ClockStep, target.name()),
            Self::ReadOnly(database) => (FaultKind::ReadOnly, database.name()),
            Self::FullDisk(keeper) => (FaultKind::FullDisk, keeper.name()),
            Self::Lock => (FaultKind::Locked, SQLITE),
            Self::Replace => (FaultKind::Replaced, SQLITE),
            Self::TakeAway => (FaultKind::TakenAway, SQLITE),
            Self::Sick(fault) => {
                let known = SICK.iter().find(|(known, _)| *known == fault);
                (FaultKind::Sick, known.map_or("github", |(_, name)| name))
            }
        }
    }
}
