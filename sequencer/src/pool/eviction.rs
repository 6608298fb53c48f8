//! Which transaction a full pool gives up first.
//!
//! In: transactions with their place in their sender's queue. Out: a [`Rank`] that orders them, and
//! a heap of those that may be dropped with no harm to others: the last executable one of each
//! sender and its furthest queued one. It drops nothing itself.
//!
//! A transaction is worth no more than the cheapest one before it in its sender's queue, because it
//! cannot go before that one: else one cheap transaction could keep thousands of expensive ones in
//! the pool that no block will ever take. A transaction that waits may never pay its fee, so that
//! its fee counts least: first dropped are those that their sender cannot pay for, then those above
//! their sender's share, then those furthest from being executable.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
    sync::Arc,
};

use super::{pooled_tx::PooledTx, sender_queue::Place};

/// What a transaction is worth to the pool; the lowest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    class: Class,
    /// Of two that wait: bytes above the sender's share, or else nonces from being executable. The
    /// one with more goes first.
    excess: Reverse<u64>,
    /// Wei a unit of gas: the fee cap below the base fee, else the effective tip.
    fee: u128,
    /// Of two alike, the later one goes first.
    arrival: Reverse<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Waits, and its sender could not pay for it if its turn came.
    Unfunded,
    /// Waits, and its sender has more that waits than a sender's share.
    AboveShare,
    /// Waits for a nonce.
    Queued,
    /// Waits for the base fee to fall.
    BelowBaseFee,
    /// Could stand in the next block.
    Includable,
}

impl Rank {
    /// The rank of a transaction at this base fee; `share_bytes` is what of a sender may wait.
    pub(crate) fn new(tx: &PooledTx, place: Place, base_fee: u64, share_bytes: usize) -> Self {
        let (class, excess, fee) = match place {
            Place::Queued { distance, bytes, is_funded } => {
                let fee = tx.effective_tip(base_fee).unwrap_or_default();
                match bytes.checked_sub(share_bytes).filter(|excess| *excess > 0) {
                    _ if !is_funded => (Class::Unfunded, distance, fee),
                    Some(excess) => (Class::AboveShare, excess as u64, fee),
                    None => (Class::Queued, distance, fee),
                }
            }
            Place::Executable { fee_cap_min, tip_cap_min } => {
                match fee_cap_min.checked_sub(u128::from(base_fee)) {
                    Some(left) => (Class::Includable, 0, left.min(tip_cap_min)),
                    None => (Class::BelowBaseFee, 0, fee_cap_min),
                }
            }
        };
        Self { class, excess: Reverse(excess), fee, arrival: Reverse(tx.arrival) }
    }
}

/// A transaction that may be dropped, with its rank when it was put here.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Its rank.
    pub(crate) rank: Rank,
    /// The transaction.
    pub(crate) tx: Arc<PooledTx>,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    /// The greatest candidate is the one of the lowest rank, as the heap gives the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.rank.cmp(&self.rank)
    }
}

/// Candidates, worst first. Some may be out of date: the caller checks each that it pops.
pub(crate) type Candidates = BinaryHeap<Candidate>;
