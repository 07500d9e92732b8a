//! What goes wrong in a run: every way that it can, and how each is called.

use freshet_github_emulator::Fault as GithubFault;

use super::roles::Target;
use crate::history::FaultKind;

/// Seconds for which a limited GitHub wants to be left alone.
const LIMITED_SECONDS: u64 = 1;

/// A server that keeps what is sent to it on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    Nats,
    Postgres,
}

/// One way in which things go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// `kill -9`.
    Kill(Target),
    /// It stands still for a while.
    Freeze(Target),
    /// The server closes all its clients' connections.
    Cut(Keeper),
    /// PostgreSQL refuses to write for a while.
    ReadOnly,
    /// The disk of a server is full for a while.
    FullDisk(Keeper),
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

impl Keeper {
    pub(super) fn target(self) -> Target {
        match self {
            Self::Nats => Target::Nats,
            Self::Postgres => Target::Postgres,
        }
    }
}

impl Disturbance {
    /// Every one that can be made here.
    pub(super) fn all(disks: Disks) -> Vec<Self> {
        let keepers = [Keeper::Nats, Keeper::Postgres];
        let full = keepers.into_iter().filter(|_| disks == Disks::Small);
        let mut all = vec![Self::ReadOnly];
        all.extend(Target::ALL.map(Self::Kill));
        all.extend(Target::ALL.map(Self::Freeze));
        all.extend(keepers.map(Self::Cut));
        all.extend(full.map(Self::FullDisk));
        all.extend(SICK.map(|(fault, _)| Self::Sick(fault)));
        all
    }

    /// How it is recorded: the kind, and what it happens to.
    pub(super) fn record(self) -> (FaultKind, &'static str) {
        match self {
            Self::Kill(target) => (FaultKind::Kill, target.name()),
            Self::Freeze(target) => (FaultKind::Freeze, target.name()),
            Self::Cut(keeper) => (FaultKind::Cut, keeper.target().name()),
            Self::ReadOnly => (FaultKind::ReadOnly, Target::Postgres.name()),
            Self::FullDisk(keeper) => (FaultKind::FullDisk, keeper.target().name()),
            Self::Sick(fault) => {
                let known = SICK.iter().find(|(known, _)| *known == fault);
                (FaultKind::Sick, known.map_or("github", |(_, name)| name))
            }
        }
    }
}
