//! An L1 node, or a provider before it, that answers wrongly or in the words of another client: no
//! node believes it, ends by it, or needs a restart afterwards. Each test is one kind of answer;
//! the random walk over all of them is in `outlives_a_lying_l1`.

use alloy::primitives::{Address, U256, address};
use gainsay_l1::{L1Call, L1Client, TxSender, TxSenderConfig};
use gainsay_tests::{
    ANY, Activity, BEACON, Challenger, Devnet, DevnetOptions, Fault, Field, L1, LyingRelay, Node,
    REFUSALS, Role, assert_same_chain, signer, use_chain, wait_for_safe, wait_until,
};

/// Receives ether on L1.
const STRANGER: Address = address!("000000000000000000000000000000000011e5e1");
/// Every way to ask for the logs of L1.
const LOG_METHODS: [&str; 3] = ["eth_getLogs", "eth_getBlockReceipts", "eth_getTransactionReceipt"];
/// What may be done to a list of logs or receipts.
const CUTS: [Fault; 5] = [
    Fault::EmptyList,
    Fault::MissingOne,
    Fault::MissingRange,
    Fault::Altered(Field::Topic),
    Fault::Altered(Field::Data),
];

/// A chain with all that users do, all of it on L1.
async fn used_devnet(options: DevnetOptions) -> (Devnet, Activity) {
    let mut devnet = Devnet::start(options).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    (devnet, done)
}

/// Waits until a node has the chain of the sequencer up to `height`, from L1.
async fn agrees(devnet: &Devnet, node: &mut Node, height: u64) {
    wait_for_safe(node, height).await;
    assert_same_chain(&devnet.sequencer.rpc, &node.rpc, height).await;
}

/// Waits until the relay has lied so often.
async fn lied(relay: &LyingRelay, method: &str, times: u64) {
    wait_until(&format!("{times} lies about {method}"), || async {
        let (lies, asked) = (relay.lies(method), relay.asked());
        if lies >= times { Ok(()) } else { Err(format!("{lies} lies, asked {asked:?}")) }
    })
    .await;
}

/// Everything that reads logs, while some are missing or altered: nothing is skipped, by nobody,
/// and no restart is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_that_are_missing_are_missed() {
    let options = DevnetOptions { da: "calldata", relay_seed: Some(1), ..Default::default() };
    let (mut devnet, _) = used_devnet(options).await;
    let relay = LyingRelay::to(devnet.l1.rpc.url(), 2).await;
    let mut old = devnet.follower_at("old", relay.url()).await;
    let challenger = Challenger::new(&devnet, "tower").at(relay.url());
    let mut tower = challenger.watch_only(&["--keep-watching"]);
    for (round, fault) in CUTS.into_iter().enumerate() {
        println!("{fault:?}");
        let mut fresh = devnet.new_follower(&format!("fresh{round}"), relay.url(), None);
        for method in LOG_METHODS {
            relay.lie(method, fault);
            devnet.relay().lie(method, fault);
        }
        let before = relay.lies(ANY);
        fresh.launch();
        devnet.deposit(round, &["--to", &STRANGER.to_string(), "--value-wei", "7"]).await;
        // Of the old follower, the new one and the tower.
        lied(&relay, ANY, before + 3).await;
        relay.be_honest();
        devnet.relay().be_honest();
        let height = devnet.sequencer.rpc.block_number().await;
        wait_for_safe(&mut devnet.sequencer, height).await;
        fresh.wait_to_answer().await;
        agrees(&devnet, &mut old, height).await;
        agrees(&devnet, &mut fresh, height).await;
        fresh.stop();
    }
    // The tower saw the same.
    let height = devnet.sequencer.rpc.height("safe").await;
    wait_until("the tower to have the safe chain", || async {
        let log = challenger.log();
        let block = |line: &str| -> Option<u64> {
            line.split_once("| L2 ")?.1.split_once(' ')?.0.parse().ok()
        };
        let seen = log.lines().filter_map(block).max().unwrap_or_default();
        if seen >= height { Ok(()) } else { Err(format!("block {seen} of {height}:\n{log}")) }
    })
    .await;
    assert_eq!(tower.ended(), None, "{}", challenger.log());
    assert_eq!(tower.interrupt().code(), Some(0), "{}", challenger.log());
}

/// A range of logs, or the receipts of a block, refused in any words: the head is reached.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_large_requests_are_refused_in_any_words() {
    let (devnet, done) = used_devnet(DevnetOptions::default()).await;
    devnet.l1.mine(300).await;
    let refusals = REFUSALS.into_iter().chain([Fault::Http(400), Fault::Http(413)]);
    for (round, fault) in refusals.enumerate() {
        println!("{fault:?}");
        let relay = LyingRelay::to(devnet.l1.rpc.url(), 3).await;
        relay.lie("eth_getLogs", fault);
        relay.lie("eth_getBlockReceipts", fault);
        let mut node = devnet.follower_at(&format!("follower{round}"), relay.url()).await;
        agrees(&devnet, &mut node, done.last_block).await;
        node.stop();
    }
}

