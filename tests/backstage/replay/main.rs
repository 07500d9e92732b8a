//! What Freshet makes of generated inputs, compared with what Backstage itself made of them.
//!
//! `tests/backstage/record` asks the npm packages and writes `recorded/`; here the answers are compared. A difference
//! that no [`KnownDifference`](answers::KnownDifference) names fails, and so does one that is named and gone.

mod answers;
mod duplicates;
mod globs;
mod placeholders;
mod requests;
mod targets;
mod yaml;
