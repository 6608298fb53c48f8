//! L1 reorgs take nothing from users: transactions of displaced blocks come back, deposits that L1
//! keeps are executed once, claims go on, and all nodes agree again.

use alloy::primitives::{B256, U256, address};
use gainsay_tests::{
    Call, Devnet, DevnetOptions, InboxRecord, Kind, Load, Seen, Wallet, assert_posted_once,
    assert_same_chain, number, rounds, seeded, wait_for_receipt, wait_for_safe,
};
use rand::Rng;

/// L1 finality far behind, so that no reorg here reaches it.
fn options() -> DevnetOptions {
    DevnetOptions { l1_slots_in_epoch: 32, ..Default::default() }
}

/// Sends transfers, one after the other.
async fn transfers(devnet: &mut Devnet, wallet: &Wallet, count: u64) -> Vec<B256> {
    let to = devnet.wallet(5).address();
    let mut hashes = Vec::new();
    for _ in 0..count {
        let nonce = devnet.sequencer.rpc.nonce(wallet.address()).await;
        let raw = wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(1)));
        let hash = devnet.sequencer.rpc.send(&raw).await;
        wait_for_receipt(&mut devnet.sequencer, hash).await;
        hashes.push(hash);
    }
    hashes
}

/// Waits until all these are in safe blocks of the sequencer, and checks that a new follower and
/// those given have the same chain.
async fn all_come_back(devnet: &mut Devnet, hashes: &[B256], fresh: &str) {
    let mut height = 0;
    for hash in hashes {
        let receipt = wait_for_receipt(&mut devnet.sequencer, *hash).await;
        assert_eq!(receipt["status"], "0x1", "{receipt:#}");
        height = height.max(number(&receipt["blockNumber"]));
    }
    let mut follower = devnet.follower(fresh).await;
    wait_for_safe(&mut devnet.sequencer, height).await;
    wait_for_safe(&mut follower, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
    for hash in hashes {
        let (one, other) =
            (devnet.sequencer.rpc.receipt(*hash).await, follower.rpc.receipt(*hash).await);
        assert_eq!(other, one, "receipt of {hash}");
        assert!(!one.is_null(), "{hash} was included and is lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_depths_under_batches() {
    let mut random = seeded("of_many_depths_under_batches");
    let mut devnet = Devnet::start(options()).await;
    let mut old = devnet.follower("old").await;
    let wallet = devnet.wallet(0);
    let first_block = devnet.l1.rpc.block_number().await + 1;
    let mut hashes = Vec::new();
    devnet.l1.wait_blocks(20).await;
    for depth in [1, 2, 3, random.random_range(4..10), 20] {
        hashes.extend(transfers(&mut devnet, &wallet, 3).await);
        // Sometimes the last batch is on L1 by now, sometimes not.
        if random.random() {
            let height = devnet.sequencer.rpc.block_number().await;
            wait_for_safe(&mut devnet.sequencer, height).await;
        }
        let head = devnet.l1.rpc.block_number().await;
        assert!(head - depth >= first_block, "L1 is too short ({head}) for a reorg of {depth}");
        println!("L1 reorg of depth {depth} at block {head}");
        devnet.l1.reorg(depth).await;
    }
    hashes.extend(transfers(&mut devnet, &wallet, 1).await);
    all_come_back(&mut devnet, &hashes, "fresh").await;
    let height = devnet.sequencer.rpc.height("safe").await;
    wait_for_safe(&mut old, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &old.rpc, height).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_drops_a_deposit_and_what_was_built_on_it() {
    let mut devnet = Devnet::start(options()).await;
    let wallet = devnet.wallet(0);
    let stranger = address!("0000000000000000000000000000000000000e09");
    let to = stranger.to_string();
    let before = devnet.l1.rpc.block_number().await;
    let deposit = devnet.deposit(1, &["--to", &to, "--value-wei", "1000"]).await;
    wait_for_receipt(&mut devnet.sequencer, deposit).await;
    let hashes = transfers(&mut devnet, &wallet, 5).await;
    devnet.l1.reorg_from(before + 1).await;

    // The deposit is not on L1 any more, so that it must not be on L2.
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to take the deposit back", || async {
            let receipt = rpc.receipt(deposit).await;
            if receipt.is_null() { Ok(()) } else { Err(format!("{receipt:#}")) }
        })
        .await;
    all_come_back(&mut devnet, &hashes, "fresh").await;
    assert_eq!(rpc.balance(stranger).await, U256::ZERO, "ether of a deposit that L1 dropped");

    let again = devnet.deposit(1, &["--to", &to, "--value-wei", "2000"]).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, again).await;
    assert_eq!(receipt["status"], "0x1", "{receipt:#}");
    assert_eq!(rpc.balance(stranger).await, U256::from(2_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn that_drops_a_claim() {
    let devnet_options =
        DevnetOptions { proposes: true, challenge_period_secs: 100_000, ..options() };
    let mut devnet = Devnet::start(devnet_options).await;
    let before = devnet.l1.rpc.block_number().await;
    let wallet = devnet.wallet(0);
    let mut hashes = transfers(&mut devnet, &wallet, 2).await;
    let claim = wait_for_claim(&mut devnet, None).await;
    devnet.l1.reorg_from(before + 1).await;
    // Nothing of it is left on L1; the sequencer posts and claims again.
    let assertion_chain =
        gainsay_l1::AssertionChain::new(&devnet.l1.client(), devnet.rollup.assertion_chain);
    hashes.extend(transfers(&mut devnet, &wallet, 2).await);
    let next = wait_for_claim(&mut devnet, Some(claim)).await;
    let on_l1 = assertion_chain.assertion(next).await.unwrap();
    assert_ne!(on_l1.created_at, 0, "rollup_status shows claim {next}, which L1 does not have");
    all_come_back(&mut devnet, &hashes, "fresh").await;
}

/// Everything at once: users, deposits, batches, claims, and L1 blocks that go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_random_depths_under_batches_deposits_and_claims() {
    const DEPTH_MAX: u64 = 20;
    let mut random = seeded("at_random_depths_under_batches_deposits_and_claims");
    let claims = DevnetOptions {
        proposes: true,
        challenge_period_secs: 20,
        min_interval_secs: 2,
        ..options()
    };
    let mut devnet = Devnet::start(claims).await;
    let mut old = devnet.follower("old").await;
    let first_block = devnet.l1.rpc.block_number().await + 1;
    devnet.l1.mine(DEPTH_MAX).await;
    let to = devnet.wallet(5).address().to_string();
    let mut seen = Seen::default();
    let mut deposits = Vec::new();
    for _ in 0..rounds(3) {
        let load = Load::start(&devnet, &[0, 1]);
        for _ in 0..random.random_range(0..3) {
            let wei = random.random_range(1..1_000_u32).to_string();
            deposits.push(devnet.deposit(2, &["--to", &to, "--value-wei", &wei]).await);
        }
        devnet.l1.wait_blocks(random.random_range(1..8)).await;
        let head = devnet.l1.rpc.block_number().await;
        let depth = random.random_range(1..=DEPTH_MAX).min(head - first_block + 1);
        devnet.l1.reorg(depth).await;
        devnet.l1.wait_blocks(random.random_range(0..4)).await;
        let round = load.stop().await;
        println!("L1 reorg of depth {depth} at {head}, {} receipts seen", round.receipts.len());
        assert!(!round.receipts.is_empty(), "the load did not get through: nothing was tested");
        seen.extend(round);
        assert_eq!(devnet.sequencer.ended(), None, "the sequencer gave up");
    }
    // Nothing with a receipt is lost; what L1 kept was executed once, what it dropped was not.
    seen.assert_included(&mut devnet.sequencer).await;
    let wallet = devnet.wallet(3);
    let hashes = transfers(&mut devnet, &wallet, 1).await;
    all_come_back(&mut devnet, &hashes, "fresh").await;
    let posted = assert_posted_once(&devnet, &mut old).await;
    let kept = InboxRecord::read(&devnet).await.deposit_hashes();
    for hash in &deposits {
        if kept.contains(hash) {
            wait_for_receipt(&mut devnet.sequencer, *hash).await;
        } else {
            let receipt = devnet.sequencer.rpc.receipt(*hash).await;
            assert!(receipt.is_null(), "L1 dropped deposit {hash}: {receipt:#}");
        }
    }
    wait_for_safe(&mut devnet.sequencer, posted).await;
    assert_same_chain(&devnet.sequencer.rpc, &old.rpc, posted).await;
    seen.assert_included(&mut old).await;
    wait_for_confirmed(&mut devnet, posted).await;
    let (receipts, count) = (seen.receipts.len(), deposits.len());
    println!("{receipts} receipts, {count} deposits, {posted} blocks posted once and confirmed");
}

/// Waits until a claim about a block of at least this height is confirmed.
async fn wait_for_confirmed(devnet: &mut Devnet, height: u64) {
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to have its claims confirmed", || async {
            let status = rpc.status().await;
            let block = status["confirmed"]["blockNumber"].as_u64();
            if block >= Some(height) { Ok(()) } else { Err(format!("{status:#}")) }
        })
        .await;
}

/// Waits for a pending claim that is on L1, other than `before`; its id.
async fn wait_for_claim(devnet: &mut Devnet, before: Option<B256>) -> B256 {
    let rpc = devnet.sequencer.rpc.clone();
    devnet
        .sequencer
        .wait("to make a claim", || async {
            let status = rpc.status().await;
            let id = status["proposed"]["id"].as_str().and_then(|id| id.parse().ok());
            match id {
                Some(id) if Some(id) != before => Ok(id),
                _ => Err(format!("{status:#}")),
            }
        })
        .await
}
