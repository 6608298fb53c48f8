//! Follows the Inbox: from deposits and batches on L1 to the safe chain in the store.
//!
//! In: what L1 recorded, in order, and L1 reorgs. Out: blocks in the store that are marked safe,
//! with their cursors; transactions of blocks that had to go, for the pool. A block that the node
//! already has is kept when the batch says the same, and replaced when it does not: L1 is right.

use std::sync::Arc;

use alloy_primitives::B256;
use anyhow::Context;
use gainsay_derivation::{BlockInput, Cursor, Deposit, Derivation, decode_batch};
use gainsay_l1::{L1BlockRef, PostedBatch};
use gainsay_store::{BatchRecord, DepositRecord, DerivedBlocks, L1Update, Store};
use gainsay_transition::{RecoveredTx, SealedBlock, transition};

use crate::{
    chain::{Chain, HeadEvent},
    displaced_journal, l1_index,
};

/// A batch with its data as fetched from L1.
#[derive(Clone, Debug)]
pub struct FetchedBatch {
    /// What the Inbox recorded.
    pub posted: PostedBatch,
    /// The batch's bytes: calldata, or the blobs' content.
    pub data: Vec<u8>,
}

/// What following L1 did to the chain.
#[derive(Debug, Default)]
pub struct Derived {
    /// Whether blocks were replaced or taken back, so that a builder must start anew.
    pub head_moved: bool,
    /// Signed transactions of blocks that were taken back.
    pub displaced: Vec<RecoveredTx>,
}

/// Writes the safe chain.
#[derive(Debug)]
pub struct Deriver {
    chain: Chain,
    /// A follower shows nothing that L1 does not say (unless it has a sequencer to ask).
    drop_unsafe_on_reorg: bool,
    /// A sequencer puts the transactions of blocks that go into other blocks.
    keeps_displaced: bool,
}

impl Deriver {
    /// A deriver that goes on where the store stands.
    pub const fn new(chain: Chain, drop_unsafe_on_reorg: bool) -> Self {
        Self { chain, drop_unsafe_on_reorg, keeps_displaced: false }
    }

    /// Writes the transactions of blocks that go to the [journal](displaced_journal) first.
    pub const fn keeping_displaced(mut self) -> Self {
        self.keeps_displaced = true;
        self
    }

    /// The store that it writes.
    pub const fn store(&self) -> &Store {
        &self.chain.store
    }

    /// Notes deposits that L1 holds. Those already on record are passed over.
    pub fn on_deposits(&self, deposits: &[gainsay_l1::DepositRecord]) -> anyhow::Result<()> {
        let known = self.chain.store.deposit_count();
        let deposits: Vec<DepositRecord> = deposits
            .iter()
            .filter(|record| record.deposit.index >= known)
            .map(|record| DepositRecord { deposit: record.deposit.clone(), acc: record.acc })
            .collect();
        if deposits.is_empty() {
            return Ok(());
        }
        Ok(self.chain.store.apply(&L1Update { deposits, ..Default::default() }, false)?)
    }

    /// Derives the blocks of the next batch. One that is derived already is passed over.
    pub fn on_batch(&self, batch: &FetchedBatch) -> anyhow::Result<Derived> {
        let store = &self.chain.store;
        let config = &self.chain.rollup.chain;
        let header = &batch.posted.header;
        let start = l1_index::safe_cursor(store)?;
        let mut derived = Derived::default();
        if header.index < start.batch {
            return Ok(derived);
        }
        anyhow::ensure!(
            header.index == start.batch && start.block == 0,
            "L1 gave batch {}, expected batch {} (cursor {start:?})",
            header.index,
            start.batch
        );
        let deposits = self.deposits(start.deposits_read, header.deposits_read)?;
        let decoded = decode_batch(header, &batch.data, config);
        let mut derivation = Derivation::new(header, decoded, deposits, start)?;
        let first_block = store.heads().safe.number + 1;
        let mut cursors = Vec::new();
        while let Some(input) = derivation.next_block() {
            let number = first_block + cursors.len() as u64;
            if self.matches(number, &input)? {
                cursors.push((number, input.cursor_after));
                continue;
            }
            let (cursor, dropped_rest) = self.replace(number, input, &mut derived)?;
            cursors.push((number, cursor));
            if dropped_rest {
                tracing::warn!(batch = header.index, number, "invalid transaction in a batch");
                derivation.drop_rest();
            }
        }
        self.record(batch, first_block, cursors)?;
        Ok(derived)
    }

    /// Writes down what a batch became; from here on its blocks are safe.
    fn record(
        &self,
        batch: &FetchedBatch,
        first_block: u64,
        cursors: Vec<(u64, Cursor)>,
    ) -> anyhow::Result<()> {
        let (last_block, cursor_after) = *cursors.last().context("a batch without blocks")?;
        let header = batch.posted.header.clone();
        tracing::info!(
            batch = header.index,
            kind = ?header.kind,
            blocks = %format!("{first_block}..={last_block}"),
            bytes = batch.data.len(),
            l1_block = header.l1_block,
            "derived batch"
        );
        let derived = DerivedBlocks { first_block, last_block, cursor_after };
        let record = BatchRecord {
            header,
            acc: batch.posted.acc,
            l1_block_hash: batch.posted.origin.block_hash,
            derived: Some(derived),
        };
        let update = L1Update {
            batches: vec![record],
            cursors,
            safe: Some(last_block),
            ..Default::default()
        };
        Ok(self.chain.store.apply(&update, false)?)
    }

