//! For unit tests: a chain in a temporary folder, and what writes it.

use std::sync::Arc;

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, TxKind, U256, keccak256};
use gainsay_derivation::Cursor;
use gainsay_store::StoreOptions;
use gainsay_transition::{RecoveredTx, genesis};
use op_alloy_consensus::OpTxEnvelope;

use crate::{
    Deriver, SafeChain, UnsafeBlocks, l1_index,
    test_l1::{CHAIN_ID, CONFIG, alloc, rollup},
};

/// Wallets with funds in the genesis.
const WALLETS: u64 = 2;

pub(crate) struct TestChain {
    pub(crate) chain: SafeChain,
    pub(crate) deriver: Deriver,
    pub(crate) folder: tempfile::TempDir,
}

impl TestChain {
    pub(crate) fn new() -> Self {
        let balance = U256::from(10).pow(U256::from(19));
        let alloc = alloc((0..WALLETS).map(|index| (wallet(index).address(), balance)));
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
