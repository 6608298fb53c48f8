//! Questions about how the store's blocks and L1's records belong together.
//!
//! In: the store. Out: cursors, blocks at cursors, and the atomic update that an L1 reorg or a
//! finalized L1 block asks for.

use anyhow::Context;
use gainsay_derivation::Cursor;
use gainsay_store::{L1Update, Store, StoreError};

/// Where the safe head stands in the inbox.
pub fn safe_cursor(store: &Store) -> Result<Cursor, StoreError> {
    let record = store.cursor(store.heads().safe.number)?;
    Ok(record.map(|record| record.cursor).unwrap_or_default())
}

/// The safe block after which the chain stands at `cursor`.
pub fn block_at_cursor(store: &Store, cursor: &Cursor) -> anyhow::Result<Option<u64>> {
    let batch_start = match cursor.batch.checked_sub(1) {
        None => 0,
        Some(before) => match store.batch(before)?.and_then(|record| record.derived) {
            Some(derived) => derived.last_block,
            None => return Ok(None),
        },
    };
    let number = batch_start.saturating_add(cursor.block);
    let record = store.cursor(number)?;
    Ok(record.filter(|record| record.cursor == *cursor).map(|_| number))
}

/// The L1 block of the newest deposit or batch on record, 0 when there is none.
pub fn newest_l1_block(store: &Store) -> Result<u64, StoreError> {
    let deposit = match store.deposit_count().checked_sub(1) {
        Some(last) => store.deposit(last)?.map(|record| record.deposit.l1_block),
        None => None,
    };
    let batch = match store.batch_count().checked_sub(1) {
        Some(last) => store.batch(last)?.map(|record| record.header.l1_block),
        None => None,
    };
    Ok(deposit.max(batch).unwrap_or_default())
}

/// Forgets what L1 blocks above `l1_block` recorded, and moves the safe head back accordingly.
pub fn truncate_above(store: &Store, l1_block: u64) -> anyhow::Result<()> {
    let deposits = first_above(store.deposit_count(), |index| {
        let record =
            store.deposit(index)?.with_context(|| format!("deposit {index} is missing"))?;
        Ok(record.deposit.l1_block > l1_block)
    })?;
    let batches = first_above(store.batch_count(), |index| {
        let record = store.batch(index)?.with_context(|| format!("batch {index} is missing"))?;
        Ok(record.header.l1_block > l1_block)
    })?;
    let safe = match batches.checked_sub(1) {
        None => 0,
        Some(last) => {
            let derived = store.batch(last)?.and_then(|record| record.derived);
            derived.with_context(|| format!("batch {last} is not derived"))?.last_block
        }
    };
    let safe = safe.min(store.heads().safe.number);
    let update = L1Update {
        truncate_deposits: Some(deposits),
        truncate_batches: Some(batches),
        safe: Some(safe),
        ..Default::default()
    };
    Ok(store.apply(&update, false)?)
}

/// Marks as finalized what batches up to this finalized L1 block brought.
pub fn finalize(store: &Store, l1_block: u64) -> anyhow::Result<()> {
    let batches = first_above(store.batch_count(), |index| {
        let record = store.batch(index)?.with_context(|| format!("batch {index} is missing"))?;
        Ok(record.header.l1_block > l1_block)
    })?;
    let Some(last) = batches.checked_sub(1) else { return Ok(()) };
    let Some(derived) = store.batch(last)?.and_then(|record| record.derived) else { return Ok(()) };
    if derived.last_block > store.heads().finalized.number {
        store.set_finalized(derived.last_block)?;
    }
    Ok(())
}

/// The first index below `count` for which `is_above` holds, or `count`; the records are in order
/// of their L1 blocks.
fn first_above(count: u64, is_above: impl Fn(u64) -> anyhow::Result<bool>) -> anyhow::Result<u64> {
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_above(middle)? {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}
