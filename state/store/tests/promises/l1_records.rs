//! L1 records change atomically with the heads, have no holes, and follow reorgs and rewinds.

use crate::chain::{genesis, next_batch, next_deposit, random_block, rng};
use alloy_primitives::{Address, B256, Bytes, Log};
use gainsay_derivation::{BatchIndex, BlockNumber, Cursor, DepositIndex};
use gainsay_store::{
    DerivedBlocks, L1BlockRecord, L1LogRecord, L1Update, Store, StoreError, StoreOptions,
};

/// A store with `blocks` blocks in batches of two, each with one deposit, all derived.
fn store_with(folder: &std::path::Path, blocks: u64) -> Store {
    let store = Store::open(folder, &StoreOptions::default()).unwrap();
    let (mut parent, mut model) = genesis(3);
    store.init_genesis(&parent).unwrap();
    let mut rng = rng(3);
    for number in 1..=blocks {
        let block = random_block(&mut rng, &parent.header, parent.hash, &model);
        model.apply(&block);
        if number % 2 == 1 {
            let deposit = next_deposit(&store);
            let batch = next_batch(&store, deposit.deposit.index.next(), deposit.acc);
            let l1_block = L1BlockRecord { number: 100 + number, ..Default::default() };
            let update = L1Update {
                l1_blocks: vec![l1_block],
                deposits: vec![deposit],
                batches: vec![batch],
                ..Default::default()
            };
            store.apply(&update, false).unwrap();
        }
        let batch = (number - 1) / 2;
        let cursor = match number % 2 {
            1 => Cursor { batch: BatchIndex(batch), block: 1, deposits_read: DepositIndex(batch) },
            _ => Cursor {
                batch: BatchIndex(batch + 1),
                block: 0,
                deposits_read: DepositIndex(batch + 1),
            },
        };
        let derived = DerivedBlocks {
            first_block: BlockNumber(number - 1),
            last_block: BlockNumber(number),
            cursor_after: cursor,
        };
        let update = L1Update {
            cursors: vec![(BlockNumber(number), cursor)],
            derived: if number % 2 == 0 { vec![(BatchIndex(batch), derived)] } else { vec![] },
            safe: Some(BlockNumber(number)),
            ..Default::default()
        };
        store.commit_block(&block, false).unwrap();
        store.apply(&update, false).unwrap();
        parent = block;
    }
    store.verify_consistency().unwrap();
    store
}

#[test]
fn they_are_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 8);
    assert_eq!((store.deposit_count().get(), store.batch_count().get()), (4, 4));
    assert_eq!(store.heads().safe, store.head());
    assert_eq!(store.deposits(DepositIndex(1), DepositIndex(3)).unwrap().len(), 2);
    assert_eq!(
        store.deposits(DepositIndex(3), DepositIndex(9)).unwrap()[0],
        store.deposit(DepositIndex(3)).unwrap().unwrap()
    );
    assert_eq!(store.batches(BatchIndex(0), BatchIndex(u64::MAX)).unwrap().len(), 4);
    assert_eq!(
        store.batch(BatchIndex(1)).unwrap().unwrap().derived.unwrap().last_block,
        BlockNumber(4)
    );
    assert_eq!(store.batch(BatchIndex(4)).unwrap(), None);
    let cursor = store.cursor(BlockNumber(3)).unwrap().unwrap();
    assert_eq!(
        cursor.cursor,
        Cursor { batch: BatchIndex(1), block: 1, deposits_read: DepositIndex(1) }
    );
    assert_eq!(cursor.output_root, store.header(3).unwrap().unwrap().output_root);
    assert_eq!(cursor.claim(), gainsay_derivation::claim(cursor.output_root, &cursor.cursor));
    assert_eq!(store.l1_head().unwrap().unwrap().number, 107);
    assert_eq!(store.l1_blocks(0, 104).unwrap().len(), 2);
    let update = L1Update {
        truncate_l1_blocks: Some(107),
        prune_l1_blocks: Some(103),
        ..Default::default()
    };
    store.apply(&update, false).unwrap();
    let left: Vec<_> = store.l1_blocks(0, 999).unwrap().iter().map(|it| it.number).collect();
    assert_eq!(left, [103, 105]);
    drop(store);
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    assert_eq!((store.deposit_count().get(), store.batch_count().get()), (4, 4));
    store.put_note("position", b"here").unwrap();
    assert_eq!(store.note("position").unwrap().unwrap(), b"here");
    assert_eq!(store.note("other").unwrap(), None);
}

