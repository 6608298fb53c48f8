//! The challenger: derives the chain from L1, compares every claim on L1 with it, and wins the
//! dispute about each wrong one.
//!
//! | module | job |
//! |---|---|
//! | `archived_chain` | the chain derived from L1, with the data of its batches |
//! | [`machine`] | blocks and programs in the machine, step by step |
//! | [`dispute`] | disputes, what a player believes, what to do next |
//! | [`deployment`] | whether the contracts on L1 are those that this repository builds |
//! | [`l1_rules`] | whether L1's rules are those that the contracts were made for |
//! | [`watch`] | the loop of the honest challenger: look, decide, send |
//! | [`commands`] | the subcommands of `gainsay-challenger` |
//!
//! Architecture invariants: each module imports only from those above it. Nothing here imports the
//! sequencer: both meet only on L1 and on `gainsay-chain`. No liar is here: they are in
//! `prover/drill`.

mod error;
pub use error::ChallengerError;
mod archived_chain;
pub use archived_chain::{ArchivedChain, ChainFollower};
pub mod deployment;
pub mod dispute;
pub mod l1_rules;
pub mod machine;
pub mod watch;

pub mod commands;
