//! Commits blocks: one atomic write each.
//!
//! In: a sealed block that follows the head. Out: header, body, receipts, indexes, flat state, trie
//! nodes, undo record and the new head, all or nothing. It does not check the block's roots.

use std::sync::{Arc, atomic::Ordering};

use alloy_primitives::{B256, Bytes};
use gainsay_derivation::Cursor;
use gainsay_transition::SealedBlock;
use rocksdb::WriteBatch;

use crate::{
    block_records::{
        StoredHeader, TransactionLocation, encode_account, encode_body, encode_header,
        encode_receipts, encode_slot,
    },
    error::StoreError,
    l1_records::CursorRecord,
    store::{Head, Heads, META_GENESIS, META_HEADS, META_WITHDRAWALS, Store, Tip},
    tables::{StateKey, Table},
    undo::{BlockUndo, piece_key},
};

/// Undo records that one commit deletes at most, so that a smaller window does not stall it.
const PRUNED_PER_COMMIT_MAX: u64 = 64;

/// Bytes reserved in a write batch for everything but state.
const BATCH_BYTES: usize = 1 << 20;

/// A block that is ready to be written.
struct Prepared {
    batch: WriteBatch,
    changes: StateChanges,
    undo: Arc<BlockUndo>,
    next: Tip,
}

/// New values by key, `None` deletes. Ascending, no key twice.
type StateChanges = Vec<(StateKey, Option<Bytes>)>;

