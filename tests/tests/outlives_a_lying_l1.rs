//! A random walk over everything that an L1 node may answer wrongly: sequencer, follower, a
//! challenger that watches and one that plays, each behind a relay that lies. After each round they
//! agree with a follower on plain L1 soon, the wrong claim of the round is alarmed and has a rival,
//! and nobody was started again. `GAINSAY_ROUNDS` makes it longer. Needs the program's ELF file, as
//! `watches` does.
//!
//! It is a program of its own, which runs alone: its bound is in seconds of L1, and it must not
//! fail because other tests keep the cores busy.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy::primitives::{Address, B256, address};
use gainsay_l1::bindings::IAssertionChain::Status;
use gainsay_tests::{
    ANY, BEACON, Challenger, Devnet, DevnetOptions, Fault, Field, LyingRelay, Node, Process,
    REFUSALS, Role, Watcher, assert_same_blocks, assertion_chain, claim_wrongly, rounds, seeded,
    use_chain, wait_for_safe, wait_until,
};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

/// Receives deposits.
const STRANGER: Address = address!("000000000000000000000000000000000011e5e1");
/// Seconds of L1 until a claim is confirmed: longer than the walk.
const CHALLENGE_PERIOD_SECS: u64 = 100_000;
/// L1 blocks, of a second each, that a round's faults last.
const FAULT_BLOCKS: u64 = 4;
/// Seconds of L1 after the last fault within which all must agree.
const RECOVERY_SECS_MAX: u64 = 30;

/// What nodes ask of L1.
const METHODS: [&str; 18] = [
    "eth_getBlockByNumber",
    "eth_getHeaderByNumber",
    "eth_getBlockByHash",
    "eth_getHeaderByHash",
    "eth_getBlockReceipts",
    "eth_getTransactionReceipt",
    "eth_getTransactionByHash",
    "eth_getTransactionCount",
    "eth_getLogs",
    "eth_getBalance",
    "eth_call",
    "eth_estimateGas",
    "eth_sendRawTransaction",
    "eth_maxPriorityFeePerGas",
    "eth_blobBaseFee",
    "eth_feeHistory",
    BEACON,
    ANY,
];

/// What is done to answers, but for [`REFUSALS`].
const FAULTS: [Fault; 23] = [
    Fault::EmptyList,
    Fault::Null,
    Fault::NoBytes,
    Fault::MissingOne,
    Fault::MissingRange,
    Fault::Altered(Field::Hash),
    Fault::Altered(Field::Topic),
    Fault::Altered(Field::Number),
    Fault::Altered(Field::Data),
    Fault::Altered(Field::Any),
    Fault::Stale { blocks: 1 },
    Fault::Stale { blocks: 7 },
    Fault::Error { code: -32005, message: "too many requests, slow down" },
    Fault::Http(400),
    Fault::Http(413),
    Fault::Http(429),
    Fault::Http(500),
    Fault::Http(503),
    Fault::Hang,
    Fault::Closed,
    Fault::AnswerLost,
    Fault::Truncated,
    Fault::Error { code: 3, message: "execution reverted" },
];

/// What clients say to broadcasts.
const BROADCAST_WORDS: [&str; 6] = [
    "AlreadyKnown",
    "ReplacementNotAllowed",
    "OldNonce, Current nonce: 5, nonce of rejected tx: 4",
    "FeeTooLow, MaxFeePerGas too low",
    "Known transaction",
    "INTERNAL_ERROR: could not replace existing tx",
];

fn random_fault(method: &str, random: &mut StdRng) -> Fault {
    let words = BROADCAST_WORDS.choose(random).unwrap();
    if method == "eth_sendRawTransaction" && random.random() {
        return Fault::Error { code: -32010, message: words };
    }
    let count = FAULTS.len() + REFUSALS.len();
    let index = random.random_range(0..count);
    FAULTS.get(index).or_else(|| REFUSALS.get(index - FAULTS.len())).copied().unwrap()
}

