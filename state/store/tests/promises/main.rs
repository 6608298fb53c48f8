//! The promises of the store, one file each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod chain;
mod checkpoint;
mod corrupt_values;
mod kill;
mod l1_records;
mod refusals;
mod state_at_every_height;
