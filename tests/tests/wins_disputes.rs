//! One honest challenger beats any number of liars: the live `watch` against the adversaries of
//! `drill`, on real contracts with the real program and machine. In each dispute the right assertion
//! is confirmed and no wrong one, within the bound; the honest side gets its stakes and a reward;
//! no wei is lost or made. Needs the program's ELF file: scripts/build-program builds it,
//! GAINSAY_PROGRAM_ELF names it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path, process::Stdio, time::Duration};

use alloy::{
    primitives::{Address, B256, U256},
    providers::Provider,
};
use gainsay_challenger::{
    adversary::{Disputes, read_disputes},
    game::{AssertionStatus, Heights},
};
use gainsay_l1::AssertionChain;
use gainsay_tests::{
    Devnet, DevnetOptions, Role, Watcher, challenger_binary, program_elf, room, signer,
};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

const CHALLENGE_PERIOD_SECS: u64 = 600;
/// Longest time for one dispute, on the clock of the wall.
const PATIENCE_SECS: u64 = 240;

/// A devnet that mines at once, and its live challenger. Nobody else makes claims.
struct Arena {
    watcher: Watcher,
    devnet: Devnet,
    game: Address,
    wealth: U256,
}

impl Arena {
    async fn start(challenge_period_secs: u64) -> Self {
        let path = room("prover/program/program-hash.txt");
        let program_hash: B256 = fs::read_to_string(path).unwrap().trim().parse().unwrap();
        let options = DevnetOptions {
            da: "blob",
            program_hash,
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
        Self { watcher, devnet, game, wealth }
    }

    fn drill(&self, faults: &[&str]) -> Command {
        let mut command = Command::new(challenger_binary());
        command.arg("drill").arg("--devnet").arg(self.devnet.folder());
        command.arg("--program").arg(program_elf());
        command.arg("--json").arg(self.devnet.folder().join("drill.json"));
        command.args(["--patience-secs", &PATIENCE_SECS.to_string()]);
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
        let output = output.expect("the drill did not end").unwrap();
        let text = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it)).concat();
        println!("{text}");
        self.watcher.assert_alive();
        assert!(output.status.success(), "drill: {}\n{text}", output.status);
        assert_won(&self.devnet.folder().join("drill.json"), faults);
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

    /// Contracts hold what is staked and credited, and no more; the challenger is richer.
    async fn assert_money(&self) {
        let disputes = self.disputes().await;
        let game = &disputes.game;
        let client = self.devnet.l1.client();
        let balance = |address| client.provider().get_balance(address);
        let open = game.openings().filter(|(_, it)| it.is_open).map(|(_, it)| it.stake);
        assert_eq!(balance(self.game).await.unwrap(), open.sum::<U256>(), "stakes in the game");
        let pending =
            game.assertions().filter(|(_, it)| it.status == AssertionStatus::Pending).count();
        let stake = self.devnet.rollup.assertions.stake_wei;
        let held = game.credit_sum() + stake * U256::from(pending);
        let chain = balance(self.devnet.rollup.assertion_chain).await.unwrap();
        assert_eq!(chain, held, "stakes and credit in the AssertionChain");

        let account = signer(Role::Challenger).address();
        let locked = game.openings().filter(|(_, it)| it.is_open && it.staker == account).count();
        assert_eq!(locked, 0, "stakes of the challenger that did not come back");
        let wealth = self.devnet.l1.balance(Role::Challenger).await + game.credit(&account);
        assert!(wealth > self.wealth, "{wealth} wei in the end, {} before", self.wealth);
    }
}

/// Each was won within two challenge periods, for a bounded cost.
fn assert_won(path: &Path, faults: &[&str]) {
    let reports: Vec<Value> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(reports.len(), faults.len(), "{reports:#?}");
    for (report, fault) in reports.iter().zip(faults) {
        assert_eq!((&report["fault"], &report["won"]), (&json!(fault), &json!(true)), "{report:#}");
        assert_eq!(report["stake_open"], json!("0"), "{report:#}");
        assert_ne!(report["slashed"], json!("0"), "{report:#}");
        let seconds = report["seconds"].as_u64().unwrap();
        let bound = 2 * CHALLENGE_PERIOD_SECS;
        assert!(seconds <= bound, "{seconds} s, the bound is {bound} s: {report:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_state_is_contradicted() {
    let mut arena = Arena::start(CHALLENGE_PERIOD_SECS).await;
    arena.win(&["middle-block"]).await;
}
