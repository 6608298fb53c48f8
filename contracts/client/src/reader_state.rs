//! What a log reader must remember to go on: a bounded window of L1 blocks, and where the two hash
//! chains of the Inbox stood after each.
//!
//! In: the start block, or what a node kept. Out: the same window after each stretch of L1. Pure:
//! it asks nothing of L1 and writes nothing. The caller may keep it on disk.

use std::collections::VecDeque;

use alloy_primitives::B256;

use crate::L1BlockRef;

/// Where the hash chains stand after an L1 block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The L1 block; all its events are counted.
    pub block: L1BlockRef,
    /// Deposits enqueued so far.
    pub deposit_count: u64,
    /// Deposits read by the batches so far.
    pub deposits_read: u64,
    /// Batches posted so far.
    pub batch_count: u64,
    /// `batchAcc[batch_count]`.
    pub batch_acc: B256,
}

/// `depositAcc[first ..= first + accs.len() - 1]`: as many as a batch may still refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepositAccs {
    /// Index of the first accumulator kept.
    pub first: u64,
    /// The accumulators, without gaps.
    pub accs: VecDeque<B256>,
}

impl DepositAccs {
    /// `depositAcc[0] = 0` alone.
    #[must_use]
    pub fn genesis() -> Self {
        Self { first: 0, accs: VecDeque::from([B256::ZERO]) }
    }

    /// `depositAcc[index]`, if kept.
    #[must_use]
    pub fn get(&self, index: u64) -> Option<B256> {
        let offset = usize::try_from(index.checked_sub(self.first)?).ok()?;
        self.accs.get(offset).copied()
    }

    /// Keeps `depositAcc[..= index]`.
    pub(crate) fn truncate(&mut self, index: u64) {
        let len = index.saturating_sub(self.first).saturating_add(1);
        self.accs.truncate(usize::try_from(len).unwrap_or(usize::MAX));
    }

    /// Drops `depositAcc[.. index]`.
    pub(crate) fn forget_below(&mut self, index: u64) {
        while self.first < index && self.accs.len() > 1 {
            self.accs.pop_front();
            self.first += 1;
        }
    }
}

/// Everything that a reader must remember to go on after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderState {
    /// L1 blocks read, oldest first; never empty. Those far below the head may be sparse.
    pub checkpoints: VecDeque<Checkpoint>,
    /// Deposit accumulators from the oldest checkpoint's `deposits_read` on.
    pub deposit_accs: DepositAccs,
}

impl ReaderState {
    /// The state before any event: reading starts with the block after `start`.
    #[must_use]
    pub fn genesis(start: L1BlockRef) -> Self {
        let checkpoint = Checkpoint {
            block: start,
            deposit_count: 0,
            deposits_read: 0,
            batch_count: 0,
            batch_acc: B256::ZERO,
        };
        let checkpoints = VecDeque::from([checkpoint]);
        Self { checkpoints, deposit_accs: DepositAccs::genesis() }
    }

    /// The newest checkpoint.
    #[must_use]
    pub fn tip(&self) -> &Checkpoint {
        self.checkpoints.back().expect("a reader state has at least one checkpoint")
    }

    /// Whether the checkpoints ascend and the accumulators cover what they refer to.
    pub(crate) fn is_consistent(&self) -> bool {
        let (Some(oldest), Some(tip)) = (self.checkpoints.front(), self.checkpoints.back()) else {
            return false;
        };
        let ascending =
            self.checkpoints.iter().zip(self.checkpoints.iter().skip(1)).all(|(a, b)| {
                a.block.number < b.block.number
                    && a.deposit_count <= b.deposit_count
                    && a.deposits_read <= b.deposits_read
                    && a.batch_count <= b.batch_count
            });
        let end = self.deposit_accs.first.checked_add(self.deposit_accs.accs.len() as u64);
        ascending
            && self.deposit_accs.first <= oldest.deposits_read
            && end == tip.deposit_count.checked_add(1)
    }
}
