//! Anyone can rebuild the chain from L1 and `rollup.json` alone; with the sequencer's URL a
//! follower also shows what is not on L1 yet, and passes transactions on.

use alloy::primitives::U256;
use gainsay_tests::{
    Call, Devnet, DevnetOptions, Kind, assert_same_chain, number, use_chain, wait_for_receipt,
    wait_for_safe,
};

async fn rebuild_from(da: &'static str) {
    let mut devnet = Devnet::start(DevnetOptions { da, ..Default::default() }).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    // What follows can come from L1 only.
    let posted_to_l1 = batch_kinds(&devnet).await;
    assert!(
        posted_to_l1.iter().all(|kind| *kind == da),
        "batches on L1: found {posted_to_l1:?}, expected {da} only"
    );
    let mut follower = devnet.follower("follower").await;
    let safe = wait_for_safe(&mut follower, done.last_block).await;
    wait_for_safe(&mut devnet.sequencer, safe).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, safe).await;
    for hash in done.signed.iter().chain([&done.deposit]) {
        let receipt = follower.rpc.receipt(*hash).await;
        assert!(!receipt.is_null(), "the follower has no receipt of {hash}");
    }
}

/// The kind of every batch on L1.
async fn batch_kinds(devnet: &Devnet) -> Vec<&'static str> {
    let inbox = devnet.l1.inbox(&devnet.rollup);
    let filter = inbox.contract().BatchPosted_filter().from_block(0);
    let events = filter.query().await.unwrap();
    assert!(!events.is_empty(), "found no batch on L1");
    events
        .iter()
        .map(|(event, _)| ["calldata", "blob", "forced"][usize::from(event.kind)])
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_blobs() {
    rebuild_from("blob").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_calldata() {
    rebuild_from("calldata").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_goes_on_where_it_was_stopped() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut follower = devnet.follower("follower").await;
    let first = use_chain(&mut devnet).await;
    wait_for_safe(&mut follower, first.last_block).await;
    follower.stop();
    let second = use_chain(&mut devnet).await;
    follower.start().await;
    wait_for_safe(&mut follower, second.last_block).await;
    follower.kill();
    let third = use_chain(&mut devnet).await;
    follower.start().await;
    let safe = wait_for_safe(&mut follower, third.last_block).await;
    wait_for_safe(&mut devnet.sequencer, safe).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, safe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_sequencer_a_follower_is_ahead_of_l1() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut follower = devnet.follower_of_sequencer("follower").await;
    // Without L1 nothing becomes safe.
    wait_for_safe(&mut follower, 1).await;
    devnet.l1.pause();
    let wallet = devnet.wallet(2);
    let to = devnet.wallet(3).address();
    let raw = wallet.sign(Kind::Eip1559, 0, Call::transfer(to, U256::from(7)));
    let hash = follower.rpc.send(&raw).await;
    let on_follower = wait_for_receipt(&mut follower, hash).await;
    let on_sequencer = wait_for_receipt(&mut devnet.sequencer, hash).await;
    assert_eq!(on_follower, on_sequencer, "receipts of {hash}");
    let (block, safe) = (number(&on_follower["blockNumber"]), follower.rpc.height("safe").await);
    assert!(block > safe, "block {block} is safe (up to {safe}) although L1 is paused");
    devnet.l1.resume();
    let safe = wait_for_safe(&mut follower, block).await;
    wait_for_safe(&mut devnet.sequencer, safe).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, safe).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_sequencer_a_follower_refuses_transactions() {
    let devnet = Devnet::start(DevnetOptions::default()).await;
    let follower = devnet.follower("follower").await;
    let raw = devnet.wallet(2).sign(
        Kind::Legacy,
        0,
        Call::transfer(devnet.wallet(3).address(), U256::from(7)),
    );
    let refused = follower.rpc.try_send(&raw).await;
    assert!(refused.is_err(), "a follower without a sequencer took a transaction: {refused:?}");
}
