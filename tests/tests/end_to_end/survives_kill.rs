//! A sequencer that is killed at any moment goes on: nothing that had a receipt is lost or moved,
//! the store is sound, and nothing is posted twice.

use std::time::Duration;

use alloy::primitives::U256;
use gainsay_tests::{
    Call, Devnet, DevnetOptions, Kind, Load, Seen, assert_posted_once, assert_same_blocks,
    assert_same_chain, assert_store_consistent, number, rounds, seeded, wait_for_receipt,
    wait_for_safe, wait_until,
};
use rand::{Rng, rngs::StdRng};

async fn kill_under_load(devnet: &mut Devnet, random: &mut StdRng) -> Seen {
    let life = Duration::from_millis(random.random_range(200..4_000));
    let load = Load::start(devnet, &[0, 1]);
    tokio::time::sleep(life).await;
    devnet.sequencer.kill();
    let seen = load.stop().await;
    println!("killed after {} ms, {} receipts seen", life.as_millis(), seen.receipts.len());
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_random_points_under_load() {
    let mut random = seeded("at_random_points_under_load");
    let options = DevnetOptions { block_time_ms: 100, ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let mut follower = devnet.follower("follower").await;
    let mut seen = Seen::default();
    let mut compared = 0;
    for _ in 0..rounds(4) {
        let round = kill_under_load(&mut devnet, &mut random).await;
        assert_store_consistent(&devnet.data("sequencer"));
        devnet.sequencer.start().await;
        // Its blocks are at once those that were seen, before and after it looked at L1.
        round.assert_unchanged(&devnet.sequencer.rpc).await;
        seen.extend(round);
        let height = devnet.sequencer.rpc.height("safe").await;
        wait_for_safe(&mut follower, height).await;
        assert_same_blocks(&devnet.sequencer.rpc, &follower.rpc, compared..=height).await;
        compared = height;
    }
    assert!(!seen.receipts.is_empty(), "no transaction had a receipt: nothing was tested");
    // The chain goes on, and L1 says the same.
    let wallet = devnet.wallet(3);
    let call = Call::transfer(devnet.wallet(4).address(), U256::from(1));
    let hash = devnet.sequencer.rpc.send(&wallet.sign(Kind::Legacy, 0, call)).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    let height = wait_for_safe(&mut follower, number(&receipt["blockNumber"])).await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    seen.assert_unchanged(&devnet.sequencer.rpc).await;
    seen.assert_unchanged(&follower.rpc).await;
    let posted = assert_posted_once(&devnet, &mut follower).await;
    let mut fresh = devnet.follower("fresh").await;
    wait_for_safe(&mut fresh, posted).await;
    wait_for_safe(&mut devnet.sequencer, posted).await;
    assert_same_chain(&devnet.sequencer.rpc, &fresh.rpc, posted).await;
    let (receipts, blocks) = (seen.receipts.len(), seen.blocks.len());
    println!("{receipts} receipts and {blocks} blocks seen, {posted} blocks posted once");
    devnet.sequencer.stop();
    assert_store_consistent(&devnet.data("sequencer"));
}

/// A reorg of L1 takes blocks back whose transactions have receipts; killed before they are in
/// other blocks, the sequencer still has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_takes_blocks_back() {
    const TAKEN_BACK: &str = "reorg l1_block";
    let mut random = seeded("while_it_takes_blocks_back");
    let options = DevnetOptions { l1_slots_in_epoch: 32, ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let to = devnet.wallet(4).address().to_string();
    let mut seen = Seen::default();
    for _ in 0..rounds(3) {
        let before = devnet.l1.rpc.block_number().await;
        let deposit = devnet.deposit(2, &["--to", &to, "--value-wei", "1"]).await;
        let load = Load::start(&devnet, &[0, 1]);
        wait_for_receipt(&mut devnet.sequencer, deposit).await;
        devnet.l1.wait_blocks(1).await;
        seen.extend(load.stop().await);
        let reorgs = devnet.sequencer.log().matches(TAKEN_BACK).count();
        // Without the deposit, no block from its own on can stand.
        devnet.l1.reorg_from(before + 1).await;
        let node = &devnet.sequencer;
        wait_until("the sequencer to see the reorg", || async {
            let count = node.log().matches(TAKEN_BACK).count();
            if count > reorgs { Ok(()) } else { Err(format!("{count} reorgs")) }
        })
        .await;
        let life = Duration::from_millis(random.random_range(0..100));
        tokio::time::sleep(life).await;
        devnet.sequencer.kill();
        assert_store_consistent(&devnet.data("sequencer"));
        devnet.sequencer.start().await;
        seen.assert_included(&mut devnet.sequencer).await;
        println!("killed {} ms after a rewind, {} receipts", life.as_millis(), seen.receipts.len());
    }
    let height = devnet.sequencer.rpc.block_number().await;
    let mut follower = devnet.follower("follower").await;
    wait_for_safe(&mut follower, height).await;
    assert_posted_once(&devnet, &mut follower).await;
    seen.assert_included(&mut follower).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_l1_away() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let wallet = devnet.wallet(0);
    let to = devnet.wallet(1).address();
    let send = |nonce| wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(1)));
    let first = devnet.sequencer.rpc.send(&send(0)).await;
    wait_for_receipt(&mut devnet.sequencer, first).await;
    devnet.l1.pause();
    let second = devnet.sequencer.rpc.send(&send(1)).await;
    wait_for_receipt(&mut devnet.sequencer, second).await;
    devnet.sequencer.kill();
    devnet.l1.resume();
    devnet.sequencer.start().await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, second).await;
    let mut follower = devnet.follower("follower").await;
    let height = wait_for_safe(&mut follower, number(&receipt["blockNumber"])).await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
}
