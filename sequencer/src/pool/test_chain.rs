//! A real chain for the pool's tests: a store in a temporary folder, executed and sealed blocks,
//! wallets with keys.

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, TxKind, U256, keccak256};
pub(crate) use gainsay_chain::test_l1::CHAIN_ID;
use gainsay_chain::test_l1::{CONFIG, alloc};
use gainsay_derivation::ChainConfig;
use gainsay_store::{Store, StoreOptions};
use gainsay_transition::{
    BlockExecutor, ExecuteError, ExecutedBlock, GenesisAccount, RecoveredTx, SealedBlock, genesis,
    seal,
};
use op_alloy_consensus::OpTxEnvelope;

use crate::pool::{Pool, PoolLimits};

pub(crate) const GWEI: u128 = 1_000_000_000;
/// A base fee for blocks in tests, in wei.
pub(crate) const BASE_FEE: u64 = 1_000_000_000;
/// Wei that each wallet has in genesis.
pub(crate) const FUNDS: u128 = 10_000_000_000 * GWEI;

pub(crate) fn wallet(index: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes())).unwrap()
}

/// What a wallet signs; the defaults are a plain transfer.
#[derive(Clone, Debug)]
pub(crate) struct TxPlan {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) fee_cap: u128,
    pub(crate) tip: u128,
    pub(crate) to: TxKind,
    pub(crate) value: u128,
    pub(crate) data: Vec<u8>,
}

impl Default for TxPlan {
    fn default() -> Self {
        Self {
            chain_id: CHAIN_ID,
            nonce: 0,
            gas: 21_000,
            fee_cap: 10 * GWEI,
            tip: GWEI,
            to: TxKind::Call(Address::repeat_byte(0x77)),
            value: 1,
            data: Vec::new(),
        }
    }
}

impl TxPlan {
    pub(crate) fn sign(&self, key: &PrivateKeySigner) -> RecoveredTx {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: U256::from(self.value),
            input: self.data.clone().into(),
            ..Default::default()
        };
        let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
        finish(OpTxEnvelope::Eip1559(tx.into_signed(signature)), key.address())
    }

    /// The same as a legacy transaction; without a chain id if `protected` is false.
    pub(crate) fn sign_legacy(&self, key: &PrivateKeySigner, protected: bool) -> RecoveredTx {
        let tx = TxLegacy {
            chain_id: protected.then_some(self.chain_id),
            nonce: self.nonce,
            gas_limit: self.gas,
            gas_price: self.fee_cap,
            to: self.to,
            value: U256::from(self.value),
            input: self.data.clone().into(),
        };
        let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
        finish(OpTxEnvelope::Legacy(tx.into_signed(signature)), key.address())
    }
}

pub(crate) fn finish(envelope: OpTxEnvelope, sender: Address) -> RecoveredTx {
    let raw = envelope.encoded_2718().into();
    RecoveredTx::with_sender(raw, sender).unwrap()
}

pub(crate) struct TestChain {
    pub(crate) store: Store,
    pub(crate) config: ChainConfig,
    _dir: tempfile::TempDir,
}

impl TestChain {
    /// A chain whose first `wallets` wallets have [`FUNDS`], and with these accounts, too.
    pub(crate) fn new(wallets: u64, others: &[(Address, GenesisAccount)]) -> Self {
        let config = CONFIG;
        let funded = (0..wallets).map(|index| (wallet(index).address(), U256::from(FUNDS)));
        let mut alloc = alloc(funded);
        alloc.extend(others.iter().cloned());
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &StoreOptions::default()).unwrap();
        store.init_genesis(&genesis(&config, 1_000, &alloc).unwrap()).unwrap();
        Self { store, config, _dir: dir }
    }

    pub(crate) fn pool(&self, limits: PoolLimits) -> Pool {
        Pool::new(limits, self.config.clone(), self.store.clone()).unwrap()
    }

    /// Executes the next block; transactions that turn out invalid come back.
    pub(crate) fn execute(
        &self,
        transactions: impl IntoIterator<Item = RecoveredTx>,
        timestamp: u64,
    ) -> (ExecutedBlock, Vec<RecoveredTx>) {
        let parent = self.store.head_header().unwrap();
        let hash = parent.hash;
        let reader = self.store.state();
        let mut executor = BlockExecutor::new(
            &self.config,
            &parent.header,
            timestamp,
            reader,
            Box::new(move || hash),
        );
        let mut invalid = Vec::new();
        for tx in transactions {
            match executor.execute(tx.clone()) {
                Ok(_) => {}
                Err(ExecuteError::Invalid(_)) => invalid.push(tx),
                Err(error) => panic!("{error}"),
            }
        }
        (executor.finish().unwrap(), invalid)
    }

    pub(crate) fn commit(&self, executed: ExecutedBlock) -> SealedBlock {
        let parent = self.store.head_header().unwrap();
        let nodes = self.store.state();
        let sealed = seal(executed, parent.hash, &parent.header, &nodes).unwrap();
        self.store.commit_block(&sealed, false).unwrap();
        sealed
    }
}