#[test]
fn a_reorg_cuts_them_with_the_safe_head() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 8);
    let cut = L1Update {
        truncate_batches: Some(BatchIndex(2)),
        truncate_deposits: Some(DepositIndex(2)),
        ..Default::default()
    };
    // Not without moving the safe head back: it would stand on batches that are not there.
    let error = store.apply(&cut, false).unwrap_err();
    assert!(
        matches!(error, StoreError::SafeBeyondL1 { safe: 8, batches: 2, deposits: 2, .. }),
        "{error}"
    );
    assert_eq!(store.batch_count(), BatchIndex(4));
    let old = store.batch(BatchIndex(2)).unwrap().unwrap();
    let cut = L1Update { safe: Some(BlockNumber(4)), ..cut };
    store.apply(&cut, false).unwrap();
    assert_eq!((store.deposit_count().get(), store.batch_count().get()), (2, 2));
    assert_eq!(store.batch(BatchIndex(2)).unwrap(), None);
    assert_eq!(store.cursor(BlockNumber(5)).unwrap(), None);
    assert_eq!(store.heads().safe.number, 4);
    assert_eq!(store.head().number, 8);
    assert!(store.batch(BatchIndex(1)).unwrap().unwrap().derived.is_some());
    store.verify_consistency().unwrap();
    // Other deposits and batches take the places.
    let deposit = next_deposit(&store);
    let batch =
        next_batch(&store, DepositIndex(2), store.deposit(DepositIndex(1)).unwrap().unwrap().acc);
    assert_ne!(batch, old);
    let update =
        L1Update { deposits: vec![deposit], batches: vec![batch.clone()], ..Default::default() };
    store.apply(&update, false).unwrap();
    assert_eq!(store.batch(BatchIndex(2)).unwrap(), Some(batch));
    store.verify_consistency().unwrap();
}

#[test]
fn logs_of_l1_go_with_their_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 2);
    let log = |l1_block, log_index| {
        let log = Log::new_unchecked(Address::ZERO, vec![B256::ZERO], Bytes::from_static(b"log"));
        L1LogRecord { l1_block, log_index, l1_time: 2 * l1_block, log }
    };
    let logs = [log(300, 0), log(300, 256), log(301, 1), log(65_536, 0)];
    let l1_blocks = [299, 300, 301, 65_536];
    let l1_blocks = l1_blocks.map(|number| L1BlockRecord { number, ..Default::default() });
    // In any order; each row has a place of its own.
    let update = L1Update {
        l1_blocks: l1_blocks.to_vec(),
        l1_logs: logs.iter().rev().cloned().collect(),
        ..Default::default()
    };
    store.apply(&update, false).unwrap();
    let read = |store: &Store, from| store.l1_logs(from).collect::<Result<Vec<_>, _>>().unwrap();
    assert_eq!(read(&store, 0), logs);
    assert_eq!(read(&store, 301), logs[2..]);
    drop(store);
    let store = Store::open(folder.path(), &StoreOptions::default()).unwrap();
    let prune = L1Update { prune_l1_blocks: Some(400), ..Default::default() };
    store.apply(&prune, false).unwrap();
    assert_eq!(read(&store, 0), logs, "old blocks go, their logs stay");
    let other = log(302, 9);
    let reorg = L1Update {
        truncate_l1_blocks: Some(301),
        l1_logs: vec![other.clone()],
        ..Default::default()
    };
    store.apply(&reorg, false).unwrap();
    assert_eq!(read(&store, 0), [logs[0].clone(), logs[1].clone(), other]);
    assert_eq!(store.l1_head().unwrap(), None);
    store.verify_consistency().unwrap();
}

#[test]
fn one_update_may_cut_and_add() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 8);
    let acc = store.batch(BatchIndex(2)).unwrap().unwrap().acc;
    let mut batch =
        next_batch(&store, DepositIndex(4), store.deposit(DepositIndex(3)).unwrap().unwrap().acc);
    batch.header.index = BatchIndex(3);
    batch.acc = gainsay_derivation::extend_batch_acc(
        acc,
        &batch.header,
        store.deposit(DepositIndex(3)).unwrap().unwrap().acc,
    );
    let update = L1Update {
        truncate_batches: Some(BatchIndex(3)),
        batches: vec![batch.clone()],
        safe: Some(BlockNumber(5)),
        ..Default::default()
    };
    store.apply(&update, false).unwrap();
    assert_eq!(store.batch(BatchIndex(3)).unwrap(), Some(batch));
    assert_eq!(
        store.batch(BatchIndex(2)).unwrap().unwrap().derived,
        None,
        "only its first block is safe"
    );
    assert_eq!(store.batch_count(), BatchIndex(4));
    store.verify_consistency().unwrap();
}

