//! The long work of a store, as whoever waits for it is told; refuses to keep a total that the database does not.

mod publishing;
mod reading;
mod watch;

use freshet_runtime::progress::WorkName;

pub(crate) use publishing::PublishingProgress;
pub(crate) use watch::ReadingWatch;

/// The documents of the catalog on their way from the database.
pub(crate) const READING_CATALOG: WorkName = WorkName {
    label: "reading_catalog",
    title: "reading the catalog from the database",
};

/// Entities on their way into the view.
pub(crate) const LOADING_VIEW: WorkName = WorkName {
    label: "loading_view",
    title: "loading the view",
};

/// Sources that are read: a discovery, or everything again.
const READING_SOURCES: WorkName = WorkName {
    label: "reading_sources",
    title: "reading sources",
};

/// Changes on their way to the stream.
const PUBLISHING: WorkName = WorkName {
    label: "publishing_changes",
    title: "publishing changes",
};
