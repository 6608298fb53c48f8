//! For unit tests: a chain in a temporary folder, and what writes it.

use std::{collections::BTreeMap, sync::Arc};

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use gainsay_derivation::{ChainConfig, Cursor, GenesisAccount};
use gainsay_store::StoreOptions;
use gainsay_transition::{HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, RecoveredTx, genesis};
use op_alloy_consensus::OpTxEnvelope;

use crate::{
    Deriver, SafeChain, UnsafeBlocks, l1_index,
    test_l1::{CHAIN_ID, rollup},
};

/// Wallets with funds in the genesis.
const WALLETS: u64 = 2;

pub(crate) const CONFIG: ChainConfig = ChainConfig {
    chain_id: CHAIN_ID,
    block_gas_limit: 30_000_000,
    base_fee_change_denominator: 50,
    elasticity: 2,
    min_base_fee_wei: 1_000_000,
    initial_base_fee_wei: 1_000_000_000,
    sequencer_window_secs: 3_600,
    sequencer_drift_secs: 600,
};

pub(crate) struct TestChain {
    pub(crate) chain: SafeChain,
    pub(crate) deriver: Deriver,
    pub(crate) folder: tempfile::TempDir,
}

impl TestChain {
    pub(crate) fn new() -> Self {
        let code = |code: &'static [u8]| GenesisAccount {
            nonce: 1,
            code: Bytes::from_static(code),
            ..Default::default()
        };
        let word = |value: u128| B256::from(U256::from(value));
        let mut l1_block = code(&[0]);
        // Base fee, scalars (blob, base), blob base fee: see contracts/genesis/predeploys.json.
        l1_block.storage = BTreeMap::from([
            (word(1), word(20_000_000_000)),
            (word(3), word((1_014_213 << 64) | (5_227 << 96))),
            (word(7), word(1_000_000_000)),
        ]);
        let mut alloc = BTreeMap::from([
            (L1_BLOCK, l1_block),
            (MESSAGE_PASSER, code(&[0])),
            (HISTORY_STORAGE, code(&[0])),
        ]);
        for index in 0..WALLETS {
            let balance = U256::from(10).pow(U256::from(19));
            alloc.insert(wallet(index).address(), GenesisAccount { balance, ..Default::default() });
        }
        let hash = genesis(&CONFIG, 1_000, &alloc).unwrap().hash;
        let mut rollup = rollup(&CONFIG, hash);
        rollup.genesis.alloc = alloc;
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions::default();
        let chain = SafeChain::open(Arc::new(rollup), folder.path(), &options).unwrap();
        let deriver = Deriver::new(chain.clone(), UnsafeBlocks::Keep);
        Self { chain, deriver, folder }
    }

    /// The chain again, as after a restart.
    pub(crate) fn reopen(self) -> Self {
        let Self { chain, deriver, folder } = self;
        let rollup = chain.rollup.clone();
        drop((chain, deriver));
        let chain = SafeChain::open(rollup, folder.path(), &StoreOptions::default()).unwrap();
        let deriver = Deriver::new(chain.clone(), UnsafeBlocks::Keep);
        Self { chain, deriver, folder }
    }

    pub(crate) fn safe(&self) -> (u64, Cursor) {
        (self.chain.safe_block().get(), l1_index::safe_cursor(&self.chain.store).unwrap())
    }

    pub(crate) fn has(&self, tx: &RecoveredTx) -> bool {
        self.chain.store.transaction_location(tx.hash).unwrap().is_some()
    }
}

fn wallet(index: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes())).unwrap()
}

/// A transfer of one wei by a wallet.
pub(crate) fn transfer(sender: u64, nonce: u64) -> RecoveredTx {
    let tx = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        ..Default::default()
    };
    let key = wallet(sender);
    let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
    let envelope = OpTxEnvelope::Eip1559(tx.into_signed(signature));
    RecoveredTx::with_sender(envelope.encoded_2718().into(), key.address()).unwrap()
}
