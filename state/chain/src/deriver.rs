//! Follows the Inbox: from deposits and batches on L1 to the safe chain in the store.
//!
//! In: what L1 recorded, in order, and L1 reorgs. Out: blocks in the store that are marked safe,
//! with their cursors; transactions of blocks that were taken back. A block that the store already
//! has is kept when the batch says the same, and replaced when it does not: L1 is right. It never
//! waits and never asks L1.

use std::{error::Error, fmt::Debug};

use alloy_primitives::{B256, U256, keccak256};
use gainsay_derivation::{
    BlockInput, BlockNumber, Cursor, Deposit, DepositIndex, DepositKind, Derivation, decode_batch,
};
use gainsay_l1::{EnqueuedDeposit, L1BlockRef};
use gainsay_store::{BatchRecord, DepositRecord, DerivedBlocks, L1Update, Store};
use gainsay_transition::{RecoveredTx, SealedBlock, slot_of, transition};

use crate::{ChainError, ChainStep, ChainWriter, FetchedBatch, SafeChain, l1_index, l1_position};

/// What following L1 did to the chain.
#[derive(Debug, Default)]
pub struct Derived {
    /// Whether blocks were replaced or taken back, so that a builder must start again.
    pub head_moved: bool,
    /// Signed transactions of blocks that were taken back.
    pub displaced: Vec<RecoveredTx>,
    /// The blocks of the batch that was derived.
    pub blocks: Option<DerivedBlocks>,
}

/// What becomes of blocks that no batch holds yet when L1 is reorganised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsafeBlocks {
    /// Blocks stay if they hold no deposit that L1 has dropped: their batches may come again.
    Keep,
    /// All blocks go: nothing is shown that L1 does not say.
    Drop,
}

/// Is called when a deriver moves the head, for code that shows the head to clients.
pub trait HeadObserver: Debug + Send {
    /// Blocks above `to` are about to be taken back.
    ///
    /// # Errors
    /// Why the observer forbids it; then nothing is taken back.
    fn before_rewind(&self, to: u64) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Blocks above `to` were taken back.
    fn rewound(&self, to: u64);

    /// A block became the head.
    fn extended(&self, block: SealedBlock);
}

/// Writes the safe chain.
#[derive(Debug)]
pub struct Deriver {
    chain: SafeChain,
    unsafe_blocks: UnsafeBlocks,
    observer: Option<Box<dyn HeadObserver>>,
}

impl Deriver {
    /// A deriver that goes on where the store stands.
    #[must_use]
    pub const fn new(chain: SafeChain, unsafe_blocks: UnsafeBlocks) -> Self {
        Self { chain, unsafe_blocks, observer: None }
    }

    /// Lets `observer` know how the head moves.
    #[must_use]
    pub fn observed_by(mut self, observer: Box<dyn HeadObserver>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// The store that it writes.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.chain.store
    }

    /// Takes a step of L1 in.
    ///
    /// # Errors
    /// [`ChainError::WrongBatch`] when batches come out of order, and those of the store.
    pub fn on_step(&self, step: ChainStep) -> Result<Derived, ChainError> {
        let store = &self.chain.store;
        match step {
            ChainStep::Deposits(deposits) => self.on_deposits(&deposits)?,
            ChainStep::Batch(batch) => return self.on_batch(&batch),
            ChainStep::Reached { l1_block, events, oldest } => {
                store.apply(&l1_position::reached(&l1_block, events, oldest), false)?;
            }
            ChainStep::Reorged { to } => return self.on_reorg(&to),
            ChainStep::Finalized { l1_block } => l1_index::finalize(store, l1_block)?,
        }
        Ok(Derived::default())
    }

    /// Records deposits that L1 holds. Skips those already on record.
    ///
    /// # Errors
    /// Those of the store.
    pub fn on_deposits(&self, deposits: &[EnqueuedDeposit]) -> Result<(), ChainError> {
        let known = self.chain.store.deposit_count();
        let is_new = |record: &&EnqueuedDeposit| record.deposit.index >= known;
        let new: Vec<&EnqueuedDeposit> = deposits.iter().filter(is_new).collect();
        if new.is_empty() {
            return Ok(());
        }
        let record =
            |it: &&EnqueuedDeposit| DepositRecord { deposit: it.deposit.clone(), acc: it.acc };
        let update = L1Update {
            deposits: new.iter().map(record).collect(),
            deposit_hashes: new.iter().filter_map(|it| op_hash_of(it)).collect(),
            ..Default::default()
        };
        Ok(self.chain.store.apply(&update, false)?)
    }

