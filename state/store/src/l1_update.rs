//! L1 records: one atomic update of all of them, and their reads.
//!
//! In: what was read from the inbox, how far blocks were derived from it, or where a reorg of L1
//! cut it. Out: the tables `deposits`, `deposit_hashes`, `batches`, `l1_blocks`, `l1_logs`,
//! `bridge_logs`, `cursors` and the heads
//! `safe` and `finalized`, changed together.
//!
//! Invariants, kept by every update and by every rewind: indices have no holes; every block up to
//! `safe` has a cursor and no later one has; the cursor of `safe` lies within the batches and
//! deposits on record; a batch has `derived` only if all its blocks are safe; logs go with the L1
//! block that holds them.

use alloy_primitives::B256;
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DepositIndex};
use rocksdb::WriteBatch;

use crate::{
    block_records::decode_header,
    error::StoreError,
    l1_records::{
        BatchRecord, CursorRecord, DepositRecord, DerivedBlocks, L1BlockRecord, L1LogRecord,
    },
    store::{Head, META_HEADS, Store, Tip},
    tables::{Table, number_from_key},
};

/// Changes of L1 records, applied in the order of the fields, all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L1Update {
    /// Removes the L1 blocks from this number on, and the logs that they hold.
    pub truncate_l1_blocks: Option<u64>,
    /// Removes the L1 blocks below this number: too old for a reorg. Their logs stay.
    pub prune_l1_blocks: Option<u64>,
    /// Removes the deposits from this index on.
    pub truncate_deposits: Option<DepositIndex>,
    /// Removes the batches from this index on.
    pub truncate_batches: Option<BatchIndex>,
    /// L1 blocks to add, in any order.
    pub l1_blocks: Vec<L1BlockRecord>,
    /// Logs to add, in any order.
    pub l1_logs: Vec<L1LogRecord>,
    /// Logs of the bridge to add, in any order.
    pub bridge_logs: Vec<L1LogRecord>,
    /// The hash by which OP's tools ask for the L2 transaction of a deposit, and its own. Never
    /// removed: if L1 drops the deposit, no block holds that transaction.
    pub deposit_hashes: Vec<(B256, B256)>,
    /// Deposits to add; indices go on where the table ends.
    pub deposits: Vec<DepositRecord>,
    /// Batches to add; indices go on where the table ends.
    pub batches: Vec<BatchRecord>,
    /// L2 blocks of batches that are safe with this update.
    pub derived: Vec<(BatchIndex, DerivedBlocks)>,
    /// Cursors of L2 blocks that become safe.
    pub cursors: Vec<(BlockNumber, Cursor)>,
    /// New safe block. When it moves back, the cursors behind it are removed.
    pub safe: Option<BlockNumber>,
    /// New finalized block; it never moves back.
    pub finalized: Option<BlockNumber>,
}

impl Store {
    /// Applies an update atomically.
    ///
    /// # Errors
    /// What the update contradicts, and those of the disk: nothing is written.
    pub fn apply(&self, update: &L1Update, sync: bool) -> Result<(), StoreError> {
        self.check_writable()?;
        let _writer = self.inner.writer.lock();
        let mut next = self.inner.tip.read().clone();
        let mut batch = WriteBatch::default();
        self.put_l1_update(&mut batch, update, &mut next)?;
        let cf = self.inner.tables.cf(Table::Meta);
        batch.put_cf(cf, META_HEADS, next.heads.encode());
        self.write(batch, sync)?;
        *self.inner.tip.write() = next;
        Ok(())
    }

    /// Sets the finalized head.
    ///
    /// # Errors
    /// [`StoreError::HeadsOutOfOrder`], and those of the disk.
    pub fn set_finalized(&self, number: BlockNumber) -> Result<(), StoreError> {
        self.apply(&L1Update { finalized: Some(number), ..Default::default() }, false)
    }

    /// Number of deposits on record, and so the index of the next one.
    #[must_use]
    pub fn deposit_count(&self) -> DepositIndex {
        self.inner.tip.read().deposits
    }