fn random_word(random: &mut StdRng) -> B256 {
    B256::from(random.random::<[u8; 32]>())
}

/// Everybody who reads L1, each behind a relay of its own, and one on plain L1.
struct World {
    plain: Node,
    follower: Node,
    tower: Process,
    tower_log: Challenger,
    player: Watcher,
    devnet: Devnet,
    /// Of follower, tower and player; the sequencer's is the devnet's.
    relays: [LyingRelay; 3],
}

impl World {
    async fn start(random: &mut StdRng) -> Self {
        let mut devnet = Devnet::start(DevnetOptions {
            challenge_period_secs: CHALLENGE_PERIOD_SECS,
            l1_slots_in_epoch: 8,
            proposes: true,
            relay_seed: Some(random.random()),
            ..Default::default()
        })
        .await;
        let done = use_chain(&mut devnet).await;
        wait_for_safe(&mut devnet.sequencer, done.last_block).await;
        let l1 = devnet.l1.rpc.url().to_owned();
        let relays = [
            LyingRelay::to(&l1, random.random()).await,
            LyingRelay::to(&l1, random.random()).await,
            LyingRelay::to(&l1, random.random()).await,
        ];
        let plain = devnet.follower("plain").await;
        let follower = devnet.follower_at("follower", relays[0].url()).await;
        let tower_log = Challenger::new(&devnet, "tower").at(relays[1].url());
        let tower = tower_log.watch_only(&["--keep-watching"]);
        let player = Watcher::start_at(&devnet, "player", Role::Challenger, relays[2].url());
        Self { plain, follower, tower, tower_log, player, devnet, relays }
    }

    fn relays(&self) -> impl Iterator<Item = &LyingRelay> {
        self.relays.iter().chain([self.devnet.relay()])
    }

