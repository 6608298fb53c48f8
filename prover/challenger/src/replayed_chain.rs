//! The chain as this challenger derived it from L1: what is right.
//!
//! In: the store that `replay` fills, and the archive of batches. Out: claims after blocks, and what
//! an assertion must say. It reads only; clones share the store.

use std::{path::Path, sync::Arc};

use alloy_primitives::B256;
use gainsay_derivation::{ClaimTree, Cursor};
use gainsay_l1::RollupConfig;
use gainsay_store::{BatchRecord, CursorRecord, Store, StoreOptions};

use crate::{BatchArchive, ChallengerError};

/// The claims that the one right child of an assertion makes.
#[derive(Clone, Debug)]
pub struct ExpectedClaims {
    /// The first block after the parent.
    pub first_block: u64,
    /// The claim after each block from `first_block` on.
    pub claims: Vec<B256>,
    /// Where the last block ends in the Inbox.
    pub cursor: Cursor,
    /// The output root after the last block.
    pub output_root: B256,
    /// The tree over the claims.
    pub tree: ClaimTree,
    /// `batchAcc` at the parent's batch limit.
    pub batch_acc: B256,
}

impl ExpectedClaims {
    /// The last block that it covers.
    #[must_use]
    pub fn last_block(&self) -> u64 {
        self.first_block.saturating_add(self.claims.len() as u64).saturating_sub(1)
    }
}

/// Store and archive of one chain.
#[derive(Clone, Debug)]
pub struct ReplayedChain {
    /// Blocks, state, L1 records.
    pub store: Store,
    /// Data of batches.
    pub archive: BatchArchive,
    /// What `rollup.json` says.
    pub rollup: Arc<RollupConfig>,
}

impl ReplayedChain {
    /// Opens the data folder, or makes it, with the genesis block.
    ///
    /// # Errors
    /// Those of the store, also when another process has it open, and
    /// [`ChallengerError::WrongGenesis`].
    pub fn open(
        rollup: RollupConfig,
        data: &Path,
        options: &StoreOptions,
    ) -> Result<Self, ChallengerError> {
        let (timestamp, alloc) = (rollup.genesis.timestamp, &rollup.genesis.alloc);
        let genesis = gainsay_transition::genesis(&rollup.chain, timestamp, alloc)?;
        if genesis.hash != rollup.genesis_hash {
            let (expected, found) = (rollup.genesis_hash, genesis.hash);
            return Err(ChallengerError::WrongGenesis { expected, found });
        }
        let options = StoreOptions { genesis_hash: Some(genesis.hash), ..*options };
        let store = Store::open(data, &options)?;
        if store.is_empty() {
            store.init_genesis(&genesis)?;
        }
        let archive = BatchArchive::open(data.join("batches"))?;
        Ok(Self { store, archive, rollup: Arc::new(rollup) })
    }

    /// The newest block derived.
    #[must_use]
    pub fn safe_block(&self) -> u64 {
        self.store.heads().safe.number
    }

    /// Where the newest block derived ends in the Inbox.
    ///
    /// # Errors
    /// Those of the store.
    pub fn safe_cursor(&self) -> Result<Cursor, ChallengerError> {
        let record = self.store.cursor(self.safe_block())?;
        Ok(record.map(|record| record.cursor).unwrap_or_default())
    }

    /// What a block claims.
    ///
    /// # Errors
    /// [`ChallengerError::NotDerived`], and those of the store.
    pub fn claimed(&self, number: u64) -> Result<CursorRecord, ChallengerError> {
        let safe = self.safe_block();
        self.store.cursor(number)?.ok_or(ChallengerError::NotDerived { number, safe })
    }

    /// A batch.
    ///
    /// # Errors
    /// [`ChallengerError::Incomplete`], and those of the store.
    pub fn batch(&self, index: u64) -> Result<BatchRecord, ChallengerError> {
        let missing = || ChallengerError::Incomplete { what: format!("batch {index}") };
        self.store.batch(index)?.ok_or_else(missing)
    }

    /// The block after which the chain stands at `cursor`; none if it never does.
    ///
    /// # Errors
    /// Those of the store.
    pub fn block_at(&self, cursor: &Cursor) -> Result<Option<u64>, ChallengerError> {
        let batch_start = match cursor.batch.checked_sub(1) {
            None => 0,
            Some(before) => match self.store.batch(before)?.and_then(|record| record.derived) {
                Some(derived) => derived.last_block,
                None => return Ok(None),
            },
        };
        let number = batch_start.saturating_add(cursor.block);
        let record = self.store.cursor(number)?;
        Ok(record.filter(|record| record.cursor == *cursor).map(|_| number))
    }

    /// What the right child of a right assertion says, which ends at `cursor` and lets its children
    /// read `batch_limit` batches: the claims up to there, or as many as a tree holds. None while
    /// they are not all derived.
    ///
    /// # Errors
    /// Those of the store.
    pub fn claims_after(
        &self,
        cursor: &Cursor,
        batch_limit: u64,
    ) -> Result<Option<ExpectedClaims>, ChallengerError> {
        let store = &self.store;
        if self.safe_cursor()?.batch < batch_limit {
            return Ok(None);
        }
        let Some(parent_block) = self.block_at(cursor)? else { return Ok(None) };
        let Some(last_batch) = store.batch(batch_limit.saturating_sub(1))? else {
            return Ok(None);
        };
        let height = u32::from(self.rollup.assertions.blocks_height);
        let first_block = parent_block.saturating_add(1);
        let mut claims = Vec::new();
        for number in first_block..=self.safe_block() {
            let Some(record) = store.cursor(number)? else { return Ok(None) };
            claims.push(record.claim());
            let is_full = claims.len() as u64 >= 1_u64 << height.min(63);
            if record.cursor.batch >= batch_limit || is_full {
                let tree = ClaimTree::new(&claims, height)?;
                return Ok(Some(ExpectedClaims {
                    first_block,
                    claims,
                    cursor: record.cursor,
                    output_root: record.output_root,
                    tree,
                    batch_acc: last_batch.acc,
                }));
            }
        }
        Ok(None)
    }
}
