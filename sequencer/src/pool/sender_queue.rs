//! The transactions of one sender, by nonce.
//!
//! In: transactions that are valid by themselves, and the sender's account at the head. Out: which
//! of them could run now one after the other (the executable ones), and which wait (the queued
//! ones) for a missing nonce or for funds. It knows no other sender and no bound of the whole pool.
//!
//! The executable ones are the longest run of nonces from the account's own on that its balance
//! pays for at their highest prices, L1 data fee included. Cost and memory of both kinds are kept
//! as sums: a thousand transactions in the wrong order cost no more than in the right one.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::U256;
use gainsay_transition::trie::Account;

use super::{
    error::{PoolError, WaitsFor},
    limits::PoolLimits,
    pooled_tx::{L1Price, PooledTx},
};

/// A transaction with what it can hope for behind those before it.
#[derive(Debug)]
struct Slot {
    tx: Arc<PooledTx>,
    /// Lowest fee cap from the head of the queue up to this one; set while it is executable.
    fee_cap_min: u128,
    /// Lowest tip cap, likewise.
    tip_cap_min: u128,
}

/// Where a transaction would stand in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It could run now; the fees are the lowest ones up to and including it.
    Executable {
        /// Lowest fee cap.
        fee_cap_min: u128,
        /// Lowest tip cap.
        tip_cap_min: u128,
    },
    /// It has to wait.
    Queued {
        /// Nonces from the first one that could run next to its own.
        distance: u64,
        /// Memory of all that waits in the queue up to and including it.
        bytes: usize,
        /// Whether the sender's balance pays for all that is in the queue up to and including it.
        is_funded: bool,
    },
}

/// One sender's transactions.
#[derive(Debug)]
pub(crate) struct SenderQueue {
    account: Account,
    slots: BTreeMap<u64, Slot>,
    executable: usize,
    executable_cost: U256,
    queued_cost: U256,
    queued_bytes: usize,
}

impl SenderQueue {
    /// An empty queue of the sender with this account.
    pub(crate) const fn new(account: Account) -> Self {
        Self {
            account,
            slots: BTreeMap::new(),
            executable: 0,
            executable_cost: U256::ZERO,
            queued_cost: U256::ZERO,
            queued_bytes: 0,
        }
    }

    /// The sender's account at the head.
    pub(crate) const fn account(&self) -> Account {
        self.account
    }

    /// Transactions that could run now.
    pub(crate) const fn executable_len(&self) -> usize {
        self.executable
    }

    /// All transactions.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// First nonce after the executable ones.
    pub(crate) const fn next_nonce(&self) -> u64 {
        self.account.nonce.saturating_add(self.executable as u64)
    }

    /// The transaction with this nonce.
    pub(crate) fn get(&self, nonce: u64) -> Option<&Arc<PooledTx>> {
        self.slots.get(&nonce).map(|slot| &slot.tx)
    }

    /// Up to `max` executable transactions from `nonce` on (from the first one if that is later).
    pub(crate) fn executable_from(
        &self,
        nonce: u64,
        max: usize,
    ) -> impl Iterator<Item = &Arc<PooledTx>> {
        let from = nonce.clamp(self.account.nonce, self.next_nonce());
        self.slots.range(from..self.next_nonce()).take(max).map(|(_, slot)| &slot.tx)
    }

    /// The last executable transaction, and its place.
    pub(crate) fn tail(&self) -> Option<(&Arc<PooledTx>, Place)> {
        let nonce = self.next_nonce().checked_sub(1)?;
        let slot = self.slots.get(&nonce).filter(|_| self.executable > 0)?;
        let (fee_cap_min, tip_cap_min) = (slot.fee_cap_min, slot.tip_cap_min);
        Some((&slot.tx, Place::Executable { fee_cap_min, tip_cap_min }))
    }

    /// The queued transaction with the highest nonce, and its place. It goes first: every other one
    /// can run sooner.
    pub(crate) fn furthest(&self) -> Option<(&Arc<PooledTx>, Place)> {
        let (nonce, slot) = self.slots.last_key_value()?;
        let distance = nonce.checked_sub(self.next_nonce())?;
        let cost = self.executable_cost.saturating_add(self.queued_cost);
        let (bytes, is_funded) = (self.queued_bytes, cost <= self.account.balance);
        Some((&slot.tx, Place::Queued { distance, bytes, is_funded }))
    }

