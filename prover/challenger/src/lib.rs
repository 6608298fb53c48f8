//! The challenger: replays what the chain did and has every step of it judged by the contracts that
//! would judge a dispute.
//!
//! | module | job |
//! |---|---|
//! | `onchain_verifier` | the bytecode of `StepVerifier` and `PreimageOracle` in an EVM |
//! | `step_refusal` | why they refuse a witness |
//! | `traced_step` | a step with its witness, and many of them judged at once |
//! | `trace_replay` | a program's trace through them, step by step |
//! | `file_host` | the host of programs that are run from files |
//! | `disassembly` | instructions as text |
//! | `replay` | derives the chain from L1 alone |
//! | `replayed_chain` | what was derived: claims, and what an assertion must say |
//! | `batch_archive` | the data of batches, kept when L1 has forgotten it |
//! | `assertions` | what others claim on L1, and whether it is right |
//! | `block_witness` | everything that the run of one block needs |
//! | `machine_host`, `block_run` | that run, and proofs of what it reads |
//! | `step_proof` | one instruction of it, ready for the contract |
//! | `offline_bundle` | a block as one file |
//! | `commitment` | trees of claims and states |
//! | `game` | all disputes, rebuilt from logs |
//! | `trace` | what a player believes |
//! | `machine_trace` | what the honest challenger believes: computed, and kept on disk |
//! | `strategy` | what to do next |
//! | `responder` | sends it |
//! | `dispute_reader` | follows the logs of disputes across reorgs |
//! | `watch` | the loop of the honest challenger: look, decide, send |
//! | `adversary` | players who lie, for drills and tests |
//! | `simulation` | the protocol alone, against adversaries by seed |
//!
//! Architecture invariant: nothing here takes part in the sequencer; the two meet only on L1.

mod error;
pub use error::ChallengerError;
mod step_refusal;
pub use step_refusal::StepRefusal;
mod onchain_verifier;
pub use onchain_verifier::{OnchainVerifier, TX_GAS_MAX, Verdict, VerifierCode};
mod traced_step;
pub use traced_step::{TracedStep, verify_all};
mod trace_replay;
pub use trace_replay::{GasSpent, ReplayReport, Sample, replay_trace};
mod file_host;
pub use file_host::FileHost;
mod disassembly;
pub use disassembly::{disassemble, register_name};
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
mod block_witness;
pub use block_witness::BlockWitness;
mod machine_host;
pub use machine_host::MachineHost;
mod block_run;
pub use block_run::{BlockRun, STEPS_MAX, peak_memory_bytes, run_block};
mod step_proof;
pub use step_proof::{ReadPreimage, StepKind, StepPosition, StepProof, prove_step};
mod offline_bundle;
pub use offline_bundle::OfflineBundle;
mod commitment;
pub use commitment::Commitment;
pub mod game;
mod trace;
pub use trace::{BelievedChild, Evidence, SpansEvidence, Trace};
mod machine_trace;
pub use machine_trace::{MachineTrace, TRACES_FOLDER, TraceWork};
pub mod adversary;
mod responder;
pub mod simulation;
pub mod strategy;
pub use responder::{Responder, Response};
mod dispute_reader;
pub use dispute_reader::DisputeReader;
pub mod watch;

pub mod commands;
