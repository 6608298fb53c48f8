//! What is in the pool: all transactions by hash, and each sender's queue.
//!
//! In: checked transactions, accounts at new heads. Out: which were taken in, which were dropped.
//! It keeps the bounds of the whole pool and decides which transaction is dropped for which. It
//! reads no state and takes no lock: the pool holds it under one.

use std::{collections::hash_map::Entry, sync::Arc};

use alloy_primitives::{
    Address, B256,
    map::{AddressMap, B256Map},
};
use gainsay_transition::trie::Account;

use super::{
    WaitsFor,
    error::PoolError,
    eviction::{Candidate, Candidates, Rank},
    limits::PoolLimits,
    pooled_tx::{L1Price, PooledTx},
    sender_queue::{Place, SenderQueue},
};

/// Sweeps for expired transactions in one expiry time.
const SWEEPS_PER_EXPIRY: u64 = 16;

/// What the pool knows of the head: by this it judges what can run in the next block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the block.
    pub(crate) number: u64,
    /// Its time, in seconds since the Unix epoch. The only clock of this file.
    pub(crate) timestamp: u64,
    /// Base fee of the block after it, in wei.
    pub(crate) next_base_fee: u64,
    /// Price of L1 data that the next block charges.
    pub(crate) l1_price: L1Price,
}

/// The transactions of the pool.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) limits: PoolLimits,
    pub(crate) head: Head,
    /// Counts heads and resets: an account read before it changed must be read again.
    pub(crate) generation: u64,
    /// Holds the same transactions as the queues together.
    by_hash: B256Map<Arc<PooledTx>>,
    /// No queue is empty: a sender without transactions has no entry.
    senders: AddressMap<SenderQueue>,
    /// Transactions that could run now, summed over all queues.
    executable: usize,
    /// Bytes of all transactions; at most `limits.memory_bytes_max`.
    memory_bytes: usize,
    /// Transactions ever taken in: of two equal ones, the pool keeps the earlier.
    arrivals: u64,
    /// Time of the last look for expired transactions, as `head.timestamp`.
    swept_at: u64,
    /// What could be dropped for something better. Finding it takes a walk over all queues, so that
    /// it is built when the pool is full and dropped when a new head changes the ranks.
    candidates: Option<Candidates>,
}

