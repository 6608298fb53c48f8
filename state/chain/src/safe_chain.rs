//! A data folder that is open: the chain derived from L1, and the rules that it follows.
//!
//! In: `rollup.json`, a folder. Out: the store with its genesis block, and what safe blocks claim.
//! It reads only, once it is open; clones share the store.

use std::{path::Path, sync::Arc};

use gainsay_derivation::{BatchIndex, BlockNumber, Cursor};
use gainsay_l1::RollupConfig;
use gainsay_store::{BatchRecord, CursorRecord, Store, StoreOptions};

use crate::{ChainError, l1_index};

/// Store and rules of one chain.
#[derive(Clone, Debug)]
pub struct SafeChain {
    /// Blocks, state, L1 records.
    pub store: Store,
    /// What `rollup.json` says.
    pub rollup: Arc<RollupConfig>,
}

impl SafeChain {
    /// Opens the data folder, or makes it, with the genesis block. `options.genesis_hash` is set
    /// here.
    ///
    /// # Errors
    /// [`ChainError::WrongGenesis`], and those of the store, among them
    /// [`StoreError::Locked`](gainsay_store::StoreError::Locked) when another process has it open.
    pub fn open(
        rollup: Arc<RollupConfig>,
        data: &Path,
        options: &StoreOptions,
    ) -> Result<Self, ChainError> {
        let (timestamp, alloc) = (rollup.genesis.timestamp, &rollup.genesis.alloc);
        let genesis = gainsay_transition::genesis(&rollup.chain, timestamp, alloc)?;
        if genesis.hash != rollup.genesis_hash {
            let (expected, found) = (rollup.genesis_hash, genesis.hash);
            return Err(ChainError::WrongGenesis { expected, found });
        }
        let options = StoreOptions { genesis_hash: Some(genesis.hash), ..*options };
        let store = Store::open(data, &options)?;
        if store.is_empty() {
            store.init_genesis(&genesis)?;
        }
        Ok(Self { store, rollup })
    }

    /// The newest block derived.
    #[must_use]
    pub fn safe_block(&self) -> BlockNumber {
        l1_index::safe_block(&self.store)
    }

    /// Where the newest block derived ends in the Inbox.
    ///
    /// # Errors
    /// Those of the store.
    pub fn safe_cursor(&self) -> Result<Cursor, ChainError> {
        Ok(l1_index::safe_cursor(&self.store)?)
    }

    /// Cursor and output root after a block.
    ///
    /// # Errors
    /// [`ChainError::NotDerived`], and those of the store.
    pub fn claimed(&self, number: BlockNumber) -> Result<CursorRecord, ChainError> {
        let safe = self.safe_block();
        self.store.cursor(number)?.ok_or(ChainError::NotDerived { number, safe })
    }

    /// The record of a batch.
    ///
    /// # Errors
    /// [`ChainError::Incomplete`], and those of the store.
    pub fn batch(&self, index: BatchIndex) -> Result<BatchRecord, ChainError> {
        let missing = || ChainError::incomplete(format!("batch {index}"));
        self.store.batch(index)?.ok_or_else(missing)
    }

    /// The block after which the chain stands at `cursor`; none if it never does.
    ///
    /// # Errors
    /// Those of the store.
    pub fn block_at(&self, cursor: &Cursor) -> Result<Option<BlockNumber>, ChainError> {
        Ok(l1_index::block_at_cursor(&self.store, cursor)?)
    }
}
