//! Prints what it costs to find and to prove a withdrawal among many:
//! `cargo run -p gainsay-store --example withdrawal_cost -- WITHDRAWALS`.
//!
//! Fills a store with WITHDRAWALS withdrawals (1,000,000 by default), then times what
//! `rollup_getWithdrawal` reads of it: the withdrawal, the header, L1's logs about it, the proof.
#![expect(clippy::unwrap_used, reason = "a measurement that fails has nothing to print")]

use std::time::Instant;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use gainsay_derivation::output_root;
use gainsay_store::{L1LogRecord, L1Update, Store, StoreOptions};
use gainsay_transition::{
    L1FeeParams, MESSAGE_PASSER, Receipt, RecoveredTx, SealedBlock, StateDiff,
    trie::{
        Account, AccountChange, EMPTY_ROOT_HASH, Nibbles, TrieAccount, get, prove, update_state,
    },
};
use op_alloy_consensus::{OpReceiptEnvelope, OpTxType, TxDeposit};
use rand::{Rng, SeedableRng, rngs::StdRng};

const PER_BLOCK: u64 = 5_000;
const FINALIZED: B256 = B256::repeat_byte(0xf1);
const READS: u32 = 2_000;

fn main() {
    let count: u64 = std::env::args().nth(1).and_then(|it| it.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let start = Instant::now();
    store.init_genesis(&block(&store, 0..PER_BLOCK)).unwrap();
    for first in (PER_BLOCK..count).step_by(usize::try_from(PER_BLOCK).unwrap()) {
        let nonces = first..(first + PER_BLOCK).min(count);
        store.commit_block(&block(&store, nonces.clone()), false).unwrap();
        let logs = nonces.map(|nonce| finalized(first, nonce)).collect();
        store.apply(&L1Update { bridge_logs: logs, ..L1Update::default() }, false).unwrap();
    }
    println!("filled with {count} withdrawals in {:.1} s", start.elapsed().as_secs_f64());

    let mut rng = StdRng::seed_from_u64(1);
    let root = store.head_header().unwrap().header.withdrawals_root.unwrap();
    let owner = Some(keccak256(MESSAGE_PASSER));
    let mut slowest = 0.0_f64;
    let start = Instant::now();
    for _ in 0..READS {
        let one = Instant::now();
        let nonce = rng.random_range(0..count);
        let found = store.withdrawal(hash_of(nonce)).unwrap().unwrap();
        store.header(found.block).unwrap().unwrap();
        let log = store.last_bridge_log(FINALIZED, Some(found.hash)).unwrap();
        assert_eq!(log.is_some(), nonce >= PER_BLOCK);
        let path = Nibbles::unpack(keccak256(found.slot().to_be_bytes::<32>()));
        let proof = prove(&store.message_nodes(), owner, root, &path).unwrap();
        assert!(proof.len() > 2);
        slowest = slowest.max(one.elapsed().as_secs_f64() * 1e3);
    }
    let each = start.elapsed().as_secs_f64() * 1e3 / f64::from(READS);
    println!("a withdrawal with its proof: {each:.3} ms, the slowest of {READS} {slowest:.3} ms");
    let start = Instant::now();
    let page = store.withdrawals_from(Some(sender(count - 1)), U256::ZERO, 100).unwrap();
    let elapsed = start.elapsed().as_secs_f64() * 1e3;
    println!("a page of {} of one account: {elapsed:.3} ms", page.len());
}

fn hash_of(nonce: u64) -> B256 {
    keccak256(nonce.to_be_bytes())
}

/// One of a thousand accounts.
fn sender(nonce: u64) -> Address {
    Address::from_word(U256::from(0x1000 + nonce % 1_000).into())
}

fn finalized(l1_block: u64, nonce: u64) -> L1LogRecord {
    let topics = vec![FINALIZED, hash_of(nonce)];
    let log = Log::new_unchecked(Address::repeat_byte(4), topics, vec![0; 32].into());
    L1LogRecord { l1_block, log_index: nonce % PER_BLOCK, l1_time: l1_block, log }
}

fn message_passed(nonce: u64) -> Log {
    let signature = "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)";
    let accounts = [sender(nonce), Address::repeat_byte(2)].map(|it| it.into_word());
    let topics = vec![keccak256(signature), U256::from(nonce).into(), accounts[0], accounts[1]];
    let word = |value: u64| U256::from(value).to_be_bytes::<32>();
    let data = [word(5), word(21_000), word(128), hash_of(nonce).0, word(0)].concat();
    Log::new_unchecked(MESSAGE_PASSER, topics, data.into())
}

/// The next block, with one transaction that makes all these withdrawals.
fn block(store: &Store, nonces: std::ops::Range<u64>) -> SealedBlock {
    let slot = |nonce: u64| U256::from_be_bytes(keccak256([hash_of(nonce).0, [0; 32]].concat()).0);
    let mut storage: Vec<_> = nonces.clone().map(|nonce| (slot(nonce), U256::ONE)).collect();
    storage.sort_unstable();
    let account = Some(Account { nonce: 1, ..Default::default() });
    let changes = vec![AccountChange { address: MESSAGE_PASSER, account, storage }];
    let parent = store.head_header().ok();
    let parent_root = parent.as_ref().map_or(EMPTY_ROOT_HASH, |it| it.header.state_root);
    let update = update_state(&store.state(), parent_root, &changes).unwrap();
    let logs: Vec<Log> = nonces.map(message_passed).collect();
    let path = Nibbles::unpack(keccak256(MESSAGE_PASSER));
    let leaf = get(&update.nodes, None, update.state_root, &path).unwrap().unwrap();
    let storage_root = TrieAccount::from_leaf(&leaf).unwrap().storage_root;
    let number = parent.as_ref().map_or(0, |it| it.header.number + 1);
    let header = Header {
        number,
        parent_hash: parent.map_or(B256::ZERO, |it| it.hash),
        state_root: update.state_root,
        withdrawals_root: Some(storage_root),
        base_fee_per_gas: Some(1),
        ..Default::default()
    };
    let hash = header.hash_slow();
    let transaction = RecoveredTx::from_deposit(TxDeposit {
        source_hash: U256::from(number).into(),
        to: TxKind::Call(MESSAGE_PASSER),
        input: Bytes::new(),
        ..Default::default()
    });
    let envelope =
        OpReceiptEnvelope::from_parts(true, 21_000, &logs, OpTxType::Deposit, Some(1), Some(1));
    SealedBlock {
        output_root: output_root(header.state_root, storage_root, hash),
        header,
        hash,
        transactions: vec![transaction],
        receipts: vec![Receipt {
            envelope,
            gas_used: 21_000,
            l1_fee: U256::ZERO,
            effective_gas_price: 0,
            contract_address: None,
        }],
        diff: StateDiff { accounts: changes, codes: Vec::new() },
        nodes: update.nodes,
        l1_fee_params: L1FeeParams::default(),
    }
}
