//! One suite of what a bus must do, run against both implementations.
