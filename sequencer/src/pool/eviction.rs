//! Which transaction a full pool gives up first.
//!
//! In: transactions with their place in their sender's queue. Out: a [`Rank`] that orders them, and
//! a heap of those that may be dropped with no harm to others: the last executable one of each
//! sender and every queued one. It drops nothing itself.
//!
//! A transaction is worth no more than the cheapest one before it in its sender's queue, because
//! it cannot go before that one: else one cheap transaction could hold thousands of dear ones in
//! the pool that no block will ever take.

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
    /// Wei a unit of gas: the fee cap below the base fee, else the effective tip.
    fee: u128,
    /// Of two alike, the later one goes first.
    arrival: Reverse<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    /// Waits for a nonce or for funds.
    Queued,
    /// Waits for the base fee to fall.
    BelowBaseFee,
    /// Could stand in the next block.
    Includable,
}

impl Rank {
    /// The rank of a transaction at this base fee.
    pub(crate) fn new(tx: &PooledTx, place: Place, base_fee: u64) -> Self {
        let arrival = Reverse(tx.arrival);
        match place {
            Place::Queued => {
                let fee = tx.effective_tip(base_fee).unwrap_or_default();
                Self { class: Class::Queued, fee, arrival }
            }
            Place::Executable { fee_cap_min, tip_cap_min } => {
                match fee_cap_min.checked_sub(u128::from(base_fee)) {
                    Some(left) => {
                        Self { class: Class::Includable, fee: left.min(tip_cap_min), arrival }
                    }
                    None => Self { class: Class::BelowBaseFee, fee: fee_cap_min, arrival },
                }
            }
        }
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
