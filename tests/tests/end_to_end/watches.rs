//! One honest challenger, which knows L1 and `rollup.json` alone, sees every wrong claim and has it
//! lose. Needs the program's ELF file: scripts/build-program builds it, GAINSAY_PROGRAM_ELF names
//! it.

use std::time::Duration;

use alloy::primitives::{B256, U256};
use gainsay_l1::bindings::IAssertionChain::Status;
use gainsay_tests::{
    Challenger, Devnet, DevnetOptions, Role, assertion_chain, claim_wrongly, free_port,
    http_client, program_elf, use_chain, wait_for_safe, wait_until,
};

/// Seconds of L1 until a claim is confirmed.
const CHALLENGE_PERIOD_SECS: u64 = 3_000;

async fn devnet() -> Devnet {
    let mut devnet = Devnet::start(DevnetOptions {
        challenge_period_secs: CHALLENGE_PERIOD_SECS,
        ..Default::default()
    })
    .await;
    let done = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, done.last_block).await;
    devnet
}

/// Claims a state that never was, after the genesis. The id of the claim.
async fn lie(devnet: &Devnet, role: Role) -> B256 {
    claim_wrongly(devnet, role, B256::repeat_byte(0xbd)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watchtower_ends_at_a_wrong_claim() {
    let devnet = devnet().await;
    let challenger = Challenger::new(&devnet, "watchtower");
    let mut tower = challenger.watch_only(&[]);
    wait_until("the watchtower to say how things are", || async {
        let log = challenger.log();
        if log.contains("| no alarm") { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(tower.ended(), None, "{}", challenger.log());
    let wrong = lie(&devnet, Role::User(3)).await;
    let status = wait_until("the watchtower to end", || {
        let ended = tower.ended();
        async move { ended.ok_or_else(|| "it watches".to_owned()) }
    })
    .await;
    let log = challenger.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains(&format!("assertion {wrong}")) && log.contains("WRONG"), "{log}");

    // With `--keep-watching` it goes on, and says so when it is asked to stop.
    let mut tower = challenger.watch_only(&["--keep-watching"]);
    let before = log.matches("ALARM wrong_assertion").count();
    wait_until("the alarm again", || async {
        let log = challenger.log();
        let count = log.matches("ALARM wrong_assertion").count();
        if count > before { Ok(()) } else { Err(log) }
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(tower.ended(), None, "{}", challenger.log());
    assert_eq!(tower.interrupt().code(), Some(1), "{}", challenger.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_claim_that_stands_alone_gets_a_rival_and_loses() {
    let devnet = devnet().await;
    let balance_before = devnet.l1.balance(Role::Challenger).await;
    let challenger = Challenger::new(&devnet, "challenger").with_program(program_elf());
    let wrong = lie(&devnet, Role::User(3)).await;
    let contract = assertion_chain(&devnet);
    let genesis = contract.genesis_id().await.unwrap();
    // It says what it would do if it were allowed to, and is then killed.
    let mut watch = challenger.watch(&["--budget", "0.5"]);
    wait_until("the alarm about the budget", || async {
        let log = challenger.log();
        if log.contains("ALARM stake_budget: propose") { Ok(()) } else { Err(log) }
    })
    .await;
    watch.kill();
    assert_eq!(contract.assertion(wrong).await.unwrap().rivaled_at, 0, "{}", challenger.log());
    let metrics = format!("127.0.0.1:{}", free_port());
    let mut watch = challenger.watch(&["--metrics", &metrics]);
    wait_until("a rival", || async {
        let rivaled_at = contract.assertion(wrong).await.unwrap().rivaled_at;
        if rivaled_at > 0 { Ok(()) } else { Err(challenger.log()) }
    })
    .await;
    wait_until("the root edge to be bisected", || async {
        let log = challenger.log();
        if log.contains("claims of blocks in two") { Ok(()) } else { Err(log) }
    })
    .await;
    devnet.l1.travel(CHALLENGE_PERIOD_SECS + 1).await;
    let confirmed = wait_until("the right claim to be confirmed", || async {
        let id = contract.latest_confirmed().await.unwrap();
        if id == genesis { Err(challenger.log()) } else { Ok(id) }
    })
    .await;
    assert_ne!(confirmed, wrong, "{}", challenger.log());
    let numbers = http_client().get(format!("http://{metrics}/metrics")).send().await.unwrap();
    let numbers = numbers.text().await.unwrap();
    let alarm = "gainsay_challenger_alarms_total{kind=\"wrong_assertion\"} 1";
    let proposed = "gainsay_challenger_moves_total{move=\"propose\",outcome=\"sent\"} 1";
    for line in [alarm, proposed] {
        assert!(numbers.lines().any(|found| found == line), "no {line} in {numbers}");
    }
    wait_until("the wrong claim to lose its stake", || async {
        let status = contract.contract().assertion(wrong).call().await.unwrap().status;
        if status == Status::Lost { Ok(()) } else { Err(challenger.log()) }
    })
    .await;
    // Half of the loser's stake is for the proposer, the mover and who collects: here one account.
    // Gas costs next to nothing here, and what no move has earned stays in the pot.
    let reward = devnet.rollup.assertions.stake_wei / U256::from(4);
    wait_until("the stake and the reward", || async {
        let balance = devnet.l1.balance(Role::Challenger).await;
        if balance > balance_before + reward * U256::from(9) / U256::from(10) {
            Ok(())
        } else {
            Err(format!("{balance} wei, before {balance_before}: {}", challenger.log()))
        }
    })
    .await;
    assert_eq!(watch.ended(), None, "{}", challenger.log());
    assert_eq!(watch.interrupt().code(), Some(0), "{}", challenger.log());
    println!("{}", challenger.log());
}
