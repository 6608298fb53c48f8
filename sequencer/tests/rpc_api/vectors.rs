//! The shapes of answers against ethereum/execution-apis: the same keys, the same kinds of values,
//! the same error codes. The vectors belong to another chain, so values are not compared.

use std::path::PathBuf;

use alloy_primitives::B256;
use serde_json::{Value, json};

use crate::world::{COUNTER, Plan, RECEIVER, REVERTER, World, wallet};

/// Fields that OP chains add, in blocks, transactions and receipts.
const OP_FIELDS: [&str; 12] = [
    "withdrawals",
    "withdrawalsRoot",
    "l1Fee",
    "l1GasPrice",
    "l1GasUsed",
    "l1BlobBaseFee",
    "l1BaseFeeScalar",
    "l1BlobBaseFeeScalar",
    "depositNonce",
    "depositReceiptVersion",
    "mint",
    "sourceHash",
];

/// Fields of typed transactions, which the vectors' full blocks do not hold.
const TYPED_FIELDS: [&str; 5] =
    ["accessList", "maxFeePerGas", "maxPriorityFeePerGas", "yParity", "authorizationList"];

/// The answer of a vector in `vectors/`.
fn answer(name: &str) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rpc_api/vectors");
    let text = std::fs::read_to_string(folder.join(name).with_extension("io")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("<< ")).unwrap();
    serde_json::from_str(line).unwrap()
}

/// Checks that `found` has the keys and kinds of `expected`.
fn same_shape(expected: &Value, found: &Value, path: &str) {
    match (expected, found) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let path = format!("{path}.{key}");
                same_shape(
                    value,
                    found.get(key).unwrap_or_else(|| panic!("{path} is missing")),
                    &path,
                );
            }
            for key in found.keys().filter(|key| !expected.contains_key(*key)) {
                let known = OP_FIELDS.iter().chain(&TYPED_FIELDS).any(|field| field == key);
                assert!(known, "{path} has {key}, which is unknown");
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            let Some(expected) = expected.first() else { return };
            for (index, found) in found.iter().enumerate() {
                same_shape(expected, found, &format!("{path}[{index}]"));
            }
        }
        (Value::String(expected), Value::String(found)) => {
            assert_eq!(found.starts_with("0x"), expected.starts_with("0x"), "{path}: {found}");
            // Hashes, addresses and blooms have one length; quantities have no leading zero.
            if [42, 66, 514].contains(&expected.len()) && !path.ends_with("data") {
                let quantity = path.ends_with(".r") || path.ends_with(".s");
                assert!(found.len() == expected.len() || quantity, "{path}: {found}");
            }
        }
        (Value::Number(_), Value::Number(_)) | (Value::Bool(_), Value::Bool(_)) => {}
        (expected, found) => panic!("{path}: expected a value like {expected}, found {found}"),
    }
}

