//! The index on chains of real blocks: a store of an older version, rewinds, proofs by every block.

use std::collections::BTreeMap;

use alloy_primitives::hex;
use gainsay_derivation::{BlockNumber, ChainConfig, Cursor, Deposit, DepositIndex, DepositKind};
use gainsay_transition::{
    BlockExecutor, GenesisAccount, HISTORY_STORAGE, L1_BLOCK, genesis, seal,
    trie::{prove, verify_proof},
};

use super::*;
use crate::{L1Update, StoreOptions};

const CONFIG: ChainConfig = ChainConfig {
    chain_id: 7,
    block_gas_limit: 30_000_000,
    base_fee_change_denominator: 50,
    elasticity: 2,
    min_base_fee_wei: 1,
    initial_base_fee_wei: 1,
    sequencer_window_secs: 3_600,
    sequencer_drift_secs: 600,
    max_blocks_per_sec: 10,
};

/// Stands for the message passer: `(nonce, sender, target, data..)` sets the slot of the hash that
/// `data` has in its fourth word to 1, and logs `MessagePassed` with the rest.
const RECORDER: [u8; 76] = hex!(
    "6060360360606000376060516110005260406110002060019055604035602035600035"
    "7f02a52367d10742d8032712c1bb8e0144ff1ec5ffda1ed7d70bb05a2744955054606036036000a400"
);

fn open(folder: &std::path::Path) -> Store {
    let options = StoreOptions { history_blocks: 64, cache_bytes: 1 << 20, genesis_hash: None };
    Store::open(folder, &options).unwrap()
}

/// A chain with `withdrawals` blocks of one withdrawal each.
fn chain(folder: &std::path::Path, withdrawals: u64) -> Store {
    let store = open(folder);
    let account =
        |code: &[u8]| GenesisAccount { nonce: 1, code: code.to_vec().into(), ..Default::default() };
    let alloc = BTreeMap::from([
        (L1_BLOCK, account(&[0])),
        (HISTORY_STORAGE, account(&[0])),
        (MESSAGE_PASSER, account(&RECORDER)),
    ]);
    store.init_genesis(&genesis(&CONFIG, 1_000, &alloc).unwrap()).unwrap();
    for nonce in 0..withdrawals {
        append(&store, nonce);
    }
    store
}

/// Appends a block in which a deposit makes withdrawal `nonce`.
fn append(store: &Store, nonce: u64) {
    let word = |value: u64| U256::from(value).to_be_bytes::<32>();
    let (sender, target) = (Address::repeat_byte(1), Address::repeat_byte(2));
    let data = [
        word(nonce),
        sender.into_word().0,
        target.into_word().0,
        word(5),
        word(21_000),
        word(128),
        hash_of(nonce).0,
        word(0),
    ];
    let head: [&[u8]; 5] =
        [MESSAGE_PASSER.as_slice(), &word(0), &word(0), &500_000_u64.to_be_bytes(), &[0]];
    let deposit = Deposit {
        kind: DepositKind::Transaction,
        from: Address::repeat_byte(3),
        l1_block: 1,
        l1_time: 1_000,
        index: DepositIndex(nonce),
        l1_base_fee: U256::from(1),
        l1_blob_base_fee: U256::from(1),
        payload: [head.concat(), data.concat()].concat().into(),
    };
    let parent = store.head_header().unwrap();
    let hash = parent.hash;
    let time = parent.header.timestamp + 1;
    let ancestor = Box::new(move || hash);
    let mut executor = BlockExecutor::new(&CONFIG, &parent.header, time, store.state(), ancestor);
    executor.execute_deposit(&deposit).unwrap();
    let executed = executor.finish().unwrap();
    let block = seal(executed, hash, &parent.header, &store.state()).unwrap();
    store.commit_block(&block, false).unwrap();
}

fn hash_of(nonce: u64) -> B256 {
    keccak256(nonce.to_be_bytes())
}

/// Every withdrawal up to a block is proven by that block's root; the next one is proven absent.
fn assert_proofs(store: &Store, block: u64) {
    let header = store.header(block).unwrap().unwrap().header;
    let root = header.withdrawals_root.unwrap();
    for nonce in 0..=block {
        let slot = Withdrawal { hash: hash_of(nonce), ..decode_log(&log(3, 6)).unwrap() }.slot();
        let path = Nibbles::unpack(keccak256(slot.to_be_bytes::<32>()));
        let proof = prove(&store.message_nodes(), None, root, &path).unwrap();
        let value = verify_proof(root, &path, &proof).unwrap();
        let expected = (nonce < block).then(|| Bytes::from_static(&[1]));
        assert_eq!(value, expected, "withdrawal {nonce} by block {block}");
    }
}

