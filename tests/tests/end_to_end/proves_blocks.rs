//! What the chain computed can be rebuilt from L1, run again in the machine, and proven to L1 down
//! to one instruction. Needs the program's ELF file: scripts/build-program builds it,
//! GAINSAY_PROGRAM_ELF names it.

use std::time::Duration;

use alloy::primitives::{B256, U256, keccak256};
use gainsay_derivation::claim;
use gainsay_keccak::Commitment;
use gainsay_l1::{AssertionChain, Proposal};
use gainsay_tests::{
    Challenger, Devnet, DevnetOptions, Report, Role, number, program_elf, program_hash, run_script,
    use_chain, wait_for_receipt, wait_for_safe, wait_until,
};
use serde_json::{Value, json};

/// Kinds of steps that every block with a signed transaction has.
const STEPS: [&str; 8] =
    ["first", "last", "load", "store", "keccak", "preimage", "blob", "precompile"];

/// The newest block with a swap in it.
async fn swap_block(devnet: &Devnet) -> u64 {
    let topic = keccak256("Swap(address,uint256,uint256,uint256,uint256,address)");
    let filter = json!([{ "fromBlock": "0x0", "topics": [topic] }]);
    let logs = devnet.sequencer.rpc.call("eth_getLogs", filter).await;
    number(&logs.as_array().unwrap().last().expect("a swap")["blockNumber"])
}

/// Replays until an assertion speaks of a block. All claims must be right.
async fn wait_until_proposed(challenger: &Challenger, block: u64) -> Value {
    wait_until("the block to be proposed", || async {
        let report = challenger.replay(&[]).await;
        assert_eq!(report.code, 0, "{}", report.text);
        let assertions = report.json["assertions"].as_array().unwrap().clone();
        let last = assertions.iter().filter(|it| it["right"] == true).filter_map(last_block).max();
        match last {
            Some(last) if last >= block => Ok(report.json),
            last => Err(format!("claims up to {last:?}, expected {block}")),
        }
    })
    .await
}

/// The last block of a right assertion.
fn last_block(assertion: &Value) -> Option<u64> {
    assertion["blocks"].as_str()?.split_once("..=")?.1.parse().ok()
}

