//! Questions about how the store's blocks and L1's records belong together.
//!
//! In: the store. Out: cursors, blocks at cursors, how much of the Inbox an L1 block had seen, and
//! the atomic update that an L1 reorg or a finalized L1 block asks for.

use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DepositIndex};
use gainsay_store::{L1Update, Store, StoreError};

use crate::ChainError;

/// The safe head.
#[must_use]
pub fn safe_block(store: &Store) -> BlockNumber {
    BlockNumber(store.heads().safe.number)
}

/// Where the safe head stands in the Inbox.
///
/// # Errors
/// Those of the store.
pub fn safe_cursor(store: &Store) -> Result<Cursor, StoreError> {
    let record = store.cursor(safe_block(store))?;
    Ok(record.map(|record| record.cursor).unwrap_or_default())
}

/// The safe block after which the chain stands at `cursor`; none if it never does.
///
/// # Errors
/// Those of the store.
pub fn block_at_cursor(store: &Store, cursor: &Cursor) -> Result<Option<BlockNumber>, StoreError> {
    let batch_start = match cursor.batch.previous() {
        None => BlockNumber::ZERO,
        Some(before) => match store.batch(before)?.and_then(|record| record.derived) {
            Some(derived) => derived.last_block,
            None => return Ok(None),
        },
    };
    let number = batch_start.plus(cursor.block);
    let record = store.cursor(number)?;
    Ok(record.filter(|record| record.cursor == *cursor).map(|_| number))
}

/// The L1 block of the newest deposit or batch on record, 0 when there is none.
///
/// # Errors
/// Those of the store.
pub fn newest_l1_block(store: &Store) -> Result<u64, StoreError> {
    let deposit = match store.deposit_count().previous() {
        Some(last) => store.deposit(last)?.map(|record| record.deposit.l1_block),
        None => None,
    };
    let batch = match store.batch_count().previous() {
        Some(last) => store.batch(last)?.map(|record| record.header.l1_block),
        None => None,
    };
    Ok(deposit.max(batch).unwrap_or_default())
}

/// How many deposits L1 held after this block.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn deposits_up_to(store: &Store, l1_block: u64) -> Result<DepositIndex, ChainError> {
    let first = first_above(store.deposit_count().get(), |index| {
        let index = DepositIndex(index);
        let missing = || ChainError::incomplete(format!("deposit {index}"));
        Ok(store.deposit(index)?.ok_or_else(missing)?.deposit.l1_block > l1_block)
    });
    first.map(DepositIndex)
}

/// How many batches L1 held after this block.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn batches_up_to(store: &Store, l1_block: u64) -> Result<BatchIndex, ChainError> {
    let first = first_above(store.batch_count().get(), |index| {
        let index = BatchIndex(index);
        let missing = || ChainError::incomplete(format!("batch {index}"));
        Ok(store.batch(index)?.ok_or_else(missing)?.header.l1_block > l1_block)
    });
    first.map(BatchIndex)
}

/// Forgets what L1 blocks above `l1_block` recorded, and moves the safe head back accordingly.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn truncate_above(store: &Store, l1_block: u64) -> Result<(), ChainError> {
    let batches = batches_up_to(store, l1_block)?;
    let update = L1Update {
        truncate_l1_blocks: Some(l1_block.saturating_add(1)),
        truncate_deposits: Some(deposits_up_to(store, l1_block)?),
        truncate_batches: Some(batches),
        safe: Some(last_block_of(store, batches)?.min(safe_block(store))),
        ..Default::default()
    };
    Ok(store.apply(&update, false)?)
}

/// Marks as finalized what batches up to this finalized L1 block brought.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn finalize(store: &Store, l1_block: u64) -> Result<(), ChainError> {
    let last_block = last_block_of(store, batches_up_to(store, l1_block)?)?.min(safe_block(store));
    if last_block.get() > store.heads().finalized.number {
        store.set_finalized(last_block)?;
    }
    Ok(())
}

/// Whether taking back all above an L1 block takes back nothing that is finalized.
///
/// # Errors
/// [`ChainError::Incomplete`], and those of the store.
pub fn may_rewind_to(store: &Store, l1_block: u64) -> Result<bool, ChainError> {
    let last_block = last_block_of(store, batches_up_to(store, l1_block)?)?;
    Ok(last_block.get() >= store.heads().finalized.number)
}

/// The last block of the first `batches` batches.
fn last_block_of(store: &Store, batches: BatchIndex) -> Result<BlockNumber, ChainError> {
    let Some(last) = batches.previous() else { return Ok(BlockNumber::ZERO) };
    let derived = store.batch(last)?.and_then(|record| record.derived);
    let missing = || ChainError::incomplete(format!("blocks of batch {last}"));
    Ok(derived.ok_or_else(missing)?.last_block)
}

/// The first index below `count` for which `is_above` holds, or `count`; the records are in order
/// of their L1 blocks.
fn first_above(
    count: u64,
    is_above: impl Fn(u64) -> Result<bool, ChainError>,
) -> Result<u64, ChainError> {
    let (mut low, mut high) = (0_u64, count);
    while low < high {
        let middle = u64::midpoint(low, high);
        if is_above(middle)? {
            high = middle;
        } else {
            low = middle.saturating_add(1);
        }
    }
    Ok(low)
}