    fn deposits(&self, from: u64, to: u64) -> anyhow::Result<Vec<Deposit>> {
        let records = self.chain.store.deposits(from, to)?;
        Ok(records.into_iter().map(|record| record.deposit).collect())
    }

    /// Whether the store already has the block that `input` yields.
    fn matches(&self, number: u64, input: &BlockInput) -> anyhow::Result<bool> {
        let store = &self.chain.store;
        if number > store.head().number {
            return Ok(false);
        }
        let header = store.header(number)?.context("a header below the head is missing")?.header;
        let parent = store.header(number - 1)?.context("a parent header is missing")?.header;
        let transactions = store.raw_transactions(number)?.context("a body is missing")?;
        let (deposits, signed) = (&input.deposits, &input.transactions);
        if header.timestamp != input.timestamp.max(parent.timestamp)
            || transactions.len() != deposits.len() + signed.len()
        {
            return Ok(false);
        }
        let (first, rest) = transactions.split_at(deposits.len());
        Ok(first.iter().zip(deposits).all(|(tx, deposit)| tx.hash == hash_of(deposit))
            && rest.iter().zip(signed).all(|(tx, raw)| tx.raw == *raw))
    }

    /// Executes `input` as block `number`, in place of whatever stands there and above.
    fn replace(
        &self,
        number: u64,
        input: BlockInput,
        derived: &mut Derived,
    ) -> anyhow::Result<(Cursor, bool)> {
        let store = &self.chain.store;
        self.rewind(number - 1, derived)?;
        let parent = store.head_header()?;
        let state = store.state();
        let config = &self.chain.rollup.chain;
        let step = transition(config, parent.hash, &parent.header, input, &state, &state)?;
        store.commit_block(&step.block, false)?;
        derived.head_moved = true;
        self.chain.announce(HeadEvent::Block(Arc::new(step.block)));
        Ok((step.cursor, step.dropped_rest))
    }

    /// Takes back what stood on L1 blocks above `to`, which are no longer canonical.
    pub fn on_reorg(&self, to: &L1BlockRef) -> anyhow::Result<Derived> {
        let store = &self.chain.store;
        l1_index::truncate_above(store, to.number)?;
        let mut derived = Derived::default();
        let safe = store.heads().safe.number;
        let keep = if self.drop_unsafe_on_reorg { safe } else { self.last_valid()? };
        self.rewind(keep, &mut derived)?;
        tracing::warn!(l1_block = to.number, safe, kept = keep, "L1 reorg");
        Ok(derived)
    }

    /// Takes back every block that no batch holds yet.
    pub fn drop_unsafe(&self) -> anyhow::Result<Derived> {
        let mut derived = Derived::default();
        self.rewind(self.chain.store.heads().safe.number, &mut derived)?;
        Ok(derived)
    }

    /// The last unsafe block that holds no deposit which L1 has dropped.
    fn last_valid(&self) -> anyhow::Result<u64> {
        let store = &self.chain.store;
        let heads = store.heads();
        let mut read = l1_index::safe_cursor(store)?.deposits_read;
        for number in heads.safe.number + 1..=heads.latest.number {
            for tx in store.transactions(number)?.context("a body is missing")? {
                if !tx.is_deposit() {
                    break;
                }
                let expected = store.deposit(read)?.map(|record| hash_of(&record.deposit));
                if expected != Some(tx.hash) {
                    return Ok(number - 1);
                }
                read += 1;
            }
        }
        Ok(heads.latest.number)
    }

    fn rewind(&self, to: u64, derived: &mut Derived) -> anyhow::Result<()> {
        if to >= self.chain.store.head().number {
            return Ok(());
        }
        if self.keeps_displaced {
            displaced_journal::keep_above(&self.chain.store, to)?;
        }
        for block in self.chain.store.rewind(to)? {
            derived.displaced.extend(block.transactions.into_iter().filter(|tx| !tx.is_deposit()));
        }
        derived.head_moved = true;
        self.chain.announce(HeadEvent::Rewound { to });
        Ok(())
    }

    /// Appends a block that the sequencer showed but L1 does not hold yet (follower only).
    pub fn on_unsafe_block(&self, block: Arc<SealedBlock>) -> anyhow::Result<()> {
        let head = self.chain.store.head();
        if block.header.number != head.number + 1 || block.header.parent_hash != head.hash {
            // L1 moved the head in the meantime; the follower asks again.
            return Ok(());
        }
        self.chain.store.commit_block(&block, false)?;
        self.chain.announce(HeadEvent::Block(block));
        Ok(())
    }
}

/// The L2 transaction hash of a deposit.
fn hash_of(deposit: &Deposit) -> B256 {
    RecoveredTx::from_deposit(deposit.to_transaction()).hash
}