fn assert_proven(report: &Report, is_proposed: bool) {
    assert_eq!(report.code, 0, "{}", report.text);
    let it = &report.json;
    assert_eq!(it["claim"], it["nativeClaim"], "{}", report.text);
    assert_eq!((&it["equal"], &it["exitCode"]), (&json!(true), &json!(0)), "{}", report.text);
    let proposed = if is_proposed { json!(true) } else { Value::Null };
    assert_eq!(it["proposedEqual"], proposed, "{}", report.text);
    assert_eq!(it["programHash"], json!(program_hash()), "{}", report.text);
    println!(
        "block {}: {} instructions, {:.3} s, {:.0} MIPS, {} gas, {} MiB",
        it["block"],
        it["instructions"],
        it["seconds"].as_f64().unwrap(),
        it["mips"].as_f64().unwrap(),
        it["gasUsed"],
        it["peakMemoryBytes"].as_u64().unwrap() >> 20,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_and_deposits_are_proven_down_to_one_instruction() {
    let options = DevnetOptions { da: "blob", proposes: true, ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let endpoints = devnet.write_endpoints(&devnet.sequencer);
    run_script("uniswap.cjs", &endpoints).await;
    let deposit = devnet.deposit(1, &["--value-eth", "2"]).await;
    let receipt = wait_for_receipt(&mut devnet.sequencer, deposit).await;
    let (swap, deposit) = (swap_block(&devnet).await, number(&receipt["blockNumber"]));
    wait_for_safe(&mut devnet.sequencer, deposit).await;

    let challenger = Challenger::new(&devnet, "challenger").with_program(program_elf());
    let report = wait_until_proposed(&challenger, deposit).await;
    assert!(report["batches"].as_u64().unwrap() > 1, "{report:#}");
    for block in [swap, deposit] {
        let report = challenger.with_l1("prove", &["--json", "--block", &block.to_string()]).await;
        assert_proven(&report, true);
    }

    // The same from one file, without L1 and without the chain.
    let bundle = devnet.folder().join("swap.bundle").display().to_string();
    let block = swap.to_string();
    let report = challenger.with_data("bundle", &["--block", &block, "--out", &bundle]).await;
    assert_eq!(report.code, 0, "{}", report.text);
    let online = challenger.with_data("prove", &["--json", "--block", &block]).await;
    let offline = challenger.offline("prove", &["--json", "--bundle", &bundle]).await;
    assert_proven(&offline, false);
    for field in ["block", "input", "claim", "instructions", "preimages"] {
        assert_eq!(offline.json[field], online.json[field], "{field}: {}", offline.text);
    }

    for at in STEPS {
        let on_l1 = challenger.with_l1("step", &["--block", &block, "--at", at]).await;
        let here = challenger.offline("step", &["--bundle", &bundle, "--at", at]).await;
        assert_accepted(at, &on_l1);
        assert_accepted(at, &here);
        assert!(on_l1.json["contract"]["verifier"].is_string(), "{}", on_l1.text);
        for field in ["step", "pc", "pre", "post", "witness", "preimage"] {
            assert_eq!(on_l1.json[field], here.json[field], "{field} of the {at} step");
        }
    }
}

fn assert_accepted(at: &str, report: &Report) {
    assert_eq!(report.code, 0, "{at}: {}", report.text);
    let (it, contract) = (&report.json, &report.json["contract"]);
    assert_eq!((&contract["accepted"], &contract["post"]), (&json!(true), &it["post"]), "{at}");
    assert_ne!(it["pre"], it["post"], "{at}");
    println!("{at}: step {}, {}, {} gas", it["step"], it["instruction"], contract["gas"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_survives_kills_and_reorgs_of_l1() {
    let mut devnet =
        Devnet::start(DevnetOptions { l1_slots_in_epoch: 32, ..Default::default() }).await;
    let first = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, first.last_block).await;
    let challenger = Challenger::new(&devnet, "challenger");
    for milliseconds in [50, 150, 300] {
        challenger.replay_and_kill(Duration::from_millis(milliseconds)).await;
    }
    let before = challenger.replay(&[]).await;
    assert_eq!(before.code, 0, "{}", before.text);
    assert!(before.json["block"].as_u64().unwrap() >= first.last_block, "{}", before.text);

    // The last batches are gone from L1; the sequencer posts them again.
    let l1_block = before.json["l1Block"]["number"].as_u64().unwrap();
    devnet.l1.reorg_from(l1_block - 4).await;
    let reorged = challenger.replay(&[]).await;
    assert_eq!(reorged.code, 0, "{}", reorged.text);
    assert_ne!(reorged.json["l1Block"]["hash"], before.json["l1Block"]["hash"]);
    let second = use_chain(&mut devnet).await;
    wait_for_safe(&mut devnet.sequencer, second.last_block).await;
    // A stop on the way, then to the end of an L1 that stands still.
    let part = challenger.replay(&["--until", &second.last_block.to_string()]).await;
    assert!(part.json["block"].as_u64().unwrap() >= second.last_block, "{}", part.text);
    devnet.l1.hold().await;
    let after = challenger.replay(&[]).await;
    let fresh = Challenger::new(&devnet, "fresh").replay(&[]).await;
    assert_eq!((after.code, fresh.code), (0, 0), "{}\n{}", after.text, fresh.text);
    for field in ["l1Block", "block", "claim", "batches", "deposits"] {
        assert_eq!(after.json[field], fresh.json[field], "{field}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_claim_is_found() {
    let devnet = Devnet::start(DevnetOptions { proposes: true, ..Default::default() }).await;
    let challenger = Challenger::new(&devnet, "challenger");
    wait_until_proposed(&challenger, 1).await;
    let client = devnet.l1.client();
    let contract = AssertionChain::new(&client, devnet.rollup.assertion_chain);
    let genesis = contract.genesis_id().await.unwrap();
    let parent = contract.assertion(genesis).await.unwrap();
    let honest = contract.assertion(parent.first_child).await.unwrap();
    let output_root = B256::repeat_byte(0xbd);
    let height = devnet.rollup.assertions.blocks_height;
    let tree = Commitment::new(height, &[claim(output_root, &honest.cursor)]).unwrap();
    let sender = devnet.l1.sender(Role::User(3)).await;
    let proposal = Proposal {
        parent: genesis,
        output_root,
        cursor: honest.cursor,
        root: tree.root(),
        last_leaf_proof: tree.last_leaf_proof(),
        expected_batch_acc: parent.batch_limit_acc,
        stake: devnet.rollup.assertions.stake_wei,
    };
    contract.propose(&sender, proposal).await.unwrap();
    assert_ne!(honest.output_root, output_root);
    assert!(devnet.rollup.assertions.stake_wei > U256::ZERO);

    let report = challenger.replay(&[]).await;
    assert_eq!(report.code, 1, "{}", report.text);
    let assertions = report.json["assertions"].as_array().unwrap();
    let wrong: Vec<&Value> = assertions.iter().filter(|it| it["right"] == false).collect();
    assert_eq!(wrong.len(), 1, "{}", report.text);
    let verdict = wrong[0]["verdict"].as_str().unwrap();
    assert!(verdict.contains(&output_root.to_string()), "{verdict}");
    assert!(verdict.contains(&honest.output_root.to_string()), "{verdict}");
    assert!(assertions.iter().any(|it| it["right"] == true), "{}", report.text);
}
