//! What can go wrong for a challenger. A witness that the contract refuses is a verdict, and an
//! error only where a right one was asked for.

use alloy_primitives::B256;
use gainsay_l1::L1Error;
use gainsay_vm::VmError;

use crate::StepRefusal;

/// Errors of this crate, sorted by what the caller does about them.
#[derive(Debug, thiserror::Error)]
pub enum ChallengerError {
    // Something is missing or in the wrong place.
    /// The contracts' artifacts, or L1.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// A program that is none, or a host without a preimage.
    #[error(transparent)]
    Vm(#[from] VmError),

    /// States that make no tree.
    #[error("{found} leaves make no tree of height {height}")]
    LeafCount {
        /// Leaves given.
        found: u64,
        /// Height of the tree.
        height: u8,
    },

    // The contracts cannot be what they must be.
    /// A contract cannot be created under the rules of L1.
    #[error("{contract} cannot be deployed: {reason}")]
    Undeployable {
        /// Name of the contract.
        contract: &'static str,
        /// What the EVM said.
        reason: String,
    },
    /// A call that no L1 block could hold, or that ran out of the gas of a transaction.
    #[error("a step with a witness of {witness_bytes} bytes fits no L1 transaction: {reason}")]
    UnprovableStep {
        /// Length of the witness.
        witness_bytes: usize,
        /// What the EVM said.
        reason: String,
    },
    /// `StepVerifier` answered with something else than a hash.
    #[error("StepVerifier returned {bytes} bytes, expected 32")]
    WrongAnswer {
        /// Length of the answer.
        bytes: usize,
    },

    // Machine and contract differ: fatal, one of them is wrong.
    /// The contract refuses the witness of a step that the machine took.
    #[error("step {step}, pc {pc:#x}, state {pre}: machine to {rust}, contract refuses: {refusal}")]
    Refused {
        /// Steps before this one.
        step: u64,
        /// Address of the instruction.
        pc: u64,
        /// Hash of the state before.
        pre: B256,
        /// Hash of the state after, by the machine.
        rust: B256,
        /// The contract's error.
        refusal: Box<StepRefusal>,
    },
    /// Both take the step, to different states.
    #[error("step {step}, pc {pc:#x}, state {pre}: machine to {rust}, contract to {contract}")]
    Disagreement {
        /// Steps before this one.
        step: u64,
        /// Address of the instruction.
        pc: u64,
        /// Hash of the state before.
        pre: B256,
        /// Hash of the state after, by the machine.
        rust: B256,
        /// Hash of the state after, by the contract.
        contract: B256,
    },
}
