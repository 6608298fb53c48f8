//! The promises of the challenger and of the contracts that judge its steps, one file each.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod block_replay;
mod corrupt_witnesses;
mod every_instruction;
mod preimages;
mod random_steps;
mod support;
mod vm_command;
