//! The assertions that L1 holds, as its events told them.
//!
//! In: events in L1 order, reorgs. Out: the tree of assertions from the newest confirmed one on.
//! Shared by the L1 watcher, which writes it, and the proposer and the status, which read it.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::B256;
use gainsay_derivation::Cursor;
use gainsay_l1::{AssertionEvent, bindings::IAssertionChain::IAssertionChainEvents};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

/// One assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedAssertion {
    /// Its id.
    pub id: B256,
    /// The id of the assertion that it extends.
    pub parent: B256,
    /// The root of the tree over its claims.
    pub root: B256,
    /// The output root of its end claim.
    pub output_root: B256,
    /// The cursor of its end claim.
    pub cursor: Cursor,
    /// Batches that its children must read up to.
    pub batch_limit: u64,
    /// The L1 block that holds its proposal.
    pub l1_block: u64,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// The L1 block that confirmed it.
    pub confirmed_in: u64,
}

/// Assertions by id; those below the newest confirmed one are forgotten when no reorg of L1 can take
/// its confirmation back any more.
#[derive(Clone, Debug, Default)]
pub struct AssertionLog(Arc<RwLock<BTreeMap<B256, LoggedAssertion>>>);

/// L1 blocks for which a newly confirmed assertion's ancestors are kept, in case of a reorg. More
/// than the L1 reader's window of blocks, so that it can follow no reorg that is deeper.
const KEEP_L1_BLOCKS: u64 = 512;

impl AssertionLog {
    /// A log that starts with the genesis assertion.
    pub fn new(genesis: LoggedAssertion) -> Self {
        Self(Arc::new(RwLock::new(BTreeMap::from([(genesis.id, genesis)]))))
    }

    /// A log as [`Self::snapshot`] gave it.
    pub fn restore(assertions: Vec<LoggedAssertion>) -> Self {
        Self(Arc::new(RwLock::new(assertions.into_iter().map(|it| (it.id, it)).collect())))
    }

    /// Everything that it holds.
    pub fn snapshot(&self) -> Vec<LoggedAssertion> {
        self.0.read().values().copied().collect()
    }

    /// Takes in an event of the assertion chain.
    pub fn apply(&self, event: &AssertionEvent) {
        let l1_block = event.origin.block_number;
        let mut log = self.0.write();
        match &event.event {
            IAssertionChainEvents::AssertionProposed(it) => {
                log.insert(
                    it.id,
                    LoggedAssertion {
                        id: it.id,
                        parent: it.parent,
                        root: it.root,
                        output_root: it.outputRoot,
                        cursor: Cursor {
                            batch: it.cursor.batch,
                            block: it.cursor.block,
                            deposits_read: it.cursor.depositsRead,
                        },
                        batch_limit: it.batchLimit,
                        l1_block,
                        confirmed: false,
                        confirmed_in: 0,
                    },
                );
            }
            IAssertionChainEvents::AssertionConfirmed(it) => {
                if let Some(assertion) = log.get_mut(&it.id) {
                    assertion.confirmed = true;
                    assertion.confirmed_in = l1_block;
                }
                let settled_by = l1_block.saturating_sub(KEEP_L1_BLOCKS);
                let settled =
                    log.values().filter(|it| it.confirmed && it.confirmed_in <= settled_by);
                let settled = settled.map(|it| it.cursor).max();
                log.retain(|_, it| settled.is_none_or(|settled| it.cursor >= settled));
            }
            _ => {}
        }
    }

    /// Forgets what L1 blocks above `l1_block` said.
    pub fn rewind(&self, l1_block: u64) {
        let mut log = self.0.write();
        log.retain(|_, it| it.l1_block <= l1_block);
        for assertion in log.values_mut().filter(|it| it.confirmed_in > l1_block) {
            assertion.confirmed = false;
            assertion.confirmed_in = 0;
        }
    }

    /// The newest confirmed assertion; there is always one, the genesis at the least.
    pub fn latest_confirmed(&self) -> LoggedAssertion {
        let log = self.0.read();
        let newest = log.values().filter(|it| it.confirmed).max_by_key(|it| it.cursor);
        *newest.expect("the genesis assertion is confirmed from the start")
    }

    /// The newest pending assertion.
    pub fn latest_pending(&self) -> Option<LoggedAssertion> {
        self.0.read().values().filter(|it| !it.confirmed).max_by_key(|it| it.cursor).copied()
    }

    /// The assertions that extend `parent`.
    pub fn children(&self, parent: B256) -> Vec<LoggedAssertion> {
        self.0.read().values().filter(|it| it.parent == parent).copied().collect()
    }
}
