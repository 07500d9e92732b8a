//! The message contract of Freshet: what the services say to each other and to the world.
//!
//! Pure: message types, subjects, streams as data, message ids. Which transport carries
//! them is `freshet-bus`'s business; the table of subjects is in this crate's README.

pub mod envelope;
pub mod message;
pub mod origin;
pub mod stream;
pub mod subject;
pub mod timestamp;