impl Store {
    /// Writes block 0. Does nothing when the store has it already.
    ///
    /// # Errors
    /// [`StoreError::GenesisMismatch`] when the store holds another chain.
    pub fn init_genesis(&self, block: &SealedBlock) -> Result<(), StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        if let Some(found) = self.genesis_hash()? {
            if found == block.hash {
                return Ok(());
            }
            let path = self.inner.path.clone();
            return Err(StoreError::GenesisMismatch { path, found, expected: block.hash });
        }
        check_parts(block)?;
        if block.header.number != 0 {
            return Err(malformed(block, "the genesis block must have number 0"));
        }
        let head = Head { number: 0, hash: block.hash };
        let heads = Heads { latest: head, safe: head, finalized: head };
        let tables = &self.inner.tables;
        let mut batch = WriteBatch::default();
        let changes = state_changes(block)?;
        self.put_block(&mut batch, block, &changes)?;
        let cursor = CursorRecord { cursor: Cursor::default(), output_root: block.output_root };
        batch.put_cf(tables.cf(Table::Cursors), head.number.to_be_bytes(), cursor.encode());
        batch.put_cf(tables.cf(Table::Meta), META_GENESIS, block.hash);
        batch.put_cf(tables.cf(Table::Meta), META_HEADS, heads.encode());
        batch.put_cf(tables.cf(Table::Meta), META_WITHDRAWALS, [1]);
        self.write(batch, true)?;
        for (key, value) in changes {
            self.inner.hot.insert(key, value);
        }
        let mut tip = self.inner.tip.write();
        *tip = Tip { heads, header: Some(stored_header(block)), oldest_state: 0, ..*tip };
        Ok(())
    }

    /// Writes the block after the head, atomically. With `sync` it is on the disk when this
    /// returns; without, it survives the end of the process, and a loss of power takes back at most
    /// the newest blocks, whole ones.
    ///
    /// # Errors
    /// [`StoreError::NotNextBlock`], [`StoreError::MalformedBlock`]; nothing is written.
    pub fn commit_block(&self, block: &SealedBlock, sync: bool) -> Result<(), StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let mut prepared = self.prepare(block)?;
        // The order of these three is what `latest.rs` relies on.
        self.announce(&prepared);
        let written = self.write(std::mem::take(&mut prepared.batch), sync);
        self.settle(prepared, written.is_ok());
        written
    }

    /// Does all of the work that no reader can see.
    fn prepare(&self, block: &SealedBlock) -> Result<Prepared, StoreError> {
        let inner = &*self.inner;
        let tip = self.check_next(block)?;
        check_parts(block)?;
        let number = block.header.number;
        let changes = state_changes(block)?;
        let previous = inner.latest_many(changes.iter().map(|(key, _)| key))?;
        let entries = changes.iter().zip(&previous);
        let undo = Arc::new(BlockUndo::encode(
            number,
            entries.map(|((key, _), value)| (key, value.as_ref().map(|value| &value[..]))),
        ));
        drop(previous);

        // About the final size: a batch that grows is copied.
        let mut batch = WriteBatch::with_capacity_bytes(
            undo.bytes().saturating_mul(2).saturating_add(BATCH_BYTES),
        );
        self.put_block(&mut batch, block, &changes)?;
        for (key, blob) in undo.pieces() {
            batch.put_cf(inner.tables.cf(Table::Undo), key, blob);
        }
        let mut next = Tip { header: Some(stored_header(block)), ..tip };
        next.heads.latest = Head { number, hash: block.hash };
        next.oldest_state = self.prune_undo(&mut batch, next.oldest_state, number)?;
        batch.put_cf(inner.tables.cf(Table::Meta), META_HEADS, next.heads.encode());
        Ok(Prepared { batch, changes, undo, next })
    }

    /// Makes readers expect values of the block from now on.
    fn announce(&self, prepared: &Prepared) {
        self.inner.undo.announce(Arc::clone(&prepared.undo));
        let number = prepared.next.heads.latest.number;
        self.inner.announced.store(number, Ordering::SeqCst);
    }

    /// Makes the block the head, or takes the announcement back.
    fn settle(&self, prepared: Prepared, is_written: bool) {
        let inner = &*self.inner;
        let number = prepared.next.heads.latest.number;
        if !is_written {
            inner.announced.store(number.saturating_sub(1), Ordering::SeqCst);
            inner.undo.settle(false);
            return;
        }
        for (key, value) in prepared.changes {
            inner.hot.insert(key, value);
        }
        inner.undo.settle(true);
        inner.committed.store(number, Ordering::SeqCst);
        *inner.tip.write() = prepared.next;
    }

    fn check_next(&self, block: &SealedBlock) -> Result<Tip, StoreError> {
        let tip = self.inner.tip.read().clone();
        if tip.header.is_none() {
            return Err(self.no_genesis());
        }
        let head = tip.heads.latest;
        if block.header.number != head.number.saturating_add(1)
            || block.header.parent_hash != head.hash
        {
            return Err(StoreError::NotNextBlock {
                number: block.header.number,
                parent_hash: block.header.parent_hash,
                head: head.number,
                head_hash: head.hash,
            });
        }
        Ok(tip)
    }

    /// Writes everything of a block but its undo record and the heads.
    fn put_block(
        &self,
        batch: &mut WriteBatch,
        block: &SealedBlock,
        changes: &StateChanges,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let number = block.header.number;
        let key = number.to_be_bytes();
        batch.put_cf(tables.cf(Table::Headers), key, encode_header(block));
        batch.put_cf(tables.cf(Table::Numbers), block.hash, key);
        batch.put_cf(tables.cf(Table::Bodies), key, encode_body(&block.transactions));
        batch.put_cf(tables.cf(Table::Receipts), key, encode_receipts(&block.receipts));
        let transactions = tables.cf(Table::Transactions);
        for (hash, index) in by_hash(block)? {
            let location = TransactionLocation { block: number, index };
            batch.put_cf(transactions, hash, location.encode());
        }
        self.put_withdrawals(batch, block);
        for (hash, code) in &block.diff.codes {
            batch.put_cf(tables.cf(Table::Code), hash, code);
        }
        for group in changes.chunk_by(|(a, _), (b, _)| a.split().0 == b.split().0) {
            let Some((first, _)) = group.first() else { continue };
            let cf = tables.cf(first.split().0);
            for (key, value) in group {
                match value {
                    Some(value) => batch.put_cf(cf, key.split().1, value),
                    None => batch.delete_cf(cf, key.split().1),
                }
            }
        }
        Ok(())
    }

    /// Deletes records that fell out of the window; returns the oldest state that stays.
    fn prune_undo(
        &self,
        batch: &mut WriteBatch,
        oldest_state: u64,
        number: u64,
    ) -> Result<u64, StoreError> {
        let target = number.saturating_sub(self.inner.history_blocks);
        let target = target.min(oldest_state.saturating_add(PRUNED_PER_COMMIT_MAX));
        let cf = self.inner.tables.cf(Table::Undo);
        for block in (oldest_state..target).map(|state| state.saturating_add(1)) {
            let parts = self.inner.undo_index(block)?.map_or(0, |index| index.parts);
            for piece in (0..).take(parts.saturating_add(1)) {
                batch.delete_cf(cf, piece_key(block, piece));
            }
        }
        Ok(target.max(oldest_state))
    }
}

