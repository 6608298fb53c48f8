//! L1 may be out of reach for long: the sequencer goes on including transactions, and when L1 is
//! back all of them become safe where they were, each block posted once, each deposit executed
//! once.

use alloy::primitives::{Address, B256, U256, address};
use gainsay_tests::{
    Call, Devnet, DevnetOptions, Kind, Load, Seen, assert_posted_once, assert_same_chain, number,
    wait_for_receipt, wait_for_safe,
};

/// Receives the deposits.
const STRANGER: Address = address!("000000000000000000000000000000000007a6e5");
/// What each deposit brings.
const DEPOSIT_WEI: u64 = 7;
/// L2 blocks that an outage lasts at least: many times the age at which batches are posted.
const BLOCKS_AWAY: u64 = 40;

fn options() -> DevnetOptions {
    DevnetOptions { is_gated: true, ..Default::default() }
}

/// Waits until the sequencer has made so many blocks more, and included a transaction of now.
async fn goes_on(devnet: &mut Devnet, blocks: u64) {
    let wallet = devnet.wallet(5);
    let nonce = devnet.sequencer.rpc.nonce(wallet.address()).await;
    let call = Call::transfer(STRANGER, U256::ZERO);
    let hash = devnet.sequencer.rpc.send(&wallet.sign(Kind::Eip1559, nonce, call)).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, hash).await;
    let until = number(&receipt["blockNumber"]) + blocks;
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to make blocks without L1", || async {
            let head = rpc.block_number().await;
            if head >= until { Ok(()) } else { Err(format!("block {head}, expected {until}")) }
        })
        .await;
}

async fn deposit(devnet: &Devnet, user: usize) -> B256 {
    let (to, wei) = (STRANGER.to_string(), DEPOSIT_WEI.to_string());
    devnet.deposit(user, &["--to", &to, "--value-wei", &wei]).await
}

/// Checks that all that was seen and deposited is on L1 once, and executed once.
async fn nothing_is_lost(mut devnet: Devnet, seen: &Seen, deposits: &[B256]) {
    let node = &mut devnet.sequencer;
    let mut height = seen.receipts.values().map(|(height, _)| *height).max().unwrap();
    for hash in deposits {
        let receipt = wait_for_receipt(node, *hash).await;
        assert_eq!(receipt["status"], "0x1", "deposit {hash}: {receipt:#}");
        height = height.max(number(&receipt["blockNumber"]));
    }
    seen.assert_included(node).await;
    wait_for_safe(node, height).await;
    let mut follower = devnet.follower("follower").await;
    wait_for_safe(&mut follower, height).await;
    let posted = assert_posted_once(&devnet, &mut follower).await;
    assert!(posted >= height, "{posted} blocks on L1, expected {height} or more");
    wait_for_safe(&mut devnet.sequencer, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
    let received = follower.rpc.balance(STRANGER).await;
    assert_eq!(received, U256::from(DEPOSIT_WEI * deposits.len() as u64), "from deposits");
    let (receipts, deposits) = (seen.receipts.len(), deposits.len());
    println!("{receipts} receipts, {deposits} deposits, {posted} blocks posted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_l1_goes_on_without_the_sequencer() {
    let mut devnet = Devnet::start(options()).await;
    wait_for_safe(&mut devnet.sequencer, 1).await;
    let load = Load::start(&devnet, &[0]);
    let mut deposits = vec![deposit(&devnet, 2).await];
    devnet.gate().shut().await;
    deposits.push(deposit(&devnet, 3).await);
    let posted = devnet.l1.inbox(&devnet.rollup).batch_count().await.unwrap();
    goes_on(&mut devnet, BLOCKS_AWAY).await;
    deposits.push(deposit(&devnet, 4).await);
    let inbox = devnet.l1.inbox(&devnet.rollup);
    assert_eq!(inbox.batch_count().await.unwrap(), posted, "a batch came through a shut gate");
    devnet.gate().open().await;
    let seen = load.stop().await;
    seen.assert_unchanged(&devnet.sequencer.rpc).await;
    let height = *seen.blocks.keys().last().unwrap();
    wait_for_safe(&mut devnet.sequencer, height).await;
    // Also now that L1 has the last word.
    seen.assert_unchanged(&devnet.sequencer.rpc).await;
    nothing_is_lost(devnet, &seen, &deposits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_l1_hangs() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let load = Load::start(&devnet, &[0]);
    let deposits = [deposit(&devnet, 2).await, deposit(&devnet, 3).await];
    // Connections stay open, and nothing comes back.
    devnet.l1.pause();
    goes_on(&mut devnet, BLOCKS_AWAY).await;
    devnet.l1.resume();
    let seen = load.stop().await;
    nothing_is_lost(devnet, &seen, &deposits).await;
}

/// The sequencer's blocks stand on an Inbox that went on without them: they have to be built again,
/// and no transaction of them is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn longer_than_deposits_wait() {
    let options = DevnetOptions { force_delay_secs: 300, ..options() };
    let mut devnet = Devnet::start(options).await;
    wait_for_safe(&mut devnet.sequencer, 1).await;
    let load = Load::start(&devnet, &[0]);
    devnet.gate().shut().await;
    let mut deposits = vec![deposit(&devnet, 2).await];
    goes_on(&mut devnet, 4).await;
    devnet.l1.travel(301).await;
    let forced = devnet.force_include(3).await.unwrap();
    assert!(forced.contains("forced"), "gainsay force-include said {forced:?}");
    // Overdue, too, when the sequencer is back, but in no batch.
    deposits.push(deposit(&devnet, 4).await);
    devnet.l1.travel(301).await;
    devnet.gate().open().await;
    goes_on(&mut devnet, 4).await;
    let seen = load.stop().await;
    nothing_is_lost(devnet, &seen, &deposits).await;
}
