//! Transactions of blocks that are being taken back, kept in the store until they are in a block
//! again: users have seen their receipts, and a crash in between must not lose them.
//!
//! In: the blocks that are about to be taken back. Out: their signed transactions, after a restart.
//! A transaction that is in a block by then does no harm, because its nonce is used up.

use alloy_primitives::Bytes;
use alloy_rlp::Decodable;
use gainsay_store::{Store, StoreError};
use gainsay_transition::RecoveredTx;

use crate::error::NodeError;

/// The store's note that holds the transactions, as an RLP list of EIP-2718 bytes.
const NOTE: &str = "displaced";

/// Keeps the transactions of all blocks above `to`, in front of those that are kept already, which
/// stood later in the chain.
///
/// # Errors
/// When the store fails, lacks a body, or holds a journal that cannot be decoded.
pub fn keep_above(store: &Store, to: u64) -> Result<(), NodeError> {
    let mut kept = Vec::new();
    let head = store.head().number;
    for number in to.saturating_add(1)..=head {
        let Some(transactions) = store.transactions(number)? else {
            return Err(NodeError::BodyMissing { number, head });
        };
        kept.extend(transactions.into_iter().filter(|tx| !tx.is_deposit()).map(|tx| tx.raw));
    }
    if kept.is_empty() {
        return Ok(());
    }
    kept.extend(read(store)?);
    Ok(store.put_note(NOTE, &alloy_rlp::encode(&kept))?)
}

/// The transactions that are kept, in the order of their old blocks.
///
/// # Errors
/// When the store fails or the journal cannot be decoded.
pub fn load(store: &Store) -> Result<Vec<RecoveredTx>, NodeError> {
    gainsay_transition::recover_all(&read(store)?).map_err(NodeError::JournalTransaction)
}

/// Forgets all transactions, when each is in a block or can be in none.
///
/// # Errors
/// When the store cannot be written.
pub fn clear(store: &Store) -> Result<(), StoreError> {
    store.put_note(NOTE, &[])
}

fn read(store: &Store) -> Result<Vec<Bytes>, NodeError> {
    match store.note(NOTE)? {
        Some(note) if !note.is_empty() => {
            Vec::<Bytes>::decode(&mut note.as_slice()).map_err(NodeError::Journal)
        }
        _ => Ok(Vec::new()),
    }
}
