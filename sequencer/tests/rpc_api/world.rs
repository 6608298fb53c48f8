//! A small chain with a server in front of it and clients to ask it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2718::Encodable2718,
    eip2930::{AccessList, AccessListItem},
    eip7702::Authorization,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use gainsay::{
    chain::{Chain, HeadEvent},
    node_writer::Announcer,
    pool::{Pool, PoolLimits},
    rpc::{RpcContext, RpcLimits, ServerHandle, TxSink, serve},
    status::StatusHandle,
};
use gainsay_chain::HeadObserver;
use gainsay_derivation::{BlockNumber, ChainConfig, Cursor, Deposit, DepositIndex, DepositKind};
use gainsay_l1::RollupConfig;
use gainsay_store::{L1Update, Store, StoreOptions};
use gainsay_transition::{
    BlockExecutor, GenesisAccount, HISTORY_STORAGE, L1_BLOCK, MESSAGE_PASSER, RecoveredTx,
    SealedBlock, genesis, seal,
};
use jsonrpsee::{
    core::{client::ClientT, client::Error as ClientError, params::ArrayParams},
    http_client::{HttpClient, HttpClientBuilder},
};
use op_alloy_consensus::OpTxEnvelope;
use serde_json::{Value, json};

pub(crate) const CHAIN_ID: u64 = 42_069;
pub(crate) const GWEI: u128 = 1_000_000_000;
pub(crate) const FUNDS: u128 = 10_000_000_000 * GWEI;
/// Adds one to its slot 0, logs the new value under topic 0x77, returns it.
pub(crate) const COUNTER: Address = address!("00000000000000000000000000000000000c0001");
/// Reverts with its calldata.
pub(crate) const REVERTER: Address = address!("00000000000000000000000000000000000c0002");
/// Returns number, base fee, timestamp, coinbase and the parent's hash.
pub(crate) const ENVIRONMENT: Address = address!("00000000000000000000000000000000000c0003");
/// Calls the counter, and reverts when that fails.
pub(crate) const PROXY: Address = address!("00000000000000000000000000000000000c0004");
/// Never ends.
pub(crate) const LOOP: Address = address!("00000000000000000000000000000000000c0005");
/// Stands for the message passer: `(nonce, sender, target, data..)` sets the slot of the hash that
/// `data` has in its fourth word to 1, and logs `MessagePassed` with the rest.
const RECORDER: [u8; 76] = hex!(
    "6060360360606000376060516110005260406110002060019055"
    "604035602035600035"
    "7f02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054"
    "60603603"
    "6000a400"
);
pub(crate) const RECEIVER: Address = address!("0000000000000000000000000000000000007777");
pub(crate) const DEPOSITOR: Address = address!("00000000000000000000000000000000d3905170");

pub(crate) fn wallet(index: u64) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256(index.to_be_bytes())).unwrap()
}

pub(crate) struct World {
    pub(crate) chain: Arc<Chain>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) status: StatusHandle,
    pub(crate) address: SocketAddr,
    pub(crate) client: HttpClient,
    _server: ServerHandle,
    _dir: tempfile::TempDir,
}

impl World {
    /// A chain of four blocks: deposit and all kinds of transactions, nothing, calls, a creation.
    pub(crate) async fn start() -> Self {
        Self::start_with(RpcLimits::default(), StoreOptions::default().history_blocks).await
    }

