//! Wallets just work: viem, ethers, Uniswap v2 and cast, as users run them.

use alloy::primitives::{U256, hex};
use gainsay_tests::{
    CREATE_NOTEBOOK, CREATE_REFUSER, Call, Devnet, DevnetOptions, Kind, Node, Role, cast_binary,
    run_cast, run_script, signer,
};
use serde_json::{Value, json};

async fn devnet() -> (Devnet, Node) {
    let devnet = Devnet::start(DevnetOptions::default()).await;
    let follower = devnet.follower_of_sequencer("follower").await;
    (devnet, follower)
}

async fn works_with(script: &str) {
    let (devnet, follower) = devnet().await;
    let endpoints = devnet.write_endpoints(&follower);
    println!("{}", run_script(script, &endpoints).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn viem() {
    works_with("viem.cjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ethers() {
    works_with("ethers.cjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_sends_at_once() {
    works_with("parallel.cjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uniswap() {
    works_with("uniswap.cjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cast() {
    assert!(cast_binary().is_file());
    let (devnet, _follower) = devnet().await;
    let url = devnet.sequencer.rpc.url();
    let key = hex::encode_prefixed(signer(Role::User(3)).to_bytes());
    let user = signer(Role::User(3)).address();
    let to = signer(Role::User(4)).address().to_string();

    let sent = cast_send(url, &key, &[&to, "--value", "1ether"]).await;
    assert_eq!(sent["status"], "0x1", "cast send: {sent:#}");
    let hash = sent["transactionHash"].as_str().unwrap();
    let receipt: Value =
        serde_json::from_str(&run_cast(url, &["receipt", hash, "--json"]).await).unwrap();
    for field in ["blockHash", "status", "gasUsed", "effectiveGasPrice", "from", "to", "logs"] {
        assert_eq!(receipt[field], sent[field], "{field} of cast receipt: {receipt:#}");
    }
    assert!(receipt["l1Fee"].is_string(), "cast receipt has no l1Fee: {receipt:#}");
    assert_eq!(run_cast(url, &["balance", &to, "--ether"]).await, "10001.000000000000000000");
    assert_eq!(run_cast(url, &["nonce", &user.to_string()]).await, "1");
    assert_eq!(run_cast(url, &["chain-id"]).await, "42069");
    let legacy = cast_send(url, &key, &["--legacy", &to, "--value", "1"]).await;
    assert_eq!((&legacy["status"], &legacy["type"]), (&"0x1".into(), &"0x0".into()));

    let create = hex::encode_prefixed(CREATE_NOTEBOOK);
    let created = cast_send(url, &key, &["--create", &create]).await;
    let notebook = created["contractAddress"].as_str().unwrap().to_owned();
    let note = format!("0x{:064x}{:064x}", 6, 66);
    let noted = cast_send(url, &key, &[&notebook, &note]).await;
    assert_eq!(noted["status"], "0x1", "cast send to a contract: {noted:#}");
    let logs =
        run_cast(url, &["logs", "--from-block", "0", "--address", &notebook, "--json"]).await;
    let logs: Value = serde_json::from_str(&logs).unwrap();
    assert_eq!(logs.as_array().unwrap().len(), 1, "cast logs: {logs:#}");
    assert_eq!(logs[0]["data"], format!("0x{:064x}", 6), "cast logs: {logs:#}");
    assert_eq!(logs[0]["transactionHash"], noted["transactionHash"]);
    let word = run_cast(url, &["storage", &notebook, "6"]).await;
    assert_eq!(word, format!("0x{:064x}", 66));

    let proof: Value =
        serde_json::from_str(&run_cast(url, &["proof", &notebook, "6"]).await).unwrap();
    assert_eq!(proof["storageProof"][0]["value"], "0x42", "cast proof: {proof:#}");
    assert!(!proof["accountProof"].as_array().unwrap().is_empty(), "cast proof: {proof:#}");

    let wrapped = ["call", "0x4200000000000000000000000000000000000006", "symbol()(string)"];
    assert_eq!(run_cast(url, &wrapped).await, "\"WETH\"");
    let refuser = hex::encode_prefixed(CREATE_REFUSER);
    let refuser = cast_send(url, &key, &["--create", &refuser]).await;
    let refused = tokio::process::Command::new(cast_binary())
        .args(["call", refuser["contractAddress"].as_str().unwrap(), "0x01", "--rpc-url", url])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "cast call of a contract that reverts succeeded");
    assert!(said.contains("no"), "cast call of a contract that reverts with 'no' said {said}");

    let status: Value =
        serde_json::from_str(&run_cast(url, &["rpc", "rollup_status"]).await).unwrap();
    for head in ["latest", "safe", "finalized", "l1Head"] {
        assert!(status[head]["number"].is_u64(), "rollup_status has no {head}: {status:#}");
    }
}

/// No shape of a deposit can be read by a cast that takes the chain for Ethereum: its transactions
/// have the types 0x0 to 0x4, and one without a type is a legacy one. The variable names the
/// network.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cast_replays_a_transaction_behind_a_deposit() {
    let (devnet, _follower) = devnet().await;
    let rpc = &devnet.sequencer.rpc;
    let (wallet, to) = (devnet.wallet(3), signer(Role::User(4)).address());
    // Each batch on L1 brings a fee report, which is a deposit, into one of the next blocks.
    let mut behind = None;
    for nonce in 0..400 {
        let raw = wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(1)));
        let receipt = rpc.call("eth_sendRawTransactionSync", json!([raw, "0x7530"])).await;
        if receipt["transactionIndex"] != "0x0" {
            behind = Some(receipt);
            break;
        }
    }
    let receipt = behind.expect("a transaction behind a deposit");
    let block = json!([receipt["blockNumber"], true]);
    let block = rpc.call("eth_getBlockByNumber", block).await;
    assert_eq!(block["transactions"][0]["type"], "0x7e", "{block:#}");
    let hash = receipt["transactionHash"].as_str().unwrap();
    let ran = tokio::process::Command::new(cast_binary())
        .args(["run", hash, "--rpc-url", rpc.url()])
        .env("FOUNDRY_NETWORK", "optimism")
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&ran.stdout);
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "cast run failed: {said}");
    assert!(printed.contains("Transaction successfully executed."), "cast run: {printed}{said}");
}

async fn cast_send(url: &str, key: &str, arguments: &[&str]) -> Value {
    let mut all = vec!["send", "--json", "--private-key", key];
    // cast wants --create and what follows it at the end.
    all.extend(arguments);
    let printed = run_cast(url, &all).await;
    serde_json::from_str(&printed)
        .unwrap_or_else(|error| panic!("cast send {arguments:?} printed {printed:?}: {error}"))
}
