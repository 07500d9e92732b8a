//! The values a label of the store's metrics can have. Nothing else is ever a label value.

/// Declares an enum whose values are label values with the given spelling.
macro_rules! label {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The value as it is shown.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl prometheus_client::encoding::EncodeLabelValue for $name {
            fn encode(
                &self,
                encoder: &mut prometheus_client::encoding::LabelValueEncoder<'_>,
            ) -> Result<(), std::fmt::Error> {
                prometheus_client::encoding::EncodeLabelValue::encode(&self.as_str(), encoder)
            }
        }
    };
}
pub(crate) use label;

label! {
    /// What the ledger made of one signal.
    SignalOutcome {
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

label! {
    /// What became of one observation.
    ObservationOutcome {
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

label! {
    /// What made a source be looked at.
    Mechanism {
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

label! {
    /// Lane of a job.
    LaneLabel {
        /// Somebody waits.
        Hi = "hi",
        /// Sweeps.
        Lo = "lo",
    }
}

label! {
    /// Why a job was published.
    JobTrigger {
        /// A source has a new generation.
        Generation = "generation",
        /// The reconciler found it outstanding.
        Reconciler = "reconciler",
    }
}

label! {
    /// How a subscription to the change feed ended.
    FeedEnd {
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

label! {
    /// Why a reader of the change feed was turned away.
    RefusedRead {
        /// The position is no longer in the log, or belongs to another one.
        Gone = "gone",
        /// There are as many subscribers as there may be.
        Full = "full",
    }
}

label! {
    /// What a problem costs.
    ProblemLevel {
        /// The entity, or its file, is not applied.
        Error = "error",
        /// Nothing: the entity is valid all the same.
        Warning = "warning",
    }
}

label! {
    /// Which age of the distribution.
    AgeStatistic {
        /// Half of the entities are younger.
        Median = "p50",
        /// 95 % of the entities are younger.
        P95 = "p95",
        /// None is older.
        Oldest = "max",
    }
}