/// Views of contracts answered by nothing, as by a node without the state: a warning, and no node
/// ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_without_bytes_end_nobody() {
    let options =
        DevnetOptions { da: "calldata", proposes: true, relay_seed: Some(4), ..Default::default() };
    let (mut devnet, _) = used_devnet(options).await;
    let relay = LyingRelay::to(devnet.l1.rpc.url(), 5).await;
    let mut follower = devnet.follower_at("follower", relay.url()).await;
    for fault in [
        Fault::NoBytes,
        Fault::Null,
        Fault::Altered(Field::Any),
        Fault::Error { code: 3, message: "execution reverted" },
    ] {
        for relay in [&relay, devnet.relay()] {
            relay.lie("eth_call", fault);
        }
        let before = (relay.lies(ANY), devnet.relay().lies(ANY));
        lied(devnet.relay(), ANY, before.1 + 3).await;
        // A follower asks views about assertions alone, when L1 has a new block.
        lied(&relay, ANY, before.0 + 1).await;
        for relay in [&relay, devnet.relay()] {
            relay.be_honest();
        }
        let height = devnet.sequencer.rpc.block_number().await;
        wait_for_safe(&mut devnet.sequencer, height).await;
        agrees(&devnet, &mut follower, height).await;
    }
    let (log, warnings) = (devnet.sequencer.log(), devnet.sequencer.warnings());
    let names_contract = |line: &String| line.contains("of contract 0x");
    assert!(warnings.iter().any(names_contract), "no warning names a contract:\n{log}");
    assert!(!log.contains("out of reach"), "L1 was never out of reach:\n{log}");
}

/// Nodes that are started before their L1 wait for it, and say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_started_before_their_l1_wait_for_it() {
    let options = DevnetOptions { is_gated: true, proposes: true, ..Default::default() };
    let (mut devnet, done) = used_devnet(options).await;
    devnet.sequencer.stop();
    devnet.gate().shut().await;
    let mut follower = devnet.new_follower("follower", devnet.gate().url(), None);
    let before = devnet.sequencer.warnings().len();
    devnet.sequencer.launch();
    follower.launch();
    follower.wait_for_log("L1 is out of reach").await;
    let (log, node) = (devnet.folder().join("sequencer.log"), &mut devnet.sequencer);
    node.wait("to say that L1 is away", || async {
        let text = std::fs::read_to_string(&log).unwrap();
        let warnings = text.lines().filter(|line| line.contains(" WARN ")).count();
        if warnings > before { Ok(()) } else { Err(text) }
    })
    .await;
    devnet.gate().open().await;
    follower.wait_to_answer().await;
    devnet.sequencer.wait_to_answer().await;
    agrees(&devnet, &mut follower, done.last_block).await;
}

/// Batches of calldata are posted, and calls are made, where the node knows no prices but the base
/// fee.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calldata_needs_no_price_of_blobs() {
    let options = DevnetOptions { da: "calldata", relay_seed: Some(6), ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let missing = Fault::Error { code: -32601, message: "the method does not exist" };
    for method in ["eth_blobBaseFee", "eth_feeHistory", "eth_maxPriorityFeePerGas"] {
        devnet.relay().lie(method, missing);
    }
    let height = devnet.sequencer.rpc.block_number().await + 1;
    wait_for_safe(&mut devnet.sequencer, height).await;
    assert!(devnet.relay().lies("eth_maxPriorityFeePerGas") > 0, "nobody asked for a fee");
    assert_eq!(devnet.relay().lies("eth_blobBaseFee"), 0, "calldata asked for a price of blobs");
    let refused = devnet.sequencer.warnings();
    assert!(!refused.iter().any(|line| line.contains("poster")), "{refused:?}");
}

/// A follower at another chain's URL says which chain it found, and which it expected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_chain_is_named() {
    let (devnet, done) = used_devnet(DevnetOptions::default()).await;
    let start = devnet.rollup.l1_start.hash.to_string();
    // The same chain id, another chain: long enough to have a block at the number of the start.
    let folder = devnet.folder().join("other");
    std::fs::create_dir(&folder).unwrap();
    let other = L1::start(&folder, 32).await;
    other.mine(devnet.rollup.l1_start.number + 1).await;
    let mut node = devnet.new_follower("other-l1", other.rpc.url(), None);
    assert!(!node.start_and_end().await.success());
    let found = other.rpc.block(devnet.rollup.l1_start.number).await["hash"].clone();
    let log = node.log();
    assert!(log.contains(&start) && log.contains(found.as_str().unwrap()), "{log}");

    // Another chain id.
    let relay = LyingRelay::to(devnet.l1.rpc.url(), 8).await;
    relay.lie("eth_chainId", Fault::Altered(Field::Number));
    let mut node = devnet.new_follower("other-chain", relay.url(), None);
    assert!(!node.start_and_end().await.success());
    assert!(node.log().contains("expected 31337"), "{}", node.log());
    // One such answer is a node that errs.
    relay.be_honest();
    relay.lie_times("eth_chainId", Fault::Altered(Field::Number), 1);
    let mut node = devnet.follower_at("erring", relay.url()).await;
    agrees(&devnet, &mut node, done.last_block).await;

    // The URL of the sequencer: L1's in its place, and one where nobody is. L1 is enough.
    let l1 = devnet.l1.rpc.url();
    let chain_id = devnet.rollup.chain.chain_id;
    let genesis = devnet.rollup.genesis_hash;
    for (name, url, words) in [
        ("wrong-sequencer", l1, format!("chain id {chain_id} with genesis {genesis}")),
        ("no-sequencer", "http://127.0.0.1:9", "no blocks from the sequencer".to_owned()),
    ] {
        let mut node = devnet.new_follower(name, l1, Some(url));
        node.start().await;
        node.wait_for_log(&words).await;
        let warnings = node.warnings();
        assert!(warnings.iter().any(|line| line.contains(&words)), "{warnings:?}");
        agrees(&devnet, &mut node, done.last_block).await;
    }
}

