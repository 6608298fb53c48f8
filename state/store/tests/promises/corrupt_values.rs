//! Damaged values are found: reads of them are errors that name table and key, never panics, and
//! `verify_consistency` sees every one.

use std::path::Path;

use crate::chain::{
    ACCOUNTS, SLOTS, address, genesis, next_batch, next_deposit, random_block, rng, seed,
};
use alloy_primitives::{Address, B256, Bytes, Log, U256, hex};
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DepositIndex};
use gainsay_store::{L1LogRecord, L1Update, Store, StoreError, StoreOptions};
use gainsay_transition::StateReader;
use rand::{Rng, rngs::StdRng};
use rocksdb::{DB, IteratorMode, Options};

const BLOCKS: u64 = 12;
/// Tables of whose values every byte is checked against others. The rest holds some bytes that
/// nothing else tells, such as the L1 fee of a receipt: RocksDB's checksums guard them.
const CHECKED: [&str; 8] = [
    "meta",
    "numbers",
    "transactions",
    "accounts",
    "storage",
    "account_nodes",
    "storage_nodes",
    "deposits",
];

fn options() -> StoreOptions {
    StoreOptions { history_blocks: 6, cache_bytes: 4 << 20, genesis_hash: None }
}

fn fill(folder: &Path) {
    let store = Store::open(folder, &options()).unwrap();
    let (mut parent, mut model) = genesis(6);
    store.init_genesis(&parent).unwrap();
    let mut rng = rng(6);
    for _ in 0..BLOCKS {
        let block = random_block(&mut rng, &parent.header, parent.hash, &model);
        store.commit_block(&block, false).unwrap();
        model.apply(&block);
        parent = block;
    }
    for log_index in 0..2 {
        let deposit = next_deposit(&store);
        let batch = next_batch(&store, deposit.deposit.index.next(), deposit.acc);
        let update =
            L1Update { deposits: vec![deposit], batches: vec![batch], ..Default::default() };
        let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO], Bytes::from_static(b"log"));
        let log = L1LogRecord { l1_block: 7, log_index, l1_time: 8, log };
        let update = L1Update { l1_logs: vec![log], ..update };
        store.apply(&update, false).unwrap();
    }
    let cursor = Cursor { batch: BatchIndex(0), block: 1, deposits_read: DepositIndex(1) };
    let update = L1Update {
        cursors: vec![(BlockNumber(1), cursor)],
        safe: Some(BlockNumber(1)),
        ..Default::default()
    };
    store.apply(&update, false).unwrap();
    store.verify_consistency().unwrap();
}

/// Opens the database below the store's feet.
fn raw(folder: &Path) -> DB {
    let database = folder.join("db");
    let families = DB::list_cf(&Options::default(), &database).unwrap();
    DB::open_cf(&Options::default(), &database, families).unwrap()
}

fn damaged(rng: &mut StdRng, value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    match rng.random_range(0..4) {
        0 => value.truncate(rng.random_range(0..value.len())),
        1 => value.push(rng.random()),
        2 => value = (0..value.len()).map(|_| rng.random()).collect(),
        _ => {
            let at = rng.random_range(0..value.len());
            value[at] ^= rng.random_range(1..=255_u8);
        }
    }
    value
}

/// Reads all that there is in every way; errors are what is expected.
fn read_everything(store: &Store) -> Vec<StoreError> {
    let mut errors = Vec::new();
    let mut check = |result: Result<(), StoreError>| errors.extend(result.err());
    for number in 0..=BLOCKS {
        check(store.header(number).map(|_| ()));
        check(store.block_hash(number).map(|_| ()));
        check(store.transactions(number).map(|_| ()));
        check(store.raw_transactions(number).map(|_| ()));
        check(store.receipts(number).map(|_| ()));
        for index in 0..3 {
            check(store.transaction(number, index).map(|_| ()));
            check(store.receipt(number, index).map(|_| ()));
        }
        check(store.cursor(BlockNumber(number)).map(|_| ()));
        let Ok(view) = store.state_at(number) else { continue };
        for index in 0..ACCOUNTS {
            check(view.account(address(index)).map(|_| ()));
            for slot in 0..SLOTS {
                check(view.storage(address(index), U256::from(slot)).map(|_| ()));
            }
        }
    }
    check(store.l1_logs(0).try_for_each(|log| log.map(|_| ())));
    check(store.deposits(DepositIndex(0), DepositIndex(9)).map(|_| ()));
    check(store.batches(BatchIndex(0), BatchIndex(9)).map(|_| ()));
    check(store.rewind(BLOCKS - 3).map(|_| ()));
    errors
}

/// Tables that the chain of this test leaves empty.
const EMPTY: [&str; 8] = [
    "bridge_index",
    "bridge_logs",
    "deposit_hashes",
    "l1_blocks",
    "message_accounts",
    "message_nodes",
    "withdrawals",
    "withdrawals_by",
];

#[test]
fn damage_is_reported_with_table_and_key() {
    let seed = seed();
    let mut rng = rng(seed);
    let original = tempfile::tempdir().unwrap();
    fill(original.path());
    let tables = DB::list_cf(&Options::default(), original.path().join("db")).unwrap();
    // Damage to code no block refers to is not found, nor need be.
    let tables = tables.iter().filter(|it| !["default", "code"].contains(&it.as_str()));
    let mut empty = Vec::new();
    for table in tables {
        for _ in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            copy(original.path(), folder.path());
            let db = raw(folder.path());
            let cf = db.cf_handle(table).unwrap();
            let entries: Vec<_> =
                db.iterator_cf(cf, IteratorMode::Start).map(|it| it.unwrap()).collect();
            if entries.is_empty() {
                empty.push(table.as_str());
                break;
            }
            let (key, value) = &entries[rng.random_range(0..entries.len())];
            let bad = damaged(&mut rng, value);
            // Of this row the key alone says something: that withdrawals are indexed.
            if bad[..] == value[..] || (table == "meta" && key[..] == *b"withdrawals") {
                continue;
            }
            db.put_cf(cf, key, &bad).unwrap();
            drop(db);
            let what = format!(
                "{table} 0x{}: {} -> {}",
                hex::encode(key),
                hex::encode(&value[..value.len().min(100)]),
                hex::encode(&bad[..bad.len().min(100)])
            );
            let store = match Store::open(folder.path(), &options()) {
                Ok(store) => store,
                // `meta` and the head's header are read by open.
                Err(error) => {
                    assert!(["meta", "headers"].contains(&table.as_str()), "{what}: {error}");
                    continue;
                }
            };
            let found = store.verify_consistency();
            assert!(found.is_err() || !CHECKED.contains(&table.as_str()), "{what} was not found");
            for error in read_everything(&store).into_iter().chain(found.err()) {
                let text = error.to_string();
                let is_named = match &error {
                    StoreError::Corrupt { .. } => text.contains("table "),
                    // A damaged number or hash leads to a place that does not exist.
                    _ => matches!(
                        error,
                        StoreError::BlockUnknown { .. }
                            | StoreError::NodeMissing { .. }
                            | StoreError::RewindTooDeep { .. }
                            | StoreError::HistoryPruned { .. }
                            | StoreError::HeadsOutOfOrder { .. }
                    ),
                };
                assert!(is_named, "{what}: {text}");
            }
        }
    }
    // A table that is empty is not tried: no message leaves this chain, and nothing of L1 is recorded.
    empty.sort_unstable();
    assert_eq!(empty, EMPTY);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            std::fs::create_dir_all(&target).unwrap();
            copy(&path, &target);
        } else {
            std::fs::copy(&path, target).unwrap();
        }
    }
}
