//! Finds batches that somebody else posted with this sequencer's key.
//!
//! In: the batches that this process tried to post, and those that L1 holds. Out: each batch that
//! is not ours, once. The chain is safe with two sequencers, because each batch names its place;
//! but each sequencer takes back blocks that the other one has shown to its users.

use std::collections::BTreeMap;

use gainsay_derivation::{BatchIndex, BatchKind, BlockNumber, DepositIndex};
use gainsay_store::{BatchRecord, Store, StoreError};

/// Batches whose attempts are remembered: more than any L1 reorg drops.
const ATTEMPTS_MAX: u64 = 256;

/// What this process tried to post, and how far L1 was compared with it.
#[derive(Debug, Default)]
pub struct ForeignBatches {
    /// The batches that we tried to post at each index: after an L1 reorg any of them may stand on
    /// L1.
    attempts: BTreeMap<BatchIndex, Vec<Attempt>>,
    /// Batches below this index are judged; `None` until L1's head is reached.
    judged: Option<BatchIndex>,
}

/// What a batch does to the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attempt {
    last_block: BlockNumber,
    deposits_read: DepositIndex,
}

impl ForeignBatches {
    /// Notes that a batch is about to be posted.
    pub fn note(
        &mut self,
        index: BatchIndex,
        last_block: BlockNumber,
        deposits_read: DepositIndex,
    ) {
        let attempts = self.attempts.entry(index).or_default();
        let attempt = Attempt { last_block, deposits_read };
        if !attempts.contains(&attempt) {
            attempts.push(attempt);
        }
        let oldest = BatchIndex(index.get().saturating_sub(ATTEMPTS_MAX));
        self.attempts = self.attempts.split_off(&oldest);
    }

    /// L1 holds `count` batches, and all are derived. Those up to here came before this process; so
    /// may the next one, if the one before it ended with a batch on its way.
    pub fn start(&mut self, count: BatchIndex) {
        self.judged.get_or_insert(count.next());
    }

    /// The batches derived since the last look, up to `derived` of them, that are not ours.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn look(
        &mut self,
        store: &Store,
        derived: BatchIndex,
    ) -> Result<Vec<BatchIndex>, StoreError> {
        let Some(judged) = self.judged else { return Ok(Vec::new()) };
        let mut foreign = Vec::new();
        for index in judged.up_to(derived) {
            let Some(record) = store.batch(index)? else { break };
            if !self.is_ours(index, &record) {
                foreign.push(index);
            }
        }
        self.judged = Some(judged.max(derived));
        Ok(foreign)
    }

    /// Anybody may force a batch of deposits.
    fn is_ours(&self, index: BatchIndex, record: &BatchRecord) -> bool {
        let (header, derived) = (&record.header, &record.derived);
        let attempt = derived.as_ref().map(|derived| Attempt {
            last_block: derived.last_block,
            deposits_read: header.deposits_read,
        });
        header.kind == BatchKind::Forced
            || attempt.is_none_or(|attempt| {
                self.attempts.get(&index).is_some_and(|ours| ours.contains(&attempt))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_node::TestNode;
    use gainsay_chain::test_l1::{TestL1, batch_block, l1_time};

    #[test]
    fn batches_that_nobody_here_tried_are_foreign_once() {
        let mut l1 = TestL1::default();
        let node = TestNode::new();
        let mut foreign = ForeignBatches::default();
        let post = |l1: &mut TestL1, number: u64, blocks: usize| {
            let blocks = vec![batch_block(l1_time(1), 0, &[]); blocks];
            node.deriver.on_batch(&l1.batch_of(number, 0, &blocks)).unwrap();
        };
        let store = &node.chain.store;
        let look = |foreign: &mut ForeignBatches, derived| -> Vec<u64> {
            let found = foreign.look(store, BatchIndex(derived)).unwrap();
            found.into_iter().map(BatchIndex::get).collect()
        };
        let note = |foreign: &mut ForeignBatches, index, last_block| {
            foreign.note(BatchIndex(index), BlockNumber(last_block), DepositIndex::ZERO);
        };
        // Blocks: 1..=2, 3, 4, 5..=7, 8.
        post(&mut l1, 2, 2);
        assert_eq!(look(&mut foreign, 1), [0_u64; 0], "before the start");
        foreign.start(BatchIndex(1));
        post(&mut l1, 3, 1);
        assert_eq!(look(&mut foreign, 2), [0_u64; 0], "from the process before");
        post(&mut l1, 4, 1);
        note(&mut foreign, 3, 6);
        note(&mut foreign, 3, 7);
        post(&mut l1, 5, 3);
        note(&mut foreign, 4, 9);
        post(&mut l1, 6, 1);
        assert_eq!(look(&mut foreign, 5), [2, 4]);
        assert_eq!(look(&mut foreign, 5), [0_u64; 0], "told before");
        foreign.start(BatchIndex(0));
        assert_eq!(look(&mut foreign, 5), [0_u64; 0], "started before");
    }
}