#[test]
fn a_rewind_takes_cursors_and_marks_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 8);
    store.set_finalized(BlockNumber(3)).unwrap();
    store.rewind(5).unwrap();
    let heads = store.heads();
    assert_eq!((heads.latest.number, heads.safe.number, heads.finalized.number), (5, 5, 3));
    assert!(store.cursor(BlockNumber(5)).unwrap().is_some());
    assert!(store.cursor(BlockNumber(6)).unwrap().is_none());
    let derived: Vec<_> = store
        .batches(BatchIndex(0), BatchIndex(9))
        .unwrap()
        .iter()
        .map(|it| it.derived.is_some())
        .collect();
    assert_eq!(derived, [true, true, false, false]);
    store.verify_consistency().unwrap();
    assert!(matches!(
        store.rewind(2),
        Err(StoreError::HeadsOutOfOrder { finalized: 3, latest: 2, .. })
    ));
    assert_eq!(store.head().number, 5);
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_with(folder.path(), 4);
    let before = store.heads();
    let refused = |update: L1Update| store.apply(&update, false).unwrap_err();
    let none = L1Update::default;

    let mut deposit = next_deposit(&store);
    deposit.deposit.index = deposit.deposit.index.next();
    let error = refused(L1Update { deposits: vec![deposit.clone()], ..none() });
    assert!(matches!(error, StoreError::IndexNotNext { table: "deposits", index: 3, next: 2 }));
    let mut batch = next_batch(&store, DepositIndex(0), deposit.acc);
    batch.header.index = BatchIndex(0);
    let error = refused(L1Update { batches: vec![batch], ..none() });
    assert!(matches!(error, StoreError::IndexNotNext { table: "batches", index: 0, next: 2 }));
    let derived = store.batch(BatchIndex(0)).unwrap().unwrap().derived.unwrap();
    let error = refused(L1Update { derived: vec![(BatchIndex(2), derived)], ..none() });
    assert!(matches!(error, StoreError::IndexNotNext { table: "batches", index: 2, next: 2 }));

    let error = refused(L1Update { finalized: Some(BlockNumber(5)), ..none() });
    assert!(matches!(error, StoreError::HeadsOutOfOrder { safe: 4, finalized: 5, .. }));
    let error = refused(L1Update { safe: Some(BlockNumber(5)), ..none() });
    assert!(matches!(error, StoreError::HeadsOutOfOrder { latest: 4, safe: 5, .. }));
    let set_safe = |number| {
        let safe = Some(BlockNumber(number));
        store.apply(&L1Update { safe, ..Default::default() }, false)
    };
    store.set_finalized(BlockNumber(2)).unwrap();
    assert!(matches!(
        store.set_finalized(BlockNumber(1)),
        Err(StoreError::HeadsOutOfOrder { finalized: 1, finalized_before: 2, .. })
    ));
    assert!(matches!(set_safe(1), Err(StoreError::HeadsOutOfOrder { safe: 1, .. })));

    set_safe(3).unwrap();
    assert!(matches!(set_safe(4), Err(StoreError::CursorMissing { number: 4 })));
    let cursor = Cursor { batch: BatchIndex(2), block: 0, deposits_read: DepositIndex(2) };
    let error = refused(L1Update { cursors: vec![(BlockNumber(4), cursor)], ..none() });
    assert!(matches!(error, StoreError::CursorNotSafe { number: 4, safe: 3 }));
    let beyond = Cursor { batch: BatchIndex(2), block: 1, ..cursor };
    let error = refused(L1Update {
        cursors: vec![(BlockNumber(4), beyond)],
        safe: Some(BlockNumber(4)),
        ..none()
    });
    assert!(matches!(error, StoreError::SafeBeyondL1 { safe: 4, batches: 2, .. }));
    store
        .apply(
            &L1Update {
                cursors: vec![(BlockNumber(4), cursor)],
                safe: Some(BlockNumber(4)),
                ..none()
            },
            true,
        )
        .unwrap();
    assert_eq!(store.heads().safe, before.safe);
    store.verify_consistency().unwrap();
}