    pub(crate) async fn start_with(limits: RpcLimits, history_blocks: u64) -> Self {
        let (config, alloc) = (config(), alloc());
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions { history_blocks, cache_bytes: 16 << 20, genesis_hash: None };
        let store = Store::open(dir.path(), &options).unwrap();
        let block_0 = genesis(&config, 1_000, &alloc).unwrap();
        store.init_genesis(&block_0).unwrap();
        let pool = Pool::new(PoolLimits::default(), config.clone(), store.clone()).unwrap();
        let pool = Arc::new(pool);
        let chain = Arc::new(Chain::new(store, Arc::new(rollup_config(config, block_0.hash))));
        let status = StatusHandle::default();
        let context = RpcContext {
            chain: Arc::clone(&chain),
            sink: TxSink::Pool(Arc::clone(&pool)),
            status: status.clone(),
            limits,
        };
        let (address, server) = serve(context, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let client = http_client(address);
        let world = Self { chain, pool, status, address, client, _server: server, _dir: dir };
        world.make_first_blocks();
        world
    }

    fn make_first_blocks(&self) {
        self.block(&[deposit(0)], first_transactions());
        self.block(&[], vec![]);
        let call = |nonce, to| Plan { nonce, to, gas: 100_000, ..Plan::default() };
        let calls = vec![
            call(4, TxKind::Call(COUNTER)).sign(0),
            call(5, TxKind::Call(PROXY)).sign(0),
            call(6, TxKind::Call(REVERTER)).sign(0),
        ];
        self.block(&[], calls);
        // Deploys one STOP.
        let data = hex!("600160005360016000f3").to_vec();
        let creation = Plan { nonce: 7, to: TxKind::Create, gas: 100_000, data, ..Plan::default() };
        self.block(&[], vec![creation.sign(0)]);
    }

    /// Executes, seals, commits and announces the next block.
    pub(crate) fn block(
        &self,
        deposits: &[Deposit],
        transactions: Vec<RecoveredTx>,
    ) -> Arc<SealedBlock> {
        let store = &self.chain.store;
        let parent = store.head_header().unwrap();
        let (hash, time) = (parent.hash, parent.header.timestamp + 1);
        let mut executor = BlockExecutor::new(
            &self.chain.rollup.chain,
            &parent.header,
            time,
            store.state(),
            Box::new(move || hash),
        );
        for deposit in deposits {
            executor.execute_deposit(deposit).unwrap();
        }
        for tx in transactions {
            executor.execute(tx).unwrap();
        }
        let executed = executor.finish().unwrap();
        let sealed = seal(executed, hash, &parent.header, &store.state()).unwrap();
        store.commit_block(&sealed, false).unwrap();
        self.pool.on_block(&sealed).unwrap();
        let sealed = Arc::new(sealed);
        self.chain.announce(HeadEvent::Block(Arc::clone(&sealed)));
        sealed
    }

    /// Moves the safe and the finalized head, as the derivation from L1 does.
    pub(crate) fn set_heads(&self, safe: u64, finalized: u64) {
        let update = L1Update {
            cursors: (1..=safe).map(|number| (BlockNumber(number), Cursor::default())).collect(),
            safe: Some(BlockNumber(safe)),
            finalized: Some(BlockNumber(finalized)),
            ..L1Update::default()
        };
        self.chain.store.apply(&update, false).unwrap();
    }

    /// Takes blocks above `to` back, as the derivation from L1 does.
    pub(crate) fn rewind(&self, to: u64) {
        let announcer = Announcer::new((*self.chain).clone(), false);
        announcer.before_rewind(to).unwrap();
        self.chain.store.rewind(to).unwrap();
        self.pool.reset().unwrap();
        announcer.rewound(to);
    }

    /// The next block out of the pool.
    pub(crate) fn block_from_pool(&self) -> Arc<SealedBlock> {
        let transactions = self.pool.best(0).collect();
        self.block(&[], transactions)
    }

    pub(crate) async fn try_ask(
        &self,
        method: &str,
        params: Value,
    ) -> Result<Value, (i32, String, Value)> {
        ask(&self.client, method, params).await
    }

    pub(crate) async fn ask(&self, method: &str, params: Value) -> Value {
        let answer = self.try_ask(method, params.clone()).await;
        answer.unwrap_or_else(|error| panic!("{method} {params}: {error:?}"))
    }

    /// Code, message and data of the error that a request must get.
    pub(crate) async fn error(&self, method: &str, params: Value) -> (i32, String, Value) {
        match self.try_ask(method, params.clone()).await {
            Ok(answer) => panic!("{method} {params} should fail, but answers {answer}"),
            Err(error) => error,
        }
    }
}

pub(crate) fn http_client(address: SocketAddr) -> HttpClient {
    HttpClientBuilder::default().build(format!("http://{address}")).unwrap()
}

pub(crate) async fn ask(
    client: &HttpClient,
    method: &str,
    params: Value,
) -> Result<Value, (i32, String, Value)> {
    let mut array = ArrayParams::new();
    for param in params.as_array().unwrap() {
        array.insert(param).unwrap();
    }
    client.request::<Value, _>(method, array).await.map_err(|error| match error {
        ClientError::Call(object) => {
            let data = object.data().map(|data| serde_json::from_str(data.get()).unwrap());
            (object.code(), object.message().to_owned(), data.unwrap_or(Value::Null))
        }
        other => panic!("{method}: {other}"),
    })
}

fn config() -> ChainConfig {
    serde_json::from_value(json!({
        "chainId": CHAIN_ID,
        "blockGasLimit": 30_000_000,
        "baseFeeChangeDenominator": 50,
        "elasticity": 2,
        "minBaseFeeWei": 1_000_000,
        "initialBaseFeeWei": 1_000_000_000,
        "sequencerWindowSecs": 3_600,
        "sequencerDriftSecs": 600,
        "maxBlocksPerSec": 10,
    }))
    .unwrap()
}

fn rollup_config(chain: ChainConfig, genesis_hash: B256) -> RollupConfig {
    serde_json::from_value(json!({
        "l1ChainId": 1, "l1Start": { "number": 0, "hash": B256::ZERO },
        "inbox": Address::repeat_byte(1), "assertionChain": Address::repeat_byte(2),
        "bridge": {
            "portal": Address::repeat_byte(4), "confirmedGames": Address::repeat_byte(5),
            "crossDomainMessenger": Address::repeat_byte(6),
            "standardBridge": Address::repeat_byte(7),
            "erc721Bridge": Address::repeat_byte(8),
            "mintableErc20Factory": Address::repeat_byte(9),
        },
        "sequencer": Address::repeat_byte(3), "forceDelaySecs": 3_600,
        "maxBatchDepositGas": 20_000_000, "maxDepositGasPerBlock": 10_000_000,
        "chain": chain,
        "assertions": {
            "blocksHeight": 16, "spansHeight": 16, "stepsHeight": 20, "challengePeriodSecs": 60,
            "minIntervalSecs": 1, "stakeWei": "0x1", "programHash": B256::ZERO, "vmVersion": 1,
        },
        "genesis": { "timestamp": 1_000, "alloc": { "0x0000000000000000000000000000000000000001":
            { "balance": "0x1" } } },
        "genesisHash": genesis_hash,
    }))
    .unwrap()
}

fn alloc() -> BTreeMap<Address, GenesisAccount> {
    let code = |code: Vec<u8>| GenesisAccount { nonce: 1, code: code.into(), ..Default::default() };
    let word = |value: u128| B256::from(U256::from(value));
    let mut l1_block = code(vec![0]);
    // Base fee, scalars (blob, base), blob base fee.
    l1_block.storage = BTreeMap::from([
        (word(1), word(20 * GWEI)),
        (word(3), word((1_014_213 << 64) | (5_227 << 96))),
        (word(7), word(GWEI)),
    ]);
    let proxy = [
        &hex!("6000600060006000600073")[..],
        COUNTER.as_slice(),
        &hex!("5af115602657005b60006000fd")[..],
    ]
    .concat();
    let mut alloc = BTreeMap::from([
        (L1_BLOCK, l1_block),
        (MESSAGE_PASSER, code(RECORDER.to_vec())),
        (HISTORY_STORAGE, code(vec![0])),
        (COUNTER, code(hex!("60005460010180600055600052607760206000a160206000f3").to_vec())),
        (REVERTER, code(hex!("3660006000373660 00fd").to_vec())),
        (
            ENVIRONMENT,
            code(hex!("43600052 48602052 42604052 41606052 6001430340608052 60a06000f3").to_vec()),
        ),
        (PROXY, code(proxy)),
        (LOOP, code(hex!("5b600056").to_vec())),
    ]);
    for index in 0..4 {
        let balance = U256::from(FUNDS);
        alloc.insert(wallet(index).address(), GenesisAccount { balance, ..Default::default() });
    }
    alloc
}

/// A deposit of one gwei to the receiver.
pub(crate) fn deposit(index: u64) -> Deposit {
    let mut payload = RECEIVER.to_vec();
    payload.extend_from_slice(&U256::from(GWEI).to_be_bytes::<32>());
    payload.extend_from_slice(&U256::from(GWEI).to_be_bytes::<32>());
    payload.extend_from_slice(&100_000_u64.to_be_bytes());
    payload.push(0);
    Deposit {
        kind: DepositKind::Transaction,
        from: DEPOSITOR,
        l1_block: 1,
        l1_time: 1_000,
        index: DepositIndex(index),
        l1_base_fee: U256::from(7),
        l1_blob_base_fee: U256::from(1),
        payload: payload.into(),
    }
}

/// A transfer of one wei, of each type that there is.
fn first_transactions() -> Vec<RecoveredTx> {
    let (key, to) = (wallet(0), TxKind::Call(RECEIVER));
    let (value, gas_price, gas_limit) = (U256::from(1), 10 * GWEI, 100_000);
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 0,
        gas_price,
        gas_limit,
        to,
        value,
        input: Bytes::new(),
    };
    let storage_keys = vec![B256::ZERO];
    let access_list = AccessList(vec![AccessListItem { address: COUNTER, storage_keys }]);
    let with_list = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price,
        gas_limit,
        to,
        value,
        access_list,
        input: Bytes::new(),
    };
    let delegation = Authorization { chain_id: U256::from(CHAIN_ID), address: COUNTER, nonce: 0 };
    let signature = wallet(3).sign_hash_sync(&delegation.signature_hash()).unwrap();
    let delegating = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 3,
        gas_limit,
        max_fee_per_gas: gas_price,
        max_priority_fee_per_gas: GWEI,
        to: RECEIVER,
        value,
        access_list: AccessList::default(),
        authorization_list: vec![delegation.into_signed(signature)],
        input: Bytes::new(),
    };
    let sign = |hash: B256| key.sign_hash_sync(&hash).unwrap();
    vec![
        finish(OpTxEnvelope::Legacy(legacy.clone().into_signed(sign(legacy.signature_hash())))),
        finish(OpTxEnvelope::Eip2930(
            with_list.clone().into_signed(sign(with_list.signature_hash())),
        )),
        Plan { nonce: 2, ..Plan::default() }.sign(0),
        finish(OpTxEnvelope::Eip7702(
            delegating.clone().into_signed(sign(delegating.signature_hash())),
        )),
    ]
}

