//! One honest challenger beats any number of liars: the live `watch` against the adversaries of
//! `drill`, on real contracts with the real program and machine. In each dispute the right
//! assertion is confirmed and no wrong one, within the bound; the honest side gets its stakes and a
//! reward; no wei is lost or made. Needs the program's ELF file: scripts/build-program builds it,
//! GAINSAY_PROGRAM_ELF names it.

use std::{
    fs,
    path::Path,
    pin::pin,
    process::{Output, Stdio},
    time::Duration,
};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use gainsay_challenger::dispute::game::{Game, Heights, Level};
use gainsay_drill::adversary::{Disputes, read_disputes};
use gainsay_l1::AssertionChain;
use gainsay_tests::{
    Devnet, DevnetOptions, Role, Watcher, drill_binary, program_elf, seeded, signer, wait_until,
};
use rand::Rng;
use serde_json::{Value, json};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// Long compared with the seconds that L1 counts for its blocks: each move is a block of a second
/// here, and a slow machine lets liars make many while the challenger computes.
const CHALLENGE_PERIOD_SECS: u64 = 3_600;
/// Longest time for one dispute, on the clock of the wall: bounds a test that hangs, on any
/// machine.
const PATIENCE_SECS: u64 = 900;

/// A devnet that mines at once, and its live challenger. Nobody else makes claims.
struct Arena {
    watcher: Watcher,
    devnet: Devnet,
    game: Address,
    /// Who plays honestly, and what they had together.
    honest: Vec<Role>,
    wealth: U256,
    /// Whether somebody else may have been first at every move, and gets the reward.
    may_lose_gas: bool,
    /// Challenge periods within which a dispute must be won.
    periods_max: u64,
}

/// How long liars play between two looks: some moves, fewer than a level has.
const LIARS_TURN: Duration = Duration::from_millis(300);

impl Arena {
    async fn start(challenge_period_secs: u64) -> Self {
        let options = DevnetOptions {
            da: "blob",
            challenge_period_secs,
            l1_slots_in_epoch: 32,
            ..Default::default()
        };
        let devnet = Devnet::start(options).await;
        devnet.write_endpoints(&devnet.sequencer);
        devnet.l1.mine_at_once().await;
        let contract = AssertionChain::new(&devnet.l1.client(), devnet.rollup.assertion_chain);
        let game = contract.game().await.unwrap();
        let wealth = devnet.l1.balance(Role::Challenger).await;
        let watcher = Watcher::start(&devnet, "challenger", Role::Challenger);
        let honest = vec![Role::Challenger];
        let (may_lose_gas, periods_max) = (false, 2);
        Self { watcher, devnet, game, honest, wealth, may_lose_gas, periods_max }
    }

    fn drill(&self, faults: &[&str]) -> Command {
        let mut command = Command::new(drill_binary());
        command.arg("drill").arg("--devnet").arg(self.devnet.folder());
        command.arg("--program").arg(program_elf());
        command.arg("--json").arg(self.devnet.folder().join("drill.json"));
        command.args(["--patience-secs", &PATIENCE_SECS.to_string()]);
        command.args(["--challenger-metrics", self.watcher.metrics()]);
        for fault in faults {
            command.args(["--fault", fault]);
        }
        command.kill_on_drop(true).stdin(Stdio::null());
        command
    }

    /// Plants faults one after another. Each must be won.
    async fn win(&mut self, faults: &[&str]) {
        let limit = Duration::from_secs(PATIENCE_SECS * faults.len() as u64);
        let output = timeout(limit, self.drill(faults).output()).await;
        self.assert_won(&output.expect("the drill did not end").unwrap(), faults).await;
    }

    /// Plants faults all at once, in one dispute. All must be won.
    async fn win_together(&mut self, faults: &[&str]) {
        let mut drill = self.drill(faults);
        let output = timeout(Duration::from_secs(PATIENCE_SECS), drill.arg("--together").output());
        let output = output.await.expect("the drill did not end").unwrap();
        self.assert_won(&output, &["together"]).await;
    }

