//! Builds blocks: deposits that are due, transactions of blocks that were taken back, then the
//! pool's best.
//!
//! In: the head (which may still be in the root pipeline), the pool, the deposits that L1 holds.
//! Out: executed blocks, handed to the [`RootPipeline`]. It never looks at L1 itself.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use alloy_consensus::{Header, Transaction};
use alloy_primitives::{Address, B256, Bytes, U256};
use gainsay_chain::l1_index;
use gainsay_derivation::{Deposit, DepositIndex};
use gainsay_store::{StateView, Store, StoreError};
use gainsay_transition::{
    BlockExecutor, ExecuteError, ExecutedBlock, InvalidTx, PrecompileReader, RecoveredTx,
    StateDiff, StateReader, slot_of, trie::Account,
};

use crate::{
    chain::{Chain, HeadEvent},
    error::NodeError,
    pool::Pool,
    root_pipeline::{HashCell, RootPipeline},
};

/// How blocks are built.
#[derive(Clone, Copy, Debug)]
pub struct BuilderConfig {
    /// Time between blocks when there is work.
    pub block_time: Duration,
    /// Time after which an empty block is built.
    pub idle_block_time: Duration,
    /// L1 blocks that must follow a deposit's before it is taken.
    pub deposit_confirmations: u64,
    /// Blocks that may wait for a batch; when L1 is away for long, the chain waits here.
    pub unsafe_blocks_max: u64,
    /// Bytes of signed transactions in one block, so that any block fits one batch.
    pub block_bytes_max: usize,
}

/// Blocks whose diffs are laid over the store, because they may not be committed yet.
const LAYERS_MAX: usize = 3;

/// Builds on the head, one block after the other.
#[derive(Debug)]
pub struct BlockBuilder {
    chain: Chain,
    pool: Arc<Pool>,
    config: BuilderConfig,
    pipeline: RootPipeline,
    /// Number, time, gas, base fee and slot of the head; its roots may be missing.
    parent: Header,
    parent_hash: HashCell,
    layers: VecDeque<Arc<StateDiff>>,
    /// Transactions of blocks that were taken back, in their order.
    displaced: VecDeque<RecoveredTx>,
    deposits_read: DepositIndex,
    l1_head: (u64, u64),
    l1_head_at: Instant,
    /// Whether the log says already that there is no slot.
    is_told: bool,
    last_built: Instant,
}

impl BlockBuilder {
    /// Builds on the store's head.
    ///
    /// # Errors
    /// When the store cannot be read, or the system has no thread for the pipeline.
    pub fn new(chain: Chain, pool: Arc<Pool>, config: BuilderConfig) -> Result<Self, NodeError> {
        let (sealed_chain, sealed_pool) = (chain.clone(), pool.clone());
        let pipeline = RootPipeline::start(chain.store.clone(), move |block| {
            sealed_pool.on_block(&*block)?;
            sealed_chain.announce(HeadEvent::Block(block));
            Ok(())
        })?;
        let mut builder = Self {
            parent: Header::default(),
            parent_hash: HashCell::default(),
            layers: VecDeque::new(),
            displaced: VecDeque::new(),
            deposits_read: DepositIndex::ZERO,
            l1_head: (0, 0),
            l1_head_at: Instant::now(),
            is_told: false,
            last_built: Instant::now(),
            chain,
            pool,
            config,
            pipeline,
        };
        builder.reset()?;
        Ok(builder)
    }

    /// Takes up the store's head after something else moved it. Nothing may be in the pipeline.
    ///
    /// # Errors
    /// When the store cannot be read, or a block above the safe head has no body.
    pub fn reset(&mut self) -> Result<(), NodeError> {
        let store = &self.chain.store;
        let head = store.head();
        self.parent = store.head_header()?.header.clone();
        self.parent_hash = HashCell::ready(head.hash);
        self.layers.clear();
        self.deposits_read = deposits_read_at_head(store)?;
        self.pipeline.reset(store);
        Ok(())
    }

