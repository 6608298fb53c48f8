//! A sequencer that is killed at any moment goes on: nothing that had a receipt is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, U256};
use gainsay_tests::{
    Call, Devnet, DevnetOptions, Kind, Rpc, Wallet, assert_same_chain, number, rounds, seeded,
    wait_for_receipt, wait_for_safe,
};
use rand::{Rng, rngs::StdRng};

/// Transfers of one wallet, sent as fast as the node takes them until it is gone.
async fn load(rpc: Rpc, wallet: Wallet, until: Instant) -> BTreeMap<B256, u64> {
    let to = wallet.address();
    let mut seen = BTreeMap::new();
    let mut waiting: Vec<B256> = Vec::new();
    let count = rpc.try_call("eth_getTransactionCount", serde_json::json!([to, "pending"])).await;
    let Ok(count) = count else { return seen };
    let mut nonce = number(&count);
    while Instant::now() < until {
        for _ in 0..10 {
            let raw = wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(nonce)));
            let Ok(hash) = rpc.try_send(&raw).await else { return seen };
            nonce += 1;
            waiting.push(hash);
        }
        let mut left = Vec::new();
        for hash in waiting {
            let answer = rpc.try_call("eth_getTransactionReceipt", serde_json::json!([hash])).await;
            let Ok(receipt) = answer else { return seen };
            if receipt.is_null() {
                left.push(hash);
            } else {
                seen.insert(hash, number(&receipt["blockNumber"]));
            }
        }
        waiting = left;
    }
    seen
}

async fn kill_under_load(devnet: &mut Devnet, random: &mut StdRng) -> BTreeMap<B256, u64> {
    let life = Duration::from_millis(random.random_range(200..4_000));
    let until = Instant::now() + life;
    let rpc = devnet.sequencer.rpc.clone();
    // The load goes on for a moment longer than the node lives.
    let loads = [0, 1].map(|user| {
        tokio::spawn(load(rpc.clone(), devnet.wallet(user), until + Duration::from_secs(1)))
    });
    tokio::time::sleep_until(until.into()).await;
    devnet.sequencer.kill();
    let mut seen = BTreeMap::new();
    for load in loads {
        seen.extend(load.await.unwrap());
    }
    println!("killed after {} ms, {} receipts seen", life.as_millis(), seen.len());
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_random_points_under_load() {
    let mut random = seeded("at_random_points_under_load");
    let options = DevnetOptions { block_time_ms: 100, ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let mut seen = BTreeMap::new();
    for _ in 0..rounds(4) {
        seen.extend(kill_under_load(&mut devnet, &mut random).await);
        devnet.sequencer.start().await;
        for hash in seen.keys() {
            wait_for_receipt(&mut devnet.sequencer, *hash).await;
        }
    }
    assert!(!seen.is_empty(), "no transaction had a receipt: nothing was tested");
    // The chain goes on, and L1 says the same.
    let wallet = devnet.wallet(3);
    let call = Call::transfer(devnet.wallet(4).address(), U256::from(1));
    let hash = devnet.sequencer.rpc.send(&wallet.sign(Kind::Legacy, 0, call)).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    let mut follower = devnet.follower("follower").await;
    let height = wait_for_safe(&mut follower, number(&receipt["blockNumber"])).await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
    for hash in seen.keys() {
        let receipt = follower.rpc.receipt(*hash).await;
        assert_eq!(receipt["status"], "0x1", "the follower on {hash}: {receipt:#}");
    }
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
