//! How often nodes ask L1: while nothing happens, and while they catch up. Most who run one pay for
//! each request.
//!
//! Counted by a relay that is honest. An hour is computed from what was counted: looks at the
//! default pace, and L1 blocks every 12 s. `GAINSAY_L1_BLOCKS` is the length of the catch-up, 1,000
//! by default.

use std::{collections::BTreeMap, time::Duration};

use gainsay_tests::{
    Challenger, Devnet, DevnetOptions, HTTP_REQUESTS, LyingRelay, Node, use_chain, wait_for_safe,
    wait_until,
};

/// How long each phase is counted.
const COUNTED: Duration = Duration::from_secs(10);
/// Empty L1 blocks of the second phase, one after the other.
const BLOCKS: u64 = 8;
/// Looks at L1 in a second, by the arguments of nodes and challengers of a devnet.
const LOOKS_A_SEC: u64 = 5;

/// Calls of all methods.
fn calls(asked: &BTreeMap<String, u64>) -> u64 {
    asked.iter().filter(|(name, _)| *name != HTTP_REQUESTS).map(|(_, count)| count).sum()
}

/// Waits until a follower has read all of L1.
async fn has_read_l1(devnet: &Devnet, node: &mut Node) {
    let (rpc, l1) = (node.rpc.clone(), devnet.l1.rpc.clone());
    node.wait("to read all of L1", || async {
        let (read, head) =
            (rpc.status().await["l1Head"]["number"].clone(), l1.block_number().await);
        if read == head { Ok(()) } else { Err(format!("block {read} of {head}")) }
    })
    .await;
}

/// A chain with all that users do on it, whose sequencer has stopped, and whose L1 makes no blocks.
async fn quiet_devnet() -> Devnet {
    let mut devnet = Devnet::start(DevnetOptions { proposes: true, ..Default::default() }).await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    devnet.sequencer.stop();
    devnet.l1.hold().await;
    devnet
}

/// Counts a while without L1 blocks, then a while with some. Calls a look and calls a block.
async fn count(name: &str, devnet: &Devnet, relay: &LyingRelay) -> (f64, f64) {
    relay.take_asked();
    tokio::time::sleep(COUNTED).await;
    let without = relay.take_asked();
    for _ in 0..BLOCKS {
        devnet.l1.mine(1).await;
        tokio::time::sleep(COUNTED / u32::try_from(BLOCKS).unwrap()).await;
    }
    let with = relay.take_asked();
    let looks = COUNTED.as_secs() * LOOKS_A_SEC;
    let a_look = calls(&without) as f64 / looks as f64;
    let a_block = calls(&with).saturating_sub(calls(&without)) as f64 / BLOCKS as f64;
    println!("{name}: {looks} looks: {without:?}; with {BLOCKS} blocks: {with:?}");
    (a_look, a_block)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_happens() {
    let devnet = quiet_devnet().await;
    let relays = [
        LyingRelay::to(devnet.l1.rpc.url(), 0).await,
        LyingRelay::to(devnet.l1.rpc.url(), 0).await,
    ];
    let mut follower = devnet.follower_at("follower", relays[0].url()).await;
    has_read_l1(&devnet, &mut follower).await;
    let challenger = Challenger::new(&devnet, "tower").at(relays[1].url());
    let mut tower = challenger.watch_only(&["--keep-watching"]);
    wait_until("the tower to have read all", || async {
        let log = challenger.log();
        if log.contains("| no alarm") { Ok(()) } else { Err(log) }
    })
    .await;
    // Default paces: --l1-poll-ms 500 of nodes, 1,000 of challengers.
    for (name, relay, looks_an_hour) in
        [("follower", &relays[0], 7_200.0), ("watching challenger", &relays[1], 3_600.0)]
    {
        let (a_look, a_block) = count(name, &devnet, relay).await;
        let an_hour = a_look * looks_an_hour + a_block * 300.0;
        println!(
            "{name}: {a_look:.2} calls a look, {a_block:.2} a block, {an_hour:.0} an idle hour"
        );
        assert!(a_look <= 1.05, "{name}: {a_look} calls a look");
        assert!(a_block <= 5.0, "{name}: {a_block} calls a block");
    }
    assert_eq!(tower.interrupt().code(), Some(0), "{}", challenger.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_they_catch_up() {
    let devnet = quiet_devnet().await;
    let blocks = std::env::var("GAINSAY_L1_BLOCKS").map_or(1_000, |blocks| blocks.parse().unwrap());
    let mut left = blocks;
    while left > 0 {
        // Anvil answers when all are made, and nobody waits for ever.
        devnet.l1.mine(left.min(1_000)).await;
        left -= left.min(1_000);
    }
    let relay = LyingRelay::to(devnet.l1.rpc.url(), 0).await;
    let started = std::time::Instant::now();
    let mut follower = devnet.follower_at("follower", relay.url()).await;
    has_read_l1(&devnet, &mut follower).await;
    let (took, asked) = (started.elapsed(), relay.take_asked());
    println!(
        "{blocks} L1 blocks in {:.1} s: {} calls, {asked:?}",
        took.as_secs_f64(),
        calls(&asked)
    );
    // A header each, and what the start and the blocks with events need.
    assert!(calls(&asked) <= blocks + blocks / 10 + 1_000, "{asked:?}");
}
