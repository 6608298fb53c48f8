//! The challenger: replays what the chain did and has every step of it judged by the contracts that
//! would judge a dispute.
//!
//! | module | job |
//! |---|---|
//! | `archived_chain` | the chain derived from L1, with the data of its batches |
//! | [`machine`] | blocks and programs in the machine, step by step |
//! | [`dispute`] | disputes, what a player believes, what to do next |
//! | [`watch`] | the loop of the honest challenger: look, decide, send |
//! | [`commands`] | the subcommands of `gainsay-challenger` |
//!
//! Architecture invariants: each module imports only from those above it. Nothing here takes part in
//! the sequencer; the two meet only on L1 and on the library that derives the chain from L1. No liar is here: they are in `prover/drill`.

mod error;
pub use error::ChallengerError;
mod archived_chain;
pub use archived_chain::{ArchivedChain, ChainFollower};
pub mod dispute;
pub mod machine;
pub mod watch;

pub mod commands;
