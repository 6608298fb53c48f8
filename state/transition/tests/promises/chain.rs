//! A chain in memory: flat state, trie nodes, headers; nothing of it is shared with the store.

use std::{collections::BTreeMap, convert::Infallible};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, address, hex};
use gainsay_derivation::{ChainConfig, GenesisAccount};
use gainsay_transition::{
    BlockExecutor, HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, PrecompileReader, SealedBlock,
    StateReader, genesis, seal,
    trie::{Account, NodeSet},
};

/// Chain id of the test chain.
pub(crate) const CHAIN_ID: u64 = 42_069;

/// The EIP-2935 contract's code.
pub(crate) const HISTORY_CODE: [u8; 83] = hex!(
    "3373fffffffffffffffffffffffffffffffffffffffe14604657602036036042575f35600143038111604257611fff81430311604257611fff9006545f5260205ff35b5f5ffd5b5f35611fff60014303065500"
);

/// A contract that does nothing; where a test needs some code.
pub(crate) const STOP: [u8; 1] = [0];

pub(crate) fn config() -> ChainConfig {
    ChainConfig {
        chain_id: CHAIN_ID,
        block_gas_limit: 30_000_000,
        base_fee_change_denominator: 8,
        elasticity: 2,
        min_base_fee_wei: 1_000,
        initial_base_fee_wei: 1_000_000,
        sequencer_window_secs: 3_600,
        sequencer_drift_secs: 60,
        max_blocks_per_sec: 10,
    }
}

pub(crate) fn contract(code: &[u8]) -> GenesisAccount {
    GenesisAccount { nonce: 1, code: Bytes::copy_from_slice(code), ..Default::default() }
}

pub(crate) fn funded(balance: U256) -> GenesisAccount {
    GenesisAccount { balance, ..Default::default() }
}

/// The predeploys that a genesis must have, with L1 prices in `L1Block` (scalars in millionths).
pub(crate) fn predeploys(
    l1_base_fee: u64,
    base_fee_scalar: u32,
) -> BTreeMap<Address, GenesisAccount> {
    let mut l1_block = contract(&STOP);
    let slot = |index: u64| B256::from(U256::from(index));
    l1_block.storage.insert(slot(1), B256::from(U256::from(l1_base_fee)));
    let mut scalars = [0; 32];
    scalars[16..20].copy_from_slice(&base_fee_scalar.to_be_bytes());
    l1_block.storage.insert(slot(3), B256::from(scalars));
    BTreeMap::from([
        (L1_BLOCK, l1_block),
        (MESSAGE_PASSER, contract(&STOP)),
        (HISTORY_STORAGE, contract(&HISTORY_CODE)),
    ])
}

/// State, nodes and head.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) config: ChainConfig,
    pub(crate) accounts: BTreeMap<Address, Account>,
    pub(crate) storage: BTreeMap<(Address, U256), U256>,
    pub(crate) codes: BTreeMap<B256, Bytes>,
    pub(crate) nodes: NodeSet,
    pub(crate) head: Header,
    pub(crate) hash: B256,
}

impl Chain {
    pub(crate) fn new(alloc: &BTreeMap<Address, GenesisAccount>) -> Self {
        let config = config();
        let block = genesis(&config, 1_700_000_000, alloc).unwrap();
        let mut chain = Self {
            config,
            accounts: BTreeMap::new(),
            storage: BTreeMap::new(),
            codes: BTreeMap::new(),
            nodes: NodeSet::default(),
            head: Header::default(),
            hash: B256::ZERO,
        };
        chain.apply(&block);
        chain
    }

    pub(crate) fn executor(&self, timestamp: u64) -> BlockExecutor<&Self> {
        let hash = self.hash;
        BlockExecutor::new(&self.config, &self.head, timestamp, self, Box::new(move || hash))
    }

    pub(crate) fn seal(&self, executor: BlockExecutor<&Self>) -> SealedBlock {
        seal(executor.finish().unwrap(), self.hash, &self.head, &self.nodes).unwrap()
    }

    pub(crate) fn apply(&mut self, block: &SealedBlock) {
        for change in &block.diff.accounts {
            match change.account {
                Some(account) => self.accounts.insert(change.address, account),
                None => self.accounts.remove(&change.address),
            };
            for (slot, value) in &change.storage {
                if value.is_zero() {
                    self.storage.remove(&(change.address, *slot));
                } else {
                    self.storage.insert((change.address, *slot), *value);
                }
            }
        }
        self.codes.extend(block.diff.codes.iter().cloned());
        self.nodes.extend(block.nodes.clone());
        self.head = block.header.clone();
        self.hash = block.hash;
    }

    pub(crate) fn balance(&self, address: Address) -> U256 {
        self.accounts.get(&address).map(|account| account.balance).unwrap_or_default()
    }
}

impl StateReader for Chain {
    type Error = Infallible;

    fn account(&self, address: Address) -> Result<Option<Account>, Infallible> {
        Ok(self.accounts.get(&address).copied())
    }

    fn storage(&self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.storage.get(&(address, slot)).copied().unwrap_or_default())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, Infallible> {
        Ok(self.codes.get(&code_hash).cloned().expect("code of a known account"))
    }
}

impl PrecompileReader for Chain {}

/// A user with ether in tests that need just one.
pub(crate) const ALICE: Address = address!("00000000000000000000000000000000000a11ce");
