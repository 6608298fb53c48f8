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

#[cfg(test)]
mod tests {
    use super::*;
    use gainsay_l1::{L1Origin, bindings::IAssertionChain};

    fn id(n: u64) -> B256 {
        B256::with_last_byte(u8::try_from(n).unwrap())
    }

    fn event(block_number: u64, event: IAssertionChainEvents) -> AssertionEvent {
        let origin = L1Origin {
            block_number,
            block_hash: B256::ZERO,
            transaction: B256::ZERO,
            log_index: 0,
        };
        AssertionEvent { event, origin }
    }

    /// Assertion n reads n batches and extends n - 1.
    fn proposed(l1_block: u64, n: u64) -> AssertionEvent {
        let it = IAssertionChain::AssertionProposed {
            id: id(n),
            parent: id(n - 1),
            proposer: Default::default(),
            root: id(n),
            outputRoot: id(n),
            cursor: IAssertionChain::Cursor { batch: n, block: 0, depositsRead: 0 },
            batchLimit: n + 1,
            batchLimitAcc: B256::ZERO,
        };
        event(l1_block, IAssertionChainEvents::AssertionProposed(it))
    }

    fn confirmed(l1_block: u64, n: u64) -> AssertionEvent {
        let it = IAssertionChain::AssertionConfirmed {
            id: id(n),
            outputRoot: id(n),
            cursor: IAssertionChain::Cursor { batch: n, block: 0, depositsRead: 0 },
        };
        event(l1_block, IAssertionChainEvents::AssertionConfirmed(it))
    }

    fn log() -> AssertionLog {
        AssertionLog::new(LoggedAssertion {
            id: id(0),
            parent: B256::repeat_byte(9),
            root: B256::ZERO,
            output_root: id(0),
            cursor: Cursor::default(),
            batch_limit: 1,
            l1_block: 0,
            confirmed: true,
            confirmed_in: 0,
        })
    }

    #[test]
    fn a_reorg_brings_back_the_confirmed_parent_however_old() {
        let log = log();
        log.apply(&proposed(5, 1));
        log.apply(&proposed(50_000, 2));
        log.apply(&confirmed(60_000, 1));
        log.apply(&confirmed(60_001, 2));
        assert_eq!(log.latest_confirmed().id, id(2));
        assert_eq!(log.latest_pending(), None);
        // As a restarted node goes on.
        let log = AssertionLog::restore(log.snapshot());
        log.rewind(60_000);
        assert_eq!(log.latest_confirmed().id, id(1));
        assert_eq!(log.latest_pending().unwrap().id, id(2));
        log.rewind(59_999);
        assert_eq!(log.latest_confirmed().id, id(0));
        log.rewind(49_999);
        assert_eq!(log.children(id(1)), []);
        assert_eq!(log.children(id(0)).len(), 1);
    }

    #[test]
    fn what_no_reorg_can_bring_back_is_forgotten() {
        let log = log();
        for n in 1..=50 {
            log.apply(&proposed(n * 1_000, n));
            log.apply(&confirmed(n * 1_000 + 400, n));
        }
        let kept: Vec<B256> = log.snapshot().iter().map(|it| it.id).collect();
        assert_eq!(kept, [id(49), id(50)]);
    }
}
