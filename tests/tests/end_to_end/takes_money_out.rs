//! What was deposited comes out again: the whole way of a withdrawal by our commands, killed on the way,
//! with a process that relays for others, and no money for what never was.

use std::{fs, path::PathBuf, process::Command};

use alloy::{
    primitives::{Address, B256, U256, address},
    sol_types::SolCall,
};
use gainsay_l1::{
    ConfirmedGames, L1Call, L1Error,
    bindings::IPortal::{WithdrawalTransaction, proveAndFinalizeCall},
};
use gainsay_tests::{
    Devnet, DevnetOptions, Process, Role, run_script, signer, wait_for_receipt, wait_until,
};
use serde_json::{Value, json};

const ETH: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
const PERIOD_SECS: u64 = 3_000;

async fn start() -> Devnet {
    Devnet::start(DevnetOptions {
        proposes: true,
        challenge_period_secs: PERIOD_SECS,
        min_interval_secs: 5,
        ..Default::default()
    })
    .await
}

/// A command that runs, and what it says.
struct Running {
    process: Process,
    log: PathBuf,
}

impl Running {
    fn start(devnet: &Devnet, name: &str, mut command: Command) -> Self {
        let log = devnet.folder().join(format!("{name}.log"));
        Self { process: Process::start(name, &mut command, &log), log }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    async fn wait_for(&self, words: &str) -> String {
        wait_until(&format!("a command to say {words:?}"), || async {
            let text = self.text();
            if text.contains(words) { Ok(text) } else { Err(text) }
        })
        .await
    }

    async fn ends_well(mut self) -> String {
        let status = wait_until("a command to end", || {
            let ended = self.process.ended();
            async move { ended.ok_or_else(|| "it runs".to_owned()) }
        })
        .await;
        assert!(status.success(), "ended with {status}:\n{}", self.text());
        self.text()
    }
}

/// Runs a command to its end; what it said.
async fn run(devnet: &Devnet, name: &str, command: Command) -> String {
    Running::start(devnet, name, command).ends_well().await
}

fn hash_in(text: &str) -> B256 {
    let hash = text.lines().find_map(|line| line.strip_prefix("withdrawal     "));
    hash.unwrap_or_else(|| panic!("no withdrawal named: {text}")).trim().parse().unwrap()
}

async fn withdrawal(devnet: &Devnet, hash: B256) -> Value {
    devnet.sequencer.rpc.call("rollup_getWithdrawal", json!([hash])).await
}

/// Waits until the node says that a withdrawal is this far.
async fn wait_for_status(devnet: &Devnet, hash: B256, status: &str) -> Value {
    wait_until(&format!("withdrawal {hash} to be {status}"), || async {
        let found = withdrawal(devnet, hash).await;
        if found["status"] == status { Ok(found) } else { Err(format!("{found:#}")) }
    })
    .await
}

fn as_transaction(found: &Value) -> WithdrawalTransaction {
    let word = |field: &str| found[field].as_str().unwrap().parse::<U256>().unwrap();
    let account = |field: &str| found[field].as_str().unwrap().parse::<Address>().unwrap();
    WithdrawalTransaction {
        nonce: word("nonce"),
        sender: account("sender"),
        target: account("target"),
        value: word("value"),
        gasLimit: word("gasLimit"),
        data: found["data"].as_str().unwrap().parse().unwrap(),
    }
}

/// What the Portal says to a withdrawal with this proof.
async fn refusal(devnet: &Devnet, game: u64, it: WithdrawalTransaction, proof: &Value) -> String {
    let call = proveAndFinalizeCall {
        gameIndex: U256::from(game),
        withdrawals: vec![it],
        withdrawalProofs: vec![serde_json::from_value(proof["withdrawalProof"].clone()).unwrap()],
    };
    let sender = devnet.l1.sender(Role::User(5)).await;
    let call = L1Call::new(devnet.rollup.bridge.portal, call.abi_encode());
    match sender.send(call).await {
        Err(L1Error::Reverted { reason, .. }) => reason.to_string(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withdrawal_survives_kills_and_is_paid_once() {
    let mut devnet = start().await;
    let recipient = address!("00000000000000000000000000000000000a11ce");
    let to = recipient.to_string();
    let deposit = devnet.deposit(0, &["--value-eth", "3"]).await;
    wait_for_receipt(&mut devnet.sequencer, deposit).await;

    // Killed as soon as L2 has it; the second one knows the account alone.
    let command = devnet.withdraw(0, &["--amount", "2eth", "--to", &to]);
    let mut first = Running::start(&devnet, "withdraw-1", command);
    let text = first.wait_for("initiated in L2 block").await;
    first.process.kill();
    let hash = hash_in(&text);
    let mut second = Running::start(&devnet, "withdraw-2", devnet.withdraw(0, &["--resume"]));
    let text = second.wait_for("left unless it is challenged").await;
    assert!(
        text.contains(&format!(
            "open           1 withdrawals of {}",
            signer(Role::User(0)).address()
        ))
    );
    second.process.kill();
    let found = withdrawal(&devnet, hash).await;
    assert_eq!(found["status"], "inAssertion", "{found:#}");
    let left = found["secondsLeft"].as_u64().unwrap();
    assert!((1..=PERIOD_SECS).contains(&left), "found {left} s left");
    assert_eq!(found["proof"], Value::Null, "a state that is not confirmed proves nothing");

    devnet.l1.travel(PERIOD_SECS + 1).await;
    let hash_text = hash.to_string();
    let command = devnet.withdraw(0, &["--resume", &hash_text]);
    let text = run(&devnet, "withdraw-3", command).await;
    assert!(text.contains("finalized"), "{text}");
    let l1 = devnet.l1.rpc.clone();
    assert_eq!(l1.balance(recipient).await, U256::from(2) * ETH);
    let done = wait_for_status(&devnet, hash, "finalized").await;
    assert!(done["finalizedIn"].is_u64(), "{done:#}");
    // A follower that reads L1 alone says the same.
    let mut follower = devnet.follower("follower").await;
    let rpc = follower.rpc.clone();
    let seen = follower
        .wait("to know the withdrawal", || async {
            let found = rpc.call("rollup_getWithdrawal", json!([hash])).await;
            if found["status"] == "finalized" { Ok(found) } else { Err(format!("{found:#}")) }
        })
        .await;
    assert_eq!(seen, done);
    // Once more pays nothing.
    let text = run(&devnet, "withdraw-4", devnet.withdraw(0, &["--resume", &hash_text])).await;
    assert!(text.contains("finalized in L1 block"), "{text}");
    assert_eq!(l1.balance(recipient).await, U256::from(2) * ETH);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relayer_pays_out_for_others_and_nobody_for_lies() {
    let mut devnet = start().await;
    let deposit = devnet.deposit(0, &["--value-eth", "5"]).await;
    wait_for_receipt(&mut devnet.sequencer, deposit).await;
    let recipients = [0xb0b_u64, 0xca1, 0xda0].map(|it| Address::from_word(U256::from(it).into()));
    let relayer = signer(Role::User(4)).address().to_string();
    let mut hashes = Vec::new();
    for (index, recipient) in recipients.iter().enumerate() {
        let to = recipient.to_string();
        let own = ["--amount", "1eth", "--to", &to, "--initiate-only"];
        // The last one pays nobody.
        let fee = ["--relay-fee", "0.01eth", "--relayer", &relayer];
        let arguments = if index < 2 { [&own[..], &fee].concat() } else { own.to_vec() };
        let command = devnet.withdraw(0, &arguments);
        hashes.push(hash_in(&run(&devnet, &format!("initiate-{index}"), command).await));
    }
    for hash in &hashes {
        wait_for_status(&devnet, *hash, "inAssertion").await;
    }
    devnet.l1.travel(PERIOD_SECS + 1).await;
    for hash in &hashes {
        wait_for_proof(&devnet, *hash).await;
    }
    let arguments = ["--once", "--fee-min", "0.01eth"];
    run(&devnet, "relay", devnet.relay_withdrawals(4, &arguments)).await;
    let l1 = devnet.l1.rpc.clone();
    for (recipient, expected) in recipients.into_iter().zip([ETH, ETH, U256::ZERO]) {
        assert_eq!(l1.balance(recipient).await, expected, "of {recipient}");
    }
    wait_for_status(&devnet, hashes[1], "finalized").await;

    // Of the third, which is open, other amounts and targets are lies, and so is an older state.
    let open = wait_for_game(&devnet, hashes[2]).await;
    let game = open["proof"]["gameIndex"].as_u64().unwrap();
    let (honest, proof) = (as_transaction(&open), &open["proof"]);
    let more = WithdrawalTransaction { value: U256::from(2) * ETH, ..honest.clone() };
    // Which one depends on where the path of the other key leaves the proof.
    let is_no_proof =
        |it: &str| it.contains("InvalidMerkleProof") || it.contains("RLPInvalidEncoding");
    let altered = refusal(&devnet, game, more, proof).await;
    assert!(is_no_proof(&altered), "{altered}");
    let thief = WithdrawalTransaction { target: signer(Role::User(5)).address(), ..honest.clone() };
    let stolen = refusal(&devnet, game, thief, proof).await;
    assert!(is_no_proof(&stolen), "{stolen}");
    let unknown = refusal(&devnet, game + 1, honest, proof).await;
    assert!(unknown.contains("GamesUnknownIndex"), "{unknown}");
    run(&devnet, "relay-all", devnet.relay_withdrawals(4, &["--once"])).await;
    assert_eq!(l1.balance(recipients[2]).await, ETH);
}

/// Waits until the node proves a withdrawal by a game, which is published here if it is missing.
async fn wait_for_game(devnet: &Devnet, hash: B256) -> Value {
    let proof = wait_for_proof(devnet, hash).await["proof"].clone();
    if proof["gameIndex"].is_null() {
        let word = |value: &Value| value.as_str().unwrap().parse::<B256>().unwrap();
        let parts = &proof["outputRootProof"];
        let storage_root = word(&parts["messagePasserStorageRoot"]);
        let roots = (word(&proof["assertion"]), word(&parts["stateRoot"]), storage_root);
        let header = proof["header"].as_str().unwrap().parse().unwrap();
        let games = ConfirmedGames::new(devnet.rollup.bridge.confirmed_games);
        let sender = devnet.l1.sender(Role::User(5)).await;
        games.publish(&sender, roots, header).await.unwrap();
    }
    wait_until(&format!("a game for withdrawal {hash}"), || async {
        let found = withdrawal(devnet, hash).await;
        if found["proof"]["gameIndex"].is_u64() { Ok(found) } else { Err(format!("{found:#}")) }
    })
    .await
}

/// Waits until the node proves a withdrawal.
async fn wait_for_proof(devnet: &Devnet, hash: B256) -> Value {
    wait_until(&format!("a proof of withdrawal {hash}"), || async {
        let found = withdrawal(devnet, hash).await;
        if found["proof"].is_null() { Err(format!("{found:#}")) } else { Ok(found) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viem_walks_the_whole_way() {
    let devnet = start().await;
    let follower = devnet.follower("follower").await;
    let text = run_script("viem_withdrawal.cjs", &devnet.write_endpoints(&follower)).await;
    assert!(text.contains("ok  waitToFinalize, finalizeWithdrawal"), "{text}");
}
