//! Derivation on real stores: what L1 says wins.

use alloy_primitives::Address;
use gainsay_derivation::BatchIndex;

use super::*;
use crate::{
    test_chain::{TestChain, transfer},
    test_l1::{CONFIG, TestL1, batch_block, l1_block, l1_time},
};

const RECEIVER: Address = Address::repeat_byte(0x77);

#[test]
fn an_invalid_transaction_ends_its_batch_also_after_a_crash() {
    let mut l1 = TestL1::default();
    for block in 1..=3 {
        l1.deposit(block, RECEIVER, u128::from(block));
    }
    let blocks = [
        batch_block(l1_time(4), 1, &[transfer(0, 0)]),
        batch_block(l1_time(4), 1, &[transfer(0, 1), transfer(0, 7)]),
        batch_block(l1_time(4), 1, &[transfer(1, 0)]),
    ];
    let batch = l1.batch_of(5, 3, &blocks);
    let test = TestChain::new();
    let store = &test.chain.store;
    test.deriver.on_deposits(&l1.deposits).unwrap();
    test.deriver.on_batch(&batch).unwrap();
    let end = Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(3) };
    assert_eq!(test.safe(), (2, end));
    let body = store.transactions(2).unwrap().unwrap();
    assert!(body.len() == 2 && body.iter().all(RecoveredTx::is_deposit));
    assert!(test.has(&transfer(0, 0)) && !test.has(&transfer(0, 1)));
    let head = store.block_hash(2).unwrap();

    // The state of a store that was killed when the blocks were in it, but not the batch.
    let cut = L1Update {
        truncate_batches: Some(BatchIndex(0)),
        safe: Some(BlockNumber(0)),
        ..Default::default()
    };
    store.apply(&cut, false).unwrap();
    assert_eq!(store.head().number, 2);
    test.deriver.on_deposits(&l1.deposits).unwrap();
    test.deriver.on_batch(&batch).unwrap();
    assert_eq!((test.safe(), store.block_hash(2).unwrap()), ((2, end), head));
    let record = store.batch(BatchIndex(0)).unwrap().unwrap();
    assert_eq!(l1_index::block_at_cursor(store, &end).unwrap(), Some(BlockNumber(2)));
    let middle = Cursor { batch: BatchIndex(0), block: 1, deposits_read: DepositIndex(1) };
    assert_eq!(l1_index::block_at_cursor(store, &middle).unwrap(), Some(BlockNumber(1)));
    let wrong = Cursor { deposits_read: DepositIndex(2), ..middle };
    assert_eq!(l1_index::block_at_cursor(store, &wrong).unwrap(), None);
    assert_eq!(
        (record.derived.unwrap().first_block, record.acc),
        (BlockNumber(1), batch.posted.acc)
    );
}

#[test]
fn garbage_is_one_block_of_deposits_and_the_chain_goes_on() {
    let mut l1 = TestL1::default();
    l1.deposit(1, RECEIVER, 9);
    let test = TestChain::new();
    test.deriver.on_deposits(&l1.deposits).unwrap();
    test.deriver.on_batch(&l1.batch(2, 1, b"\x01 not a batch")).unwrap();
    test.deriver.on_batch(&l1.batch(3, 1, b"\xff")).unwrap();
    let block = batch_block(l1_time(4), 0, &[transfer(0, 0)]);
    test.deriver.on_batch(&l1.batch_of(4, 1, &[block])).unwrap();
    assert_eq!(
        test.safe(),
        (3, Cursor { batch: BatchIndex(3), block: 0, deposits_read: DepositIndex(1) })
    );
    assert_eq!(test.chain.store.transactions(1).unwrap().unwrap().len(), 1);
    assert_eq!(test.chain.store.transactions(2).unwrap().unwrap().len(), 0);
    assert!(test.has(&transfer(0, 0)));
    // A later batch out of turn is an error, not a block.
    l1.batch(5, 1, &[]);
    let error = test.deriver.on_batch(&l1.batch(6, 1, &[])).unwrap_err();
    assert!(matches!(error, ChainError::WrongBatch { index: BatchIndex(4), .. }), "{error}");
}

#[test]
fn late_and_early_blocks_get_the_times_of_their_batch() {
    let mut l1 = TestL1::default();
    let blocks = [
        batch_block(0, 0, &[transfer(0, 0)]),
        batch_block(u64::MAX, 0, &[transfer(0, 1)]),
        batch_block(u64::MAX, 0, &[transfer(0, 2)]),
    ];
    let batch = l1.batch_of(2, 0, &blocks);
    let test = TestChain::new();
    test.deriver.on_batch(&batch).unwrap();
    let time = |number| test.chain.store.header(number).unwrap().unwrap().header.timestamp;
    assert_eq!(time(1), l1_time(2) - CONFIG.sequencer_window_secs);
    assert_eq!(time(2), l1_time(2) + CONFIG.sequencer_drift_secs);
    assert_eq!(time(3), time(2));
}

/// Blocks of a batch, all at the time of L1 block `block`, each with a transaction.
fn crowd(block: u64, count: u64, nonce: u64) -> Vec<gainsay_derivation::BatchBlock> {
    let transfers = (nonce..).map(|nonce| batch_block(l1_time(block), 0, &[transfer(0, nonce)]));
    transfers.take(usize::try_from(count).unwrap()).collect()
}

