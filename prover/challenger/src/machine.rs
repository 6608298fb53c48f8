//! Blocks and programs in the machine, and what the contracts of L1 say of their steps.
//!
//! | module | job |
//! |---|---|
//! | `block_witness` | everything that the run of one block needs |
//! | `machine_host`, `block_run` | the run of a block, and proofs of what it reads |
//! | `step_proof` | one instruction of it, ready for the contract |
//! | `offline_bundle` | a block as one file |
//! | `onchain_verifier` | the bytecode of `StepVerifier` and `PreimageOracle` in an EVM |
//! | `step_refusal` | why these contracts refuse a witness |
//! | `witnessed_step` | a step with its witness, and many of them judged at once |
//! | `verified_run` | a program's run through these contracts, step by step |
//! | `file_host` | the host of programs that are run from files |
//! | `disassembly` | instructions as text |
//!
//! Architecture invariant: nothing here knows of assertions, edges or players.

mod step_refusal;
pub use step_refusal::StepRefusal;
mod onchain_verifier;
pub use onchain_verifier::{OnchainVerifier, TX_GAS_MAX, Verdict, VerifierCode};
mod witnessed_step;
pub use witnessed_step::{WitnessedStep, verify_all};
mod verified_run;
pub use verified_run::{GasSpent, Sample, VerifiedRun, verify_run};
mod file_host;
pub use file_host::FileHost;
mod disassembly;
pub use disassembly::{disassemble, register_name};
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