/// Compares an answer with that of a vector.
fn check(name: &str, found: &Value) {
    same_shape(&answer(name)["result"], found, name);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_transactions_and_receipts_have_the_standard_shape() {
    let world = World::start().await;
    let hashes = world.ask("eth_getBlockByNumber", json!(["0x1", false])).await;
    check("eth_getBlockByNumber/get-block-prague-fork", &hashes);
    let mut full = world.ask("eth_getBlockByNumber", json!(["0x1", true])).await;
    let transactions = full["transactions"].take();
    let mut expected = answer("eth_getBlockByNumber/get-latest")["result"].take();
    let expected_tx = expected["transactions"].take()[0].take();
    same_shape(&expected, &full, "block");
    assert_eq!(expected_tx["type"], "0x0");
    for tx in transactions.as_array().unwrap().iter().filter(|tx| tx["type"] != "0x7e") {
        same_shape(&expected_tx, tx, &format!("transaction {}", tx["type"]));
    }
    let receipts = world.ask("eth_getBlockReceipts", json!(["0x1"])).await;
    check("eth_getBlockReceipts/get-block-receipts-latest", &receipts);
    let with_logs = world.ask("eth_getBlockReceipts", json!(["0x3"])).await;
    let latest = answer("eth_getBlockReceipts/get-block-receipts-latest");
    let mut expected = latest["result"].as_array().unwrap().iter();
    let expected = expected.find(|it| it["logs"] != json!([])).unwrap();
    same_shape(expected, &with_logs[0], "receipt with logs");
    for (name, number) in [("get-block-receipts-future", "0x3e8"), ("get-block-receipts-0", "0x0")]
    {
        let found = world.ask("eth_getBlockReceipts", json!([number])).await;
        assert_eq!(found, answer(&format!("eth_getBlockReceipts/{name}"))["result"], "{name}");
    }
    for name in ["get-genesis", "get-block-notfound"] {
        let number = if name == "get-genesis" { "0x0" } else { "0x3e8" };
        let mut found = world.ask("eth_getBlockByNumber", json!([number, true])).await;
        let answer = answer(&format!("eth_getBlockByNumber/{name}"));
        if let Some(block) = found.as_object_mut() {
            // That chain's genesis is older than these.
            let later = [
                "baseFeePerGas",
                "blobGasUsed",
                "excessBlobGas",
                "parentBeaconBlockRoot",
                "requestsHash",
            ];
            later.iter().for_each(|key| assert!(block.remove(*key).is_some(), "{key}"));
        }
        assert_eq!(found.is_null(), answer["result"].is_null());
        same_shape(&answer["result"], &found, name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_fees_logs_and_quantities_have_the_standard_shape() {
    let world = World::start().await;
    check("eth_chainId/get-chain-id", &world.ask("eth_chainId", json!([])).await);
    for (name, params) in [
        ("get-account-proof-with-storage", json!([COUNTER, ["0x00"], "latest"])),
        ("get-account-proof-latest", json!([COUNTER, [], "latest"])),
        ("get-account-proof-default-block", json!([COUNTER, []])),
    ] {
        check(&format!("eth_getProof/{name}"), &world.ask("eth_getProof", params).await);
    }
    let history = world.ask("eth_feeHistory", json!(["0x1", "0x2", [95, 99]])).await;
    check("eth_feeHistory/fee-history", &history);
    let filter = json!([{ "fromBlock": "0x3", "toBlock": "0x3" }]);
    let logs = world.ask("eth_getLogs", filter).await;
    check("eth_getLogs/contract-addr", &logs);
    assert_eq!(logs.as_array().unwrap().len(), 2);
    let transfer = json!([{ "from": wallet(1).address(), "to": RECEIVER, "value": "0x1" }]);
    let gas = world.ask("eth_estimateGas", transfer).await;
    assert_eq!(gas, answer("eth_estimateGas/estimate-simple-transfer")["result"]);
    let hash = world.ask("eth_sendRawTransaction", json!([Plan::default().sign(1).raw])).await;
    check("eth_sendRawTransaction/send-dynamic-fee-transaction", &hash);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_the_standard_codes_and_words() {
    let world = World::start().await;
    for (name, method) in [
        ("eth_call/call-revert-abi-error", "eth_call"),
        ("eth_call/call-revert-abi-panic", "eth_call"),
        ("eth_estimateGas/estimate-failed-call", "eth_estimateGas"),
        ("eth_estimateGas/estimate-call-abi-error", "eth_estimateGas"),
    ] {
        let answer = answer(name);
        // The reverter returns what it is given: the very data of the vector.
        let input = answer["error"].get("data").cloned().unwrap_or(json!("0x"));
        let (code, message, data) =
            world.error(method, json!([{ "to": REVERTER, "input": input }])).await;
        assert_eq!(json!(code), answer["error"]["code"], "{name}");
        assert_eq!(json!(message), answer["error"]["message"], "{name}");
        assert_eq!(data, input, "{name}");
    }
    let head = world.chain.store.head().number;
    let hash = B256::repeat_byte(1);
    for (name, filter) in [
        (
            "filter-error-invalid-blockHash-and-range",
            json!({ "blockHash": hash, "fromBlock": "0x3", "toBlock": "0x4" }),
        ),
        (
            "filter-error-future-block-range",
            json!({ "fromBlock": "0x2", "toBlock": format!("{:#x}", head + 1) }),
        ),
        ("filter-error-reversed-block-range", json!({ "fromBlock": "0x3", "toBlock": "0x2" })),
    ] {
        let (code, message, _) = world.error("eth_getLogs", json!([filter])).await;
        let answer = answer(&format!("eth_getLogs/{name}"));
        assert_eq!(json!(code), answer["error"]["code"], "{name}: {message}");
    }
}