    /// Number of batches on record, and so the index of the next one.
    #[must_use]
    pub fn batch_count(&self) -> BatchIndex {
        self.inner.tip.read().batches
    }

    /// A deposit by index.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn deposit(&self, index: DepositIndex) -> Result<Option<DepositRecord>, StoreError> {
        self.read(Table::Deposits, index.get().to_be_bytes(), DepositRecord::decode)
    }

    /// The hash of the L2 transaction of a deposit, by the hash that OP's tools compute for it.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn deposit_hash(&self, asked: B256) -> Result<Option<B256>, StoreError> {
        self.read(Table::DepositHashes, asked, |value| {
            B256::try_from(value).map_err(|_| "not 32 bytes".into())
        })
    }

    /// The deposits with indices `from..to`, as far as they are on record.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn deposits(
        &self,
        from: DepositIndex,
        to: DepositIndex,
    ) -> Result<Vec<DepositRecord>, StoreError> {
        self.range(Table::Deposits, from.get(), to.get(), |_, value| DepositRecord::decode(value))
    }

    /// A batch by index.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn batch(&self, index: BatchIndex) -> Result<Option<BatchRecord>, StoreError> {
        self.read(Table::Batches, index.get().to_be_bytes(), BatchRecord::decode)
    }

    /// The batches with indices `from..to`, as far as they are on record.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn batches(
        &self,
        from: BatchIndex,
        to: BatchIndex,
    ) -> Result<Vec<BatchRecord>, StoreError> {
        self.range(Table::Batches, from.get(), to.get(), |_, value| BatchRecord::decode(value))
    }

    /// The cursor and output root of a safe block; `None` when it is not safe.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn cursor(&self, number: BlockNumber) -> Result<Option<CursorRecord>, StoreError> {
        self.read(Table::Cursors, number.get().to_be_bytes(), CursorRecord::decode)
    }

    /// The L1 blocks with numbers `from..to`, as far as they are on record.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn l1_blocks(&self, from: u64, to: u64) -> Result<Vec<L1BlockRecord>, StoreError> {
        self.range(Table::L1Blocks, from, to, L1BlockRecord::decode)
    }

    /// The newest L1 block on record.
    ///
    /// # Errors
    /// Those of the disk, and a value that is not what was written.
    pub fn l1_head(&self) -> Result<Option<L1BlockRecord>, StoreError> {
        let Some((key, value)) = self.inner.tables.last(Table::L1Blocks)? else { return Ok(None) };
        let number = number_from_key(Table::L1Blocks, &key)?;
        L1BlockRecord::decode(number, &value)
            .map(Some)
            .map_err(|reason| StoreError::corrupt(Table::L1Blocks.name(), key, reason))
    }

    /// The logs of L1 blocks from number `from` on, in the order of L1.
    pub fn l1_logs(&self, from: u64) -> impl Iterator<Item = Result<L1LogRecord, StoreError>> {
        self.inner.tables.scan(Table::L1Logs, &from.to_be_bytes()).map(|item| {
            let (key, value) = item?;
            L1LogRecord::decode(&key, &value)
                .map_err(|reason| StoreError::corrupt(Table::L1Logs.name(), key, reason))
        })
    }

    fn range<T>(
        &self,
        table: Table,
        from: u64,
        to: u64,
        decode: impl Fn(u64, &[u8]) -> Result<T, String>,
    ) -> Result<Vec<T>, StoreError> {
        let mut found = Vec::new();
        for item in self.inner.tables.scan(table, &from.to_be_bytes()) {
            let (key, value) = item?;
            let number = number_from_key(table, &key)?;
            if number >= to {
                break;
            }
            let decoded = decode(number, &value)
                .map_err(|reason| StoreError::corrupt(table.name(), key, reason))?;
            found.push(decoded);
        }
        Ok(found)
    }

    /// Adds an update to a write; `next` holds the heads and counts before it and then after it.
    pub(crate) fn put_l1_update(
        &self,
        batch: &mut WriteBatch,
        update: &L1Update,
        next: &mut Tip,
    ) -> Result<(), StoreError> {
        if next.header.is_none() {
            return Err(self.no_genesis());
        }
        self.put_cuts(batch, update, next)?;
        self.put_records(batch, update, next)?;
        for (number, cursor) in &update.cursors {
            let output_root = self.output_root(number.get(), next)?;
            let record = CursorRecord { cursor: *cursor, output_root };
            let cf = self.inner.tables.cf(Table::Cursors);
            batch.put_cf(cf, number.get().to_be_bytes(), record.encode());
        }
        self.put_heads(batch, update, next)
    }

    fn put_cuts(
        &self,
        batch: &mut WriteBatch,
        update: &L1Update,
        next: &mut Tip,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let (start, end) = (0_u64.to_be_bytes(), u64::MAX.to_be_bytes());
        if let Some(from) = update.truncate_l1_blocks {
            batch.delete_range_cf(tables.cf(Table::L1Blocks), from.to_be_bytes(), end);
            batch.delete_range_cf(tables.cf(Table::L1Logs), from.to_be_bytes(), end);
            self.put_bridge_cut(batch, from)?;
        }
        if let Some(below) = update.prune_l1_blocks {
            batch.delete_range_cf(tables.cf(Table::L1Blocks), start, below.to_be_bytes());
        }
        if let Some(from) = update.truncate_deposits {
            batch.delete_range_cf(tables.cf(Table::Deposits), from.get().to_be_bytes(), end);
            next.deposits = next.deposits.min(from);
        }
        if let Some(from) = update.truncate_batches {
            batch.delete_range_cf(tables.cf(Table::Batches), from.get().to_be_bytes(), end);
            next.batches = next.batches.min(from);
        }
        Ok(())
    }

    fn put_records(
        &self,
        batch: &mut WriteBatch,
        update: &L1Update,
        next: &mut Tip,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        for block in &update.l1_blocks {
            batch.put_cf(tables.cf(Table::L1Blocks), block.number.to_be_bytes(), block.encode());
        }
        for log in &update.l1_logs {
            batch.put_cf(tables.cf(Table::L1Logs), log.key(), log.encode());
        }
        self.put_bridge_logs(batch, &update.bridge_logs);
        for (asked, hash) in &update.deposit_hashes {
            batch.put_cf(tables.cf(Table::DepositHashes), asked, hash);
        }
        for record in &update.deposits {
            let index = record.deposit.index;
            check_index(Table::Deposits, index.get(), next.deposits.get())?;
            next.deposits = index.next();
            batch.put_cf(tables.cf(Table::Deposits), index.get().to_be_bytes(), record.encode());
        }
        for record in &update.batches {
            let index = record.header.index;
            check_index(Table::Batches, index.get(), next.batches.get())?;
            next.batches = index.next();
            batch.put_cf(tables.cf(Table::Batches), index.get().to_be_bytes(), record.encode());
        }
        for (index, derived) in &update.derived {
            let added = update.batches.iter().find(|record| record.header.index == *index);
            let record = match added {
                Some(record) => Some(record.clone()),
                None => self.batch(*index)?,
            };
            let record = record.filter(|_| *index < next.batches).ok_or({
                StoreError::IndexNotNext {
                    table: Table::Batches.name(),
                    index: index.get(),
                    next: next.batches.get(),
                }
            })?;
            let record = BatchRecord { derived: Some(*derived), ..record };
            batch.put_cf(tables.cf(Table::Batches), index.get().to_be_bytes(), record.encode());
        }
        Ok(())
    }

    fn put_heads(
        &self,
        batch: &mut WriteBatch,
        update: &L1Update,
        next: &mut Tip,
    ) -> Result<(), StoreError> {
        let before = next.heads;
        let cursor_of = |number: BlockNumber| -> Result<Cursor, StoreError> {
            match update.cursors.iter().rev().find(|(block, _)| *block == number) {
                Some((_, cursor)) => Ok(*cursor),
                None => match self.cursor(number)? {
                    Some(record) => Ok(record.cursor),
                    None => Err(StoreError::CursorMissing { number: number.get() }),
                },
            }
        };
        let safe_before = BlockNumber(before.safe.number);
        let safe_at = update.safe.unwrap_or(safe_before);
        let safe = safe_at.get();
        let finalized = update.finalized.map_or(before.finalized.number, BlockNumber::get);
        let latest = before.latest.number;
        if finalized > safe || safe > latest || finalized < before.finalized.number {
            return Err(StoreError::HeadsOutOfOrder {
                latest,
                safe,
                finalized,
                finalized_before: before.finalized.number,
            });
        }
        if let Some((number, _)) = update.cursors.iter().find(|(number, _)| *number > safe_at) {
            return Err(StoreError::CursorNotSafe { number: number.get(), safe });
        }
        for number in safe_before.next().up_to(safe_at) {
            cursor_of(number)?;
        }
        let cursor = cursor_of(safe_at)?;
        let batches_needed = cursor.batch.plus(u64::from(cursor.block > 0));
        if batches_needed > next.batches || cursor.deposits_read > next.deposits {
            return Err(StoreError::SafeBeyondL1 {
                safe,
                cursor,
                batches: next.batches.get(),
                deposits: next.deposits.get(),
            });
        }
        if safe_at < safe_before {
            let kept = update.truncate_batches.unwrap_or(BatchIndex(u64::MAX));
            self.put_safe_moved_back(batch, safe_before, (safe_at, cursor), kept)?;
        }
        next.heads.safe = self.head_at(safe, next)?;
        next.heads.finalized = self.head_at(finalized, next)?;
        Ok(())
    }

    /// Removes cursors and `derived` marks of the blocks above `safe`, which is given with its
    /// cursor, up to `safe_before`. Batches from index `kept` on are removed or new, and stay as
    /// they are.
    pub(crate) fn put_safe_moved_back(
        &self,
        batch: &mut WriteBatch,
        safe_before: BlockNumber,
        (safe, cursor): (BlockNumber, Cursor),
        kept: BatchIndex,
    ) -> Result<(), StoreError> {
        let tables = &self.inner.tables;
        let (start, end) = (safe.next().get().to_be_bytes(), u64::MAX.to_be_bytes());
        batch.delete_range_cf(tables.cf(Table::Cursors), start, end);
        let cursor_before = self
            .cursor(safe_before)?
            .ok_or(StoreError::CursorMissing { number: safe_before.get() })?;
        // Batches below `cursor` ended before or at `safe`; those from `cursor_before` on have not
        // been derived to their end.
        for record in self.batches(cursor.batch, cursor_before.cursor.batch.min(kept))? {
            if record.derived.is_some() {
                let key = record.header.index.get().to_be_bytes();
                let record = BatchRecord { derived: None, ..record };
                batch.put_cf(tables.cf(Table::Batches), key, record.encode());
            }
        }
        Ok(())
    }

    fn head_at(&self, number: u64, next: &Tip) -> Result<Head, StoreError> {
        let heads = next.heads;
        if let Some(head) =
            [heads.latest, heads.safe, heads.finalized].into_iter().find(|it| it.number == number)
        {
            return Ok(head);
        }
        let hash = self
            .block_hash(number)?
            .ok_or(StoreError::BlockUnknown { number, head: heads.latest.number })?;
        Ok(Head { number, hash })
    }

    fn output_root(&self, number: u64, next: &Tip) -> Result<B256, StoreError> {
        if let Some(header) = next.header.as_ref().filter(|it| it.header.number == number) {
            return Ok(header.output_root);
        }
        let header = self.read(Table::Headers, number.to_be_bytes(), decode_header)?;
        let head = next.heads.latest.number;
        Ok(header.ok_or(StoreError::BlockUnknown { number, head })?.output_root)
    }
}

const fn check_index(table: Table, index: u64, next: u64) -> Result<(), StoreError> {
    if index != next {
        return Err(StoreError::IndexNotNext { table: table.name(), index, next });
    }
    Ok(())
}
