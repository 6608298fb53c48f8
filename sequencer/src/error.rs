//! What can go wrong in a node, sorted by what the caller does about it.

use alloy_primitives::B256;
use gainsay_chain::ChainError;
use gainsay_l1::{Action, L1Error};
use gainsay_store::StoreError;

/// Errors of a node's tasks.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    // As the error below says: most of them pass.
    /// L1.
    #[error(transparent)]
    L1(#[from] L1Error),
    /// The chain derived from L1.
    #[error(transparent)]
    Chain(#[from] ChainError),

    // Fatal.
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// L1 confirmed what this node did not derive: safety is lost, or one of both is broken.
    #[error("assertion {id} is confirmed with output root {found}, this node derived {expected}")]
    WrongConfirmed {
        /// The assertion.
        id: B256,
        /// What it says.
        found: B256,
        /// What this node derived at the same place.
        expected: B256,
    },
}

impl NodeError {
    /// What the caller does next.
    #[must_use]
    pub const fn action(&self) -> Action {
        match self {
            Self::L1(error) => error.action(),
            Self::Chain(error) => error.action(),
            Self::Store(_) | Self::WrongConfirmed { .. } => Action::Fatal,
        }
    }
}