    /// Takes in the transactions of blocks that were taken back. Users have seen their receipts, so
    /// they go into the next blocks before all other transactions, and no bound of the pool drops
    /// them.
    pub fn restore(&mut self, displaced: Vec<RecoveredTx>) {
        // Transactions left from an earlier rewind stood later in the chain.
        for tx in displaced.into_iter().rev() {
            self.displaced.push_front(tx);
        }
    }

    /// Whether displaced transactions wait for a block.
    #[must_use]
    pub fn has_displaced(&self) -> bool {
        !self.displaced.is_empty()
    }

    /// Builds until every displaced transaction is in a block again, before the node stops.
    ///
    /// # Errors
    /// As [`Self::build`] and [`Self::flush`].
    pub fn build_displaced(&mut self) -> Result<(), NodeError> {
        let mut left = usize::MAX;
        while (1..left).contains(&self.displaced.len()) {
            left = self.displaced.len();
            self.build()?;
        }
        self.flush()
    }

    /// Waits until every block that was built is in the store.
    ///
    /// # Errors
    /// Why the pipeline failed.
    pub fn flush(&mut self) -> Result<(), NodeError> {
        self.pipeline.flush()
    }

    /// L1's head by number and time (seconds); decides which deposits are due and what time it is.
    pub fn set_l1_head(&mut self, number: u64, timestamp: u64) {
        if self.l1_head != (number, timestamp) {
            self.l1_head = (number, timestamp);
            self.l1_head_at = Instant::now();
        }
    }

    /// Builds a block if there is something to put in it, or if the last one is old.
    ///
    /// # Errors
    /// When the store cannot be read, the machine fails, or the pipeline failed.
    pub fn build(&mut self) -> Result<(), NodeError> {
        let started = Instant::now();
        let waiting = self.parent.number.saturating_sub(self.chain.store.heads().safe.number);
        if waiting >= self.config.unsafe_blocks_max {
            tracing::warn!(waiting, "not building: too many blocks wait for a batch on L1");
            return Ok(());
        }
        if !self.has_slot() {
            return Ok(());
        }
        let deposits = self.due_deposits()?;
        let idle = self.last_built.elapsed() < self.config.idle_block_time;
        let is_workless = self.displaced.is_empty() && self.pool.executable_is_empty();
        if deposits.is_empty() && is_workless && idle {
            return Ok(());
        }
        let executed = self.execute(&deposits, started + self.config.block_time)?;
        let signed = executed.transactions.len() - deposits.len();
        if deposits.is_empty() && signed == 0 && idle {
            return Ok(());
        }
        self.deposits_read = self.deposits_read.plus(deposits.len() as u64);
        self.parent = Header {
            number: executed.context.number,
            timestamp: executed.context.timestamp,
            gas_limit: executed.context.gas_limit,
            gas_used: executed.gas_used,
            base_fee_per_gas: Some(executed.context.base_fee),
            extra_data: Bytes::copy_from_slice(&executed.slot.to_be_bytes()),
            ..Default::default()
        };
        self.layers.push_back(Arc::new(executed.diff.clone()));
        if self.layers.len() > LAYERS_MAX {
            self.layers.pop_front();
        }
        tracing::debug!(
            number = executed.context.number,
            deposits = deposits.len(),
            signed,
            gas = executed.gas_used,
            micros = started.elapsed().as_micros(),
            "executed block"
        );
        // The pool gets the block now, before it is sealed, so that the next block does not try the
        // same transactions again.
        self.pool.on_block(&executed)?;
        self.parent_hash = self.pipeline.push(executed)?;
        self.last_built = started;
        Ok(())
    }

    fn execute(
        &mut self,
        deposits: &[Deposit],
        deadline: Instant,
    ) -> Result<ExecutedBlock, NodeError> {
        let reader = Layered {
            layers: self.layers.iter().rev().cloned().collect(),
            base: self.chain.store.state(),
        };
        let parent_hash = self.parent_hash.clone();
        let mut executor = BlockExecutor::new(
            &self.chain.rollup.chain,
            &self.parent,
            self.now(),
            reader,
            // Only a block that is committed shows the hash, and a block whose parent was abandoned
            // never is: pushing it fails.
            Box::new(move || parent_hash.wait().unwrap_or_default()),
        );
        for deposit in deposits {
            executor.execute_deposit(deposit)?;
        }
        let mut bytes_left = self.config.block_bytes_max;
        self.execute_displaced(&mut executor, &mut bytes_left, deadline)?;
        if self.displaced.is_empty() {
            self.execute_best(&mut executor, bytes_left, deadline)?;
        }
        Ok(executor.finish()?)
    }