impl Content {
    /// An empty pool at `head`.
    pub(crate) fn new(limits: PoolLimits, head: Head) -> Self {
        Self {
            limits,
            head,
            generation: 0,
            by_hash: B256Map::default(),
            senders: AddressMap::default(),
            executable: 0,
            memory_bytes: 0,
            arrivals: 0,
            swept_at: head.timestamp,
            candidates: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) const fn executable_len(&self) -> usize {
        self.executable
    }

    pub(crate) const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<PooledTx>> {
        self.by_hash.get(hash)
    }

    pub(crate) fn queue(&self, sender: Address) -> Option<&SenderQueue> {
        self.senders.get(&sender)
    }

    pub(crate) fn queues(&self) -> impl Iterator<Item = (&Address, &SenderQueue)> {
        self.senders.iter()
    }

    /// Takes `tx` in, dropping what is worth less if the pool is full. `account` is the sender's
    /// at the head; it is not looked at when the sender has transactions here.
    ///
    /// Returns whether it could run now.
    pub(crate) fn insert(&mut self, mut tx: PooledTx, account: Account) -> Result<bool, PoolError> {
        if self.by_hash.contains_key(&tx.hash()) {
            return Err(PoolError::AlreadyKnown);
        }
        // A transaction that is refused below uses a number, too: only the order of numbers counts.
        self.arrivals += 1;
        (tx.arrival, tx.arrived_at) = (self.arrivals, self.head.timestamp);
        let (sender, nonce) = (tx.sender(), tx.nonce());
        let (place, replaced) = match self.senders.get(&sender) {
            Some(queue) => {
                let place = queue.admit(&tx, self.head.l1_price, &self.limits)?;
                (place, queue.get(nonce).cloned())
            }
            None => {
                // This queue only answers `admit`: it is not kept, because a refused transaction
                // must leave no empty queue.
                let queue = SenderQueue::new(account);
                (queue.admit(&tx, self.head.l1_price, &self.limits)?, None)
            }
        };
        // Last of the checks, because it alone drops other transactions.
        if !self.make_room(&tx, place, replaced.as_deref()) {
            let queue = self.senders.get(&sender);
            let waits_for = queue.map_or(WaitsFor::Nonce(account.nonce), SenderQueue::waits_for);
            let is_queued = matches!(place, Place::Queued { .. });
            return Err(PoolError::Full { waits_for: is_queued.then_some(waits_for) });
        }
        self.senders.entry(sender).or_insert_with(|| SenderQueue::new(account));
        self.place(Arc::new(tx));
        let next_nonce = self.queue(sender).map_or(0, SenderQueue::next_nonce);
        Ok(nonce < next_nonce)
    }

    /// Puts a transaction into its sender's queue, which exists, and into the index.
    fn place(&mut self, tx: Arc<PooledTx>) {
        let sender = tx.sender();
        self.by_hash.insert(tx.hash(), tx.clone());
        self.memory_bytes += tx.memory_bytes();
        let l1_price = self.head.l1_price;
        self.change_queue(sender, |queue, limits| queue.insert(tx, l1_price, limits));
        self.offer_candidates(sender);
    }

    /// Changes one queue and keeps the counts right. Returns what was dropped.
    fn change_queue(
        &mut self,
        sender: Address,
        change: impl FnOnce(&mut SenderQueue, &PoolLimits) -> Vec<Arc<PooledTx>>,
    ) -> Vec<Arc<PooledTx>> {
        let Entry::Occupied(mut entry) = self.senders.entry(sender) else { return Vec::new() };
        let queue = entry.get_mut();
        let before = queue.executable_len();
        let dropped = change(queue, &self.limits);
        // One change can move many transactions between executable and queued, so the queue counts
        // them.
        self.executable = self.executable - before + queue.executable_len();
        if queue.len() == 0 {
            entry.remove();
        }
        for tx in &dropped {
            self.by_hash.remove(&tx.hash());
            self.memory_bytes -= tx.memory_bytes();
        }
        dropped
    }

    // --- The bounds of the whole pool -------------------------------------------------------

    fn is_above_bounds(&self, count_more: usize, bytes_more: usize) -> bool {
        self.by_hash.len() + count_more > self.limits.count_max
            || self.memory_bytes + bytes_more > self.limits.memory_bytes_max
    }

    /// Drops transactions that rank below `tx` until it fits: of other senders, and what waits
    /// behind it. When it cannot fit, nothing is dropped. Returns whether there is room.
    ///
    /// It drops transactions first, and puts them back if that was not enough. A count beforehand
    /// would be wrong: when the last transaction of a queue is dropped, the one before it becomes a
    /// candidate.
    fn make_room(&mut self, tx: &PooledTx, place: Place, replaced: Option<&PooledTx>) -> bool {
        let count_more = usize::from(replaced.is_none());
        let bytes_more =
            tx.memory_bytes().saturating_sub(replaced.map_or(0, PooledTx::memory_bytes));
        if !self.is_above_bounds(count_more, bytes_more) {
            return true;
        }
        let rank = self.rank(tx, place);
        let mut candidates = self.candidates.take().unwrap_or_else(|| self.all_candidates());
        // Transactions of the same sender that `tx` may need to run are never dropped for it. They
        // stay candidates for later ones, so that their entries are put back at the end.
        let mut own = Vec::new();
        let mut victims: Vec<(Arc<PooledTx>, Account)> = Vec::new();
        let fits = loop {
            if !self.is_above_bounds(count_more, bytes_more) {
                break true;
            }
            let Some(worst) = candidates.pop() else { break false };
            // The heap may hold entries of transactions that were dropped or moved since: skip
            // them.
            if !self.is_current(&worst) {
                continue;
            }
            // The worst candidate ranks as high as `tx`, and so do all others.
            if worst.rank >= rank {
                candidates.push(worst);
                break false;
            }
            if worst.tx.sender() == tx.sender() && worst.tx.nonce() <= tx.nonce() {
                own.push(worst);
                continue;
            }
            let victim = worst.tx.sender();
            // Noted before the removal, which may drop the queue and the account with it.
            let Some(account) = self.queue(victim).map(SenderQueue::account) else { continue };
            self.remove_by_nonce(victim, worst.tx.nonce());
            candidates.extend(self.candidates_of(victim));
            victims.push((worst.tx, account));
        };
        candidates.extend(own);
        self.candidates = Some(candidates);
        let fits = fits || self.make_room_behind(tx, count_more, bytes_more, &mut victims);
        if fits {
            return true;
        }
        // In reverse, so that each queue grows again from its front and nothing waits for a gap.
        for (victim, account) in victims.into_iter().rev() {
            self.senders.entry(victim.sender()).or_insert_with(|| SenderQueue::new(account));
            self.place(victim);
        }
        false
    }

    /// Drops what waits furthest behind `tx` in its own sender's queue until `tx` fits: nothing
    /// else is worth less than `tx`, but these cannot run without it or before it.
    fn make_room_behind(
        &mut self,
        tx: &PooledTx,
        count_more: usize,
        bytes_more: usize,
        victims: &mut Vec<(Arc<PooledTx>, Account)>,
    ) -> bool {
        let sender = tx.sender();
        while self.is_above_bounds(count_more, bytes_more) {
            let Some(queue) = self.queue(sender) else { return false };
            let furthest = queue.furthest().filter(|(it, _)| it.nonce() > tx.nonce());
            let Some((furthest, _)) = furthest else { return false };
            let (furthest, account) = (furthest.clone(), queue.account());
            self.remove_by_nonce(sender, furthest.nonce());
            victims.push((furthest, account));
            self.offer_candidates(sender);
        }
        true
    }

    fn all_candidates(&self) -> Candidates {
        self.senders.keys().flat_map(|sender| self.candidates_of(*sender)).collect()
    }

    fn rank(&self, tx: &PooledTx, place: Place) -> Rank {
        Rank::new(tx, place, self.head.next_base_fee, self.limits.queued_share_bytes)
    }

    /// What of a sender may be dropped: its furthest queued transaction, its last executable one.
    fn candidates_of(&self, sender: Address) -> impl Iterator<Item = Candidate> {
        let of_queue = |queue: &SenderQueue| {
            let places = [queue.furthest(), queue.tail()];
            places.map(|it| {
                it.map(|(tx, place)| Candidate { rank: self.rank(tx, place), tx: tx.clone() })
            })
        };
        self.queue(sender).map(of_queue).into_iter().flatten().flatten()
    }

    /// Whether a candidate is still in the pool, may still be dropped, and ranks as it did.
    fn is_current(&self, candidate: &Candidate) -> bool {
        let mut now = self.candidates_of(candidate.tx.sender());
        now.any(|it| Arc::ptr_eq(&it.tx, &candidate.tx) && it.rank == candidate.rank)
    }

    /// Keeps the candidates complete after a transaction of `sender` came in.
    fn offer_candidates(&mut self, sender: Address) {
        let Some(mut candidates) = self.candidates.take() else { return };
        // An entry that is out of date leaves the heap only when it comes to the top. When there
        // are more of them than transactions, drop the heap: the next full pool builds a new one.
        if candidates.len() > 2 * self.by_hash.len() + 64 {
            return;
        }
        candidates.extend(self.candidates_of(sender));
        self.candidates = Some(candidates);
    }

    fn remove_by_nonce(&mut self, sender: Address, nonce: u64) {
        let l1_price = self.head.l1_price;
        self.change_queue(sender, |queue, _| queue.remove(nonce, l1_price));
    }

    // --- Changes from outside ---------------------------------------------------------------

    /// Removes a transaction; its sender's later ones wait from now on.
    pub(crate) fn remove(&mut self, hash: &B256) -> Option<Arc<PooledTx>> {
        let tx = self.by_hash.get(hash)?.clone();
        self.remove_by_nonce(tx.sender(), tx.nonce());
        // Transactions that wait from now on are candidates that the heap does not have.
        self.candidates = None;
        Some(tx)
    }

    /// Moves to a new head: `account` gives the accounts that changed, for each sender here.
    ///
    /// Returns how many transactions were dropped.
    pub(crate) fn set_head(
        &mut self,
        head: Head,
        changed: impl Iterator<Item = (Address, Account)>,
    ) -> usize {
        let before = self.len();
        self.generation += 1;
        // Ranks depend on the base fee.
        self.candidates = None;
        let new_l1_price = head.l1_price != self.head.l1_price;
        self.head = head;
        let l1_price = head.l1_price;
        if new_l1_price {
            // The L1 data fee is a part of what each transaction may cost, so that every sender's
            // funds may reach further or less far. It changes with a batch, not with each block.
            for sender in self.senders.keys().copied().collect::<Vec<_>>() {
                self.change_queue(sender, |queue, _| {
                    queue.set_l1_price(l1_price);
                    Vec::new()
                });
            }
        }
        for (sender, account) in changed {
            self.change_queue(sender, |queue, _| queue.set_account(account, l1_price));
        }
        self.expire();
        before - self.len()
    }

    /// Drops transactions that have waited too long; looks for them only once in a while.
    fn expire(&mut self) {
        let (now, expiry) = (self.head.timestamp, self.limits.queued_expiry_secs);
        if now < self.swept_at.saturating_add(expiry / SWEEPS_PER_EXPIRY) {
            return;
        }
        self.swept_at = now;
        let expired: Vec<(Address, u64)> = self
            .senders
            .values()
            .flat_map(SenderQueue::queued)
            .filter(|tx| now >= tx.arrived_at.saturating_add(expiry))
            .map(|tx| (tx.sender(), tx.nonce()))
            .collect();
        for (sender, nonce) in expired {
            self.remove_by_nonce(sender, nonce);
        }
    }

    /// Checks that counts, bounds and queues agree; for tests.
    #[cfg(test)]
    pub(crate) fn assert_consistent(&self) {
        assert!(self.by_hash.len() <= self.limits.count_max);
        assert!(self.memory_bytes <= self.limits.memory_bytes_max);
        let queues = self.senders.values();
        assert_eq!(self.by_hash.len(), queues.clone().map(SenderQueue::len).sum::<usize>());
        assert_eq!(self.executable, queues.clone().map(SenderQueue::executable_len).sum::<usize>());
        let bytes = self.by_hash.values().map(|tx| tx.memory_bytes()).sum::<usize>();
        assert_eq!(self.memory_bytes, bytes);
        for queue in queues {
            assert!(queue.len() > 0);
            assert!(queue.len() <= self.limits.per_sender_max);
            queue.assert_consistent(self.head.l1_price);
            for tx in queue.executable_from(0, usize::MAX).chain(queue.queued()) {
                assert!(self.by_hash.get(&tx.hash()).is_some_and(|it| Arc::ptr_eq(it, tx)));
            }
        }
    }
}
