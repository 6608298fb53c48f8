//! The proposer's claims land on L1, show up in `rollup_status`, and are confirmed in time.

use gainsay_tests::{Devnet, DevnetOptions, Role, number, use_chain, wait_for_safe};
use serde_json::Value;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_is_proposed_and_confirmed_after_the_challenge_period() {
    let options = DevnetOptions {
        proposes: true,
        challenge_period_secs: 3_000,
        min_interval_secs: 5,
        ..Default::default()
    };
    let mut devnet = Devnet::start(options).await;
    let mut follower = devnet.follower("follower").await;
    let balance_before = devnet.l1.balance(Role::Proposer).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;

    let rpc = devnet.sequencer.rpc.clone();
    let covers = |claim: &Value| claim["blockNumber"].as_u64() >= Some(done.last_block);
    let proposed = devnet
        .sequencer
        .wait("to propose a claim about what was done", || async {
            let status = rpc.status().await;
            if covers(&status["proposed"]) {
                Ok(status["proposed"].clone())
            } else {
                Err(format!("{status:#}"))
            }
        })
        .await;
    let seconds_left = number(&proposed["secondsLeft"]);
    assert!((1..=3_000).contains(&seconds_left), "found {seconds_left} s left, expected 1 to 3000");
    let status = rpc.status().await;
    assert_eq!(status["confirmed"]["blockNumber"], 0, "confirmed before its time: {status:#}");
    let stake = devnet.rollup.assertions.stake_wei;
    let paid = balance_before - devnet.l1.balance(Role::Proposer).await;
    assert!(paid >= stake, "the proposer paid {paid} wei, expected a stake of {stake} at least");

    devnet.l1.travel(3_001).await;
    for node in [&mut devnet.sequencer, &mut follower] {
        let rpc = node.rpc.clone();
        let confirmed = node
            .wait("to see the claim confirmed", || async {
                let status = rpc.status().await;
                let confirmed = &status["confirmed"];
                if covers(confirmed) { Ok(confirmed.clone()) } else { Err(format!("{status:#}")) }
            })
            .await;
        let block = rpc.block(confirmed["blockNumber"].clone()).await;
        assert!(!block.is_null(), "the node has no block {}", confirmed["blockNumber"]);
    }
    // The chain of claims goes on from there.
    let more = use_chain(&mut devnet).await;
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to propose the next claim", || async {
            let status = rpc.status().await;
            let block = status["proposed"]["blockNumber"].as_u64();
            if block >= Some(more.last_block) { Ok(()) } else { Err(format!("{status:#}")) }
        })
        .await;
}