fn finish(envelope: OpTxEnvelope) -> RecoveredTx {
    RecoveredTx::decode_signed(envelope.encoded_2718().into()).unwrap()
}

/// What a wallet signs; by default a plain transfer.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) chain_id: u64,
    pub(crate) nonce: u64,
    pub(crate) gas: u64,
    pub(crate) fee_cap: u128,
    pub(crate) to: TxKind,
    pub(crate) value: u128,
    pub(crate) data: Vec<u8>,
}

impl Default for Plan {
    fn default() -> Self {
        let to = TxKind::Call(RECEIVER);
        let (fee_cap, data) = (10 * GWEI, Vec::new());
        Self { chain_id: CHAIN_ID, nonce: 0, gas: 21_000, fee_cap, to, value: 0, data }
    }
}

impl Plan {
    pub(crate) fn sign(&self, by: u64) -> RecoveredTx {
        let tx = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas,
            max_fee_per_gas: self.fee_cap,
            max_priority_fee_per_gas: GWEI.min(self.fee_cap),
            to: self.to,
            value: U256::from(self.value),
            input: self.data.clone().into(),
            ..Default::default()
        };
        let signature = wallet(by).sign_hash_sync(&tx.signature_hash()).unwrap();
        finish(OpTxEnvelope::Eip1559(tx.into_signed(signature)))
    }
}

pub(crate) fn quantity(value: &Value) -> u128 {
    let digits = value.as_str().unwrap_or_else(|| panic!("not a quantity: {value}"));
    u128::from_str_radix(digits.strip_prefix("0x").unwrap(), 16).unwrap()
}
