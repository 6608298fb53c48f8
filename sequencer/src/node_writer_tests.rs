//! Derivation and building on real stores: what L1 says wins, and nothing that was promised is
//! lost.

use alloy_primitives::Address;
use gainsay_chain::{
    l1_index,
    test_l1::{TestL1, batch_block, l1_block, l1_time},
};
use gainsay_derivation::{BatchIndex, Cursor, DepositIndex};
use gainsay_transition::RecoveredTx;

use crate::{
    batch_draft::tests::post,
    pool::test_chain::{TxPlan, wallet},
    test_node::{TestNode, WALLETS},
};

const RECEIVER: Address = Address::repeat_byte(0x77);

fn transfer(sender: u64, nonce: u64) -> RecoveredTx {
    TxPlan { nonce, fee_cap: 100_000_000_000, ..Default::default() }.sign(&wallet(sender))
}

/// A sequencer with `blocks` blocks, one transfer of each wallet in each, and all of `l1`'s
/// deposits in the first.
fn sequencer(l1: &TestL1, blocks: u64) -> (TestNode, Vec<RecoveredTx>) {
    let node = TestNode::new();
    node.deriver.on_deposits(&l1.deposits).unwrap();
    let mut builder = node.builder();
    builder.set_l1_head(10, l1_time(10));
    let mut sent = Vec::new();
    for nonce in 0..blocks {
        for sender in 0..WALLETS {
            let tx = transfer(sender, nonce);
            node.pool.add(tx.clone()).unwrap();
            sent.push(tx);
        }
        builder.build().unwrap();
    }
    builder.flush().unwrap();
    assert_eq!(node.chain.store.head().number, blocks);
    assert!(sent.iter().all(|tx| node.has(tx)));
    (node, sent)
}

#[test]
fn a_follower_makes_serially_what_the_pipeline_made() {
    let mut l1 = TestL1::default();
    l1.deposit(5, RECEIVER, 1_000);
    l1.deposit(6, RECEIVER, 2_000);
    let (node, _) = sequencer(&l1, 6);
    let (deposits_read, data) = post(&node.chain, l1_time(11), true);
    assert_eq!(deposits_read, 2);
    let batch = l1.batch(11, deposits_read, &data);

    let derived = node.deriver.on_batch(&batch).unwrap();
    assert!(!derived.head_moved, "the sequencer replaced its own blocks");
    let follower = TestNode::new();
    follower.deriver.on_deposits(&l1.deposits).unwrap();
    follower.deriver.on_batch(&batch).unwrap();
    for number in 0..=6 {
        assert_eq!(follower.hash(number), node.hash(number), "block {number}");
        assert!(follower.hash(number).is_some());
    }
    let end = Cursor { batch: BatchIndex(1), block: 0, deposits_read: DepositIndex(2) };
    assert_eq!((node.safe(), follower.safe()), ((6, end), (6, end)));
    // A repetition, as after a crash, changes nothing.
    assert!(!node.deriver.on_batch(&batch).unwrap().head_moved);
    assert_eq!(node.safe(), (6, end));
    node.chain.store.verify_consistency().unwrap();
}

#[test]
fn a_forced_batch_displaces_blocks_but_no_transaction() {
    let mut l1 = TestL1::default();
    let (node, sent) = sequencer(&l1, 5);
    let old = node.hash(1);
    let deposit = l1.deposit(11, RECEIVER, 5);
    let batch = l1.batch(12, 1, &[]);
    node.deriver.on_deposits(&[deposit]).unwrap();
    let mut builder = node.builder();
    let derived = node.deriver.on_batch(&batch).unwrap();
    assert!(derived.head_moved && node.hash(1) != old);
    assert_eq!(derived.displaced, sent);
    assert_eq!(node.chain.store.head().number, 1);

    builder.reset().unwrap();
    builder.restore(derived.displaced);
    node.pool.reset().unwrap();
    builder.set_l1_head(12, l1_time(12));
    builder.build_displaced().unwrap();
    assert!(sent.iter().all(|tx| node.has(tx)));
    assert_eq!(node.pool.len(), 0);
}

#[test]
fn a_reorg_of_l1_takes_back_only_what_it_contradicts() {
    let mut l1 = TestL1::default();
    l1.deposit(5, RECEIVER, 1);
    let (node, sent) = sequencer(&l1, 3);
    let (read, data) = post(&node.chain, l1_time(11), true);
    let batch = l1.batch(11, read, &data);
    node.deriver.on_batch(&batch).unwrap();
    let head = node.chain.store.head();
    l1_index::finalize(&node.chain.store, 10).unwrap();
    assert_eq!(node.chain.store.heads().finalized.number, 0);
    assert_eq!(l1_index::newest_l1_block(&node.chain.store).unwrap(), 11);

    // The batch goes, its blocks stay and wait for another one.
    let derived = node.deriver.on_reorg(&l1_block(10, 0)).unwrap();
    assert!(!derived.head_moved && derived.displaced.is_empty());
    assert_eq!((node.safe().0, node.chain.store.head()), (0, head));
    assert_eq!(post(&node.chain, l1_time(11), true), (read, data));
    assert_eq!(l1_index::newest_l1_block(&node.chain.store).unwrap(), 5);

    // The deposit goes, and with it the blocks from the one that read it on.
    let derived = node.deriver.on_reorg(&l1_block(4, 0)).unwrap();
    assert!(derived.head_moved);
    assert_eq!(derived.displaced, sent);
    assert_eq!((node.chain.store.head().number, node.chain.store.deposit_count().get()), (0, 0));

    // Another one comes at its place: the builder takes that one, the batch is derived as built.
    let mut other = TestL1::default();
    other.deposit(6, RECEIVER, 77);
    node.deriver.on_deposits(&other.deposits).unwrap();
    let mut builder = node.builder();
    builder.set_l1_head(12, l1_time(12));
    builder.restore(derived.displaced);
    node.pool.reset().unwrap();
    builder.build_displaced().unwrap();
    let (read, data) = post(&node.chain, l1_time(13), true);
    let batch = other.batch(13, read, &data);
    assert!(!node.deriver.on_batch(&batch).unwrap().head_moved);
    l1_index::finalize(&node.chain.store, 13).unwrap();
    assert_eq!(node.chain.store.heads().finalized, node.chain.store.head());
    assert!(sent.iter().all(|tx| node.has(tx)));
}

#[test]
fn a_builder_stays_within_the_drift_whatever_the_wall_clock_says() {
    let mut l1 = TestL1::default();
    let batch = l1.batch_of(2, 0, &[batch_block(u64::MAX, 0, &[transfer(0, 0)])]);
    let node = TestNode::new();
    node.deriver.on_batch(&batch).unwrap();
    let time = |number| node.chain.store.header(number).unwrap().unwrap().header.timestamp;
    let config = &node.chain.rollup.chain;
    let mut builder = node.builder();
    builder.set_l1_head(2, l1_time(2));
    builder.build().unwrap();
    builder.flush().unwrap();
    assert_eq!(time(2), time(1));
    let fresh = TestNode::new();
    let mut builder = fresh.builder();
    builder.set_l1_head(1, 2_000);
    builder.build().unwrap();
    builder.flush().unwrap();
    let header = fresh.chain.store.head_header().unwrap();
    assert_eq!(header.header.timestamp, 2_000 + config.sequencer_drift_secs);
}