    async fn assert_won(&mut self, output: &Output, faults: &[&str]) {
        let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it)).concat();
        println!("{text}");
        self.watcher.assert_alive();
        assert!(output.status.success(), "drill: {}\n{text}", output.status);
        let period = self.devnet.rollup.assertions.challenge_period_secs;
        let bound = self.periods_max * period;
        let reports = assert_won(&self.devnet.folder().join("drill.json"), faults, bound);
        // Who staked takes what the losers staked: here that may be somebody else.
        let is_taken = |report: &Value| report["slashed"] != json!("0");
        assert!(self.may_lose_gas || reports.iter().all(is_taken), "{reports:#?}");
        self.assert_money().await;
    }

    async fn disputes(&self) -> Disputes {
        let (rollup, rules) = (&self.devnet.rollup, &self.devnet.rollup.assertions);
        let heights = Heights {
            blocks: rules.blocks_height,
            spans: rules.spans_height,
            steps: rules.steps_height,
        };
        let start = rollup.l1_start.number;
        let client = self.devnet.l1.client();
        read_disputes(&client, start, rollup.assertion_chain, self.game, heights).await.unwrap()
    }

    /// Contracts hold what is staked and credited, and no more; the honest side is richer.
    async fn assert_money(&self) {
        wait_until("the money to be counted", || async {
            let before = self.disputes().await;
            self.count_money(&before.game).await?;
            let after = self.disputes().await;
            if before.events == after.events { Ok(()) } else { Err("moves meanwhile".to_owned()) }
        })
        .await;
    }

    async fn count_money(&self, game: &Game) -> Result<(), String> {
        let equal = |what: &str, found: U256, expected: U256| match found == expected {
            true => Ok(()),
            false => Err(format!("{what}: {found} wei, expected {expected}")),
        };
        let client = self.devnet.l1.client();
        let balance = |address| client.provider().get_balance(address);
        let held = balance(self.game).await.unwrap();
        equal("stakes and pots in the game", held, game.held())?;
        let staked = game.assertions().filter(|(_, it)| it.holds_stake()).count();
        let stake = self.devnet.rollup.assertions.stake_wei;
        let held = game.credit_sum() + stake * U256::from(staked);
        let chain = balance(self.devnet.rollup.assertion_chain).await.unwrap();
        equal("stakes and credit in the AssertionChain", chain, held)?;

        let mut wealth = U256::ZERO;
        for role in &self.honest {
            let account = signer(*role).address();
            let is_ours = |staker: &Address| *staker == account;
            let locked = game.openings().any(|(_, it)| it.is_open && is_ours(&it.staker));
            if locked {
                return Err(format!("a stake of {account} did not come back"));
            }
            wealth += self.devnet.l1.balance(*role).await + game.credit(&account);
        }
        match wealth > self.wealth || self.may_lose_gas {
            true => Ok(()),
            false => Err(format!("{wealth} wei in the end, {} before", self.wealth)),
        }
    }

    /// The deepest level at which there are edges.
    async fn deepest_level(&self) -> Option<Level> {
        let disputes = self.disputes().await;
        disputes.game.edges().map(|(_, edge)| edge.level).max()
    }
}

/// Starts a drill. Its process, and what it says at its end.
fn start(mut drill: Command) -> (u32, impl Future<Output = std::io::Result<Output>>) {
    let child = drill.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    (child.id().expect("it has just begun"), child.wait_with_output())
}