fn stored_header(block: &SealedBlock) -> Arc<StoredHeader> {
    Arc::new(StoredHeader {
        header: block.header.clone(),
        hash: block.hash,
        output_root: block.output_root,
        l1_fee_params: block.l1_fee_params,
    })
}

const fn malformed(block: &SealedBlock, reason: &'static str) -> StoreError {
    StoreError::MalformedBlock { number: block.header.number, reason }
}

fn check_parts(block: &SealedBlock) -> Result<(), StoreError> {
    if block.header.hash_slow() != block.hash {
        return Err(malformed(block, "its hash is not that of its header"));
    }
    if block.transactions.len() != block.receipts.len() {
        return Err(malformed(block, "it has not one receipt a transaction"));
    }
    Ok(())
}

/// Hashes and indexes of the transactions, in ascending order, which RocksDB writes fastest.
fn by_hash(block: &SealedBlock) -> Result<Vec<(B256, u32)>, StoreError> {
    if u32::try_from(block.transactions.len()).is_err() {
        return Err(malformed(block, "it has more than 2^32 transactions"));
    }
    let mut hashes: Vec<_> = block.transactions.iter().map(|tx| tx.hash).zip(0..).collect();
    hashes.sort_unstable();
    Ok(hashes)
}

/// All changes of flat state and trie nodes, as they are stored.
fn state_changes(block: &SealedBlock) -> Result<StateChanges, StoreError> {
    let diff = &block.diff;
    let slots: usize = diff.accounts.iter().map(|change| change.storage.len()).sum();
    let accounts = diff.accounts.len();
    let count = accounts.saturating_add(slots).saturating_add(block.nodes.len());
    let mut changes = Vec::with_capacity(count);
    for change in &diff.accounts {
        let value = change.account.as_ref().map(|account| encode_account(account).into());
        changes.push((StateKey::account(change.address), value));
    }
    for change in &diff.accounts {
        for (slot, value) in &change.storage {
            let value = (!value.is_zero()).then(|| encode_slot(*value).into());
            changes.push((StateKey::storage(change.address, *slot), value));
        }
    }
    // Nodes come by owner and path; their keys ascend by owner, length and path.
    let mut nodes: Vec<_> = block.nodes.iter().collect();
    for trie in nodes.chunk_by_mut(|(a, ..), (b, ..)| a == b) {
        trie.sort_by_key(|(_, path, _)| path.len());
    }
    for (owner, path, node) in nodes {
        changes.push((StateKey::node(owner, path), node.cloned()));
    }
    if !changes.is_sorted_by_key(|(key, _)| *key) {
        changes.sort_by_key(|(key, _)| *key);
    }
    if changes.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(malformed(block, "it changes an account, a slot or a node twice"));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StateView, StoreOptions};
    use alloy_consensus::Header;
    use alloy_primitives::{Address, U256};
    use gainsay_transition::{
        L1FeeParams, StateDiff, StateReader,
        trie::{Account, AccountChange, NodeSet},
    };

    /// A block that sets the balance of account 0 to its number, and slot 1 of it as well.
    fn block(number: u64, parent_hash: B256) -> SealedBlock {
        let header = Header { number, parent_hash, ..Default::default() };
        let account = Account { balance: U256::from(number), ..Default::default() };
        let change = AccountChange {
            address: Address::ZERO,
            account: Some(account),
            storage: vec![(U256::from(1), U256::from(number))],
        };
        SealedBlock {
            hash: header.hash_slow(),
            header,
            transactions: Vec::new(),
            receipts: Vec::new(),
            diff: StateDiff { accounts: vec![change], codes: Vec::new() },
            nodes: NodeSet::default(),
            output_root: B256::ZERO,
            l1_fee_params: L1FeeParams::default(),
        }
    }

    fn assert_reads(view: &StateView, number: u64, when: &str) {
        let account = view.account(Address::ZERO).unwrap().unwrap();
        assert_eq!(account.balance, U256::from(number), "{when}");
        let slot = view.storage(Address::ZERO, U256::from(1)).unwrap();
        assert_eq!(slot, U256::from(number), "{when}");
    }

    /// A commit step by step, with reads in between that no race of threads would hit reliably.
    #[test]
    fn views_are_right_at_every_step_of_a_commit() {
        // With a cache, where reads stop at it, and without, where they go to RocksDB.
        for cache_bytes in [0, 1 << 20] {
            let folder = tempfile::tempdir().unwrap();
            let options = StoreOptions { history_blocks: 4, cache_bytes, genesis_hash: None };
            let store = Store::open(folder.path(), &options).unwrap();
            let mut parent = block(0, B256::ZERO);
            store.init_genesis(&parent).unwrap();
            let mut views = vec![store.state()];
            for number in 1..10 {
                let next = block(number, parent.hash);
                let check = |when: &str| {
                    assert_eq!(store.head().number, number - 1);
                    assert_reads(&store.state(), number - 1, when);
                    for view in views.iter().filter(|it| it.number() >= store.oldest_state()) {
                        assert_reads(view, view.number(), when);
                    }
                };
                let mut prepared = store.prepare(&next).unwrap();
                check("prepared");
                store.announce(&prepared);
                check("announced");
                if number % 3 == 0 {
                    // The write fails, and is tried again.
                    store.settle(prepared, false);
                    check("taken back");
                    prepared = store.prepare(&next).unwrap();
                    store.announce(&prepared);
                }
                store.write(std::mem::take(&mut prepared.batch), false).unwrap();
                // Reads may not fill the cache with the new value, nor the old one.
                check_after_write(&store, &views);
                store.settle(prepared, true);
                assert_eq!(store.head().number, number);
                views.push(store.state());
                for view in views.iter().filter(|it| it.number() >= store.oldest_state()) {
                    assert_reads(view, view.number(), "settled");
                }
                parent = next;
            }
            // Pruned records that are still in memory may answer, and then rightly.
            match views[0].account(Address::ZERO) {
                Ok(account) => assert!(cache_bytes > 0 && account.unwrap().balance.is_zero()),
                Err(error) => assert!(
                    matches!(error, StoreError::HistoryPruned { number: 0, oldest: 5, head: 9 }),
                    "{error}"
                ),
            }
        }
    }

    /// A reader that is slower than a commit does not bring the old value back.
    #[test]
    fn slow_readers_do_not_fill_the_cache_with_old_values() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
        let genesis = block(0, B256::ZERO);
        store.init_genesis(&genesis).unwrap();
        let key = StateKey::account(Address::ZERO);
        let read_before = store.inner.read_cold(&key).unwrap();
        let first = block(1, genesis.hash);
        let mut prepared = store.prepare(&first).unwrap();
        store.announce(&prepared);
        let read_announced = store.inner.read_cold(&key).unwrap();
        store.inner.fill_hot(&key, &read_before);
        assert_reads(&store.state(), 0, "announced");
        store.write(std::mem::take(&mut prepared.batch), false).unwrap();
        store.settle(prepared, true);
        for cold in [read_before, read_announced] {
            store.inner.fill_hot(&key, &cold);
            assert_reads(&store.state(), 1, "settled");
        }
    }

    /// The block is in RocksDB, and its pruned record gone, but it is not the head yet.
    fn check_after_write(store: &Store, views: &[StateView]) {
        for view in views.iter().filter(|it| it.number() > store.oldest_state()) {
            assert_reads(view, view.number(), "written");
        }
    }
}
