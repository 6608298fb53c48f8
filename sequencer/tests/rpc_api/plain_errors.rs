//! Whatever is asked wrongly, the answer is in words for users: no Rust type, no debug output, and
//! never this node's fault.

use std::sync::Arc;

use alloy_primitives::B256;
use gainsay::rpc::{RpcContext, RpcLimits, TxSink, method_names, serve};
use serde_json::{Value, json};

use crate::{
    bounds::{exchange, post},
    world::{COUNTER, REVERTER, World, wallet},
};

/// Calls of one request.
const BATCH_LEN: usize = 500;

/// What clients send by mistake, or on purpose.
fn values() -> Vec<Value> {
    let long = format!("0x{}", "f".repeat(300));
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(u64::MAX),
        json!(""),
        json!("0x"),
        json!("0xzz"),
        json!("0x1"),
        json!("-0x1"),
        json!("0x10000000000000000"),
        json!(long),
        json!("latest"),
        json!("yesterday"),
        json!("newHeads"),
        json!("newPendingTransactions"),
        json!(B256::repeat_byte(7)),
        json!([]),
        json!([[]]),
        json!([null]),
        json!({}),
        json!({ "a": { "b": [] } }),
        json!({ "blockHash": "0x12" }),
        json!({ "blockHash": B256::repeat_byte(7), "fromBlock": "0x1" }),
        json!({ "fromBlock": "0x5", "toBlock": "0x1", "topics": [[[]]] }),
        json!({ "fromBlock": "0xffffff", "toBlock": "0xfffffff" }),
        json!({ "topics": "0x1", "address": 5 }),
        json!({ "to": COUNTER, "gas": "0x1" }),
        json!({ "to": COUNTER, "gas": -1, "value": {} }),
        json!({ "to": COUNTER, "maxFeePerGas": "0x1", "gasPrice": "0x1" }),
        json!({ "to": COUNTER, "maxFeePerGas": "0x1", "maxPriorityFeePerGas": "0x2" }),
        json!({ "from": wallet(9).address(), "to": COUNTER, "value": "0x1", "gasPrice": "0x1" }),
        json!({ "data": "0xfe" }),
        json!({ "data": "0x56" }),
        json!({ "data": "0x50" }),
        json!({ "to": REVERTER, "input": "0x08c379a0" }),
        json!({ "type": "0x7e", "authorizationList": [{}], "accessList": 3 }),
        json!({ "to": "0x0000000000000000000000000000000000000008", "input": "0x12" }),
        json!({ COUNTER.to_string(): { "state": {}, "stateDiff": {} } }),
        json!({ COUNTER.to_string(): { "balance": "x" } }),
    ]
}

/// Bad parameters: each value in each of the first places, with sound ones around it.
fn params() -> Vec<Value> {
    let sound = [json!(COUNTER), json!("0x0"), json!("latest"), json!({})];
    let mut all = vec![json!([]), json!({ "address": 1 }), json!(5), json!("text")];
    for value in values() {
        all.push(json!([value]));
        all.push(json!([value, value, value]));
        for at in 0..sound.len() {
            let mut params = sound.to_vec();
            params[at] = value.clone();
            all.push(params.into());
        }
        all.push(json!([{ "to": COUNTER }, "latest", value]));
        all.push(json!([{ "to": COUNTER }, "latest", {}, value]));
        all.push(json!(["logs", value]));
    }
    all
}

/// What in a message only this program's authors would understand.
fn rust_in(message: &str) -> Option<String> {
    let words =
        ["struct ", "enum ", "variant", "tuple", "Some(", "None", "Ok(", "Err(", "::", "\\u{"];
    if let Some(word) = words.iter().find(|word| message.contains(**word)) {
        return Some((*word).to_owned());
    }
    // A type's name in front of its fields: `Custom("..")`, `ParseError { kind: .. }`.
    let is_name = |word: &str| {
        word.starts_with(|it: char| it.is_ascii_uppercase())
            && word.chars().any(|it| it.is_ascii_lowercase())
            && word.chars().all(|it| it.is_ascii_alphanumeric())
    };
    let mut word_start = 0;
    for (at, letter) in message.char_indices() {
        let opens = letter == '(' || message[at..].starts_with(" {");
        if opens && is_name(&message[word_start..at]) {
            return Some(message[word_start..].chars().take(40).collect());
        }
        if !letter.is_ascii_alphanumeric() {
            word_start = at + letter.len_utf8();
        }
    }
    None
}

#[test]
fn rust_is_told_from_english() {
    for rust in [
        "ParseIntError { kind: InvalidDigit }",
        "error: Custom(\"x\")",
        "expected struct TransactionRequest",
        "value: Some(5)",
        "client error: hyper::Error",
    ] {
        assert!(rust_in(rust).is_some(), "{rust}");
    }
    for english in
        ["block not found: 0x99 (the head is 4)", "both gasPrice and (maxFeePerGas or more)", "{}"]
    {
        assert_eq!(rust_in(english), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_shows_rust() {
    let world = World::start().await;
    let follower = |sink| {
        let (chain, status) = (Arc::clone(&world.chain), world.status.clone());
        let context = RpcContext { chain, sink, status, limits: RpcLimits::default() };
        serve(context, ([127, 0, 0, 1], 0).into())
    };
    let alone = TxSink::Forward { url: "http://127.0.0.1:1".into() };
    let (alone, _server) = follower(alone).await.unwrap();
    let reader = follower(TxSink::ReadOnly).await.unwrap();
    let methods = method_names();
    assert!(methods.len() > 50, "{methods:?}");
    let mut calls = Vec::new();
    for method in methods.iter().chain(&["eth_subscribe", "eth_unsubscribe", "eth_none"]) {
        for params in params() {
            let id = calls.len();
            calls.push(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        }
    }
    let mut errors = 0;
    for address in [world.address, alone, reader.0] {
        for batch in calls.chunks(BATCH_LEN) {
            let answer = exchange(address, post(&json!(batch).to_string())).await;
            let body = answer.split_once("\r\n\r\n").unwrap().1;
            let answers: Vec<Value> = serde_json::from_str(body)
                .unwrap_or_else(|error| panic!("{error}: {}", &body[..body.len().min(500)]));
            assert_eq!(answers.len(), batch.len());
            for (call, answer) in batch.iter().zip(&answers) {
                let Some(error) = answer.get("error") else { continue };
                errors += 1;
                let message = error["message"].as_str().unwrap();
                assert_eq!(rust_in(message), None, "{call}: {message}");
                assert!(message.len() < 600, "{call}: {message}");
                assert_ne!(error["code"], -32603, "{call}: {message}");
            }
        }
    }
    println!("{errors} errors of {} calls of {} methods", 3 * calls.len(), methods.len());
    assert!(errors > 10_000);
}
