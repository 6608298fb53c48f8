//! The challenger: replays what the chain did and has every step of it judged by the contracts that
//! would judge a dispute.
//!
//! | module | job |
//! |---|---|
//! | `archived_chain` | the chain derived from L1, with the data of its batches |
//! | [`machine`] | blocks and programs in the machine, step by step |
//! | [`dispute`] | disputes, what a player believes, what to do next |
//! | [`deployment`] | whether the contracts on L1 are those that this repository builds |
//! | [`l1_rules`] | whether L1's rules are those that they were made for |
//! | [`watch`] | the loop of the honest challenger: look, decide, send |
//! | [`commands`] | the subcommands of `gainsay-challenger` |
//!
//! Architecture invariants: each module imports only from those above it. Nothing here takes part in
//! the sequencer; the two meet only on L1 and on the library that derives the chain from L1. No liar is here: they are in `prover/drill`.

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
