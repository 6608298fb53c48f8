//! From a decoded batch and the deposits that it reads to block inputs, one after another.
//!
//! Each block takes as many deposits as it asks for, or all that its batch has left if these are
//! fewer; the last block takes all that are left. A block is replaced by
//! [`BlockInput::into_fallback`], which ends its batch, if a transaction is invalid (execution
//! shows it) or if there is no slot for the block (its parent shows it).

use crate::{BatchHeader, BatchIndex, Cursor, Deposit, DepositIndex};
use alloc::vec::Vec;
use alloy_primitives::Bytes;
use serde::{Deserialize, Serialize};

/// One block as the sequencer wrote it into a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchBlock {
    /// Seconds, as the sequencer wrote them; [`decode_batch`](crate::decode_batch) moves them into
    /// the header's bounds.
    pub timestamp: u64,
    /// How many deposits the block takes; more than there are left means all that are left.
    pub deposit_count: u64,
    /// [EIP-2718](https://eips.ethereum.org/EIPS/eip-2718) bytes of each transaction, unchecked.
    pub transactions: Vec<Bytes>,
}

/// The data of one batch, decoded. Never without a block when it comes from
/// [`decode_batch`](crate::decode_batch).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// The blocks in the order of execution.
    pub blocks: Vec<BatchBlock>,
    /// The last slot that one of the blocks may take; see [`BlockInput::slot_max`].
    pub slot_max: Option<u64>,
}

/// All that the transition needs to know besides the parent state to build one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockInput {
    /// Seconds, within the batch header's bounds. The block gets this timestamp, or its parent's if
    /// that is later.
    pub timestamp: u64,
    /// Executed first, in this order.
    pub deposits: Vec<Deposit>,
    /// EIP-2718 bytes, unchecked. One that is invalid invalidates the block's transactions and
    /// the rest of the batch: see [`Self::into_fallback`].
    pub transactions: Vec<Bytes>,
    /// Where the chain stands after this block.
    pub cursor_after: Cursor,
    /// Deposits of the batch that come after this block's. Only the fallback executes them.
    pub later_deposits: Vec<Deposit>,
    /// The last slot that the block may take. `None` for a block that the sequencer did not write,
    /// which takes no slot: a fallback, or the block of garbage or of a forced batch.
    pub slot_max: Option<u64>,
}

impl BlockInput {
    /// Whether a parent with the slot `parent` has taken the last slot that this block may take, so
    /// that its fallback takes its place.
    // PROTOCOL.md DERIVE-9
    #[must_use]
    pub fn is_over_budget(&self, parent: u64) -> bool {
        self.slot_max.is_some_and(|max| parent >= max)
    }

    /// The block that replaces this one when a transaction proves invalid, or when there is no slot
    /// for it: no transactions, all deposits left in the batch, and the cursor at the start of the
    /// next batch.
    // PROTOCOL.md DERIVE-6
    #[must_use]
    pub fn into_fallback(self) -> Self {
        let mut deposits = self.deposits;
        let later = self.later_deposits.len() as u64;
        deposits.extend(self.later_deposits);
        let Cursor { batch, block, deposits_read } = self.cursor_after;
        Self {
            timestamp: self.timestamp,
            deposits,
            transactions: Vec::new(),
            cursor_after: Cursor {
                batch: if block == 0 { batch } else { batch.next() },
                block: 0,
                deposits_read: deposits_read.plus(later),
            },
            later_deposits: Vec::new(),
            slot_max: None,
        }
    }
}

/// A cursor or deposits that do not belong to the batch. The caller mixed up its data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    /// The cursor stands in another batch, or behind the last block of this one.
    #[error("cursor {cursor:?} is not in batch {batch}, which has {blocks} blocks")]
    CursorOutsideBatch {
        /// The cursor given.
        cursor: Cursor,
        /// Index of the batch.
        batch: BatchIndex,
        /// Number of its blocks.
        blocks: u64,
    },
    /// The deposits are not those from the cursor to the end of the batch.
    #[error("deposits of batch {batch} must be {from}..{to}, found {found} of them")]
    WrongDeposits {
        /// Index of the batch.
        batch: BatchIndex,
        /// Index of the first deposit that the cursor has not read.
        from: DepositIndex,
        /// The batch's count of deposits read.
        to: DepositIndex,
        /// How many were given.
        found: u64,
    },
}

/// The blocks of one batch from a cursor on.
#[derive(Clone, Debug)]
pub struct Derivation {
    blocks: alloc::vec::IntoIter<BatchBlock>,
    deposits: alloc::vec::IntoIter<Deposit>,
    cursor: Cursor,
    end: Cursor,
    slot_max: Option<u64>,
}

impl Derivation {
    /// Starts at `cursor`, at the beginning or in the middle of the batch. `deposits` are those
    /// with the indices `cursor.deposits_read..header.deposits_read`.
    ///
    /// # Errors
    /// [`DerivationError`] when cursor, header and deposits do not belong together.
    pub fn new(
        header: &BatchHeader,
        batch: Batch,
        deposits: Vec<Deposit>,
        cursor: Cursor,
    ) -> Result<Self, DerivationError> {
        let blocks = batch.blocks.len() as u64;
        if cursor.batch != header.index || cursor.block >= blocks {
            return Err(DerivationError::CursorOutsideBatch {
                cursor,
                batch: header.index,
                blocks,
            });
        }
        let (from, to) = (cursor.deposits_read, header.deposits_read);
        if from > to || !deposits.iter().map(|deposit| deposit.index).eq(from.up_to(to)) {
            return Err(DerivationError::WrongDeposits {
                batch: header.index,
                from,
                to,
                found: deposits.len() as u64,
            });
        }
        let slot_max = batch.slot_max;
        let mut blocks = batch.blocks.into_iter();
        for _ in 0..cursor.block {
            blocks.next();
        }
        let end =
            Cursor { batch: cursor.batch.next(), block: 0, deposits_read: header.deposits_read };
        Ok(Self { blocks, deposits: deposits.into_iter(), cursor, end, slot_max })
    }

    /// The next block, or nothing when the batch is consumed.
    // PROTOCOL.md DERIVE-4, DERIVE-5
    pub fn next_block(&mut self) -> Option<BlockInput> {
        let block = self.blocks.next()?;
        let is_last = self.blocks.as_slice().is_empty();
        let left = self.deposits.as_slice().len();
        let taken = match usize::try_from(block.deposit_count) {
            Ok(count) if !is_last => count.min(left),
            _ => left,
        };
        let deposits = self.deposits.by_ref().take(taken).collect();
        self.cursor = if is_last {
            self.end
        } else {
            Cursor {
                batch: self.cursor.batch,
                block: self.cursor.block.saturating_add(1),
                deposits_read: self.cursor.deposits_read.plus(taken as u64),
            }
        };
        Some(BlockInput {
            timestamp: block.timestamp,
            deposits,
            transactions: block.transactions,
            cursor_after: self.cursor,
            later_deposits: self.deposits.as_slice().to_vec(),
            slot_max: self.slot_max,
        })
    }

    /// Ends the batch early, when the [fallback](BlockInput::into_fallback) of the last block
    /// returned took its place and all deposits that were left.
    pub fn drop_rest(&mut self) {
        self.blocks = Vec::new().into_iter();
        self.deposits = Vec::new().into_iter();
        self.cursor = self.end;
    }

    /// Where the chain stands after the blocks returned so far.
    #[must_use]
    pub const fn cursor(&self) -> Cursor {
        self.cursor
    }
}
