//! Filters that are polled, and subscriptions over WebSocket.

use std::time::Duration;

use alloy_primitives::B256;
use gainsay::{chain::HeadEvent, rpc::RpcLimits};
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
    // A rewind: the block in place of the one taken back is told.
    world.chain.store.rewind(4).unwrap();
    world.pool.reset().unwrap();
    world.chain.announce(HeadEvent::Rewound { to: 4 });
    assert_eq!(changes(&blocks).await, json!([]));
    let other = world.block(&[], vec![count(0).sign(2)]);
    assert_ne!(other.hash, block.hash);
    assert_eq!(changes(&blocks).await, json!([other.hash]));
    assert_eq!(changes(&logs).await[0]["blockHash"], json!(other.hash));
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, true);
    assert_eq!(world.ask("eth_uninstallFilter", json!([logs])).await, false);
    let (code, message, _) = world.error("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("filter not found"), "{message}");
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
