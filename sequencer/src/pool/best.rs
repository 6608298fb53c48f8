//! The executable transactions in the order in which a block takes them: best tip first, each
//! sender's in the order of their nonces.
//!
//! In: a snapshot of the senders' first transactions; later ones are fetched a few at a time, when
//! their sender's turn comes. The pool's lock is held for each of these fetches only, never while
//! the block builder executes. It removes nothing from the pool.

use std::{
    cmp::{Ordering, Reverse},
    collections::{BinaryHeap, VecDeque},
    sync::Arc,
};

use alloy_primitives::{
    Address,
    map::{AddressMap, AddressSet},
};
use gainsay_transition::RecoveredTx;
use parking_lot::RwLock;

use super::{content::Content, pooled_tx::PooledTx};

/// Transactions of one sender that are fetched at a time.
const RUN_LEN: usize = 32;

/// Transactions for one block, best first. A transaction that cannot pay the base fee does not
/// come up, and neither do its sender's later ones.
#[derive(Debug)]
pub struct BestTransactions {
    content: Arc<RwLock<Content>>,
    base_fee: u64,
    heap: BinaryHeap<Run>,
    /// The run whose first transaction was given out last.
    current: Option<Run>,
    skipped: AddressSet,
    /// The next nonce of each sender that had a transaction given out.
    next_nonces: AddressMap<u64>,
}

/// The next transaction of one sender, and some after it.
#[derive(Debug)]
struct Run {
    tip: u128,
    first: Arc<PooledTx>,
    rest: VecDeque<Arc<PooledTx>>,
    /// Whether the pool had more than `rest` when it was asked.
    has_more: bool,
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Run {}

impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Run {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |run: &Self| (run.tip, Reverse(run.first.arrival));
        key(self).cmp(&key(other))
    }
}

impl BestTransactions {
    pub(crate) fn new(content: Arc<RwLock<Content>>, base_fee: u64) -> Self {
        let mut best = Self {
            content,
            base_fee,
            heap: BinaryHeap::new(),
            current: None,
            skipped: AddressSet::default(),
            next_nonces: AddressMap::default(),
        };
        best.refresh();
        best
    }

    /// Passes over the rest of this sender's transactions, for instance because one was invalid or
    /// did not fit. Lasts as long as `self`.
    pub fn skip_sender(&mut self, sender: Address) {
        self.skipped.insert(sender);
    }

    /// Takes in what came into the pool since the start or the last refresh. What was given out
    /// does not come again, and skipped senders stay skipped.
    ///
    /// Costs a look at every sender in the pool: call it when `next` has nothing left, or every
    /// few milliseconds.
    pub fn refresh(&mut self) {
        self.settle_current();
        let content = self.content.read();
        let mut runs = std::mem::take(&mut self.heap).into_vec();
        runs.clear();
        for (sender, queue) in content.queues() {
            if queue.executable_len() == 0 || self.skipped.contains(sender) {
                continue;
            }
            let from = self.next_nonces.get(sender).copied().unwrap_or_default();
            let Some(first) = queue.executable_from(from, 1).next() else { continue };
            let Some(tip) = first.effective_tip(self.base_fee) else { continue };
            let has_more = first.nonce().saturating_add(1) < queue.next_nonce();
            runs.push(Run { tip, first: first.clone(), rest: VecDeque::new(), has_more });
        }
        drop(content);
        self.heap = runs.into();
    }

    /// The sender of the transaction given out last may go on with its next one.
    fn settle_current(&mut self) {
        let Some(mut run) = self.current.take() else { return };
        let sender = run.first.sender();
        if self.skipped.contains(&sender) {
            return;
        }
        let next_nonce = run.first.nonce().saturating_add(1);
        if run.rest.is_empty() && run.has_more {
            let content = self.content.read();
            let Some(queue) = content.queue(sender) else { return };
            run.rest.extend(queue.executable_from(next_nonce, RUN_LEN).cloned());
            run.has_more = run.rest.len() == RUN_LEN;
        }
        // If the head moved meanwhile, the run may start later than where this one stopped.
        let Some(first) = run.rest.pop_front().filter(|tx| tx.nonce() == next_nonce) else {
            return;
        };
        if let Some(tip) = first.effective_tip(self.base_fee) {
            self.heap.push(Run { tip, first, ..run });
        }
    }
}

impl Iterator for BestTransactions {
    type Item = RecoveredTx;

    fn next(&mut self) -> Option<RecoveredTx> {
        self.settle_current();
        while let Some(run) = self.heap.pop() {
            let sender = run.first.sender();
            if self.skipped.contains(&sender) {
                continue;
            }
            let tx = run.first.tx.clone();
            self.next_nonces.insert(sender, run.first.nonce().saturating_add(1));
            self.current = Some(run);
            return Some(tx);
        }
        None
    }
}
