//! The promises of the derivation, one file each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accumulators;
mod batch_codec;
mod batch_rules;
mod blobs;
mod protocol_examples;
