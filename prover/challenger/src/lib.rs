//! The challenger: replays what the chain did and has every step of it judged by the contracts that
//! would judge a dispute.
//!
//! | module | job |
//! |---|---|
//! | `replay` | derives the chain from L1 alone |
//! | `replayed_chain` | what was derived: claims, and what an assertion must say |
//! | `batch_archive` | the data of batches, kept when L1 has forgotten it |
//! | `assertions` | what others claim on L1, and whether it is right |
//! | [`machine`] | blocks and programs in the machine, step by step |
//! | [`dispute`] | disputes, what a player believes, what to do next |
//! | `dispute_reader` | follows the logs of disputes across reorgs |
//! | [`watch`] | the loop of the honest challenger: look, decide, send |
//! | [`commands`] | the subcommands of `gainsay-challenger` |
//!
//! Architecture invariants: each module imports only from those above it. Nothing here takes part in
//! the sequencer; the two meet only on L1. No liar is here: they are in `prover/drill`.

mod error;
pub use error::ChallengerError;
mod batch_archive;
pub use batch_archive::{ArchivedBatch, BatchArchive};
mod replayed_chain;
pub use replayed_chain::{ExpectedClaims, ReplayedChain};
mod assertions;
pub use assertions::{
    AssertionRecords, AssertionVerdict, Difference, ProposedAssertion, judge_assertions,
};
mod replay;
pub use replay::{Progress, Replay, may_pass, recorded_assertions};
pub mod dispute;
mod dispute_reader;
pub mod machine;
pub use dispute_reader::DisputeReader;
pub mod watch;

pub mod commands;