    /// What the transactions wait for that cannot run now.
    pub(crate) fn waits_for(&self) -> WaitsFor {
        let next = self.next_nonce();
        match self.slots.contains_key(&next) {
            true => WaitsFor::Funds(next),
            false => WaitsFor::Nonce(next),
        }
    }

    /// The transactions that wait.
    pub(crate) fn queued(&self) -> impl Iterator<Item = &Arc<PooledTx>> {
        self.slots.range(self.next_nonce()..).map(|(_, slot)| &slot.tx)
    }

    /// Says where `tx` would stand, or why it may not; changes nothing.
    pub(crate) fn admit(
        &self,
        tx: &PooledTx,
        l1_price: L1Price,
        limits: &PoolLimits,
    ) -> Result<Place, PoolError> {
        let nonce = tx.nonce();
        if nonce < self.account.nonce {
            return Err(PoolError::NonceTooLow { next: self.account.nonce, found: nonce });
        }
        let replaced = self.get(nonce);
        if let Some(old) = replaced {
            check_replacement(old, tx, limits.replacement_bump_percent)?;
        }
        let executable = nonce <= self.next_nonce();
        self.check_funds(tx, replaced, executable, l1_price)?;
        let is_full = replaced.is_none() && self.slots.len() >= limits.per_sender_max;
        if is_full && self.slots.last_key_value().is_none_or(|(last, _)| nonce > *last) {
            let waits_for = (!executable).then(|| self.waits_for());
            let (sender, max) = (tx.sender(), limits.per_sender_max);
            return Err(PoolError::AccountLimit { sender, max, waits_for });
        }
        if executable {
            return Ok(self.executable_place(tx));
        }
        let bytes = self.queued_bytes.saturating_add(tx.memory_bytes());
        let bytes = bytes.saturating_sub(replaced.map_or(0, |old| old.memory_bytes()));
        let distance = nonce - self.next_nonce();
        // The funds were checked above.
        Ok(Place::Queued { distance, bytes, is_funded: true })
    }

    /// As geth: the balance must pay for the transaction and for all others of its kind.
    fn check_funds(
        &self,
        tx: &PooledTx,
        replaced: Option<&Arc<PooledTx>>,
        executable: bool,
        l1_price: L1Price,
    ) -> Result<(), PoolError> {
        let mut others = self.executable_cost;
        if !executable {
            others = others.saturating_add(self.queued_cost);
        }
        // A queued transaction at the next nonce (it waits for funds) is not among the others.
        if let Some(old) = replaced
            && (!executable || old.nonce() < self.next_nonce())
        {
            others = others.saturating_sub(old.cost(l1_price));
        }
        let cost = others.saturating_add(tx.cost(l1_price));
        let balance = self.account.balance;
        if cost > balance {
            let l1_fee = tx.l1_fee(l1_price);
            return Err(PoolError::InsufficientFunds { balance, cost, l1_fee });
        }
        Ok(())
    }

    fn executable_place(&self, tx: &PooledTx) -> Place {
        let before = tx.nonce().checked_sub(1).and_then(|nonce| self.slots.get(&nonce));
        let (fee_cap, tip_cap) =
            before.map_or((u128::MAX, u128::MAX), |slot| (slot.fee_cap_min, slot.tip_cap_min));
        Place::Executable {
            fee_cap_min: fee_cap.min(tx.fee_cap),
            tip_cap_min: tip_cap.min(tx.tip_cap),
        }
    }

    /// Takes in a transaction that [`Self::admit`] allowed, or that was here before. Returns what
    /// it replaced and what it pushed out of the queue's end.
    pub(crate) fn insert(
        &mut self,
        tx: Arc<PooledTx>,
        l1_price: L1Price,
        limits: &PoolLimits,
    ) -> Vec<Arc<PooledTx>> {
        let nonce = tx.nonce();
        let slot = Slot { tx: Arc::clone(&tx), fee_cap_min: 0, tip_cap_min: 0 };
        let replaced = self.slots.insert(nonce, slot);
        match &replaced {
            Some(old) if nonce < self.next_nonce() => self.adjust(&old.tx, &tx, l1_price),
            Some(old) => {
                self.subtract_queued(&old.tx, l1_price);
                self.add_queued(&tx, l1_price);
            }
            None => self.add_queued(&tx, l1_price),
        }
        self.extend_executable(l1_price);
        let mut dropped: Vec<_> = replaced.into_iter().map(|slot| slot.tx).collect();
        self.trim(l1_price, limits, &mut dropped);
        dropped
    }

