//! What can go wrong in a node, sorted by what the caller does about it.
//!
//! In: failures of the parts below and of the system. Out: [`NodeError`] and, by
//! [`NodeError::action`], what to do. It never decides for the caller. A refused transaction is a
//! [`PoolError`](crate::pool::PoolError), a refused request an
//! [`RpcError`](crate::rpc::RpcError): neither ends a task.

use std::{io, net::SocketAddr, path::PathBuf};

use alloy_primitives::{Address, B256};
use gainsay_chain::ChainError;
use gainsay_derivation::EncodeError;
use gainsay_l1::{Action, L1Error, L1Failure};
use gainsay_store::StoreError;
use gainsay_transition::{DecodeTxError, ExecuteError, SealError};

/// Why a task of a node, or its start, failed.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    // Retry in most cases: the error inside says so.
    /// L1 could not be read, or refused a transaction.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The chain could not be followed or derived.
    #[error(transparent)]
    Chain(#[from] ChainError),

    // Fatal: what the operator gave cannot be used.
    /// The data folder cannot be opened.
    #[error("cannot open {}: {source}", path.display())]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// Why it cannot be opened; [`StoreError::Locked`] when another process has it open.
        source: Box<ChainError>,
    },
    /// The poster's key is not the one from which the Inbox takes batches.
    #[error("the poster's key is that of {found}, the Inbox expects {expected}")]
    WrongPosterKey {
        /// Address of the key.
        found: Address,
        /// Address that `rollup.json` names as the sequencer.
        expected: Address,
    },
    /// The URL of the sequencer that a follower is to follow.
    #[error("sequencer URL {url}: {source}")]
    SequencerUrl {
        /// The URL.
        url: String,
        /// What is wrong with it.
        source: Box<jsonrpsee::core::ClientError>,
    },
    /// The JSON-RPC server cannot take its address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address, with its port.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a thread or a signal handler.
    #[error("cannot start {what}: {source}")]
    System {
        /// The thread or handler.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },

    // Fatal: the store is not what this node wrote, or a rule of this program is broken.
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A block up to the head has no transactions in the store.
    #[error("block {number} has no body in the store, but the head is {head}")]
    BodyMissing {
        /// The block.
        number: u64,
        /// The head.
        head: u64,
    },
    /// A stored deposit is not the bytes of a deposit.
    #[error("a deposit in the stored block {number} cannot be decoded: {source}")]
    StoredDeposit {
        /// The block.
        number: u64,
        /// What is wrong with it.
        source: alloy_eips::eip2718::Eip2718Error,
    },
    /// The journal of displaced transactions is no list of bytes.
    #[error("the journal of displaced transactions cannot be decoded: {0}")]
    Journal(alloy_rlp::Error),
    /// The journal of displaced transactions holds what is no transaction.
    #[error("a transaction in the journal of displaced ones: {0}")]
    JournalTransaction(DecodeTxError),
    /// A block could not be executed, for a reason that no transaction can cause.
    #[error("a block cannot be executed: {0}")]
    Execute(#[from] ExecuteError<StoreError>),
    /// The roots of an executed block could not be computed.
    #[error(transparent)]
    Seal(#[from] SealError<StoreError>),
    /// A block was executed on another parent than the head.
    #[error("executed block {found} does not follow the head {head}")]
    NotNextBlock {
        /// Number of the executed block.
        found: u64,
        /// Number of the head.
        head: u64,
    },
    /// Blocks of this node fit no batch.
    #[error("the next batch cannot be encoded: {0}")]
    Encode(#[from] EncodeError),
    /// L1 confirmed what this node did not derive: safety is lost, or one of both is broken.
    #[error("assertion {id} is confirmed with output root {found}, this node derived {expected}")]
    WrongConfirmed {
        /// The assertion.
        id: B256,
        /// Its output root on L1.
        found: B256,
        /// The output root that this node derived at the same cursor.
        expected: B256,
    },

    // Fatal: a part of the process is gone.
    /// A task ended with an error.
    #[error("{name} failed: {source}")]
    TaskFailed {
        /// The task or thread.
        name: &'static str,
        /// Why.
        source: Box<Self>,
    },
    /// A task that should run for ever ended.
    #[error("{name} ended")]
    TaskEnded {
        /// The task or thread.
        name: &'static str,
    },
    /// A task panicked; its message is in the log.
    #[error("{name} panicked")]
    TaskPanicked {
        /// The task or thread.
        name: &'static str,
    },
}

impl NodeError {
    /// What the caller does next.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::L1(error) => error.action(),
            Self::Chain(error) => error.action(),
            Self::DataFolder { .. }
            | Self::WrongPosterKey { .. }
            | Self::SequencerUrl { .. }
            | Self::Listen { .. }
            | Self::System { .. }
            | Self::Store(_)
            | Self::BodyMissing { .. }
            | Self::StoredDeposit { .. }
            | Self::Journal(_)
            | Self::JournalTransaction(_)
            | Self::Execute(_)
            | Self::Seal(_)
            | Self::NotNextBlock { .. }
            | Self::Encode(_)
            | Self::WrongConfirmed { .. }
            | Self::TaskFailed { .. }
            | Self::TaskEnded { .. }
            | Self::TaskPanicked { .. } => Action::Fatal,
        }
    }
}

impl L1Failure for NodeError {
    fn l1_error(&self) -> Option<&L1Error> {
        match self {
            Self::L1(error) | Self::Chain(ChainError::L1(error)) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_l1_says_passes_through_and_everything_else_stops_the_node() {
        let missing = || L1Error::Missing { what: "block 7".to_owned() };
        assert_eq!(NodeError::from(missing()).action(), Action::Retry);
        assert_eq!(NodeError::from(ChainError::from(missing())).action(), Action::Retry);
        let lost = NodeError::from(L1Error::ReorgTooDeep { oldest: 3 });
        assert_eq!(lost.action(), Action::Reset);
        // A task that gave up must end the node, even when what stopped it could pass.
        let failed = NodeError::TaskFailed { name: "batch_poster", source: Box::new(lost) };
        assert_eq!(failed.action(), Action::Fatal);
        assert!(failed.to_string().starts_with("batch_poster failed: L1 reorg"), "{failed}");
    }
}