    /// Logs of all that is behind a relay.
    fn logs(&self) -> [(&'static str, String); 4] {
        let sequencer = self.devnet.sequencer.log();
        [
            ("sequencer", sequencer),
            ("follower", self.follower.log()),
            ("tower", self.tower_log.log()),
            ("player", self.player.log()),
        ]
    }

    /// Warnings of each, but for alarms about wrong claims.
    fn warnings(&self) -> [(&'static str, Vec<String>); 4] {
        let is_one = |line: &&str| {
            (line.contains(" WARN ") || line.contains("ERROR ")) && !line.contains("ALARM wrong")
        };
        self.logs()
            .map(|(name, log)| (name, log.lines().filter(is_one).map(str::to_owned).collect()))
    }

    /// Waits until all agree with the plain follower, and know that `wrong` is wrong.
    async fn agree(&mut self, wrong: B256) {
        let height = self.devnet.sequencer.rpc.block_number().await;
        wait_for_safe(&mut self.plain, height).await;
        wait_for_safe(&mut self.devnet.sequencer, height).await;
        wait_for_safe(&mut self.follower, height).await;
        let recent = height.saturating_sub(20)..=height;
        for node in [&self.devnet.sequencer, &self.follower] {
            assert_same_blocks(&self.plain.rpc, &node.rpc, recent.clone()).await;
        }
        let id = wrong.to_string();
        let contract = assertion_chain(&self.devnet);
        wait_until("the wrong claim to be seen and to have a rival", || async {
            for log in [self.tower_log.log(), self.player.log()] {
                let mut alarms = log.lines().filter(|line| line.contains("ALARM wrong_assertion"));
                if !alarms.any(|line| line.contains(&id)) {
                    return Err(format!("no alarm about {id} in:\n{log}"));
                }
            }
            match contract.assertion(wrong).await.unwrap().rivaled_at {
                0 => Err("no rival".to_owned()),
                _ => Ok(()),
            }
        })
        .await;
        assert_eq!(self.follower.ended(), None);
        assert_eq!(self.devnet.sequencer.ended(), None);
        assert_eq!(self.tower.ended(), None, "{}", self.tower_log.log());
        self.player.assert_alive();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_agree_soon_after_the_last_lie() {
    let mut random = seeded("all_agree_soon_after_the_last_lie");
    let mut world = World::start(&mut random).await;
    let mut wrong_claims = Vec::new();
    let mut slowest = 0;
    for round in 0..rounds(3) {
        let orders: Vec<(&str, Fault, u32)> = (0..random.random_range(1..=3))
            .map(|_| {
                let method = *METHODS.choose(&mut random).unwrap();
                let percent = *[100, 40].choose(&mut random).unwrap();
                (method, random_fault(method, &mut random), percent)
            })
            .collect();
        println!("round {round}: {orders:?}");
        let before: u64 = world.relays().map(|relay| relay.lies(ANY)).sum();
        for relay in world.relays() {
            for (method, fault, percent) in &orders {
                relay.lie_at_times(method, *fault, *percent);
            }
        }
        let wrong = claim_wrongly(&world.devnet, Role::User(3), random_word(&mut random)).await;
        wrong_claims.push(wrong);
        world.devnet.deposit(4, &["--to", &STRANGER.to_string(), "--value-wei", "7"]).await;
        world.devnet.l1.wait_blocks(FAULT_BLOCKS).await;
        for relay in world.relays() {
            relay.be_honest();
        }
        let lies: u64 = world.relays().map(|relay| relay.lies(ANY)).sum();
        let last_fault = world.devnet.l1.time().await;
        world.agree(wrong).await;
        let took = world.devnet.l1.time().await - last_fault;
        slowest = slowest.max(took);
        println!("round {round}: {} lies, all agree {took} s after the last", lies - before);
        assert!(took <= RECOVERY_SECS_MAX, "round {round}: {took} s, {orders:?}");
        // What was asked during the faults is over: from here on nothing is wrong.
        let before = world.warnings();
        world.devnet.l1.wait_blocks(2).await;
        for ((name, before), (_, after)) in before.iter().zip(world.warnings()) {
            let new = &after[before.len()..];
            assert!(new.is_empty(), "{name} warns without a cause: {new:#?}");
        }
    }
    println!("{} rounds, slowest {slowest} s", wrong_claims.len());
    // Nobody keeps silent about an L1 that is away.
    let before = world.warnings();
    for relay in world.relays() {
        relay.lie(ANY, Fault::Http(503));
    }
    wait_until("everybody to warn", || async {
        let after = world.warnings();
        let mut silent = before.iter().zip(&after).filter(|(old, new)| old.1.len() == new.1.len());
        silent.next().map_or(Ok(()), |(silent, _)| Err(format!("{} is silent", silent.0)))
    })
    .await;
    for relay in world.relays() {
        relay.be_honest();
    }
    every_wrong_claim_loses(&mut world, &wrong_claims).await;
}

/// The challenge period passes: the right claim is confirmed, and the wrong ones lose their stakes.
async fn every_wrong_claim_loses(world: &mut World, wrong_claims: &[B256]) {
    let contract = assertion_chain(&world.devnet);
    let genesis = contract.genesis_id().await.unwrap();
    wait_until("the root edge to be bisected", || async {
        let log = world.player.log();
        if log.contains("claims of blocks in two") { Ok(()) } else { Err(log) }
    })
    .await;
    world.devnet.l1.travel(CHALLENGE_PERIOD_SECS + 1).await;
    let confirmed = wait_until("the right claim to be confirmed", || async {
        let id = contract.latest_confirmed().await.unwrap();
        if id == genesis { Err(world.player.log()) } else { Ok(id) }
    })
    .await;
    assert!(!wrong_claims.contains(&confirmed));
    for wrong in wrong_claims {
        wait_until("a wrong claim to lose its stake", || async {
            let status = contract.contract().assertion(*wrong).call().await.unwrap().status;
            if status == Status::Lost { Ok(()) } else { Err(world.player.log()) }
        })
        .await;
    }
}