    /// Derives the blocks of the next batch. Skips a batch that is derived already.
    ///
    /// # Errors
    /// [`ChainError::WrongBatch`] when it is not the next one, and those of the store.
    pub fn on_batch(&self, batch: &FetchedBatch) -> Result<Derived, ChainError> {
        let store = &self.chain.store;
        let config = &self.chain.rollup.chain;
        let header = &batch.posted.header;
        let start = l1_index::safe_cursor(store)?;
        let mut derived = Derived::default();
        if header.index < start.batch {
            return Ok(derived);
        }
        let wrong = ChainError::WrongBatch { index: header.index, cursor: start };
        if header.index != start.batch || start.block != 0 {
            return Err(wrong);
        }
        let deposits = self.deposits(start.deposits_read, header.deposits_read)?;
        let decoded = decode_batch(header, &batch.data, config);
        let mut derivation = Derivation::new(header, decoded, deposits, start)?;
        let first_block = self.chain.safe_block().next();
        let mut cursors = Vec::new();
        while let Some(input) = derivation.next_block() {
            let number = first_block.plus(cursors.len() as u64);
            if self.matches(number.get(), &input)? {
                cursors.push((number, input.cursor_after));
                continue;
            }
            let (cursor, dropped_rest) = self.replace(number.get(), input, &mut derived)?;
            cursors.push((number, cursor));
            if dropped_rest {
                let why = "a batch ends here: an invalid transaction, or a block too many";
                tracing::warn!(batch = %header.index, %number, why);
                derivation.drop_rest();
            }
        }
        let Some((last_block, cursor_after)) = cursors.last().copied() else { return Err(wrong) };
        let blocks = DerivedBlocks { first_block, last_block, cursor_after };
        self.record(batch, cursors, blocks)?;
        derived.blocks = Some(blocks);
        Ok(derived)
    }

