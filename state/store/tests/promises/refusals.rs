//! What is not the next block of the right chain is refused, with an error that names what was
//! found and what was expected, and nothing is written.

use crate::chain::{genesis, random_block, rng};
use alloy_primitives::B256;
use gainsay_store::{Store, StoreError, StoreOptions};

fn expect_error<T: std::fmt::Debug>(result: Result<T, StoreError>, parts: &[&str]) {
    let error = result.expect_err("it must be refused").to_string();
    for part in parts {
        assert!(error.contains(part), "{error:?} does not name {part}");
    }
}

#[test]
fn only_the_next_block_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let (genesis, mut model) = genesis(1);
    assert!(store.is_empty());
    expect_error(store.commit_block(&genesis, false), &["no genesis"]);
    expect_error(store.head_header().map(|_| ()), &["no genesis"]);
    store.init_genesis(&genesis).unwrap();
    assert!(!store.is_empty());
    store.init_genesis(&genesis).unwrap();

    let mut rng = rng(1);
    let first = loop {
        let block = random_block(&mut rng, &genesis.header, genesis.hash, &model);
        if !block.receipts.is_empty() && !block.diff.accounts.is_empty() {
            break block;
        }
    };
    model.apply(&first);
    let second = random_block(&mut rng, &first.header, first.hash, &model);
    let (head, parent) = (genesis.hash.to_string(), first.hash.to_string());
    expect_error(store.commit_block(&second, false), &["block 2", "head 0", &head, &parent]);
    expect_error(store.commit_block(&genesis, false), &["block 0", "head 0"]);
    let mut orphan = first.clone();
    orphan.header.parent_hash = B256::with_last_byte(7);
    expect_error(store.commit_block(&orphan, false), &["block 1", &head]);
    let mut renamed = first.clone();
    renamed.hash = B256::with_last_byte(7);
    expect_error(store.commit_block(&renamed, false), &["block 1", "hash"]);
    let mut short = first.clone();
    short.receipts.pop();
    expect_error(store.commit_block(&short, false), &["block 1", "receipt"]);
    let mut twice = first.clone();
    twice.diff.accounts.extend(first.diff.accounts.clone());
    expect_error(store.commit_block(&twice, false), &["block 1", "twice"]);

    assert_eq!(store.head().hash, genesis.hash);
    store.verify_consistency().unwrap();
    store.commit_block(&first, true).unwrap();
    store.commit_block(&second, true).unwrap();
    expect_error(store.commit_block(&second, false), &["block 2", "head 2"]);
    store.verify_consistency().unwrap();
}

#[test]
fn another_chain_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (genesis(1).0, genesis(2).0);
    let with = |hash| StoreOptions { genesis_hash: Some(hash), ..Default::default() };
    // An empty store is nobody's yet.
    drop(Store::open(folder.path(), &with(theirs.hash)).unwrap());
    let store = Store::open(folder.path(), &with(ours.hash)).unwrap();
    store.init_genesis(&ours).unwrap();
    let both = [ours.hash.to_string(), theirs.hash.to_string()];
    expect_error(store.init_genesis(&theirs), &[&both[0], &both[1]]);
    assert_eq!(store.genesis_hash().unwrap(), Some(ours.hash));
    drop(store);
    expect_error(Store::open(folder.path(), &with(theirs.hash)), &[&both[0], &both[1]]);
    Store::open(folder.path(), &with(ours.hash)).unwrap();
}

#[test]
fn another_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path(), &StoreOptions::default()).unwrap());
    let database = folder.path().join("db");
    let families = rocksdb::DB::list_cf(&rocksdb::Options::default(), &database).unwrap();
    let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), &database, families).unwrap();
    db.put_cf(db.cf_handle("meta").unwrap(), "schema", 4711_u64.to_be_bytes()).unwrap();
    drop(db);
    expect_error(Store::open(folder.path(), &StoreOptions::default()), &["4711", "expects 2"]);
}

#[test]
fn two_writers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let error = Store::open(folder.path(), &StoreOptions::default()).unwrap_err();
    assert!(matches!(&error, StoreError::Locked { path } if path == folder.path()), "{error}");
    drop(first);
    Store::open(folder.path(), &StoreOptions::default()).unwrap();
}
