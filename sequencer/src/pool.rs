//! The transaction pool: what wallets sent and no block holds yet.
//!
//! In: raw transactions, and each block as soon as it is executed. Out: the executable transactions
//! best first, and answers to RPC. Everything in it is bounded by [`PoolLimits`]; when it is full,
//! the least paying goes. Architecture invariant: it holds nothing that lasts, writes no disk,
//! knows no network, and never holds its lock while something executes.
//!
//! | module | job |
//! |---|---|
//! | `limits` | [`PoolLimits`] |
//! | `error` | [`PoolError`], in geth's words |
//! | `pooled_tx` | [`PooledTx`]: one transaction with its fees and cost |
//! | `validate` | the rules that need no pool |
//! | `head` | the head: [`HeadUpdate`] in, accounts out |
//! | `sender_queue` | one sender's transactions by nonce: executable, queued, replacement |
//! | `eviction` | what a full pool gives up first |
//! | `content` | all of it, and the bounds of the whole |
//! | `best` | [`BestTransactions`] |

mod best;
mod content;
mod error;
mod eviction;
mod head;
mod limits;
mod pooled_tx;
mod sender_queue;
mod validate;

#[cfg(test)]
mod pool_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
pub(crate) mod test_chain;

use std::sync::Arc;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use gainsay_derivation::ChainConfig;
use gainsay_store::{Store, StoreError};
use gainsay_transition::{RecoveredTx, next_base_fee, trie::Account};
use parking_lot::RwLock;
use rayon::prelude::*;
use tokio::sync::{Notify, broadcast};

pub use best::BestTransactions;
pub use error::{PoolError, WaitsFor};
pub use head::HeadUpdate;
pub use limits::PoolLimits;
pub use pooled_tx::PooledTx;

use content::{Content, Head};
use head::HeadState;
use pooled_tx::L1Price;
use sender_queue::SenderQueue;

/// Transactions inserted while the lock is held once.
const INSERTS_PER_LOCK: usize = 128;
/// Hashes of new transactions kept for a slow listener before it misses some.
const ARRIVALS_MAX: usize = 4_096;
/// Transactions that one thread recovers at a time; below this, splitting costs more.
const RECOVERIES_MIN: usize = 4;

/// How much is in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStatus {
    /// Transactions that could run now, one after the other.
    pub executable: usize,
    /// Transactions that wait for a nonce or for funds.
    pub queued: usize,
    /// Memory of all, in bytes, as accounted.
    pub memory_bytes: usize,
}

/// The transactions of one sender, by nonce.
#[derive(Clone, Debug)]
pub struct SenderTransactions {
    /// The sender.
    pub sender: Address,
    /// What could run now, one after the other.
    pub executable: Vec<Arc<PooledTx>>,
    /// What waits.
    pub queued: Vec<Arc<PooledTx>>,
    /// What the queued ones wait for.
    pub waits_for: WaitsFor,
}

/// The transaction pool of a sequencer. Shared by `Arc`.
#[derive(Debug)]
pub struct Pool {
    config: ChainConfig,
    limits: PoolLimits,
    state: HeadState,
    content: Arc<RwLock<Content>>,
    work: Notify,
    arrivals: broadcast::Sender<B256>,
}

/// A transaction that passed all checks but those against the rest of the pool.
struct Checked {
    tx: PooledTx,
    account: Account,
    /// The pool's generation when `account` was read.
    generation: u64,
}

