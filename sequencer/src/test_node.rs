//! For unit tests: nodes on real stores, without their tasks.

use std::sync::Arc;

use alloy_primitives::B256;
use gainsay_chain::{Deriver, UnsafeBlocks, l1_index, test_l1::rollup};
use gainsay_derivation::Cursor;
use gainsay_transition::RecoveredTx;

use crate::{
    block_builder::{BlockBuilder, BuilderConfig},
    chain::Chain,
    pool::{Pool, PoolLimits, test_chain::TestChain},
};

/// Wallets with funds in each node's genesis.
pub(crate) const WALLETS: u64 = 8;

/// A node without its tasks: a store with genesis, and what writes it.
pub(crate) struct TestNode {
    pub(crate) chain: Chain,
    pub(crate) pool: Arc<Pool>,
    pub(crate) deriver: Deriver,
    _keep: TestChain,
}

impl TestNode {
    pub(crate) fn new() -> Self {
        let keep = TestChain::new(WALLETS, &[]);
        let rollup = rollup(&keep.config, keep.store.head().hash);
        let chain = Chain::new(keep.store.clone(), Arc::new(rollup));
        let pool = Arc::new(keep.pool(PoolLimits::default()));
        let deriver = Deriver::new(chain.safe_chain(), UnsafeBlocks::Keep);
        Self { chain, pool, deriver, _keep: keep }
    }

    pub(crate) fn builder(&self) -> BlockBuilder {
        let config = BuilderConfig {
            block_time: std::time::Duration::from_secs(60),
            idle_block_time: std::time::Duration::ZERO,
            deposit_confirmations: 1,
            unsafe_blocks_max: 64,
            block_bytes_max: 100_000,
        };
        BlockBuilder::new(self.chain.clone(), self.pool.clone(), config).unwrap()
    }

    pub(crate) fn hash(&self, number: u64) -> Option<B256> {
        self.chain.store.block_hash(number).unwrap()
    }

    pub(crate) fn safe(&self) -> (u64, Cursor) {
        let store = &self.chain.store;
        (store.heads().safe.number, l1_index::safe_cursor(store).unwrap())
    }

    pub(crate) fn has(&self, tx: &RecoveredTx) -> bool {
        self.chain.store.transaction_location(tx.hash).unwrap().is_some()
    }
}
