//! Batches get to L1 once and all of them, whatever happens to the transactions that carry them:
//! fees rise above what they offer, their nonce is taken, another sequencer has the same key.

use std::{fs, path::Path};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Bytes, TxKind, U256, hex},
    signers::SignerSync,
};
use gainsay_tests::{
    Call, Devnet, DevnetOptions, InboxRecord, Kind, Load, Node, Role, assert_posted_once,
    assert_same_chain, number, signer, wait_for_receipt, wait_for_safe, wait_until,
};
use serde_json::{Value, json};

/// The poster's transaction that waits in L1's pool.
async fn held_batch(devnet: &Devnet) -> Value {
    let poster = hex::encode_prefixed(signer(Role::Poster).address());
    wait_until("a batch in L1's pool", || async {
        let content = devnet.l1.rpc.call("txpool_content", json!([])).await;
        let pending = content["pending"].as_object().unwrap();
        let of_poster = pending.iter().find(|(sender, _)| sender.to_lowercase() == poster);
        let held =
            of_poster.and_then(|(_, by_nonce)| by_nonce.as_object().unwrap().values().next());
        held.cloned().ok_or(format!("{content}"))
    })
    .await
}

/// Sends a transaction of user 0; the number of the block that includes it.
async fn include_one(devnet: &mut Devnet) -> u64 {
    let wallet = devnet.wallet(0);
    let nonce = devnet.sequencer.rpc.nonce(wallet.address()).await;
    let call = Call::transfer(devnet.wallet(1).address(), U256::from(1));
    let hash = devnet.sequencer.rpc.send(&wallet.sign(Kind::Eip1559, nonce, call)).await;
    number(&wait_for_receipt(&mut devnet.sequencer, hash).await["blockNumber"])
}

/// Has the next batch wait in L1's pool; that transaction, and a block that it holds.
async fn hold_a_batch(devnet: &mut Devnet) -> (Value, u64) {
    include_one(devnet).await;
    let head = devnet.sequencer.rpc.block_number().await;
    wait_for_safe(&mut devnet.sequencer, head).await;
    devnet.l1.hold().await;
    let height = include_one(devnet).await;
    (held_batch(devnet).await, height)
}

/// Checks that a new follower has the sequencer's chain up to `height`, from batches posted once.
async fn is_on_l1_once(devnet: &mut Devnet, height: u64) {
    wait_for_safe(&mut devnet.sequencer, height).await;
    let mut follower = devnet.follower("follower").await;
    wait_for_safe(&mut follower, height).await;
    assert_posted_once(devnet, &mut follower).await;
    assert_same_chain(&devnet.sequencer.rpc, &follower.rpc, height).await;
}

