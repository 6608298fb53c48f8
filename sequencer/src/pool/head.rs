//! The head that the pool checks transactions against, and the accounts at that head.
//!
//! In: executed blocks, in order, as soon as they are executed; the store, which gets them a little
//! later, when their roots are known. Out: accounts and code as the newest executed block left
//! them. It never writes.

use std::{collections::VecDeque, sync::Arc};

use alloy_primitives::{Address, B256, Bytes};
use gainsay_derivation::ChainConfig;
use gainsay_store::{Store, StoreError};
use gainsay_transition::{
    BlockState, ExecutedBlock, L1FeeParams, ReadError, RecoveredTx, SealedBlock, StateDiff,
    StateReader, next_base_fee,
    trie::{Account, AccountChange},
};
use parking_lot::RwLock;

use super::{content::Head, pooled_tx::L1Price};

/// What a new block changes for the pool.
#[derive(Clone, Copy, Debug)]
pub struct HeadUpdate<'a> {
    /// Height.
    pub number: u64,
    /// Seconds since the epoch.
    pub timestamp: u64,
    /// Gas that its transactions used.
    pub gas_used: u64,
    /// Gas that they could have used.
    pub gas_limit: u64,
    /// Its base fee, in wei.
    pub base_fee: u64,
    /// L1 prices in force after it.
    pub l1_fee_params: L1FeeParams,
    /// Its transactions.
    pub included: &'a [RecoveredTx],
    /// What it changed.
    pub diff: &'a StateDiff,
}

impl<'a> From<&'a ExecutedBlock> for HeadUpdate<'a> {
    fn from(block: &'a ExecutedBlock) -> Self {
        Self {
            number: block.context.number,
            timestamp: block.context.timestamp,
            gas_used: block.gas_used,
            gas_limit: block.context.gas_limit,
            base_fee: block.context.base_fee,
            l1_fee_params: block.l1_fee_params,
            included: &block.transactions,
            diff: &block.diff,
        }
    }
}

impl<'a> From<&'a SealedBlock> for HeadUpdate<'a> {
    fn from(block: &'a SealedBlock) -> Self {
        Self {
            number: block.header.number,
            timestamp: block.header.timestamp,
            gas_used: block.header.gas_used,
            gas_limit: block.header.gas_limit,
            base_fee: block.header.base_fee_per_gas.unwrap_or_default(),
            l1_fee_params: block.l1_fee_params,
            included: &block.transactions,
            diff: &block.diff,
        }
    }
}

impl<'a> From<&'a Arc<SealedBlock>> for HeadUpdate<'a> {
    fn from(block: &'a Arc<SealedBlock>) -> Self {
        Self::from(&**block)
    }
}

/// What a block that the store may not have yet left of accounts and code.
#[derive(Debug)]
struct Unsaved {
    number: u64,
    /// Sorted by address.
    accounts: Vec<(Address, Account)>,
    codes: Vec<(B256, Bytes)>,
}

/// Accounts at the newest executed block.
#[derive(Debug)]
pub(crate) struct HeadState {
    store: Store,
    /// Oldest first; as many as the block builder runs ahead of the store.
    unsaved: RwLock<VecDeque<Unsaved>>,
}

impl HeadState {
    pub(crate) const fn new(store: Store) -> Self {
        Self { store, unsaved: RwLock::new(VecDeque::new()) }
    }

    /// The account at the head; one that does not exist is empty.
    pub(crate) fn account(&self, address: Address) -> Result<Account, StoreError> {
        match self.unsaved_account(address) {
            Some(account) => Ok(account),
            None => Ok(self.store.state().account(address)?.unwrap_or_default()),
        }
    }

    /// The account as blocks left it that the store may not have yet, `None` if they did not
    /// change it.
    pub(crate) fn unsaved_account(&self, address: Address) -> Option<Account> {
        self.unsaved.read().iter().rev().find_map(|block| {
            let index = block.accounts.binary_search_by_key(&address, |(it, _)| *it).ok()?;
            block.accounts.get(index).map(|(_, account)| *account)
        })
    }

    /// The code with this hash, which an account at the head has.
    pub(crate) fn code(&self, code_hash: B256) -> Result<Bytes, StoreError> {
        let unsaved = self.unsaved.read().iter().find_map(|block| {
            let found = block.codes.iter().find(|(hash, _)| *hash == code_hash)?;
            Some(found.1.clone())
        });
        match unsaved {
            Some(code) => Ok(code),
            None => self.store.state().code(code_hash),
        }
    }

    /// Remembers a block until the store has it.
    pub(crate) fn push(&self, block: &HeadUpdate<'_>) {
        let change = |change: &AccountChange| (change.address, change.account.unwrap_or_default());
        let unsaved = Unsaved {
            number: block.number,
            accounts: block.diff.accounts.iter().map(change).collect(),
            codes: block.diff.codes.clone(),
        };
        let saved = self.store.head().number;
        let mut blocks = self.unsaved.write();
        while blocks.front().is_some_and(|block| block.number <= saved) {
            blocks.pop_front();
        }
        blocks.push_back(unsaved);
    }

    /// Forgets what the store did not get, after a rewind, and returns the store's head: number,
    /// timestamp, base fee of the next block, L1 prices in force.
    pub(crate) fn reset(&self, config: &ChainConfig) -> Result<Head, StoreError> {
        self.unsaved.write().clear();
        let stored = self.store.head_header()?;
        let header = &stored.header;
        let next_base_fee = next_base_fee(
            config,
            header.gas_used,
            header.gas_limit,
            header.base_fee_per_gas.unwrap_or(config.min_base_fee_wei),
        );
        Ok(Head {
            number: header.number,
            timestamp: header.timestamp,
            next_base_fee,
            l1_price: L1Price::from(&self.l1_fee_params(header.number)?),
        })
    }

    /// L1 prices from the state, as genesis has them there only.
    fn l1_fee_params(&self, head: u64) -> Result<L1FeeParams, StoreError> {
        // No block hash is asked for.
        let parent_hash = Box::new(|| B256::ZERO);
        let mut state = BlockState::new(self.store.state(), head.saturating_add(1), parent_hash);
        L1FeeParams::read(&mut state).map_err(|ReadError(error)| error)
    }
}
