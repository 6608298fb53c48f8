//! What the one writer of a store takes in about L1, in order.
//!
//! In: steps of a [`Follower`](crate::Follower). Out: records and blocks in a store. A writer is
//! either the [`Deriver`](crate::Deriver) itself, or the mailbox of a thread that owns one and
//! builds blocks in turns with it.

use gainsay_l1::{ContractEvent, EnqueuedDeposit, L1BlockRef, PostedBatch};

use crate::ChainError;

/// A batch with its data as fetched from L1.
#[derive(Clone, Debug)]
pub struct FetchedBatch {
    /// What the Inbox recorded.
    pub posted: PostedBatch,
    /// The batch's bytes: calldata, or the blobs' content.
    pub data: Vec<u8>,
}

/// One step of L1.
#[derive(Clone, Debug)]
pub enum ChainStep {
    /// The Inbox recorded these deposits.
    Deposits(Vec<EnqueuedDeposit>),
    /// The Inbox recorded this batch, after all deposits that it reads.
    Batch(Box<FetchedBatch>),
    /// L1 is taken in up to this block, and with it every step before.
    Reached {
        /// The L1 block.
        l1_block: L1BlockRef,
        /// Events of the other contracts since the block that was reached before.
        events: Vec<ContractEvent>,
        /// The oldest L1 block to which a reorg can still be followed.
        oldest: u64,
    },
    /// L1 blocks above this one are no longer canonical.
    Reorged {
        /// The last L1 block that still stands.
        to: L1BlockRef,
    },
    /// This L1 block is final.
    Finalized {
        /// Its number.
        l1_block: u64,
    },
}

/// Takes in the steps of L1, in order.
pub trait ChainWriter {
    /// Takes a step in, or queues it behind those before it. May block.
    ///
    /// # Errors
    /// Those of deriving, and [`ChainError::WriterGone`].
    fn take(&mut self, step: ChainStep) -> Result<(), ChainError>;

    /// Returns when every step so far is in the store. May block.
    ///
    /// # Errors
    /// [`ChainError::WriterGone`].
    fn settle(&mut self) -> Result<(), ChainError>;
}
