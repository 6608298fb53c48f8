//! What the parts of a node share: the store, the configuration and the news of new heads.
//!
//! Architecture invariant: only the block builder or the deriver writes blocks, never both at once;
//! everybody else reads the store and listens here.

use std::sync::Arc;

use gainsay_chain::SafeChain;
use gainsay_l1::RollupConfig;
use gainsay_store::Store;
use gainsay_transition::SealedBlock;
use tokio::sync::broadcast;

use crate::removed_logs::{Removed, RemovedLogs};

/// Events kept for a slow listener; one that falls further behind learns that it missed some.
const HEAD_EVENTS_MAX: usize = 1024;

/// A change of the head, in order.
#[derive(Clone, Debug)]
pub enum HeadEvent {
    /// A block became the head.
    Block(Arc<SealedBlock>),
    /// Blocks above `to` were taken back.
    Rewound {
        /// The new head's number.
        to: u64,
        /// Logs of the blocks that were taken back.
        removed: Arc<Removed>,
    },
}

/// Handles that every part of a node holds.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Blocks and state.
    pub store: Store,
    /// The chain's `rollup.json`.
    pub rollup: Arc<RollupConfig>,
    /// Sends a [`HeadEvent`] after each commit.
    pub new_heads: broadcast::Sender<HeadEvent>,
    /// Logs of blocks that were taken back.
    pub removed_logs: Arc<RemovedLogs>,
}

impl Chain {
    /// Joins a store and the configuration that it was opened with.
    #[must_use]
    pub fn new(store: Store, rollup: Arc<RollupConfig>) -> Self {
        let new_heads = broadcast::channel(HEAD_EVENTS_MAX).0;
        Self { store, rollup, new_heads, removed_logs: Arc::default() }
    }

    /// The chain as L1 alone determines it: store and rules.
    #[must_use]
    pub fn safe_chain(&self) -> SafeChain {
        SafeChain { store: self.store.clone(), rollup: self.rollup.clone() }
    }

    /// Sends the event to all listeners. It is no error that nobody listens.
    pub fn announce(&self, event: HeadEvent) {
        let _listeners = self.new_heads.send(event);
    }
}