/// An L1 that makes a block for each transaction, a relay to it, and a sender through that.
async fn sender_behind_relay(folder: &tempfile::TempDir) -> (L1, LyingRelay, TxSender) {
    let l1 = L1::start(folder.path(), 32).await;
    l1.mine_at_once().await;
    let relay = LyingRelay::to(l1.rpc.url(), 9).await;
    let client = L1Client::connect(relay.url(), None).unwrap();
    let config = TxSenderConfig { bump_after_blocks: 1, ..Default::default() };
    let sender = TxSender::new(client, signer(Role::Poster), config).await.unwrap();
    (l1, relay, sender)
}

fn transfer() -> L1Call {
    L1Call::new(STRANGER, Vec::new()).with_value(U256::from(7))
}

/// A call is made once, however its broadcast was answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_whose_answer_was_lost_is_followed() {
    const SEND: &str = "eth_sendRawTransaction";
    let folder = tempfile::tempdir().unwrap();
    let (l1, relay, sender) = sender_behind_relay(&folder).await;
    let words = |message| Fault::Error { code: -32010, message };
    let cases: [&[(Fault, u64)]; 6] = [
        // All tries lose their answer: the first one is mined, the next ones are refused by L1.
        &[(Fault::AnswerLost, u64::MAX)],
        &[(Fault::AnswerLost, 1)],
        &[(Fault::AnswerLost, 1), (words("AlreadyKnown"), 1)],
        &[(Fault::AnswerLost, 1), (words("Known transaction"), 1)],
        &[(Fault::AnswerLost, 1), (words("OldNonce, Current nonce: 5"), 1)],
        &[(words("ReplacementNotAllowed"), 2), (words("FeeTooLow, MaxFeePerGas too low"), 1)],
    ];
    for case in cases {
        println!("{case:?}");
        let before = l1.rpc.nonce(sender.address()).await;
        for (fault, times) in case {
            relay.lie_times(SEND, *fault, *times);
        }
        let receipt = sender.send(transfer()).await.unwrap();
        assert!(receipt.status());
        assert_eq!(l1.rpc.nonce(sender.address()).await, before + 1, "made more than once");
        relay.be_honest();
    }
    let received = l1.rpc.balance(STRANGER).await;
    assert_eq!(received, U256::from(7 * cases.len()));
}

/// It waits in the pool under a fee that is too low, and nobody said that it is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broadcast_whose_answer_was_lost_is_bumped() {
    const SEND: &str = "eth_sendRawTransaction";
    let folder = tempfile::tempdir().unwrap();
    let (l1, relay, sender) = sender_behind_relay(&folder).await;
    l1.rpc.call("evm_setAutomine", serde_json::json!([false])).await;
    relay.lie(SEND, Fault::AnswerLost);
    let sent = tokio::spawn({
        let sender = sender.clone();
        async move { sender.send(transfer()).await }
    });
    let pool = || async {
        let content = l1.rpc.call("txpool_content", serde_json::json!([])).await;
        let pending = content["pending"].as_object().unwrap().values().next().cloned();
        pending.and_then(|of_account| Some(of_account.as_object()?.values().next()?.clone()))
    };
    let first = wait_until("the first broadcast", || async { pool().await.ok_or(String::new()) });
    let first = first.await["hash"].clone();
    // Fees rise: what waits cannot be included in the next blocks.
    let raise = serde_json::json!(["0x2540be4000"]);
    l1.rpc.call("anvil_setNextBlockBaseFeePerGas", raise).await;
    l1.mine(1).await;
    wait_until("a replacement", || async {
        let now = pool().await.map(|it| it["hash"].clone());
        if now.as_ref().is_some_and(|it| *it != first) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    l1.mine(1).await;
    let receipt = sent.await.unwrap().unwrap();
    assert!(receipt.status());
    assert_ne!(serde_json::json!(receipt.transaction_hash), first);
    assert_eq!(l1.rpc.balance(STRANGER).await, U256::from(7));
    assert_eq!(relay.lies(BEACON), 0);
}
