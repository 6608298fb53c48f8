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
//! | `commitment` | trees of claims and states |
//! | `game` | all disputes, rebuilt from logs |
//! | `trace` | what a player believes |
//! | `strategy` | what to do next |
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
mod commitment;
pub use commitment::Commitment;
pub mod game;
mod trace;
pub use trace::{BelievedChild, Trace};
pub mod simulation;
pub mod strategy;

pub mod commands;