    /// Removes the transaction with this nonce; those behind it wait from now on.
    pub(crate) fn remove(&mut self, nonce: u64, l1_price: L1Price) -> Vec<Arc<PooledTx>> {
        let next = self.next_nonce();
        let Some(removed) = self.slots.remove(&nonce) else { return Vec::new() };
        if nonce >= next {
            self.subtract_queued(&removed.tx, l1_price);
        } else if nonce.checked_add(1) == Some(next) {
            // The common case, an eviction: nothing in front of it changes.
            self.executable -= 1;
            self.executable_cost = self.executable_cost.saturating_sub(removed.tx.cost(l1_price));
        } else {
            self.executable_cost = self.executable_cost.saturating_sub(removed.tx.cost(l1_price));
            while self.next_nonce() > nonce.saturating_add(1) {
                self.queue_tail(l1_price);
            }
            self.executable -= 1;
        }
        vec![removed.tx]
    }

    /// Takes over the account at a new head, and its L1 price. Returns what can no longer run.
    pub(crate) fn set_account(
        &mut self,
        account: Account,
        l1_price: L1Price,
    ) -> Vec<Arc<PooledTx>> {
        let kept = self.slots.split_off(&account.nonce);
        let stale = std::mem::replace(&mut self.slots, kept);
        self.account = account;
        self.recount(l1_price);
        stale.into_values().map(|slot| slot.tx).collect()
    }

    /// Recounts with the same account at a new L1 price.
    pub(crate) fn set_l1_price(&mut self, l1_price: L1Price) {
        self.recount(l1_price);
    }

    /// Takes over that the executable `old` was replaced by `new`: nothing before it changes.
    fn adjust(&mut self, old: &PooledTx, new: &PooledTx, l1_price: L1Price) {
        let others = self.executable_cost.saturating_sub(old.cost(l1_price));
        self.executable_cost = others.saturating_add(new.cost(l1_price));
        while self.executable_cost > self.account.balance && self.executable > 0 {
            self.queue_tail(l1_price);
        }
        let before = new.nonce().checked_sub(1).and_then(|nonce| self.slots.get(&nonce));
        let (mut fee_cap_min, mut tip_cap_min) =
            before.map_or((u128::MAX, u128::MAX), |slot| (slot.fee_cap_min, slot.tip_cap_min));
        let next = self.next_nonce();
        for (nonce, slot) in self.slots.range_mut(new.nonce()..next.max(new.nonce())) {
            fee_cap_min = fee_cap_min.min(slot.tx.fee_cap);
            tip_cap_min = tip_cap_min.min(slot.tx.tip_cap);
            let minima = (fee_cap_min, tip_cap_min);
            if *nonce > new.nonce() && minima == (slot.fee_cap_min, slot.tip_cap_min) {
                // All further ones stand as they did.
                break;
            }
            (slot.fee_cap_min, slot.tip_cap_min) = minima;
        }
    }

    /// Lets the last executable transaction wait.
    fn queue_tail(&mut self, l1_price: L1Price) {
        let Some(slot) = self.next_nonce().checked_sub(1).and_then(|last| self.slots.get(&last))
        else {
            return;
        };
        let tx = Arc::clone(&slot.tx);
        self.executable -= 1;
        self.executable_cost = self.executable_cost.saturating_sub(tx.cost(l1_price));
        self.add_queued(&tx, l1_price);
    }

    fn recount(&mut self, l1_price: L1Price) {
        self.executable = 0;
        self.executable_cost = U256::ZERO;
        (self.queued_cost, self.queued_bytes) = self.sums(l1_price);
        self.extend_executable(l1_price);
    }

    /// Cost and memory of all that is in the queue behind the executable ones.
    fn sums(&self, l1_price: L1Price) -> (U256, usize) {
        self.queued().fold((U256::ZERO, 0), |(cost, bytes), tx| {
            (cost.saturating_add(tx.cost(l1_price)), bytes + tx.memory_bytes())
        })
    }