/// A thief of the sequencer's key posts as many blocks as fit. What the chain admits is bounded by
/// L1's clock, and whoever posts afterwards finds slots again.
// PROTOCOL.md DERIVE-8, DERIVE-9
#[test]
fn blocks_of_a_stolen_key_are_bounded_by_the_clock_of_l1() {
    const { assert!(CONFIG.sequencer_drift_secs == 600 && CONFIG.max_blocks_per_sec == 10) };
    let mut l1 = TestL1::default();
    l1.deposit(1, RECEIVER, 9);
    let test = TestChain::new();
    test.deriver.on_deposits(&l1.deposits).unwrap();
    // The slots from second l1_time(2) to the end of second l1_time(2) + 600.
    let admitted = 601 * 10;
    for first in [0, 3_500] {
        test.deriver.on_batch(&l1.batch_of(2, 0, &crowd(2, 3_500, first))).unwrap();
    }
    // Behind the last slot comes one block of the deposits that the batch reads, and no more.
    assert_eq!(test.chain.store.head().number, admitted + 1);
    assert!(test.has(&transfer(0, admitted - 1)) && !test.has(&transfer(0, admitted)));
    test.deriver.on_batch(&l1.batch_of(2, 1, &crowd(2, 100, admitted))).unwrap();
    assert_eq!(test.chain.store.head().number, admitted + 2);
    assert_eq!(test.chain.store.transactions(admitted + 2).unwrap().unwrap().len(), 1);
    // A forced batch and garbage take no slot from those who post later.
    test.deriver.on_batch(&l1.batch(2, 1, &[])).unwrap();
    test.deriver.on_batch(&l1.batch(2, 1, b"garbage")).unwrap();
    // An L1 block later, 12 seconds: 120 slots.
    test.deriver.on_batch(&l1.batch_of(3, 1, &crowd(3, 120, admitted))).unwrap();
    assert!(test.has(&transfer(0, admitted + 119)));
    assert_eq!(
        test.safe(),
        (
            admitted + 4 + 120,
            Cursor { batch: BatchIndex(6), block: 0, deposits_read: DepositIndex(1) }
        )
    );
    test.deriver.on_batch(&l1.batch_of(3, 1, &crowd(3, 1, admitted + 120))).unwrap();
    assert!(!test.has(&transfer(0, admitted + 120)));
}

/// After an outage of L1, batches bring hours of blocks: each has the slot of its own second, so
/// that none is lost, though they are more than the drift alone has slots for. A forced batch
/// between them takes no slot.
#[test]
fn blocks_of_a_long_outage_have_their_slots() {
    let mut l1 = TestL1::default();
    let test = TestChain::new();
    let hour_ago = l1_time(300) - CONFIG.sequencer_window_secs;
    let block = |index| batch_block(hour_ago + index / 2, 0, &[transfer(0, index)]);
    for from in [0, 2_400, 4_800] {
        let blocks: Vec<_> = (from..from + 2_400).map(block).collect();
        test.deriver.on_batch(&l1.batch_of(300, 0, &blocks)).unwrap();
    }
    // The forced block has L1's time, and so has whatever follows it.
    test.deriver.on_batch(&l1.batch(300, 0, &[])).unwrap();
    let late: Vec<_> =
        (7_200..10_800).map(|nonce| batch_block(0, 0, &[transfer(0, nonce)])).collect();
    test.deriver.on_batch(&l1.batch_of(300, 0, &late)).unwrap();
    assert_eq!(test.safe().0, 10_801);
    assert!(test.has(&transfer(0, 10_799)));
}

/// The block of a forced batch that L1 drops again could come by no other batch: it takes no slot.
#[test]
fn a_block_without_a_slot_goes_with_its_batch() {
    let mut l1 = TestL1::default();
    l1.deposit(5, RECEIVER, 1);
    let forced = l1.batch(11, 1, &[]);
    let test = TestChain::new();
    let deriver = Deriver::new(test.chain.clone(), UnsafeBlocks::Keep);
    deriver.on_deposits(&l1.deposits).unwrap();
    deriver.on_batch(&forced).unwrap();
    assert_eq!(test.chain.store.head().number, 1);
    deriver.on_step(ChainStep::Reorged { to: l1_block(10, 0) }).unwrap();
    assert_eq!((test.chain.store.head().number, test.chain.store.deposit_count().get()), (0, 1));
}

#[test]
fn a_reorg_takes_back_what_l1_took_back_and_the_unsafe_blocks_where_asked_for() {
    let mut l1 = TestL1::default();
    l1.deposit(5, RECEIVER, 1);
    let blocks = [batch_block(l1_time(11), 1, &[transfer(0, 0)])];
    let batch = l1.batch_of(11, 1, &blocks);
    for unsafe_blocks in [UnsafeBlocks::Keep, UnsafeBlocks::Drop] {
        let test = TestChain::new();
        let deriver = Deriver::new(test.chain.clone(), unsafe_blocks);
        deriver.on_deposits(&l1.deposits).unwrap();
        deriver.on_batch(&batch).unwrap();
        // The batch goes, its deposit stays.
        let derived = deriver.on_step(ChainStep::Reorged { to: l1_block(10, 0) }).unwrap();
        let is_dropped = unsafe_blocks == UnsafeBlocks::Drop;
        assert_eq!(derived.head_moved, is_dropped);
        assert_eq!(test.chain.store.head().number, u64::from(!is_dropped));
        assert_eq!((test.safe().0, test.chain.store.deposit_count().get()), (0, 1));
        // The deposit goes: no block that holds it may stay.
        deriver.on_step(ChainStep::Reorged { to: l1_block(4, 0) }).unwrap();
        assert_eq!(
            (test.chain.store.head().number, test.chain.store.deposit_count().get()),
            (0, 0)
        );
    }
}
