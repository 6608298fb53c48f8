//! What can go wrong between L1 and the store, sorted by what the caller does about it.

use std::{error::Error, io, path::PathBuf};

use alloy_primitives::B256;
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DerivationError};
use gainsay_keccak::LeafCountError;
use gainsay_l1::{Action, L1Error};
use gainsay_store::StoreError;
use gainsay_transition::{GenesisError, TransitionError};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    // Retry in most cases: `L1Error::action` says so.
    /// L1 is out of reach, changed meanwhile, or contradicts itself.
    #[error(transparent)]
    L1(#[from] L1Error),

    // Fatal: the data folder cannot be used.
    /// The store failed to read or to write.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the data folder could not be read or written.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The accounts of `rollup.json` make no genesis.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The accounts of `rollup.json` make another genesis than the one that it names.
    #[error("rollup.json says genesis hash {expected}, its accounts make {found}")]
    WrongGenesis {
        /// The genesis hash in `rollup.json`.
        expected: B256,
        /// The genesis hash that the accounts make.
        found: B256,
    },
    /// The data folder lacks a record to which another record refers.
    #[error("the data folder has no {what}")]
    Incomplete {
        /// What is missing.
        what: String,
    },
    /// A block that no batch on L1 has brought yet.
    #[error("block {number} is not derived from L1: the safe head is {safe}")]
    NotDerived {
        /// The block asked for.
        number: BlockNumber,
        /// The newest block derived.
        safe: BlockNumber,
    },
    /// A kept log that is no event of the chain's contracts.
    #[error("table l1_logs, log {log_index} of L1 block {l1_block}: {reason}")]
    CorruptLog {
        /// Number of the L1 block.
        l1_block: u64,
        /// Index of the log in the block.
        log_index: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A note in the store that cannot be read.
    #[error("note {name}: {reason}")]
    CorruptNote {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes of a batch that are not those which the Inbox committed to.
    #[error("data of batch {index} has hash {found}, expected {expected}")]
    WrongBatchData {
        /// Index of the batch.
        index: BatchIndex,
        /// The hash on L1.
        expected: B256,
        /// The hash of the bytes.
        found: B256,
    },

    // Fatal: what L1 says contradicts the rules, or the store is not what this crate wrote.
    /// L1 gave a batch out of order.
    #[error("L1 gave batch {index}, expected batch {} at {cursor:?}", cursor.batch)]
    WrongBatch {
        /// Index of the batch.
        index: BatchIndex,
        /// Where the safe chain stands.
        cursor: Cursor,
    },
    /// Cursor, batch and deposits do not belong together.
    #[error(transparent)]
    Derivation(#[from] DerivationError),
    /// Claims that make no tree.
    #[error(transparent)]
    LeafCount(#[from] LeafCountError),
    /// The state of the parent block could not be read.
    #[error(transparent)]
    Transition(#[from] Box<TransitionError<StoreError, StoreError>>),

    // Fatal: a part of the process is gone.
    /// Who observes the head refused a change of it.
    #[error("before blocks above {to} are taken back: {source}")]
    Observer {
        /// The block that would have become the head.
        to: u64,
        /// Why the observer refused.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The thread that writes the store is gone.
    #[error("the thread that writes the chain has ended")]
    WriterGone,
}

impl ChainError {
    /// What the caller does next: retry, start from an older position, or end.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::L1(error) => error.action(),
            _ => Action::Fatal,
        }
    }

    pub(crate) fn incomplete(what: impl Into<String>) -> Self {
        Self::Incomplete { what: what.into() }
    }
}
