//! Transactions in: into the pool, through a follower, or nowhere.

use std::sync::Arc;

use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Bytes, U256};
use gainsay::rpc::{RpcContext, RpcLimits, TxSink, serve};
use jsonrpsee::{
    core::{client::ClientT, params::BatchRequestBuilder},
    rpc_params,
};
use serde_json::{Value, json};

use crate::world::{FUNDS, GWEI, Plan, World, ask, http_client, wallet};

fn raw(plan: &Plan, by: u64) -> Value {
    json!(plan.sign(by).raw)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sent_transaction_is_pending_and_then_included() {
    let world = World::start().await;
    let tx = Plan { value: 5, ..Plan::default() }.sign(1);
    let hash = world.ask("eth_sendRawTransaction", json!([tx.raw])).await;
    assert_eq!(hash, json!(tx.hash));
    let pending = world.ask("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(pending["from"], json!(wallet(1).address()));
    for field in ["blockHash", "blockNumber", "transactionIndex"] {
        assert_eq!(pending.get(field), Some(&Value::Null), "{field}");
    }
    assert_eq!(world.ask("eth_getRawTransactionByHash", json!([hash])).await, json!(tx.raw));
    assert_eq!(world.ask("eth_getTransactionReceipt", json!([hash])).await, Value::Null);
    let nonce =
        |at: &'static str| world.ask("eth_getTransactionCount", json!([wallet(1).address(), at]));
    assert_eq!((nonce("latest").await, nonce("pending").await), (json!("0x0"), json!("0x1")));
    let status = world.ask("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x1", "queued": "0x0" }));
    world.block_from_pool();
    let receipt = world.ask("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x5")));
    assert_eq!((nonce("latest").await, nonce("pending").await), (json!("0x1"), json!("0x1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_use_geths_words() {
    let world = World::start().await;
    let send = |raw: Value| world.error("eth_sendRawTransaction", json!([raw]));
    let expect = async |raw: Value, code: i32, words: &str| {
        let (found, message, _) = send(raw).await;
        assert_eq!(found, code, "{message}");
        assert!(message.contains(words), "{message} should contain {words}");
    };
    let plan = Plan::default();
    expect(raw(&plan, 0), -32000, "nonce too low").await;
    world.ask("eth_sendRawTransaction", json!([raw(&plan, 1)])).await;
    expect(raw(&plan, 1), -32000, "already known").await;
    let other = Plan { value: 1, ..plan.clone() };
    expect(raw(&other, 1), -32000, "replacement transaction underpriced").await;
    let rich = Plan { value: FUNDS, ..plan.clone() };
    expect(raw(&rich, 2), -32000, "insufficient funds for gas * price + value: have ").await;
    // All but the L1 data fee, which ethereum has not: the words say that it is missing.
    let all = Plan { value: FUNDS - 21_000 * plan.fee_cap, ..plan.clone() };
    let (_, message, _) = send(raw(&all, 2)).await;
    let number = |after: &str| {
        let digits = message.split_once(after).unwrap_or_else(|| panic!("{message}")).1;
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u128>().unwrap()
    };
    let l1_fee = number("of which ");
    assert!(l1_fee > 0 && l1_fee == number("want ") - number("have "), "{message}");
    assert!(message.ends_with(" is this transaction's L1 data fee"), "{message}");
    let short = Plan { gas: 20_000, ..plan.clone() };
    expect(raw(&short, 2), -32000, "intrinsic gas too low").await;
    let foreign = Plan { chain_id: 1, ..plan.clone() };
    expect(raw(&foreign, 2), -32000, "invalid chain id").await;
    expect(json!("0x03c0"), -32000, "transaction type not supported").await;
    expect(json!("0x7ec0"), -32000, "transaction type not supported").await;
    for garbage in ["0x", "0xc0", "0x02c0", "0x1", "zz"] {
        expect(json!(garbage), -32602, "invalid argument 0").await;
    }
    let (code, message, _) = world.error("eth_sendRawTransaction", json!([])).await;
    assert_eq!((code, message.as_str()), (-32602, "missing value for required argument 0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_at_once_are_all_answered() {
    let world = Arc::new(World::start().await);
    // In no order: what comes early waits in the pool.
    let requests = (0..400_u64).map(|index| {
        let (by, nonce) = (1 + index % 2, index / 2);
        let (world, plan) = (Arc::clone(&world), Plan { nonce, ..Plan::default() });
        tokio::spawn(async move {
            let tx = plan.sign(by);
            assert_eq!(world.ask("eth_sendRawTransaction", json!([tx.raw])).await, json!(tx.hash));
        })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap();
    }
    for by in [1, 2] {
        let params = json!([wallet(by).address(), "pending"]);
        assert_eq!(world.ask("eth_getTransactionCount", params).await, "0xc8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_send_returns_the_receipt_or_times_out() {
    let world = Arc::new(World::start().await);
    let tx = Plan { value: 1, ..Plan::default() }.sign(1);
    let builder = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            while world.pool.is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            tokio::task::spawn_blocking(move || world.block_from_pool()).await.unwrap();
        }
    });
    let receipt = world.ask("eth_sendRawTransactionSync", json!([tx.raw, "0x2710"])).await;
    builder.await.unwrap();
    assert_eq!(receipt, world.ask("eth_getTransactionReceipt", json!([tx.hash])).await);
    let tx = Plan { nonce: 1, ..Plan::default() }.sign(1);
    let (code, message, data) =
        world.error("eth_sendRawTransactionSync", json!([tx.raw, 50])).await;
    assert_eq!((code, data), (4, json!(tx.hash)));
    assert!(message.ends_with("not included within 50 ms"), "{message}");
    // Behind a gap no wait would help; the time is a hex quantity or a number.
    let tx = Plan { nonce: 3, ..Plan::default() }.sign(1);
    let (code, message, _) =
        world.error("eth_sendRawTransactionSync", json!([tx.raw, "0x32"])).await;
    assert_eq!(code, 4);
    assert!(message.ends_with("within 50 ms: it is queued behind nonce 2"), "{message}");
    let (code, message, _) = world.error("eth_sendRawTransactionSync", json!([tx.raw, "50"])).await;
    assert_eq!(code, -32602, "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_forwards_and_a_reader_refuses() {
    let world = World::start().await;
    let follower = async |sink: TxSink| {
        let context = RpcContext {
            chain: Arc::clone(&world.chain),
            sink,
            status: world.status.clone(),
            limits: RpcLimits::default(),
        };
        serve(context, ([127, 0, 0, 1], 0).into()).await.unwrap()
    };
    let url = format!("http://{}", world.address);
    let (address, _server) = follower(TxSink::Forward { url }).await;
    let client = http_client(address);
    let tx = Plan::default().sign(1);
    let hash = ask(&client, "eth_sendRawTransaction", json!([tx.raw])).await.unwrap();
    assert_eq!(hash, json!(tx.hash));
    assert!(world.pool.get(&tx.hash).is_some());
    let pending = ask(&client, "eth_getTransactionByHash", json!([tx.hash])).await.unwrap();
    assert_eq!(pending["hash"], json!(tx.hash));
    let nonce = json!([wallet(1).address(), "pending"]);
    assert_eq!(ask(&client, "eth_getTransactionCount", nonce).await.unwrap(), "0x1");
    let (code, message, _) =
        ask(&client, "eth_sendRawTransaction", json!([tx.raw])).await.unwrap_err();
    assert_eq!((code, message.as_str()), (-32000, "already known"));
    let (address, _server) = follower(TxSink::ReadOnly).await;
    let (code, message, _) =
        ask(&http_client(address), "eth_sendRawTransaction", json!([tx.raw])).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.contains("read-only"), "{message}");
    // A sequencer that is down: sending fails, reading goes on.
    let (address, _server) = follower(TxSink::Forward { url: "http://127.0.0.1:1".into() }).await;
    let client = http_client(address);
    let (code, ..) = ask(&client, "eth_sendRawTransaction", json!([tx.raw])).await.unwrap_err();
    assert_eq!(code, -32000);
    let nonce = json!([wallet(0).address(), "pending"]);
    assert_eq!(ask(&client, "eth_getTransactionCount", nonce).await.unwrap(), "0x8");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_encoding_is_the_one_that_was_signed() {
    let world = World::start().await;
    let tx = Plan { fee_cap: 3 * GWEI, value: 9, ..Plan::default() }.sign(2);
    world.ask("eth_sendRawTransaction", json!([tx.raw])).await;
    let pending = world.ask("eth_getTransactionByHash", json!([tx.hash])).await;
    let answer: op_alloy_rpc_types::Transaction = serde_json::from_value(pending).unwrap();
    assert_eq!(Bytes::from(answer.inner.inner.encoded_2718()), tx.raw);
    assert_eq!(U256::from(9), alloy_consensus::Transaction::value(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_answered_in_order_and_a_nonce_counts_what_stands_before_it() {
    let world = World::start().await;
    let transfers: Vec<_> =
        (0..40_u64).map(|nonce| Plan { nonce, ..Plan::default() }.sign(1)).collect();
    let mut batch = BatchRequestBuilder::new();
    let address = wallet(1).address();
    for (index, tx) in transfers.iter().enumerate() {
        batch.insert("eth_sendRawTransaction", rpc_params![&tx.raw]).unwrap();
        if index == 9 {
            batch.insert("eth_sendRawTransaction", rpc_params!["0xc0"]).unwrap();
            batch.insert("eth_getTransactionCount", rpc_params![address, "pending"]).unwrap();
        }
    }
    let client = http_client(world.address);
    let answers: Vec<_> = client.batch_request::<Value>(batch).await.unwrap().into_iter().collect();
    let hash = |index: usize| json!(transfers[index].hash);
    assert_eq!(answers.len(), 42);
    for (index, answer) in answers.into_iter().enumerate() {
        match index {
            0..10 => assert_eq!(answer.unwrap(), hash(index)),
            10 => assert_eq!(answer.unwrap_err().code(), -32602),
            11 => assert_eq!(answer.unwrap(), json!("0xa"), "ten transactions before it"),
            _ => assert_eq!(answer.unwrap(), hash(index - 2)),
        }
    }
    let count = json!([address, "pending"]);
    assert_eq!(world.ask("eth_getTransactionCount", count).await, "0x28");
}