    fn add_queued(&mut self, tx: &PooledTx, l1_price: L1Price) {
        self.queued_cost = self.queued_cost.saturating_add(tx.cost(l1_price));
        self.queued_bytes += tx.memory_bytes();
    }

    fn subtract_queued(&mut self, tx: &PooledTx, l1_price: L1Price) {
        self.queued_cost = self.queued_cost.saturating_sub(tx.cost(l1_price));
        self.queued_bytes = self.queued_bytes.saturating_sub(tx.memory_bytes());
    }

    /// Lets the executable run grow over the transactions behind it.
    fn extend_executable(&mut self, l1_price: L1Price) {
        let (mut fee_cap_min, mut tip_cap_min) = match self.tail() {
            Some((_, Place::Executable { fee_cap_min, tip_cap_min })) => (fee_cap_min, tip_cap_min),
            _ => (u128::MAX, u128::MAX),
        };
        let mut next = self.next_nonce();
        for (nonce, slot) in self.slots.range_mut(next..) {
            let own_cost = slot.tx.cost(l1_price);
            let cost = self.executable_cost.saturating_add(own_cost);
            if *nonce != next || cost > self.account.balance {
                break;
            }
            fee_cap_min = fee_cap_min.min(slot.tx.fee_cap);
            tip_cap_min = tip_cap_min.min(slot.tx.tip_cap);
            (slot.fee_cap_min, slot.tip_cap_min) = (fee_cap_min, tip_cap_min);
            self.executable += 1;
            self.executable_cost = cost;
            self.queued_cost = self.queued_cost.saturating_sub(own_cost);
            self.queued_bytes = self.queued_bytes.saturating_sub(slot.tx.memory_bytes());
            next = next.saturating_add(1);
        }
    }

    /// Drops the highest nonces while there are too many.
    fn trim(&mut self, l1_price: L1Price, limits: &PoolLimits, dropped: &mut Vec<Arc<PooledTx>>) {
        while self.slots.len() > limits.per_sender_max {
            let Some(last) = self.slots.last_key_value().map(|(nonce, _)| *nonce) else { break };
            dropped.extend(self.remove(last, l1_price));
        }
    }

    /// Checks the sums against the transactions; for tests.
    #[cfg(test)]
    pub(crate) fn assert_consistent(&self, l1_price: L1Price) {
        assert_eq!((self.queued_cost, self.queued_bytes), self.sums(l1_price));
        let executable = self.executable_from(0, usize::MAX).map(|tx| tx.cost(l1_price));
        assert_eq!(self.executable_cost, executable.sum::<U256>());
        assert!(self.executable_cost <= self.account.balance);
        let mut minima = (u128::MAX, u128::MAX);
        for slot in self.slots.range(..self.next_nonce()).map(|(_, slot)| slot) {
            minima = (minima.0.min(slot.tx.fee_cap), minima.1.min(slot.tx.tip_cap));
            assert_eq!((slot.fee_cap_min, slot.tip_cap_min), minima);
        }
        let next = self.slots.get(&self.next_nonce());
        let cost_of_next = next.map_or(U256::MAX, |slot| slot.tx.cost(l1_price));
        let cost = self.executable_cost.saturating_add(cost_of_next);
        assert!(cost > self.account.balance, "the next one could run, too");
    }
}

/// A replacement must raise both fees by `bump_percent`, so that it pays for the bandwidth.
fn check_replacement(old: &PooledTx, new: &PooledTx, bump_percent: u128) -> Result<(), PoolError> {
    let raised = |fee: u128| {
        let bump = U256::from(fee) * U256::from(bump_percent);
        U256::from(fee) + bump.div_ceil(U256::from(100))
    };
    let enough = U256::from(new.fee_cap) >= raised(old.fee_cap)
        && U256::from(new.tip_cap) >= raised(old.tip_cap)
        // Ten percent of a zero tip is nothing: geth wants it to rise all the same.
        && new.fee_cap > old.fee_cap
        && new.tip_cap > old.tip_cap;
    if enough { Ok(()) } else { Err(PoolError::ReplacementUnderpriced) }
}