fn all(store: &Store) -> Vec<Withdrawal> {
    store.withdrawals_from(None, U256::ZERO, 100).unwrap()
}

#[test]
fn every_block_proves_its_withdrawals_also_after_rewinds() {
    let folder = tempfile::tempdir().unwrap();
    let store = chain(folder.path(), 20);
    assert_eq!(all(&store).len(), 20);
    for block in 1..=20 {
        assert_proofs(&store, block);
    }
    store.rewind(12).unwrap();
    assert_eq!(
        all(&store).iter().map(|it| it.block).collect::<Vec<_>>(),
        (1..=12).collect::<Vec<_>>()
    );
    assert_eq!(store.withdrawal(hash_of(12)).unwrap(), None);
    // Another one takes the place.
    append(&store, 90);
    assert_eq!(store.withdrawal(hash_of(90)).unwrap().unwrap().block, 13);
    let account = Some(Address::repeat_byte(3));
    assert_eq!(store.withdrawals_from(account, U256::from(13), 5).unwrap().len(), 1);
    assert_eq!(store.verify_consistency().unwrap().withdrawals, 13);
}

#[test]
fn a_store_of_an_older_version_is_indexed_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let store = chain(folder.path(), 12);
    let update = L1Update {
        cursors: (1..=9).map(|number| (BlockNumber(number), Cursor::default())).collect(),
        safe: Some(BlockNumber(9)),
        finalized: Some(BlockNumber(9)),
        ..Default::default()
    };
    store.apply(&update, false).unwrap();
    let expected = all(&store);
    let tables = &store.inner.tables;
    let mut batch = WriteBatch::default();
    for table in [Table::Withdrawals, Table::WithdrawalsBy, Table::MessageNodes] {
        batch.delete_range_cf(tables.cf(table), &[0; 1][..], &[0xff; 64][..]);
    }
    batch.delete_cf(tables.cf(Table::Meta), META_WITHDRAWALS);
    store.write(batch, true).unwrap();
    assert_eq!(all(&store), []);
    drop(store);

    let store = open(folder.path());
    assert_eq!(all(&store), expected);
    assert_eq!(store.verify_consistency().unwrap().withdrawals, 12);
    // What may still be taken back, and what comes after, is proven; a state before that is not.
    for block in 9..=12 {
        assert_proofs(&store, block);
    }
    store.rewind(10).unwrap();
    append(&store, 10);
    assert_proofs(&store, 11);
}

fn log(data_len: u64, words: usize) -> Log {
    let topics = vec![
        MESSAGE_PASSED,
        B256::with_last_byte(7),
        Address::repeat_byte(1).into_word(),
        Address::repeat_byte(2).into_word(),
    ];
    let mut data = vec![0; 32 * words];
    data[31] = 9;
    data[63] = 21;
    data[96..128].fill(0xaa);
    data[128..160].copy_from_slice(&U256::from(data_len).to_be_bytes::<32>());
    Log::new_unchecked(MESSAGE_PASSER, topics, data.into())
}

#[test]
fn a_message_passed_is_read_and_nothing_else_is() {
    let signature = "MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)";
    assert_eq!(MESSAGE_PASSED, keccak256(signature));
    let found = decode_log(&log(3, 6)).unwrap();
    assert_eq!((found.nonce, found.value), (U256::from(7), U256::from(9)));
    assert_eq!((found.gas_limit, found.data.len()), (U256::from(21), 3));
    assert_eq!(found.hash, B256::repeat_byte(0xaa));
    assert_eq!(found.sender, Address::repeat_byte(1));
    assert_eq!(found.target, Address::repeat_byte(2));
    // Data longer than the log, another contract, another event.
    assert_eq!(decode_log(&log(33, 6)), None);
    assert_eq!(decode_log(&log(u64::MAX, 6)), None);
    let other = Log { address: Address::ZERO, ..log(3, 6) };
    assert_eq!(decode_log(&other), None);
    let mut topics = log(3, 6).topics().to_vec();
    topics.pop();
    assert_eq!(decode_log(&Log::new_unchecked(MESSAGE_PASSER, topics, Bytes::new())), None);
}

#[test]
fn a_record_round_trips() {
    let found = Withdrawal {
        block: 5,
        transaction: B256::repeat_byte(3),
        from: Address::repeat_byte(4),
        ..decode_log(&log(3, 6)).unwrap()
    };
    let mut value = Vec::new();
    found.encode(&mut value);
    assert_eq!(alloy_rlp::decode_exact::<Withdrawal>(&value), Ok(found));
}
