//! The same block on plain revm: mainnet handler, revm's own in-memory database.
//!
//! It shares no code with the transition but revm's interpreter: its own transaction mapping, its
//! own state root (alloy-trie over every account, from nothing).

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Log, U256, keccak256};
use alloy_trie::{HashBuilder, Nibbles, TrieAccount};
use op_alloy_consensus::OpTxEnvelope;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, CfgEnv, TxEnv, either::Either},
    context_interface::block::BlobExcessGasAndPrice,
    database::{CacheDB, EmptyDB},
    primitives::{KECCAK_EMPTY, hardfork::SpecId},
    state::{AccountInfo, Bytecode},
};

use gainsay_transition::{BlockContext, RecoveredTx, SEQUENCER_FEE_VAULT, StateReader};

use super::chain::{CHAIN_ID, Chain};

/// What plain revm makes of one transaction.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) logs: Vec<Log>,
}

/// revm with a state of its own.
#[derive(Debug)]
pub(crate) struct PlainRevm {
    db: CacheDB<EmptyDB>,
}

impl PlainRevm {
    pub(crate) fn copy_of(chain: &Chain) -> Self {
        let mut db = CacheDB::new(EmptyDB::default());
        for (address, account) in &chain.accounts {
            let code = (account.code_hash != KECCAK_EMPTY)
                .then(|| Bytecode::new_raw(chain.code(account.code_hash).unwrap()));
            let info = AccountInfo {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
                code,
                ..Default::default()
            };
            db.insert_account_info(*address, info);
        }
        for ((address, slot), value) in &chain.storage {
            db.insert_account_storage(*address, *slot, *value).unwrap();
        }
        Self { db }
    }

    pub(crate) fn set_storage(&mut self, address: Address, slot: U256, value: U256) {
        self.db.insert_account_storage(address, slot, value).unwrap();
    }

    pub(crate) fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.db.cache.block_hashes.insert(U256::from(number), hash);
    }

    pub(crate) fn nonce(&mut self, address: Address) -> u64 {
        self.db.load_account(address).unwrap().info.nonce
    }

    pub(crate) fn add_balance(&mut self, address: Address, amount: U256) {
        let mut info = self.db.load_account(address).unwrap().info.clone();
        info.balance += amount;
        self.db.insert_account_info(address, info);
    }

    /// Runs one transaction; an error is revm's word that it is invalid.
    pub(crate) fn run(
        &mut self,
        context: &BlockContext,
        tx: &RecoveredTx,
    ) -> Result<Outcome, String> {
        let block = BlockEnv {
            number: U256::from(context.number),
            beneficiary: SEQUENCER_FEE_VAULT,
            timestamp: U256::from(context.timestamp),
            gas_limit: context.gas_limit,
            basefee: context.base_fee,
            prevrandao: Some(B256::ZERO),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new(0, 1)),
            ..Default::default()
        };
        let cfg = CfgEnv::new_with_spec(SpecId::OSAKA).with_chain_id(CHAIN_ID);
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .with_cfg(cfg)
            .with_block(block)
            .build_mainnet();
        let result = evm.transact_commit(tx_env(tx)).map_err(|error| error.to_string())?;
        Ok(Outcome {
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            logs: if result.is_success() { result.into_logs() } else { Vec::new() },
        })
    }

    /// The state root of everything that it holds.
    pub(crate) fn state_root(&self) -> B256 {
        let mut leaves = BTreeMap::new();
        for (address, account) in &self.db.cache.accounts {
            if account.info.is_empty() {
                continue;
            }
            let leaf = TrieAccount {
                nonce: account.info.nonce,
                balance: account.info.balance,
                storage_root: storage_root(account.storage.iter()),
                code_hash: account.info.code_hash,
            };
            leaves.insert(keccak256(address), alloy_rlp::encode(leaf));
        }
        root_of(&leaves)
    }
}

fn storage_root<'a>(storage: impl Iterator<Item = (&'a U256, &'a U256)>) -> B256 {
    let leaves = storage
        .filter(|(_, value)| !value.is_zero())
        .map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value)))
        .collect();
    root_of(&leaves)
}

fn root_of(leaves: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, leaf) in leaves {
        builder.add_leaf(Nibbles::unpack(key), leaf);
    }
    builder.root()
}

fn tx_env(tx: &RecoveredTx) -> TxEnv {
    let common = TxEnv { caller: tx.sender, chain_id: Some(CHAIN_ID), ..Default::default() };
    match &tx.envelope {
        OpTxEnvelope::Legacy(signed) => {
            let it = signed.tx();
            TxEnv {
                tx_type: 0,
                gas_limit: it.gas_limit,
                gas_price: it.gas_price,
                kind: it.to,
                value: it.value,
                data: it.input.clone(),
                nonce: it.nonce,
                ..common
            }
        }
        OpTxEnvelope::Eip2930(signed) => {
            let it = signed.tx();
            TxEnv {
                tx_type: 1,
                gas_limit: it.gas_limit,
                gas_price: it.gas_price,
                kind: it.to,
                value: it.value,
                data: it.input.clone(),
                nonce: it.nonce,
                access_list: it.access_list.clone(),
                ..common
            }
        }
        OpTxEnvelope::Eip1559(signed) => {
            let it = signed.tx();
            TxEnv {
                tx_type: 2,
                gas_limit: it.gas_limit,
                gas_price: it.max_fee_per_gas,
                gas_priority_fee: Some(it.max_priority_fee_per_gas),
                kind: it.to,
                value: it.value,
                data: it.input.clone(),
                nonce: it.nonce,
                access_list: it.access_list.clone(),
                ..common
            }
        }
        OpTxEnvelope::Eip7702(signed) => {
            let it = signed.tx();
            TxEnv {
                tx_type: 4,
                gas_limit: it.gas_limit,
                gas_price: it.max_fee_per_gas,
                gas_priority_fee: Some(it.max_priority_fee_per_gas),
                kind: it.to.into(),
                value: it.value,
                data: it.input.clone(),
                nonce: it.nonce,
                access_list: it.access_list.clone(),
                authorization_list: it
                    .authorization_list
                    .iter()
                    .cloned()
                    .map(Either::Left)
                    .collect(),
                ..common
            }
        }
        other => panic!("no test sends {other:?}"),
    }
}