impl Pool {
    /// An empty pool at the store's head. The store must hold a genesis.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(limits: PoolLimits, config: ChainConfig, store: Store) -> Result<Self, StoreError> {
        let state = HeadState::new(store);
        let head = state.reset(&config)?;
        Ok(Self {
            config,
            state,
            content: Arc::new(RwLock::new(Content::new(limits.clone(), head))),
            limits,
            work: Notify::new(),
            arrivals: broadcast::channel(ARRIVALS_MAX).0,
        })
    }

    /// Takes in EIP-2718 encoded transactions: the answers are in the same order.
    ///
    /// Decodes them and recovers their senders on all cores (about 30 us each). Blocks the thread:
    /// call it where blocking is allowed, with many transactions at once.
    pub fn add_raw(&self, raw: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        let checked = if raw.len() > RECOVERIES_MIN {
            let raw = raw.into_par_iter().with_min_len(RECOVERIES_MIN);
            raw.map(|raw| self.check_raw(raw)).collect()
        } else {
            raw.into_iter().map(|raw| self.check_raw(raw)).collect()
        };
        self.insert_all(checked)
    }

    /// Takes in a transaction whose sender is known, as after a rewind.
    ///
    /// # Errors
    /// Why the transaction is not taken.
    pub fn add(&self, tx: RecoveredTx) -> Result<B256, PoolError> {
        let checked = self.check(tx);
        self.insert_all(vec![checked]).pop().unwrap_or(Err(PoolError::Full { waits_for: None }))
    }

    fn check_raw(&self, raw: Bytes) -> Result<Checked, PoolError> {
        validate::check_size(&raw, &self.limits)?;
        // Before the costly part: wallets send the same again and again.
        if self.content.read().get(&keccak256(&raw)).is_some() {
            return Err(PoolError::AlreadyKnown);
        }
        self.check(RecoveredTx::decode_signed(raw)?)
    }

    fn check(&self, tx: RecoveredTx) -> Result<Checked, PoolError> {
        validate::check_transaction(&tx, &self.config, &self.limits)?;
        let generation = self.content.read().generation;
        let account = self.state.account(tx.sender)?;
        validate::check_sender(&tx, &account, || self.state.code(account.code_hash))?;
        Ok(Checked { tx: PooledTx::new(tx), account, generation })
    }

    fn insert_all(&self, checked: Vec<Result<Checked, PoolError>>) -> Vec<Result<B256, PoolError>> {
        let mut answers: Vec<Option<Result<B256, PoolError>>> = Vec::new();
        answers.resize_with(checked.len(), || None);
        let mut accepted = Vec::with_capacity(checked.len());
        for (index, checked) in checked.into_iter().enumerate() {
            match checked {
                Ok(checked) => accepted.push((index, checked)),
                Err(error) => answers[index] = Some(Err(error)),
            }
        }
        // By nonce, so that a batch in the wrong order leaves no gaps on the way.
        accepted.sort_by_key(|(_, checked)| checked.tx.nonce());
        let mut has_work = false;
        let mut accepted = accepted.into_iter().peekable();
        while accepted.peek().is_some() {
            let mut content = self.content.write();
            for (index, checked) in accepted.by_ref().take(INSERTS_PER_LOCK) {
                let hash = checked.tx.hash();
                let inserted = self.insert(&mut content, checked);
                has_work |= matches!(inserted, Ok(true));
                answers[index] = Some(inserted.map(|_| hash));
            }
        }
        self.announce(answers.iter().flatten().flatten(), has_work);
        answers
            .into_iter()
            .map(|answer| answer.unwrap_or(Err(PoolError::Full { waits_for: None })))
            .collect()
    }

    fn insert(&self, content: &mut Content, checked: Checked) -> Result<bool, PoolError> {
        let Checked { tx, mut account, generation } = checked;
        if generation != content.generation {
            // The head moved since: the changed accounts are in memory, except after a rewind.
            account = self.state.account(tx.sender())?;
        }
        let (sender, nonce) = (tx.sender(), tx.nonce());
        let is_executable = content.insert(tx, account)?;
        if !is_executable && let Some(waits_for) = content.queue(sender).map(SenderQueue::waits_for)
        {
            tracing::debug!(%sender, nonce, "a transaction is {waits_for}");
        }
        Ok(is_executable)
    }

    fn announce<'a>(&self, hashes: impl Iterator<Item = &'a B256>, has_work: bool) {
        if self.arrivals.receiver_count() > 0 {
            for hash in hashes {
                let _listeners = self.arrivals.send(*hash);
            }
        }
        if has_work {
            self.work.notify_one();
        }
    }

    /// The first nonce after the executable transactions of `sender`; when it has none, the nonce
    /// that blocks left it with which the store may not have yet. `None`: ask the store.
    #[must_use]
    pub fn next_nonce(&self, sender: Address) -> Option<u64> {
        let content = self.content.read();
        match content.queue(sender) {
            Some(queue) => Some(queue.next_nonce()),
            None => self.state.unsaved_account(sender).map(|account| account.nonce),
        }
    }

    /// A transaction of the pool.
    #[must_use]
    pub fn get(&self, hash: &B256) -> Option<Arc<PooledTx>> {
        self.content.read().get(hash).cloned()
    }

    /// What a transaction of the pool waits for; `None` when it could run or is not here.
    #[must_use]
    pub fn waits_for(&self, hash: &B256) -> Option<WaitsFor> {
        let content = self.content.read();
        let tx = content.get(hash)?;
        let queue = content.queue(tx.sender())?;
        (tx.nonce() >= queue.next_nonce()).then(|| queue.waits_for())
    }

    /// The transactions of one sender, or of all.
    #[must_use]
    pub fn queues(&self, sender: Option<Address>) -> Vec<SenderTransactions> {
        let content = self.content.read();
        let queues = content.queues().filter(|(it, _)| sender.is_none_or(|sender| sender == **it));
        let shown = queues.map(|(sender, queue)| SenderTransactions {
            sender: *sender,
            executable: queue.executable_from(0, usize::MAX).cloned().collect(),
            queued: queue.queued().cloned().collect(),
            waits_for: queue.waits_for(),
        });
        shown.collect()
    }

    /// The executable transactions, best first, for a block with this base fee in wei.
    #[must_use]
    pub fn best(&self, base_fee: u64) -> BestTransactions {
        BestTransactions::new(self.content.clone(), base_fee)
    }

    /// Drops a transaction that turned out to be invalid. Its sender's later ones wait from now on.
    pub fn remove_invalid(&self, hash: &B256) -> Option<Arc<PooledTx>> {
        self.content.write().remove(hash)
    }

    /// Moves to the block after the head, as soon as it is executed: drops what it includes and
    /// what it made impossible. A block that the pool has seen already is passed over, so that both
    /// an executed block and the same one sealed may be given; a block further ahead makes the pool
    /// read the store again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn on_block<'a>(&self, block: impl Into<HeadUpdate<'a>>) -> Result<(), StoreError> {
        let block = block.into();
        let mut content = self.content.write();
        if block.number <= content.head.number {
            return Ok(());
        }
        if block.number > content.head.number.saturating_add(1) {
            return self.read_anew(&mut content);
        }
        self.state.push(&block);
        let head = Head {
            number: block.number,
            timestamp: block.timestamp,
            next_base_fee: next_base_fee(
                &self.config,
                block.gas_used,
                block.gas_limit,
                block.base_fee,
            ),
            l1_price: L1Price::from(&block.l1_fee_params),
        };
        let changed = &block.diff.accounts;
        let changed = changed.iter().map(|it| (it.address, it.account.unwrap_or_default()));
        content.set_head(head, changed);
        Ok(())
    }

    /// Takes up the store's head after a rewind: all accounts are read again. Transactions of the
    /// blocks taken back are to be given to [`Self::add`] afterwards.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn reset(&self) -> Result<(), StoreError> {
        self.read_anew(&mut self.content.write())
    }

    fn read_anew(&self, content: &mut Content) -> Result<(), StoreError> {
        let head = self.state.reset(&self.config)?;
        let senders: Vec<Address> = content.queues().map(|(sender, _)| *sender).collect();
        // One by one: rayon's threads may be waiting for the lock that is held here.
        let accounts = senders
            .into_iter()
            .map(|sender| Ok((sender, self.state.account(sender)?)))
            .collect::<Result<Vec<_>, StoreError>>()?;
        content.set_head(head, accounts.into_iter());
        Ok(())
    }

    /// How much is in the pool.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let content = self.content.read();
        let executable = content.executable_len();
        let queued = content.len() - executable;
        PoolStatus { executable, queued, memory_bytes: content.memory_bytes() }
    }

    /// Whether no transaction could run now.
    #[must_use]
    pub fn executable_is_empty(&self) -> bool {
        self.content.read().executable_len() == 0
    }

    /// All transactions in the pool.
    #[must_use]
    pub fn len(&self) -> usize {
        self.content.read().len()
    }

    /// Whether the pool holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until an executable transaction has come in since the last wait ended. For one
    /// waiter, which looks into the pool before it waits.
    pub async fn wait_for_work(&self) {
        self.work.notified().await;
    }

    /// Hashes of transactions as they are taken in.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<B256> {
        self.arrivals.subscribe()
    }
}
