//! The transactions of one sender, by nonce.
//!
//! In: transactions that are valid by themselves, and the sender's account at the head. Out: which
//! of them could run now one after the other (the executable ones), and which wait (the queued
//! ones) for a missing nonce or for funds. It knows no other sender and no bound of the whole pool.
//!
//! The executable ones are the longest run of nonces from the account's own on that its balance
//! pays for at their highest prices, L1 data fee included.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::U256;
use gainsay_transition::trie::Account;

use super::{
    error::PoolError,
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
    Queued,
}

/// One sender's transactions.
#[derive(Debug)]
pub(crate) struct SenderQueue {
    account: Account,
    slots: BTreeMap<u64, Slot>,
    executable: usize,
    executable_cost: U256,
}

impl SenderQueue {
    /// An empty queue of the sender with this account.
    pub(crate) const fn new(account: Account) -> Self {
        Self { account, slots: BTreeMap::new(), executable: 0, executable_cost: U256::ZERO }
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

    fn queued_len(&self) -> usize {
        self.slots.len() - self.executable
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
        if executable {
            let appended = nonce == self.next_nonce();
            if appended && self.executable >= limits.executable_per_sender_max {
                let max = limits.executable_per_sender_max;
                return Err(PoolError::AccountLimit { sender: tx.sender(), max });
            }
            return Ok(self.executable_place(tx));
        }
        let full = replaced.is_none() && self.queued_len() >= limits.queued_per_sender_max;
        if full && self.slots.last_key_value().is_none_or(|(last, _)| nonce > *last) {
            let max = limits.queued_per_sender_max;
            return Err(PoolError::AccountLimit { sender: tx.sender(), max });
        }
        Ok(Place::Queued)
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
            others = self
                .queued()
                .map(|other| other.cost(l1_price))
                .fold(others, |sum, cost| sum.saturating_add(cost));
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
            return Err(PoolError::InsufficientFunds { balance, cost });
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
        let appended = nonce == self.next_nonce();
        let slot = Slot { tx, fee_cap_min: 0, tip_cap_min: 0 };
        let replaced = self.slots.insert(nonce, slot);
        let mut dropped: Vec<_> = replaced.into_iter().map(|slot| slot.tx).collect();
        if appended {
            self.extend_executable(l1_price, limits.executable_per_sender_max);
        } else if nonce < self.next_nonce() {
            self.recount(l1_price, limits);
        }
        self.trim(limits, &mut dropped);
        dropped
    }

    /// Removes the transaction with this nonce; those behind it wait from now on.
    pub(crate) fn remove(
        &mut self,
        nonce: u64,
        l1_price: L1Price,
        limits: &PoolLimits,
    ) -> Vec<Arc<PooledTx>> {
        let is_tail = self.executable > 0 && nonce.checked_add(1) == Some(self.next_nonce());
        let Some(removed) = self.slots.remove(&nonce) else { return Vec::new() };
        if is_tail {
            // The common case, an eviction: nothing in front of it changes.
            self.executable -= 1;
            self.executable_cost = self.executable_cost.saturating_sub(removed.tx.cost(l1_price));
        } else if nonce < self.next_nonce() {
            self.recount(l1_price, limits);
        }
        let mut dropped = vec![removed.tx];
        self.trim(limits, &mut dropped);
        dropped
    }

    /// Takes over the account at a new head, and its L1 price. Returns what can no longer run.
    pub(crate) fn set_account(
        &mut self,
        account: Account,
        l1_price: L1Price,
        limits: &PoolLimits,
    ) -> Vec<Arc<PooledTx>> {
        let kept = self.slots.split_off(&account.nonce);
        let stale = std::mem::replace(&mut self.slots, kept);
        let mut dropped: Vec<_> = stale.into_values().map(|slot| slot.tx).collect();
        self.account = account;
        self.recount(l1_price, limits);
        self.trim(limits, &mut dropped);
        dropped
    }

    /// Recounts with the same account at a new L1 price.
    pub(crate) fn set_l1_price(
        &mut self,
        l1_price: L1Price,
        limits: &PoolLimits,
    ) -> Vec<Arc<PooledTx>> {
        self.recount(l1_price, limits);
        let mut dropped = Vec::new();
        self.trim(limits, &mut dropped);
        dropped
    }

    fn recount(&mut self, l1_price: L1Price, limits: &PoolLimits) {
        self.executable = 0;
        self.executable_cost = U256::ZERO;
        self.extend_executable(l1_price, limits.executable_per_sender_max);
    }

    /// Lets the executable run grow over the transactions behind it.
    fn extend_executable(&mut self, l1_price: L1Price, executable_max: usize) {
        let (mut fee_cap_min, mut tip_cap_min) = match self.tail() {
            Some((_, Place::Executable { fee_cap_min, tip_cap_min })) => (fee_cap_min, tip_cap_min),
            _ => (u128::MAX, u128::MAX),
        };
        let mut next = self.next_nonce();
        for (nonce, slot) in self.slots.range_mut(next..) {
            let cost = self.executable_cost.saturating_add(slot.tx.cost(l1_price));
            let fits = self.executable < executable_max && cost <= self.account.balance;
            if *nonce != next || !fits {
                break;
            }
            fee_cap_min = fee_cap_min.min(slot.tx.fee_cap);
            tip_cap_min = tip_cap_min.min(slot.tx.tip_cap);
            (slot.fee_cap_min, slot.tip_cap_min) = (fee_cap_min, tip_cap_min);
            self.executable += 1;
            self.executable_cost = cost;
            next = next.saturating_add(1);
        }
    }

    /// Drops the highest nonces while too many wait.
    fn trim(&mut self, limits: &PoolLimits, dropped: &mut Vec<Arc<PooledTx>>) {
        while self.queued_len() > limits.queued_per_sender_max {
            let Some((_, slot)) = self.slots.pop_last() else { break };
            dropped.push(slot.tx);
        }
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
