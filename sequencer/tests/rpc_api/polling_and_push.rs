//! Filters that are polled, and subscriptions over WebSocket.

use std::time::Duration;

use alloy_primitives::B256;
use gainsay::rpc::{RpcContext, RpcLimits, TxSink, serve};
use jsonrpsee::{
    core::client::{ClientT, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClientBuilder,
};
use serde_json::{Value, json};

use crate::world::{CHAIN_ID, COUNTER, Plan, World};

fn count(nonce: u64) -> Plan {
    let to = alloy_primitives::TxKind::Call(COUNTER);
    Plan { nonce, to, gas: 100_000, ..Plan::default() }
}

async fn next(subscription: &mut Subscription<Value>) -> Value {
    let next = tokio::time::timeout(Duration::from_secs(10), subscription.next());
    next.await.expect("a notification in time").unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_tell_what_is_new() {
    let world = World::start().await;
    let blocks = world.ask("eth_newBlockFilter", json!([])).await;
    let logs = world.ask("eth_newFilter", json!([{ "address": COUNTER }])).await;
    let pending = world.ask("eth_newPendingTransactionFilter", json!([])).await;
    let changes = |id: &Value| world.ask("eth_getFilterChanges", json!([id]));
    for id in [&blocks, &logs, &pending] {
        assert_eq!(changes(id).await, json!([]));
    }
    let tx = count(0).sign(1);
    world.ask("eth_sendRawTransaction", json!([tx.raw])).await;
    assert_eq!(changes(&pending).await, json!([tx.hash]));
    let block = world.block_from_pool();
    assert_eq!(changes(&blocks).await, json!([block.hash]));
    let found = changes(&logs).await;
    assert_eq!(found[0]["transactionHash"], json!(tx.hash));
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(changes(&logs).await, json!([]));
    assert_eq!(world.ask("eth_getFilterLogs", json!([logs])).await, found);
    // A rewind: the filter gives the block in place of the one taken back.
    world.rewind(4);
    assert_eq!(changes(&blocks).await, json!([]));
    let other = world.block(&[], vec![count(0).sign(2)]);
    assert_ne!(other.hash, block.hash);
    assert_eq!(changes(&blocks).await, json!([other.hash]));
    // First the log that is void, then the one in its place.
    let found = changes(&logs).await;
    let told = |at: usize| (&found[at]["blockHash"], &found[at]["removed"]);
    assert_eq!(told(0), (&json!(block.hash), &json!(true)));
    assert_eq!(told(1), (&json!(other.hash), &json!(false)));
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, false);
    let (code, message, _) = world.error("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("filter not found"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_gives_as_much_as_one_answer_holds_and_the_rest_with_the_next() {
    let limits = RpcLimits { logs_max: 3, ..RpcLimits::default() };
    let world = World::start_with(limits, 64).await;
    let logs = world.ask("eth_newFilter", json!([{ "address": COUNTER }])).await;
    let mut expected = Vec::new();
    for block in 0..4 {
        let calls = vec![count(2 * block).sign(1), count(2 * block + 1).sign(1)];
        let sealed = world.block(&[], calls);
        expected.extend(sealed.transactions.iter().map(|tx| json!(tx.hash)));
    }
    let mut found = Vec::new();
    for poll in 0..4 {
        let changes = world.ask("eth_getFilterChanges", json!([logs])).await;
        let changes = changes.as_array().unwrap();
        assert_eq!(changes.len(), 2, "poll {poll}");
        found.extend(changes.iter().map(|log| log["transactionHash"].clone()));
    }
    assert_eq!(found, expected);
    assert_eq!(world.ask("eth_getFilterChanges", json!([logs])).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_follows_a_rewind_below_where_the_filter_began() {
    let world = World::start().await;
    let blocks = world.ask("eth_newBlockFilter", json!([])).await;
    let logs = world.ask("eth_newFilter", json!([{ "address": COUNTER }])).await;
    let changes = |id: &Value| world.ask("eth_getFilterChanges", json!([id]));
    let voided = world.block(&[], vec![count(0).sign(1)]);
    assert_eq!(changes(&logs).await.as_array().unwrap().len(), 1);
    // Twice between two polls, to below the block that was the head when the filters began.
    world.rewind(3);
    world.block(&[], vec![count(0).sign(2)]);
    world.rewind(2);
    let other = world.block(&[], vec![count(0).sign(1)]);
    assert_eq!(changes(&blocks).await, json!([other.hash]));
    let found = changes(&logs).await;
    let told: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|log| (log["blockHash"].clone(), log["removed"].clone()))
        .collect();
    // The log that the poll gave, those of block 3 that were read before, the one in their place.
    assert_eq!(told.first(), Some(&(json!(voided.hash), json!(true))));
    assert_eq!(told.last(), Some(&(json!(other.hash), json!(false))));
    assert_eq!(told.iter().filter(|(_, removed)| *removed == json!(true)).count(), 3);
    assert_eq!(changes(&logs).await, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_bounded_and_expire() {
    let limits = RpcLimits { filters_max: 2, filter_expiry_secs: 1, ..RpcLimits::default() };
    let world = World::start_with(limits, 64).await;
    let first = world.ask("eth_newBlockFilter", json!([])).await;
    world.ask("eth_newBlockFilter", json!([])).await;
    let (code, message, _) = world.error("eth_newBlockFilter", json!([])).await;
    assert_eq!(code, -32005);
    assert_eq!(message, "installed filters limit exceeded: found 2, allowed 2");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.ask("eth_newBlockFilter", json!([])).await;
    assert_eq!(world.error("eth_getFilterChanges", json!([first])).await.0, -32000);
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_push_heads_logs_and_pending_transactions() {
    let world = World::start().await;
    let url = format!("ws://{}", world.address);
    let client = WsClientBuilder::default().build(url).await.unwrap();
    let chain_id: Value = client.request("eth_chainId", rpc_params![]).await.unwrap();
    assert_eq!(chain_id, format!("{CHAIN_ID:#x}"));
    let subscribe = async |params: jsonrpsee::core::params::ArrayParams| {
        client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe").await
    };
    let mut heads = subscribe(rpc_params!["newHeads"]).await.unwrap();
    let mut logs = subscribe(rpc_params!["logs", json!({ "address": COUNTER })]).await.unwrap();
    let mut none = subscribe(rpc_params!["logs", json!({ "topics": [B256::ZERO] })]).await.unwrap();
    let mut hashes = subscribe(rpc_params!["newPendingTransactions"]).await.unwrap();
    let mut full = subscribe(rpc_params!["newPendingTransactions", true]).await.unwrap();
    assert!(subscribe(rpc_params!["news"]).await.is_err());
    let tx = count(0).sign(1);
    world.ask("eth_sendRawTransaction", json!([tx.raw])).await;
    assert_eq!(next(&mut hashes).await, json!(tx.hash));
    assert_eq!(next(&mut full).await["hash"], json!(tx.hash));
    let block = world.block_from_pool();
    let head = next(&mut heads).await;
    assert_eq!((&head["hash"], &head["number"]), (&json!(block.hash), &json!("0x5")));
    assert_eq!(next(&mut logs).await["transactionHash"], json!(tx.hash));
    let silence = tokio::time::timeout(Duration::from_millis(200), none.next()).await;
    assert!(silence.is_err(), "no log has that topic");
    assert!(heads.unsubscribe().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_blocks_that_are_taken_back_are_told_as_removed() {
    let world = World::start().await;
    let client = WsClientBuilder::default().build(format!("ws://{}", world.address)).await.unwrap();
    let subscribe = async |filter: Value| {
        let params = rpc_params!["logs", filter];
        client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
    };
    let mut logs = subscribe(json!({ "address": COUNTER })).await;
    let mut none = subscribe(json!({ "topics": [B256::ZERO] })).await;
    let calls = vec![count(0).sign(1), count(1).sign(1)];
    let block = world.block(&[], calls);
    let mut given = [next(&mut logs).await, next(&mut logs).await];
    assert_eq!(given[0]["removed"], false);
    // Also logs of before the subscription: who read them by eth_getLogs must learn it, too.
    world.rewind(2);
    for log in given.iter_mut() {
        log["removed"] = json!(true);
    }
    assert_eq!(next(&mut logs).await, given[1], "the last one is void first");
    assert_eq!(next(&mut logs).await, given[0]);
    for _ in 0..2 {
        let log = next(&mut logs).await;
        assert_eq!((&log["blockNumber"], &log["removed"]), (&json!("0x3"), &json!(true)));
    }
    let other = world.block(&[], vec![count(0).sign(2)]);
    let log = next(&mut logs).await;
    assert_eq!((&log["blockHash"], &log["removed"]), (&json!(other.hash), &json!(false)));
    assert_ne!(other.hash, block.hash);
    let silence = tokio::time::timeout(Duration::from_millis(200), none.next()).await;
    assert!(silence.is_err(), "no log has that topic");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_asks_its_sequencer_what_is_pending() {
    let world = World::start().await;
    let context = RpcContext {
        chain: std::sync::Arc::clone(&world.chain),
        sink: TxSink::Forward { url: format!("http://{}", world.address) },
        status: world.status.clone(),
        limits: RpcLimits::default(),
    };
    let (address, _server) = serve(context, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let http = crate::world::http_client(address);
    let ask =
        async |method: &str, params: Value| crate::world::ask(&http, method, params).await.unwrap();
    let client = WsClientBuilder::default().build(format!("ws://{address}")).await.unwrap();
    let subscribe = async |params: jsonrpsee::core::params::ArrayParams| {
        client.subscribe::<Value, _>("eth_subscribe", params, "eth_unsubscribe").await.unwrap()
    };
    let mut hashes = subscribe(rpc_params!["newPendingTransactions"]).await;
    let mut full = subscribe(rpc_params!["newPendingTransactions", true]).await;
    let filter = ask("eth_newPendingTransactionFilter", json!([])).await;
    let (first, gapped) = (count(0).sign(1), count(5).sign(1));
    for tx in [&first, &gapped] {
        ask("eth_sendRawTransaction", json!([tx.raw])).await;
    }
    for tx in [&first, &gapped] {
        assert_eq!(next(&mut hashes).await, json!(tx.hash));
        assert_eq!(next(&mut full).await["hash"], json!(tx.hash));
    }
    assert_eq!(
        ask("eth_getFilterChanges", json!([filter])).await,
        json!([first.hash, gapped.hash])
    );
    for at in [&http, &world.client] {
        let ask = async |method: &str, params: Value| {
            crate::world::ask(at, method, params).await.unwrap()
        };
        let status = ask("txpool_status", json!([])).await;
        assert_eq!(status, json!({ "pending": "0x1", "queued": "0x1" }));
        let sender = crate::world::wallet(1).address();
        let content = ask("txpool_content", json!([])).await;
        let of_sender = |kind: &str| content[kind][sender.to_string().to_lowercase()].clone();
        assert_eq!(of_sender("pending")["0"]["hash"], json!(first.hash));
        assert_eq!(of_sender("queued")["5"]["hash"], json!(gapped.hash));
        let from = ask("txpool_contentFrom", json!([sender])).await;
        assert_eq!(
            (&from["pending"], &from["queued"]),
            (&of_sender("pending"), &of_sender("queued"))
        );
        let lines = ask("txpool_inspect", json!([])).await;
        let line = lines["queued"].as_object().unwrap().values().next().unwrap()["5"].clone();
        assert!(line.as_str().unwrap().ends_with("(queued behind nonce 1)"), "{line}");
    }
}