/// Lets the liars rest (STOP) while somebody looks at what they did, and go on (CONT).
fn signal(name: &str, pid: u32) {
    let mut kill = std::process::Command::new("kill");
    // It may have ended meanwhile, which the caller sees next.
    let _ = kill.args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// Each was won within the bound, and the honest side has its stakes back.
fn assert_won(path: &Path, faults: &[&str], bound_secs: u64) -> Vec<Value> {
    let reports: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(reports.len(), faults.len(), "{reports:#?}");
    for (report, fault) in reports.iter().zip(faults) {
        assert_eq!((&report["fault"], &report["won"]), (&json!(fault), &json!(true)), "{report:#}");
        assert_eq!(report["stake_open"], json!("0"), "{report:#}");
        let seconds = report["seconds"].as_u64().unwrap();
        assert!(seconds <= bound_secs, "{seconds} s, the bound is {bound_secs} s: {report:#}");
    }
    reports
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_claims_lose() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    arena.win(&["middle-block"]).await;
    let about_states = ["first-block", "last-block", "receipts", "cursor", "interior", "after-end"];
    let about_data = ["dropped-batch", "reordered-batch", "altered-batch"];
    let about_deposits = ["ignored-deposit", "invented-deposit"];
    arena.win_together(&[&about_states[..], &about_data, &about_deposits].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_runs_lose() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    arena.win(&["spans", "steps"]).await;
    let instructions = ["alu", "load", "store", "syscall", "preimage", "blob", "precompile"];
    arena.win_together(&[&instructions[..], &["halt", "padding"]].concat()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_behaviour_helps() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    arena.win(&["attack", "last-moment", "deserter", "quarrel"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_rivals_at_each_level_lose() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    arena.win(&["sybils"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copied_moves_help_the_right_side() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    // Copies can only come first in blocks that are not made at once.
    arena.devnet.l1.release().await;
    arena.may_lose_gas = true;
    arena.win(&["front-runner"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_challenger_that_is_killed_at_random_wins() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    // Time is let pass while the challenger is dead, too.
    arena.periods_max = 4;
    let mut rng = seeded("wins_disputes");
    let mut drill = pin!(arena.drill(&["middle-block"]).output());
    let mut kills = 0;
    let output = loop {
        // Every second life gets as far as a look, however slow the machine is. The rest end at
        // any point, also while the challenger starts.
        let watcher = &arena.watcher;
        let life = async {
            if kills % 2 == 0 {
                watcher.looked().await;
            }
            sleep(Duration::from_millis(rng.random_range(0..3_000))).await;
        };
        tokio::select! {
            output = &mut drill => break output.unwrap(),
            () = life => {
                arena.watcher.kill();
                arena.watcher.restart();
                kills += 1;
            }
        }
        assert!(kills < 500, "the drill did not end");
    };
    println!("killed {kills} times");
    arena.assert_won(&output, &["middle-block"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_reorgs_at_each_level_change_nothing() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    let (pid, drill) = start(arena.drill(&["middle-block"]));
    let mut drill = pin!(drill);
    let mut reorged = Vec::new();
    let output = loop {
        match timeout(LIARS_TURN, &mut drill).await {
            Ok(output) => break output.unwrap(),
            Err(_) => {
                signal("STOP", pid);
                // Late enough in the level that the assertions themselves stay.
                if let Some(level) = arena.deepest_level().await
                    && arena.disputes().await.game.edges().count() > 8
                    && !reorged.contains(&level)
                {
                    arena.devnet.l1.reorg(3).await;
                    reorged.push(level);
                }
                signal("CONT", pid);
            }
        }
    };
    println!("L1 reorgs at {reorged:?}");
    assert_eq!(reorged.len(), 3, "levels with a reorg: {reorged:?}");
    arena.assert_won(&output, &["middle-block"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hours_without_l1_change_nothing() {
    const HOUR: u64 = 3_600;
    let mut arena = Arena::start(8 * HOUR).await;
    arena.watcher.kill();
    let gate = arena.devnet.l1.gate().await;
    arena.watcher = Watcher::start_at(&arena.devnet, "behind-gate", Role::Challenger, gate.url());
    let (pid, drill) = start(arena.drill(&["middle-block"]));
    let mut drill = pin!(drill);
    let mut is_cut = false;
    let output = loop {
        match timeout(LIARS_TURN, &mut drill).await {
            Ok(output) => break output.unwrap(),
            Err(_) if is_cut => {}
            Err(_) => {
                signal("STOP", pid);
                is_cut = arena.deepest_level().await == Some(Level::Spans);
                if is_cut {
                    gate.shut().await;
                }
                signal("CONT", pid);
                if is_cut {
                    for _ in 0..3 {
                        arena.devnet.l1.travel(HOUR).await;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    gate.open().await;
                }
            }
        }
    };
    assert!(is_cut, "the dispute never came to the machine");
    arena.assert_won(&output, &["middle-block"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_honest_challengers_do_not_hurt_each_other() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    let mut other = Watcher::start(&arena.devnet, "other", Role::User(4));
    arena.wealth += arena.devnet.l1.balance(Role::User(4)).await;
    arena.honest.push(Role::User(4));
    arena.win(&["middle-block", "halt"]).await;
    other.assert_alive();
}