async fn outbids_risen_fees(da: &'static str) {
    let mut devnet = Devnet::start(DevnetOptions { da, ..Default::default() }).await;
    let (held, height) = hold_a_batch(&mut devnet).await;
    let fee_max = number(&held["maxFeePerGas"]);
    let l1 = devnet.l1.rpc.clone();
    // It falls by an eighth a block: the held transaction could go after ten blocks at last.
    let base_fee = format!("{:#x}", 4 * fee_max);
    l1.call("anvil_setNextBlockBaseFeePerGas", json!([base_fee])).await;
    devnet.l1.mine(1).await;
    devnet.l1.release().await;
    wait_for_safe(&mut devnet.sequencer, height).await;

    let record = InboxRecord::read(&devnet).await;
    let nonce = &held["nonce"];
    let mut of_nonce = Vec::new();
    for batch in &record.batches {
        let hash = batch.origin.transaction;
        let sent = l1.call("eth_getTransactionByHash", json!([hash])).await;
        if sent["nonce"] == *nonce {
            of_nonce.push((hash, number(&sent["maxFeePerGas"]), batch.origin.block_number));
        }
    }
    let [(hash, new_fee_max, l1_block)] = of_nonce[..] else {
        panic!("batches with nonce {nonce}: found {of_nonce:?}, expected one")
    };
    assert_ne!(json!(hash), held["hash"], "the held transaction was included: no fees rose");
    let base_fee = number(&l1.block(l1_block).await["baseFeePerGas"]);
    assert!(fee_max < base_fee && base_fee <= new_fee_max, "{fee_max} {base_fee} {new_fee_max}");
    is_on_l1_once(&mut devnet, height).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_fees_rise_above_a_calldata_batch() {
    outbids_risen_fees("calldata").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_fees_rise_above_a_blob_batch() {
    outbids_risen_fees("blob").await;
}

/// A transfer of the poster's key to itself, at fees nobody else offers.
fn transfer_of_poster(l1_chain_id: u64, nonce: u64) -> Bytes {
    let key = signer(Role::Poster);
    let tx = TxEip1559 {
        chain_id: l1_chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 500_000_000_000,
        max_priority_fee_per_gas: 100_000_000_000,
        to: TxKind::Call(key.address()),
        ..Default::default()
    };
    let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
    TxEnvelope::from(tx.into_signed(signature)).encoded_2718().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_its_nonce_is_taken() {
    let options = DevnetOptions { da: "calldata", ..Default::default() };
    let mut devnet = Devnet::start(options).await;
    let (held, height) = hold_a_batch(&mut devnet).await;
    let raw = transfer_of_poster(devnet.rollup.l1_chain_id, number(&held["nonce"]));
    let foreign = devnet.l1.rpc.send(&raw).await;
    devnet.l1.release().await;
    wait_until("the foreign transaction on L1", || async {
        let receipt = devnet.l1.rpc.receipt(foreign).await;
        if receipt.is_null() { Err("none".to_owned()) } else { Ok(()) }
    })
    .await;
    let receipt = devnet.l1.rpc.receipt(held["hash"].as_str().unwrap().parse().unwrap()).await;
    assert!(receipt.is_null(), "the batch kept its nonce: nothing was tested");
    is_on_l1_once(&mut devnet, height).await;
}

/// Two sequencers with one key build and post at once, for six batches. Then one of them goes, and
/// the other has lost nothing.
async fn survives_a_twin(devnet: &mut Devnet, mut twin: Node) {
    twin.start().await;
    let loads = [
        Load::on(&devnet.sequencer.rpc, vec![devnet.wallet(1)]),
        Load::on(&twin.rpc, vec![devnet.wallet(2)]),
    ];
    let to = devnet.wallet(5).address().to_string();
    let deposit = devnet.deposit(3, &["--to", &to, "--value-wei", "9"]).await;
    let inbox = devnet.l1.inbox(&devnet.rollup);
    let until = inbox.batch_count().await.unwrap() + 6;
    wait_until("both to post", || async {
        let count = inbox.batch_count().await.unwrap();
        if count >= until { Ok(()) } else { Err(format!("{count} batches of {until}")) }
    })
    .await;
    let [load, load_of_twin] = loads;
    let seen = load.stop().await;
    load_of_twin.stop().await;
    assert!(!seen.receipts.is_empty(), "nothing was tested");
    for node in [&mut devnet.sequencer, &mut twin] {
        assert_eq!(node.ended(), None, "a sequencer gave up");
        let rpc = node.rpc.clone();
        let receipt = wait_for_receipt(node, deposit).await;
        assert_eq!(receipt["status"], "0x1", "at {}: {receipt:#}", rpc.url());
    }
    twin.stop();
    seen.assert_included(&mut devnet.sequencer).await;
    let height = include_one(devnet).await;
    is_on_l1_once(devnet, height).await;
    // After all of that, too, and on a node that knows L1 alone.
    let mut fresh = devnet.follower("fresh").await;
    wait_for_safe(&mut fresh, height).await;
    seen.assert_included(&mut devnet.sequencer).await;
    seen.assert_included(&mut fresh).await;
    let said = "another sequencer posts with this key";
    let logs = [devnet.sequencer.log(), twin.log()];
    assert!(logs.iter().any(|log| log.contains(said)), "neither log says {said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_another_sequencer_starts_from_nothing() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let load = Load::start(&devnet, &[0]);
    wait_for_safe(&mut devnet.sequencer, 4).await;
    load.stop().await;
    let twin = devnet.second_sequencer("twin", "twin");
    survives_a_twin(&mut devnet, twin).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_another_sequencer_starts_from_a_copy() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let load = Load::start(&devnet, &[0]);
    wait_for_safe(&mut devnet.sequencer, 4).await;
    load.stop().await;
    devnet.sequencer.stop();
    let twin = devnet.second_sequencer("twin", "twin");
    copy(&devnet.data("sequencer"), &devnet.data("twin"));
    devnet.sequencer.start().await;
    survives_a_twin(&mut devnet, twin).await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_second_sequencer_starts_on_the_same_folder() {
    let mut devnet = Devnet::start(DevnetOptions::default()).await;
    let mut second = devnet.second_sequencer("second", "sequencer");
    let status = second.start_and_end().await;
    assert!(!status.success(), "two nodes run on one folder");
    let log = second.log();
    let folder = devnet.data("sequencer").display().to_string();
    assert!(
        log.contains(&folder) && log.contains("another process"),
        "expected a word on {folder} and another process: {log}"
    );
    let height = include_one(&mut devnet).await;
    is_on_l1_once(&mut devnet, height).await;
}
