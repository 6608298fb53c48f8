//! What can go wrong for a challenger. A witness that the contract refuses is a verdict; it is an
//! error only where the witness had to be right.

use std::{io, path::PathBuf};

use alloy_primitives::B256;
use gainsay_chain::ChainError;
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DerivationError};
use gainsay_keccak::LeafCountError;
use gainsay_l1::{Action, L1Error, L1Failure};
use gainsay_oracle::OracleError;
use gainsay_program::ProgramError;
use gainsay_store::StoreError;
use gainsay_transition::{TransitionError, trie::TrieError};
use gainsay_vm::VmError;

use crate::machine::StepRefusal;

/// Errors of this crate, sorted by what the caller does about them.
#[derive(Debug, thiserror::Error)]
pub enum ChallengerError {
    // Something is missing or in the wrong place.
    /// L1 failed, or an artifact of the contracts.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// A file that is no program, or a host without a preimage.
    #[error(transparent)]
    Vm(#[from] VmError),
    /// The store failed to read or to write.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain could not be derived from L1.
    #[error(transparent)]
    Chain(ChainError),
    /// A file of the data folder, or one of the command's arguments, could not be used.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Block 0 was asked for: its state is given with the chain, and no run makes it.
    #[error("block 0 is the genesis: no run of the program made it")]
    GenesisBlock,
    /// A step that a run does not have.
    #[error("the run has no {asked}: it ends after {steps} steps")]
    NoSuchStep {
        /// What was asked for.
        asked: String,
        /// Steps of the run.
        steps: u64,
    },
    /// An assertion without what an adversary would lie about.
    #[error("none of the {blocks} blocks of the assertion has a place for the fault {fault}")]
    NoPlaceForFault {
        /// Name of the fault.
        fault: &'static str,
        /// Blocks that were looked at.
        blocks: usize,
    },
    /// The data folder lacks a record to which another record refers.
    #[error("the data folder has no {what}")]
    Incomplete {
        /// What is missing.
        what: String,
    },

    /// The thread that computes machine states is gone.
    #[error("the thread that computes machine states has ended, its panic is in the log")]
    TraceWorkerGone,

    // Files and records that do not fit each other.
    /// A program that disputes of this chain do not run.
    #[error("disputes of this chain run the program {expected}, found {found}")]
    WrongProgram {
        /// What `rollup.json` says.
        expected: B256,
        /// The program's hash.
        found: B256,
    },
    /// Not a bundle.
    #[error("not a bundle: {reason}")]
    MalformedBundle {
        /// What is wrong with it.
        reason: String,
    },
    /// A preimage is missing or wrong.
    #[error(transparent)]
    Oracle(#[from] OracleError),
    /// A blob that has no proof.
    #[error("no proof for a word of blob {versioned_hash}: {reason}")]
    BlobProof {
        /// The blob.
        versioned_hash: B256,
        /// What c-kzg said.
        reason: String,
    },

    // What L1 says contradicts the rules, or the store is not what this crate wrote: fatal.
    /// L1 gave a batch out of order.
    #[error("L1 gave batch {index}, expected batch {} at {cursor:?}", cursor.batch)]
    WrongBatch {
        /// Index of the batch.
        index: BatchIndex,
        /// Where the safe chain stands.
        cursor: Cursor,
    },
    /// An assertion that is to be extended is wrong: safety is lost, or L1 changed meanwhile.
    #[error("assertion {id} ends with claim {found}, the chain derived from L1 has {expected:?}")]
    WrongParent {
        /// The assertion.
        id: B256,
        /// What it claims.
        found: B256,
        /// The right claim at its cursor; `None` if the chain never stands there.
        expected: Option<B256>,
    },
    /// Cursor, batch and deposits do not belong together.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// The state could not be read.
    #[error(transparent)]
    Transition(#[from] Box<TransitionError<StoreError, StoreError>>),
    /// The state could not be read through the trie.
    #[error(transparent)]
    Trie(#[from] Box<TransitionError<TrieError<StoreError>, StoreError>>),
    /// The program gives no claim where the native transition gave one.
    #[error(transparent)]
    Program(#[from] Box<ProgramError<OracleError>>),
    /// The program gives another claim than the native transition.
    #[error("block {number}: the native transition claims {native}, the program {program}")]
    ClaimsDiffer {
        /// The block.
        number: BlockNumber,
        /// The claim of the chain in the store.
        native: B256,
        /// The claim of the program.
        program: B256,
    },

    /// States that make no tree.
    #[error(transparent)]
    LeafCount(#[from] LeafCountError),

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
    /// Machine and contract both take the step, to different states.
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

impl ChallengerError {
    /// What the caller does next.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::L1(error) => error.action(),
            Self::Chain(error) => error.action(),
            _ => Action::Fatal,
        }
    }
}

impl L1Failure for ChallengerError {
    fn l1_error(&self) -> Option<&L1Error> {
        match self {
            Self::L1(error) => Some(error),
            _ => None,
        }
    }
}

/// Errors of L1 and of the store are the same wherever they come from.
impl From<ChainError> for ChallengerError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::L1(error) => Self::L1(error),
            ChainError::Store(error) => Self::Store(error),
            other => Self::Chain(other),
        }
    }
}
