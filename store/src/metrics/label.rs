//! The values a label of the store's metrics can have. Nothing else is ever a label value.

freshet_runtime::label_enum! {
    /// What the ledger made of one signal.
    pub enum SignalOutcome {
        /// A source has a new generation.
        Accepted = "accepted",
        /// The push provably touches nothing we want.
        Unchanged = "unchanged",
        /// It asks for nothing.
        Ignored = "ignored",
        /// It was recorded before.
        Duplicate = "duplicate",
        /// It could not be understood.
        Dead = "dead",
    }
}

freshet_runtime::label_enum! {
    /// What became of one observation.
    pub enum ObservationOutcome {
        /// It changed the catalog.
        Applied = "applied",
        /// It proved that nothing changed.
        Unchanged = "unchanged",
        /// A newer generation was applied before.
        Superseded = "superseded",
        /// A part of an observation whose other parts are missing.
        Staged = "staged",
        /// The source still showed the head from before the push.
        Behind = "behind",
        /// The source, or a part of it, could not be read.
        Failed = "failed",
        /// It could not be handled.
        Dead = "dead",
    }
}

freshet_runtime::label_enum! {
    /// What made a source be looked at.
    pub enum Mechanism {
        /// A webhook.
        Push = "push",
        /// A schedule.
        Tick = "tick",
        /// A person.
        Refresh = "refresh",
        /// The store itself.
        Reconcile = "reconcile",
    }
}

impl Mechanism {
    /// The mechanism a message names; what is not known is the store's own.
    #[must_use]
    pub fn named(text: &str) -> Self {
        Self::ALL
            .iter()
            .copied()
            .find(|mechanism| mechanism.as_str() == text)
            // A newer version may name another one; a time series of its own for it would be a
            // surprise.
            .unwrap_or(Self::Reconcile)
    }
}

freshet_runtime::label_enum! {
    /// Lane of a job.
    pub enum LaneLabel {
        /// Somebody waits.
        Hi = "hi",
        /// Sweeps.
        Lo = "lo",
    }
}

freshet_runtime::label_enum! {
    /// Why a job was published.
    pub enum JobTrigger {
        /// A source has a new generation.
        Generation = "generation",
        /// The reconciler found it outstanding.
        Reconciler = "reconciler",
    }
}

freshet_runtime::label_enum! {
    /// How a subscription to the change feed ended.
    pub enum FeedEnd {
        /// The reader went away.
        Closed = "closed",
        /// The reader took nothing for too long.
        Stalled = "stalled",
        /// The log could not be read.
        Failed = "failed",
        /// The process stops.
        Stopped = "stopped",
    }
}

freshet_runtime::label_enum! {
    /// Why a reader of the change feed was turned away.
    pub enum RefusedRead {
        /// The position is no longer in the log, or belongs to another one.
        Gone = "gone",
        /// There are as many subscribers as there may be.
        Full = "full",
    }
}

freshet_runtime::label_enum! {
    /// What a problem costs.
    pub enum ProblemLevel {
        /// The entity, or its file, is not applied.
        Error = "error",
        /// Nothing: the entity is valid all the same.
        Warning = "warning",
    }
}

freshet_runtime::label_enum! {
    /// Which age of the distribution.
    pub enum AgeStatistic {
        /// Half of the entities are younger.
        Median = "p50",
        /// 95 % of the entities are younger.
        P95 = "p95",
        /// None is older.
        Oldest = "max",
    }
}
