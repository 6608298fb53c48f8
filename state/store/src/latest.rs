//! The latest values of the state, and how readers at older blocks stay right without a snapshot.
//!
//! A view of block V reads a key in two steps (`state_view.rs`):
//! 1. the latest value, from the hot cache or RocksDB;
//! 2. the undo records of the blocks V+1, V+2, .. up to `announced`: the first one that holds the
//!    key holds its value at V. If none does, the latest value is the one at V.
//!
//! Why this is right: the writer *announces* a block, with its undo record in memory, before it
//! writes any of it (`commit.rs`). So if step 1 saw a value written by block N, then N was
//! announced before, and step 2, which loads `announced` after step 1, looks through N's record.
//! Blocks that step 2 looks through although step 1 read before they were written do no harm: their
//! records hold what they overwrote, which is what step 1 read, or an older record holds the key
//! and wins. A record that is pruned in between is noticed: the read fails with `HistoryPruned`.
//! Values of several blocks are never mixed, because each key is answered for V exactly.
//!
//! A rewind goes the other way, so it excludes readers (`Inner::rewinding`) for the moment in
//! which it takes one block back, and bumps `epoch`, by which a view notices that its own block
//! may have been taken back.
//!
//! The hot cache is part of step 1. It may only hold what step 1 may return: the value after the
//! newest committed block, or after the announced one. Readers fill it only when no block was
//! announced between their read and their insertion, which they do under the lock of the
//! key's shard; the writer updates it, under the same locks, after the write to RocksDB and before
//! it reports the block as committed.

use std::sync::{Arc, atomic::Ordering};

use alloy_primitives::Bytes;

use crate::{
    error::StoreError,
    store::Inner,
    tables::{StateKey, Table},
    undo::{Previous, UndoIndex, UndoPart, piece_key},
};

/// A value from RocksDB.
pub(crate) struct Cold {
    value: Option<Bytes>,
    /// The head when it was read, if no block was on its way then.
    quiet_at: Option<u64>,
}

impl Inner {
    /// The latest value under `key`. The caller shares `rewinding` or holds `writer`.
    pub(crate) fn latest(&self, key: &StateKey) -> Result<Option<Bytes>, StoreError> {
        if let Some(value) = self.hot.get(key) {
            return Ok(value);
        }
        let cold = self.read_cold(key)?;
        self.fill_hot(key, &cold);
        Ok(cold.value)
    }

    pub(crate) fn read_cold(&self, key: &StateKey) -> Result<Cold, StoreError> {
        let announced = self.announced.load(Ordering::SeqCst);
        let is_quiet = self.committed.load(Ordering::SeqCst) == announced;
        let (table, bytes) = key.split();
        let value = self.tables.get(table, bytes)?;
        let value = value.map(|value| Bytes::copy_from_slice(&value));
        Ok(Cold { value, quiet_at: is_quiet.then_some(announced) })
    }

    /// Keeps a value unless a block was announced since before it was read.
    pub(crate) fn fill_hot(&self, key: &StateKey, cold: &Cold) {
        let mut shard = self.hot.shard(key);
        if cold.quiet_at == Some(self.announced.load(Ordering::SeqCst)) {
            shard.insert(*key, cold.value.clone());
        }
    }

    /// The latest values under sorted keys, for the writer.
    pub(crate) fn latest_many<'a>(
        &self,
        keys: impl Iterator<Item = &'a StateKey>,
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let mut values = Vec::new();
        let mut missing: Vec<(usize, &StateKey)> = Vec::new();
        for (index, key) in keys.enumerate() {
            let hot = self.hot.get(key);
            if hot.is_none() {
                missing.push((index, key));
            }
            values.push(hot.flatten());
        }
        for group in missing.chunk_by(|(_, a), (_, b)| a.split().0 == b.split().0) {
            let Some((_, first)) = group.first() else { continue };
            let cf = self.tables.cf(first.split().0);
            let keys = group.iter().map(|(_, key)| key.split().1);
            let found = self.tables.db.batched_multi_get_cf(cf, keys, true);
            for ((index, _), value) in group.iter().zip(found) {
                let value =
                    value.map_err(|source| StoreError::Database { action: "read", source })?;
                values[*index] = value.map(|value| Bytes::copy_from_slice(&value));
            }
        }
        Ok(values)
    }

    /// The index of a block's undo record, `None` when it was pruned.
    pub(crate) fn undo_index(&self, number: u64) -> Result<Option<Arc<UndoIndex>>, StoreError> {
        if let Some(index) = self.undo.index(number) {
            return Ok(Some(index));
        }
        let Some(blob) = self.tables.get(Table::Undo, piece_key(number, 0))? else {
            return Ok(None);
        };
        let index = Arc::new(UndoIndex::decode(number, Bytes::copy_from_slice(&blob))?);
        self.undo.insert_index(Arc::clone(&index));
        Ok(Some(index))
    }

    /// A part of a block's undo record, `None` when it was pruned.
    pub(crate) fn undo_part(
        &self,
        number: u64,
        piece: u32,
    ) -> Result<Option<Arc<UndoPart>>, StoreError> {
        if let Some(part) = self.undo.part(number, piece) {
            return Ok(Some(part));
        }
        let Some(blob) = self.tables.get(Table::Undo, piece_key(number, piece))? else {
            return Ok(None);
        };
        let part = Arc::new(UndoPart::decode(number, piece, Bytes::copy_from_slice(&blob))?);
        self.undo.insert_part(Arc::clone(&part));
        Ok(Some(part))
    }

    /// The value under `key` after block `number`. The caller shares `rewinding` and has
    /// checked that the block is not above the head.
    pub(crate) fn value_at(&self, number: u64, key: &StateKey) -> Result<Previous, StoreError> {
        let latest = self.latest(key)?;
        let announced = self.announced.load(Ordering::SeqCst);
        for block in number.saturating_add(1)..=announced {
            // Only the last one may still be on its way to the disk.
            if block == announced
                && let Some(undo) = self.undo.announced(block)
            {
                return Ok(undo.lookup(key)?.unwrap_or(latest));
            }
            let index = self.undo_index(block)?.ok_or_else(|| self.pruned(number))?;
            if let Some(piece) = index.piece_with(key)? {
                let part = self.undo_part(block, piece)?.ok_or_else(|| self.pruned(number))?;
                if let Some(value) = part.lookup(key)? {
                    return Ok(value);
                }
            }
        }
        Ok(latest)
    }

    fn pruned(&self, number: u64) -> StoreError {
        let tip = self.tip.read();
        let head = tip.heads.latest.number;
        StoreError::HistoryPruned { number, oldest: tip.oldest_state, head }
    }
}