    /// As many of the displaced transactions as the block takes. Those that cannot stand in it, as
    /// when the base fee rose, wait in the pool from now on.
    fn execute_displaced(
        &mut self,
        executor: &mut BlockExecutor<Layered>,
        bytes_left: &mut usize,
        deadline: Instant,
    ) -> Result<(), NodeError> {
        let mut is_first = true;
        while let Some(tx) = self.displaced.pop_front() {
            let (hash, bytes) = (tx.hash, tx.raw.len());
            let is_late = !is_first && (bytes > *bytes_left || Instant::now() >= deadline);
            let is_full = tx.envelope.gas_limit() > executor.gas_left();
            if is_late || is_full && !executor.transactions().is_empty() {
                self.displaced.push_front(tx);
                break;
            }
            is_first = false;
            match executor.execute(tx.clone()) {
                Ok(_) => *bytes_left = bytes_left.saturating_sub(bytes),
                Err(ExecuteError::Invalid(error)) => {
                    let kept = self.pool.add(tx).is_ok();
                    tracing::debug!(%hash, %error, kept, "displaced transaction is not valid now");
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn execute_best(
        &self,
        executor: &mut BlockExecutor<Layered>,
        mut bytes_left: usize,
        deadline: Instant,
    ) -> Result<(), NodeError> {
        let mut best = self.pool.best(executor.context().base_fee);
        while let Some(tx) = best.next() {
            let (sender, hash, bytes) = (tx.sender, tx.hash, tx.raw.len());
            if bytes > bytes_left {
                if bytes > self.config.block_bytes_max {
                    self.pool.remove_invalid(&hash);
                }
                best.skip_sender(sender);
                continue;
            }
            match executor.execute(tx) {
                Ok(_) => bytes_left -= bytes,
                // The pool does not have the last blocks yet, or the block is nearly full.
                Err(ExecuteError::Invalid(
                    InvalidTx::NonceTooLow { .. }
                    | InvalidTx::NonceTooHigh { .. }
                    | InvalidTx::BlockGasExceeded { .. },
                )) => {
                    if executor.gas_left() < TX_GAS_MIN {
                        break;
                    }
                    best.skip_sender(sender);
                }
                Err(ExecuteError::Invalid(error)) => {
                    tracing::debug!(%hash, %error, "dropping a transaction from the pool");
                    self.pool.remove_invalid(&hash);
                    best.skip_sender(sender);
                }
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        Ok(())
    }

    /// Seconds since the epoch; L1's clock when that is ahead (as when tests travel in time). Never
    /// so far ahead of L1 that derivation would give the block another timestamp.
    fn now(&self) -> u64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let (_, l1_time) = self.l1_head;
        let drift = self.chain.rollup.chain.sequencer_drift_secs;
        wall.clamp(l1_time, l1_time.saturating_add(drift))
    }

    /// Whether a batch that L1 held now would admit another block. While L1 is out of reach its
    /// clock goes on, and so do the slots.
    fn has_slot(&mut self) -> bool {
        let l1_time = self.l1_head.1.saturating_add(self.l1_head_at.elapsed().as_secs());
        let has_slot = slot_of(&self.parent) < self.chain.rollup.chain.slot_max(l1_time);
        if !has_slot && !self.is_told {
            let admitted = self.chain.rollup.chain.max_blocks_per_sec;
            tracing::warn!(admitted, "not building: the chain admits no more blocks this second");
        }
        self.is_told = !has_slot;
        has_slot
    }

    /// Deposits to put in the next block: deep enough in L1, and no more than one block may take.
    fn due_deposits(&self) -> Result<Vec<Deposit>, NodeError> {
        let mature = self.l1_head.0.saturating_sub(self.config.deposit_confirmations);
        let mut gas_left = self.chain.rollup.max_batch_deposit_gas;
        let mut due = Vec::new();
        let from = self.deposits_read;
        for record in self.chain.store.deposits(from, from.plus(DEPOSITS_MAX))? {
            let deposit = record.deposit;
            let gas = deposit.to_transaction().gas_limit;
            if deposit.l1_block > mature || gas > gas_left {
                break;
            }
            gas_left -= gas;
            due.push(deposit);
        }
        Ok(due)
    }
}

/// Gas of the cheapest transaction, a plain transfer.
const TX_GAS_MIN: u64 = 21_000;

/// Deposits looked at for one block.
const DEPOSITS_MAX: u64 = 1024;

/// Deposits that the chain has read up to its head, unsafe blocks included.
fn deposits_read_at_head(store: &Store) -> Result<DepositIndex, NodeError> {
    let heads = store.heads();
    let mut read = l1_index::safe_cursor(store)?.deposits_read;
    for number in heads.safe.number + 1..=heads.latest.number {
        let Some(transactions) = store.raw_transactions(number)? else {
            // Counted as a block without deposits, the next block would read them twice.
            return Err(NodeError::BodyMissing { number, head: heads.latest.number });
        };
        read = read.plus(transactions.iter().filter(|tx| tx.is_deposit()).count() as u64);
    }
    Ok(read)
}

/// A state under the diffs of blocks that may not be committed yet, newest first.
///
/// A diff holds absolute values, so that it is right over a base that already contains it.
struct Layered {
    layers: Vec<Arc<StateDiff>>,
    base: StateView,
}

impl StateReader for Layered {
    type Error = StoreError;

    fn account(&self, address: Address) -> Result<Option<Account>, StoreError> {
        match self.layers.iter().find_map(|layer| layer.account(address)) {
            Some(change) => Ok(change.account),
            None => self.base.account(address),
        }
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, StoreError> {
        let found = self.layers.iter().find_map(|layer| {
            let change = layer.account(address)?;
            let index = change.storage.binary_search_by_key(&slot, |(key, _)| *key).ok()?;
            change.storage.get(index).map(|(_, value)| *value)
        });
        found.map_or_else(|| self.base.storage(address, slot), Ok)
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        let found = self.layers.iter().find_map(|layer| {
            let index = layer.codes.binary_search_by_key(&code_hash, |(hash, _)| *hash).ok()?;
            layer.codes.get(index).map(|(_, code)| code.clone())
        });
        found.map_or_else(|| self.base.code(code_hash), Ok)
    }
}

impl PrecompileReader for Layered {}

#[cfg(test)]
mod tests {
    use gainsay_chain::test_l1::l1_time;

    use super::*;
    use crate::test_node::TestNode;

    /// The sequencer makes no block that its batch could not bring.
    // PROTOCOL.md DERIVE-9
    #[test]
    fn nothing_is_built_without_a_slot_until_l1_goes_on() {
        let node = TestNode::new();
        let config = node.chain.rollup.chain.clone();
        let slots = (config.sequencer_drift_secs + 1) * config.max_blocks_per_sec;
        let mut builder = node.builder();
        builder.config.unsafe_blocks_max = u64::MAX;
        // L1's clock is far ahead of the wall's, so each block has the time of L1's head.
        builder.set_l1_head(10, l1_time(10));
        let build = |builder: &mut BlockBuilder| {
            for _ in 0..slots {
                builder.build().unwrap();
            }
            builder.flush().unwrap();
            node.chain.store.head().number
        };
        assert_eq!(build(&mut builder), slots);
        let more = build(&mut builder) - slots;
        let passed = builder.l1_head_at.elapsed().as_secs() + 1;
        assert!(more <= passed * config.max_blocks_per_sec, "{more} blocks in {passed} s");
        builder.reset().unwrap();
        builder.set_l1_head(11, l1_time(11));
        assert!(build(&mut builder) > slots + more);
    }
}
