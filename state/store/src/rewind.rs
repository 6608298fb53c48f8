//! Takes blocks back, newest first, each in one atomic write.
//!
//! In: the block to go back to. Out: what was taken back, so that its transactions can be ordered
//! again. A kill in between leaves the store at the end of some block on the way.

use std::sync::{Arc, atomic::Ordering};

use alloy_primitives::{B256, Bytes};
use gainsay_derivation::{BatchIndex, BlockNumber};
use gainsay_transition::RecoveredTx;
use rocksdb::WriteBatch;

use crate::{
    error::StoreError,
    store::{Head, META_HEADS, Store, Tip},
    tables::{StateKey, Table},
    undo::{UndoPart, piece_key},
};

/// A block that was taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RewoundBlock {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
    /// Its transactions, deposits first.
    pub transactions: Vec<RecoveredTx>,
}

impl Store {
    /// Takes back all blocks above `to` and returns them in ascending order. `safe` moves back with
    /// the head, and with it the cursors and the `derived` marks of batches.
    ///
    /// # Errors
    /// Before anything is written: [`StoreError::BlockUnknown`] above the head,
    /// [`StoreError::RewindTooDeep`], [`StoreError::HeadsOutOfOrder`] below the finalized block.
    pub fn rewind(&self, to: u64) -> Result<Vec<RewoundBlock>, StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let tip = self.inner.tip.read().clone();
        let (latest, finalized) = (tip.heads.latest.number, tip.heads.finalized.number);
        if to > latest {
            return Err(StoreError::BlockUnknown { number: to, head: latest });
        }
        if to < tip.oldest_state {
            return Err(StoreError::RewindTooDeep { to, oldest: tip.oldest_state });
        }
        if to < finalized {
            return Err(StoreError::HeadsOutOfOrder {
                latest: to,
                safe: tip.heads.safe.number.min(to),
                finalized,
                finalized_before: finalized,
            });
        }
        let mut rewound = Vec::new();
        for number in (to.saturating_add(1)..=latest).rev() {
            rewound.push(self.rewind_block(number)?);
        }
        rewound.reverse();
        Ok(rewound)
    }

    /// Takes back the head, block `number`. The caller holds `writer`.
    fn rewind_block(&self, number: u64) -> Result<RewoundBlock, StoreError> {
        let inner = &*self.inner;
        let tables = &inner.tables;
        let tip = inner.tip.read().clone();
        let hash = tip.heads.latest.hash;
        let missing =
            |table: Table| StoreError::corrupt(table.name(), number.to_be_bytes(), "it is missing");
        let transactions = self.transactions(number)?.ok_or_else(|| missing(Table::Bodies))?;
        let undo = inner.undo_index(number)?.ok_or_else(|| missing(Table::Undo))?;

        let mut batch = WriteBatch::default();
        batch.delete_cf(tables.cf(Table::Undo), piece_key(number, 0));
        let mut restored: Vec<(StateKey, Option<Bytes>)> = Vec::new();
        for piece in (1..).take(undo.parts) {
            let part = inner.undo_part(number, piece)?.ok_or_else(|| missing(Table::Undo))?;
            self.put_previous(&mut batch, &part, &mut restored)?;
            batch.delete_cf(tables.cf(Table::Undo), piece_key(number, piece));
        }
        let next = self.put_block_removal(&mut batch, number, &transactions, tip)?;

        {
            // From here to the end readers of state wait.
            let _rewinding = inner.rewinding.write();
            self.write(batch, false)?;
            for (key, value) in restored {
                inner.hot.insert(key, value);
            }
            inner.undo.remove(&undo);
            inner.epoch.fetch_add(1, Ordering::SeqCst);
            inner.announced.store(next.heads.latest.number, Ordering::SeqCst);
            inner.committed.store(next.heads.latest.number, Ordering::SeqCst);
            *inner.tip.write() = next;
        }
        Ok(RewoundBlock { number, hash, transactions })
    }

    /// Puts back what one part of an undo record holds.
    fn put_previous(
        &self,
        batch: &mut WriteBatch,
        part: &UndoPart,
        restored: &mut Vec<(StateKey, Option<Bytes>)>,
    ) -> Result<(), StoreError> {
        for entry in part.entries() {
            let (key, value) = entry?;
            let (table, bytes) = StateKey::split_bytes(key).ok_or_else(|| {
                let reason = format!("it holds the malformed key 0x{}", hex(key));
                let place = piece_key(part.number, part.piece);
                StoreError::corrupt(Table::Undo.name(), place, reason)
            })?;
            let cf = self.inner.tables.cf(table);
            match value {
                Some(value) => batch.put_cf(cf, bytes, value),
                None => batch.delete_cf(cf, bytes),
            }
            restored.push((StateKey::from_bytes(key), value.map(Bytes::copy_from_slice)));
        }
        Ok(())
    }

    /// Removes everything of the head but its state. Returns the tip without that block.
    fn put_block_removal(
        &self,
        batch: &mut WriteBatch,
        number: u64,
        transactions: &[RecoveredTx],
        tip: Tip,
    ) -> Result<Tip, StoreError> {
        let tables = &self.inner.tables;
        let parent = number.saturating_sub(1);
        let header = self.header(parent)?.ok_or_else(|| {
            StoreError::corrupt(Table::Headers.name(), parent.to_be_bytes(), "it is missing")
        })?;
        let key = number.to_be_bytes();
        for table in [Table::Headers, Table::Bodies, Table::Receipts] {
            batch.delete_cf(tables.cf(table), key);
        }
        self.put_withdrawals_removal(batch, number)?;
        batch.delete_cf(tables.cf(Table::Numbers), tip.heads.latest.hash);
        for tx in transactions {
            batch.delete_cf(tables.cf(Table::Transactions), tx.hash);
        }
        let mut heads = tip.heads;
        heads.latest = Head { number: parent, hash: header.hash };
        if heads.safe.number > parent {
            let cursor = self.cursor(BlockNumber(parent))?.ok_or_else(|| {
                StoreError::corrupt(Table::Cursors.name(), parent.to_be_bytes(), "it is missing")
            })?;
            let safe = (BlockNumber(parent), cursor.cursor);
            let kept = BatchIndex(u64::MAX);
            self.put_safe_moved_back(batch, BlockNumber(heads.safe.number), safe, kept)?;
            heads.safe = heads.latest;
        }
        batch.put_cf(tables.cf(Table::Meta), META_HEADS, heads.encode());
        Ok(Tip { heads, header: Some(Arc::new(header)), ..tip })
    }
}

fn hex(bytes: &[u8]) -> String {
    alloy_primitives::hex::encode(bytes)
}