    /// Writes down what a batch became; from here on its blocks are safe.
    fn record(
        &self,
        batch: &FetchedBatch,
        cursors: Vec<(BlockNumber, Cursor)>,
        derived: DerivedBlocks,
    ) -> Result<(), ChainError> {
        let DerivedBlocks { first_block, last_block, .. } = derived;
        let header = batch.posted.header.clone();
        tracing::debug!(batch = %header.index, %first_block, %last_block, "derived a batch");
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

    fn deposits(&self, from: DepositIndex, to: DepositIndex) -> Result<Vec<Deposit>, ChainError> {
        let records = self.chain.store.deposits(from, to)?;
        Ok(records.into_iter().map(|record| record.deposit).collect())
    }

    /// Whether the store already has the block that `input` yields.
    fn matches(&self, number: u64, input: &BlockInput) -> Result<bool, ChainError> {
        let store = &self.chain.store;
        if number > store.head().number {
            return Ok(false);
        }
        let header = |number| {
            let missing = || ChainError::incomplete(format!("header of block {number}"));
            Ok::<_, ChainError>(store.header(number)?.ok_or_else(missing)?.header)
        };
        let (header, parent) = (header(number)?, header(number.saturating_sub(1))?);
        // A fallback is derived again each time, as after an invalid transaction.
        if input.is_over_budget(slot_of(&parent)) {
            return Ok(false);
        }
        let slot = match input.slot_max {
            Some(_) => self.chain.rollup.chain.next_slot(slot_of(&parent), header.timestamp),
            None => slot_of(&parent),
        };
        let transactions = store.raw_transactions(number)?.ok_or_else(|| no_body(number))?;
        let (deposits, signed) = (&input.deposits, &input.transactions);
        if header.timestamp != input.timestamp.max(parent.timestamp)
            || slot_of(&header) != slot
            || transactions.len() != deposits.len().saturating_add(signed.len())
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
    ) -> Result<(Cursor, bool), ChainError> {
        let store = &self.chain.store;
        self.rewind(number.saturating_sub(1), derived)?;
        let parent = store.head_header()?;
        let state = store.state();
        let config = &self.chain.rollup.chain;
        let step = transition(config, parent.hash, &parent.header, input, &state, &state)
            .map_err(Box::new)?;
        store.commit_block(&step.block, false)?;
        derived.head_moved = true;
        self.extended(step.block);
        Ok((step.cursor, step.dropped_rest))
    }

    /// Takes back what stood on L1 blocks above `to`, which are no longer canonical.
    ///
    /// # Errors
    /// Those of the store.
    pub fn on_reorg(&self, to: &L1BlockRef) -> Result<Derived, ChainError> {
        let store = &self.chain.store;
        l1_index::truncate_above(store, to.number)?;
        let mut derived = Derived::default();
        let safe = store.heads().safe.number;
        let keep = match self.unsafe_blocks {
            UnsafeBlocks::Drop => safe,
            UnsafeBlocks::Keep => self.last_valid()?,
        };
        self.rewind(keep, &mut derived)?;
        tracing::warn!(l1_block = to.number, safe, kept = keep, "L1 reorg");
        Ok(derived)
    }

    /// Takes back every block that no batch holds yet.
    ///
    /// # Errors
    /// Those of the store.
    pub fn drop_unsafe(&self) -> Result<Derived, ChainError> {
        let mut derived = Derived::default();
        self.rewind(self.chain.store.heads().safe.number, &mut derived)?;
        Ok(derived)
    }

    /// The last unsafe block that a batch could still bring: below the first one that holds a
    /// deposit which L1 has dropped, and below the first one without a slot, whose batch L1 has
    /// dropped.
    fn last_valid(&self) -> Result<u64, ChainError> {
        let store = &self.chain.store;
        let heads = store.heads();
        let mut read = l1_index::safe_cursor(store)?.deposits_read;
        let slot = |number| {
            let missing = || ChainError::incomplete(format!("header of block {number}"));
            Ok::<_, ChainError>(slot_of(&store.header(number)?.ok_or_else(missing)?.header))
        };
        for number in heads.safe.number.saturating_add(1)..=heads.latest.number {
            let parent = number.saturating_sub(1);
            if slot(number)? <= slot(parent)? {
                return Ok(parent);
            }
            for tx in store.transactions(number)?.ok_or_else(|| no_body(number))? {
                if !tx.is_deposit() {
                    break;
                }
                let expected = store.deposit(read)?.map(|record| hash_of(&record.deposit));
                if expected != Some(tx.hash) {
                    return Ok(parent);
                }
                read = read.next();
            }
        }
        Ok(heads.latest.number)
    }

    fn rewind(&self, to: u64, derived: &mut Derived) -> Result<(), ChainError> {
        if to >= self.chain.store.head().number {
            return Ok(());
        }
        if let Some(observer) = &self.observer {
            let refused = |source| ChainError::Observer { to, source };
            observer.before_rewind(to).map_err(refused)?;
        }
        for block in self.chain.store.rewind(to)? {
            derived.displaced.extend(block.transactions.into_iter().filter(|tx| !tx.is_deposit()));
        }
        derived.head_moved = true;
        if let Some(observer) = &self.observer {
            observer.rewound(to);
        }
        Ok(())
    }

    fn extended(&self, block: SealedBlock) {
        if let Some(observer) = &self.observer {
            observer.extended(block);
        }
    }

    /// Appends a block that a sequencer showed but L1 does not hold yet.
    ///
    /// # Errors
    /// Those of the store.
    pub fn on_unsafe_block(&self, block: SealedBlock) -> Result<(), ChainError> {
        let head = self.chain.store.head();
        if block.header.number != head.number.saturating_add(1)
            || block.header.parent_hash != head.hash
        {
            // L1 moved the head in the meantime; the caller asks for its next block again.
            return Ok(());
        }
        self.chain.store.commit_block(&block, false)?;
        self.extended(block);
        Ok(())
    }
}

impl ChainWriter for Deriver {
    fn take(&mut self, step: ChainStep) -> Result<(), ChainError> {
        self.on_step(step).map(drop)
    }

    fn settle(&mut self) -> Result<(), ChainError> {
        Ok(())
    }
}

fn no_body(number: u64) -> ChainError {
    ChainError::incomplete(format!("body of block {number}"))
}

/// The hash that OP's tools compute for the L2 transaction of a deposit, and its own. OP's source hash
/// is of the L1 block and of the log `TransactionDeposited`, which the Portal emits right after the
/// Inbox's: <https://specs.optimism.io/protocol/deposits.html#source-hash-computation>
// PROTOCOL.md BRIDGE-1
fn op_hash_of(enqueued: &EnqueuedDeposit) -> Option<(B256, B256)> {
    let EnqueuedDeposit { deposit, origin, .. } = enqueued;
    if deposit.kind != DepositKind::Transaction {
        return None;
    }
    let log_index = U256::from(origin.log_index).saturating_add(U256::ONE);
    let id = keccak256([origin.block_hash.0, log_index.to_be_bytes()].concat());
    let source_hash = keccak256([B256::ZERO.0, id.0].concat());
    let mut asked = deposit.to_transaction();
    asked.source_hash = source_hash;
    Some((RecoveredTx::from_deposit(asked).hash, hash_of(deposit)))
}

/// The L2 transaction hash of a deposit.
fn hash_of(deposit: &Deposit) -> B256 {
    RecoveredTx::from_deposit(deposit.to_transaction()).hash
}

#[cfg(test)]
#[path = "deriver_tests.rs"]
mod tests;
