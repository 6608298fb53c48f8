//! Where L1 nodes contradict each other, or one calls final what is not, nothing is staked and
//! nothing is taken for final; when it is over, everything goes on without a restart.

use gainsay_l1::bindings::IAssertionChain::Status;
use gainsay_tests::{
    Challenger, Devnet, DevnetOptions, Gate, L1, LyingRelay, Role, assertion_chain, claim_wrongly,
    program_elf, use_chain, wait_for_safe, wait_until,
};

/// Seconds of L1 until a claim is confirmed. A challenger holds moves back for a sixteenth of it.
const CHALLENGE_PERIOD_SECS: u64 = 3_000;

/// An L1 of the same chain id with other blocks, more of them than a devnet ever makes, and a way
/// to it that is shut.
async fn other_l1(folder: &tempfile::TempDir) -> (L1, Gate) {
    let l1 = L1::start(folder.path(), 1).await;
    l1.mine(1_000).await;
    let gate = l1.gate().await;
    gate.shut().await;
    (l1, gate)
}

/// Ids of the newest assertion that is not confirmed, as the sequencer sees it.
async fn newest_claim(devnet: &Devnet) -> serde_json::Value {
    devnet.sequencer.rpc.status().await["proposed"]["id"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_proposed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let (_other, gate) = other_l1(&folder).await;
    let mut devnet = Devnet::start(DevnetOptions {
        proposes: true,
        challenge_period_secs: CHALLENGE_PERIOD_SECS,
        second_l1: Some(gate.url().to_owned()),
        ..Default::default()
    })
    .await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    wait_until("a claim", || async {
        let found = newest_claim(&devnet).await;
        if found.is_null() { Err(devnet.sequencer.log()) } else { Ok(()) }
    })
    .await;

    gate.open().await;
    let disagreements = || {
        let warnings = devnet.sequencer.warnings();
        warnings.iter().filter(|line| line.contains("L1 nodes disagree")).count()
    };
    wait_until("the proposer to say that L1 nodes disagree", || async {
        if disagreements() > 0 { Ok(()) } else { Err(devnet.sequencer.log()) }
    })
    .await;
    // A proposal that was under way has landed by now; there is much to claim, and nothing is
    // claimed.
    devnet.l1.wait_blocks(2).await;
    let (claim, said) = (newest_claim(&devnet).await, disagreements());
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    devnet.l1.travel(60).await;
    devnet.l1.wait_blocks(3).await;
    let warnings = devnet.sequencer.warnings();
    let said_now = warnings.iter().filter(|line| line.contains("L1 nodes disagree")).count();
    assert!(said_now > said, "{}", devnet.sequencer.log());
    assert_eq!(newest_claim(&devnet).await, claim, "{}", devnet.sequencer.log());

    gate.shut().await;
    wait_until("the next claim", || async {
        let found = newest_claim(&devnet).await;
        if found == claim || found.is_null() { Err(devnet.sequencer.log()) } else { Ok(()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_move_is_made_meanwhile_and_the_lie_loses() {
    let folder = tempfile::tempdir().unwrap();
    let (_other, gate) = other_l1(&folder).await;
    let mut devnet = Devnet::start(DevnetOptions {
        challenge_period_secs: CHALLENGE_PERIOD_SECS,
        ..Default::default()
    })
    .await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    let urls = format!("{},{}", devnet.l1.rpc.url(), gate.url());
    let challenger = Challenger::new(&devnet, "challenger").with_program(program_elf()).at(&urls);
    let mut watch = challenger.watch(&[]);
    wait_until("the challenger to look", || async {
        let log = challenger.log();
        if log.contains("| no alarm") { Ok(()) } else { Err(log) }
    })
    .await;

    gate.open().await;
    let wrong = claim_wrongly(&devnet, Role::User(3), [0xbd; 32].into()).await;
    wait_until("the alarm about L1", || async {
        let log = challenger.log();
        if log.contains("ALARM l1: L1 nodes disagree") { Ok(()) } else { Err(log) }
    })
    .await;
    devnet.l1.wait_blocks(3).await;
    let contract = assertion_chain(&devnet);
    assert_eq!(contract.assertion(wrong).await.unwrap().rivaled_at, 0, "{}", challenger.log());

    // It lasts: the challenger does not lose by waiting.
    devnet.l1.travel(CHALLENGE_PERIOD_SECS / 16 + 1).await;
    wait_until("a rival", || async {
        let rivaled_at = contract.assertion(wrong).await.unwrap().rivaled_at;
        if rivaled_at > 0 { Ok(()) } else { Err(challenger.log()) }
    })
    .await;
    gate.shut().await;
    wait_until("the root edge to be bisected", || async {
        let log = challenger.log();
        if log.contains("claims of blocks in two") { Ok(()) } else { Err(log) }
    })
    .await;
    devnet.l1.travel(CHALLENGE_PERIOD_SECS + 1).await;
    wait_until("the wrong claim to lose", || async {
        let status = contract.contract().assertion(wrong).call().await.unwrap().status;
        if status == Status::Lost { Ok(()) } else { Err(challenger.log()) }
    })
    .await;
    assert_eq!(watch.interrupt().code(), Some(0), "{}", challenger.log());
}

/// A node alone that calls final what is above its head, or a block that is not of its chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_of_the_chain_is_not_final() {
    let folder = tempfile::tempdir().unwrap();
    let (far, _gate) = other_l1(&folder).await;
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    let relay = LyingRelay::to(devnet.l1.rpc.url(), 10).await;
    relay.name_final_block_of(far.rpc.url());
    let mut node = devnet.follower_at("follower", relay.url()).await;
    node.wait_for_log("calls final what is above its head").await;
    wait_for_safe(&mut node, done.last_block).await;
    assert_eq!(node.rpc.height("finalized").await, 0, "{}", node.log());

    // A block at a height that the node has read, of another chain, which rests.
    let near_folder = tempfile::tempdir().unwrap();
    let near = L1::start(near_folder.path(), 1).await;
    devnet.l1.wait_blocks(4).await;
    let head = devnet.l1.rpc.block_number().await;
    near.mine(head.saturating_sub(near.rpc.block_number().await)).await;
    near.hold().await;
    devnet.l1.wait_blocks(3).await;
    relay.name_final_block_of(near.rpc.url());
    node.wait_for_log("L1 calls another block final").await;
    assert_eq!(node.rpc.height("finalized").await, 0, "{}", node.log());

    relay.be_honest();
    let rpc = node.rpc.clone();
    node.wait("to follow what is final", || async {
        let height = rpc.height("finalized").await;
        if height >= done.last_block { Ok(()) } else { Err(format!("block {height} is final")) }
    })
    .await;
}
