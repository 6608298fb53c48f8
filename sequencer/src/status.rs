//! What `rollup_status` shows: how many of the sequencer's blocks L1 has, and how final they are.
//!
//! In: what the watcher of L1 sees. Out: the status in memory, and the answer to clients, which
//! `gainsay status` reads back; the assertions by which `rollup_getWithdrawal` counts.

use std::sync::Arc;

use alloy_primitives::B256;
use gainsay_derivation::Cursor;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// A block of L1 or L2, as a status shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockStatus {
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// Seconds since the epoch.
    pub timestamp: u64,
}

/// An assertion on L1 about an L2 block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssertionSummary {
    /// Its id on L1.
    pub id: B256,
    /// Its claimed output root.
    pub output_root: B256,
    /// Position in the Inbox after its last block.
    pub cursor: Cursor,
    /// The L2 block that it is about, when this node has derived it and agrees.
    pub block_number: Option<u64>,
    /// Seconds until it may be confirmed, 0 when it may be now; `None` for confirmed ones.
    pub seconds_left: Option<u64>,
}

/// The chain as seen from L1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RollupStatus {
    /// `sequence` or `follow`.
    pub sequencing: bool,
    /// Head of L1 that this node has processed.
    pub l1_head: BlockStatus,
    /// Number of the newest head of L1 that this node has seen.
    pub l1_seen: u64,
    /// Whether this node has reached L1's head since it was started.
    pub is_caught_up: bool,
    /// Number of the sequencer's newest block, as it says itself; 0 when it was not asked.
    pub sequencer_head: u64,
    /// L1's finalized block.
    pub l1_finalized: BlockStatus,
    /// Batches on L1.
    pub batches_posted: u64,
    /// Batches that this node has derived.
    pub batches_derived: u64,
    /// Deposits in the inbox.
    pub deposits_enqueued: u64,
    /// Deposits that batches on L1 have read.
    pub deposits_read: u64,
    /// The newest assertion that is pending.
    pub proposed: Option<AssertionSummary>,
    /// The newest assertion that is confirmed.
    pub confirmed: Option<AssertionSummary>,
    /// The assertion that has ended the chain: the program fails on a block.
    pub halted_by: Option<B256>,
}

/// Answer of `rollup_status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NodeStatus {
    /// Whether this node is the sequencer.
    pub(crate) sequencing: bool,
    /// Newest block, preconfirmed by the sequencer.
    pub(crate) latest: BlockStatus,
    /// Newest block whose batch is on L1.
    pub(crate) safe: BlockStatus,
    /// Newest block whose batch is in a finalized block of L1.
    pub(crate) finalized: BlockStatus,
    /// Newest assertion that may still be challenged.
    pub(crate) proposed: Option<AssertionSummary>,
    /// Newest assertion that is confirmed: withdrawals of its block and before can be made.
    pub(crate) confirmed: Option<AssertionSummary>,
    /// The assertion that has ended the chain: the program fails on a block, and nothing after
    /// `confirmed` will ever be confirmed.
    pub(crate) halted_by: Option<B256>,
    pub(crate) l1_head: BlockStatus,
    pub(crate) l1_finalized: BlockStatus,
    pub(crate) batches: BatchCounts,
    pub(crate) deposits: DepositCounts,
}

/// How many batches there are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct BatchCounts {
    /// On L1.
    pub(crate) posted: u64,
    /// Batches that this node has derived.
    pub(crate) derived: u64,
}

/// How many deposits there are.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DepositCounts {
    /// In the inbox.
    pub(crate) enqueued: u64,
    /// Deposits that batches on L1 have read.
    pub(crate) read: u64,
}

/// An assertion on L1 that says what this node derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedAssertion {
    /// Its id on L1.
    pub id: B256,
    /// Its last L2 block.
    pub last_block: u64,
    /// L1 time of its proposal, seconds.
    pub created_at: u64,
    /// Whether it is confirmed.
    pub is_confirmed: bool,
    /// Whether it, or one that it stands on, has a rival.
    pub is_disputed: bool,
}

/// Shared, always current.
#[derive(Clone, Debug, Default)]
pub struct StatusHandle {
    status: Arc<RwLock<RollupStatus>>,
    assertions: Arc<RwLock<Arc<[AgreedAssertion]>>>,
}

impl StatusHandle {
    /// A copy of what is known now.
    #[must_use]
    pub fn get(&self) -> RollupStatus {
        *self.status.read()
    }

    /// Changes some fields.
    pub fn update(&self, change: impl FnOnce(&mut RollupStatus)) {
        change(&mut self.status.write());
    }

    /// The assertions from the newest confirmed one on, in the order of their blocks.
    #[must_use]
    pub fn assertions(&self) -> Arc<[AgreedAssertion]> {
        Arc::clone(&self.assertions.read())
    }

    /// Replaces the assertions.
    pub fn set_assertions(&self, mut agreed: Vec<AgreedAssertion>) {
        agreed.sort_by_key(|it| it.last_block);
        *self.assertions.write() = agreed.into();
    }
}
