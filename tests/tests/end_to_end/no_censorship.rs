//! What stands in the Inbox is executed, sequencer or no sequencer.

use alloy::primitives::{U256, address};
use gainsay_tests::{
    CREATE_NOTEBOOK, Call, Devnet, DevnetOptions, Kind, assert_same_chain, note_call, number,
    wait_for_receipt, wait_for_safe,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deposits_are_forced_without_the_sequencer() {
    let options = DevnetOptions { force_delay_secs: 300, ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let mut follower = devnet.follower("follower").await;
    let wallet = devnet.wallet(0);
    let notebook = wallet.address().create(0);
    let rpc = devnet.sequencer.rpc.clone();
    let created = rpc.send(&wallet.sign(Kind::Eip1559, 0, Call::create(&CREATE_NOTEBOOK))).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, created).await;
    wait_for_safe(&mut devnet.sequencer, number(&receipt["blockNumber"])).await;
    // This one is in a block of the sequencer that may not be on L1 when it stops.
    let transfer = Call::transfer(devnet.wallet(2).address(), U256::from(1));
    let last = rpc.send(&wallet.sign(Kind::Eip1559, 1, transfer)).await;
    wait_for_receipt(&mut devnet.sequencer, last).await;
    devnet.sequencer.stop();

    let stranger = address!("00000000000000000000000000000000ce450bed");
    let to = stranger.to_string();
    let ether = devnet.deposit(3, &["--to", &to, "--value-eth", "3"]).await;
    let (contract, data) = (notebook.to_string(), note_call(9, 99).to_string());
    let call = devnet.deposit(4, &["--to", &contract, "--data", &data]).await;

    let early = devnet.force_include(5).await;
    let refusal = early.expect_err("a deposit was forced before its delay was over");
    assert!(refusal.contains("not yet"), "found {refusal:?}, expected 'not yet'");
    devnet.l1.travel(301).await;
    let forced = devnet.force_include(5).await.unwrap();
    assert!(forced.contains("forced"), "gainsay force-include said {forced:?}");

    for hash in [ether, call] {
        let receipt = wait_for_receipt(&mut follower, hash).await;
        assert_eq!(receipt["status"], "0x1", "{receipt:#}");
    }
    let eth = U256::from(10).pow(U256::from(18));
    assert_eq!(follower.rpc.balance(stranger).await, U256::from(3) * eth);
    assert_eq!(follower.rpc.storage(notebook, 9).await, U256::from(99));
    let forced_height = follower.rpc.height("safe").await;

    devnet.sequencer.start().await;
    let next = Call::transfer(devnet.wallet(2).address(), U256::from(2));
    // The sequencer first takes up what happened without it.
    wait_for_safe(&mut devnet.sequencer, forced_height).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, last).await;
    assert_eq!(receipt["status"], "0x1", "a transaction of a displaced block: {receipt:#}");
    let hash = rpc.send(&wallet.sign(Kind::Eip1559, 2, next)).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    let height = wait_for_safe(&mut follower, number(&receipt["blockNumber"])).await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_working_sequencer_executes_deposits_by_itself() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let init_code = alloy::primitives::hex::encode_prefixed(CREATE_NOTEBOOK);
    let hash = devnet.deposit(3, &["--create", "--data", &init_code]).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    assert_eq!(receipt["status"], "0x1", "{receipt:#}");
    assert_eq!(receipt["type"], "0x7e", "{receipt:#}");
    let contract: alloy::primitives::Address =
        receipt["contractAddress"].as_str().unwrap().parse().unwrap();
    let code = devnet.sequencer.rpc.call("eth_getCode", serde_json::json!([contract, "latest"]));
    assert_eq!(code.await, alloy::primitives::hex::encode_prefixed(&CREATE_NOTEBOOK[9..]));
    // A deposit that fails on L2 is included as failed, and what it minted stays.
    let user = devnet.wallet(4).address();
    let before = devnet.sequencer.rpc.balance(user).await;
    let failing = ["--to", &contract.to_string(), "--data", "0x01", "--value-eth", "1"];
    let hash = devnet.deposit(4, &[&failing[..], &["--gas-limit", "22000"]].concat()).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    assert_eq!(receipt["status"], "0x0", "{receipt:#}");
    let eth = U256::from(10).pow(U256::from(18));
    assert_eq!(
        devnet.sequencer.rpc.balance(user).await,
        before + eth,
        "the mint of a failed deposit"
    );
}
