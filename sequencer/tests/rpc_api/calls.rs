//! `eth_call`, `eth_estimateGas` and `eth_createAccessList`.

use alloy::sol_types::{Panic, Revert, SolError};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::{Value, json};

use crate::world::{
    COUNTER, ENVIRONMENT, FUNDS, GWEI, LOOP, PROXY, RECEIVER, REVERTER, World, quantity, wallet,
};

fn words(answer: &Value) -> Vec<U256> {
    let bytes = hex::decode(answer.as_str().unwrap()).unwrap();
    bytes.chunks(32).map(U256::from_be_slice).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_see_the_state_of_the_block_that_they_name() {
    let world = World::start().await;
    let count = |at: Value| world.ask("eth_call", json!([{ "to": COUNTER }, at]));
    assert_eq!(words(&count(json!("latest")).await), [U256::from(3)]);
    assert_eq!(words(&count(json!("0x2")).await), [U256::from(1)]);
    let hash = world.chain.store.block_hash(2).unwrap().unwrap();
    assert_eq!(words(&count(json!({ "blockHash": hash })).await), [U256::from(1)]);
    let header = world.chain.store.head_header().unwrap().header.clone();
    let seen = words(&world.ask("eth_call", json!([{ "to": ENVIRONMENT }])).await);
    assert_eq!((seen[0], seen[1], seen[2]), (U256::from(4), U256::ZERO, U256::from(1_004)));
    assert_eq!(B256::from(seen[4]), header.parent_hash);
    let priced =
        json!({ "to": ENVIRONMENT, "from": wallet(1).address(), "gasPrice": "0x3b9aca00" });
    let seen = words(&world.ask("eth_call", json!([priced, "latest"])).await);
    assert_eq!(seen[1], U256::from(header.base_fee_per_gas.unwrap()));
    let (code, ..) = world.error("eth_call", json!([{ "to": COUNTER }, "0x63"])).await;
    assert_eq!(code, -32001);
    // A creation returns the code that it would deploy.
    let creation = json!([{ "input": "0x600160005360016000f3" }]);
    assert_eq!(world.ask("eth_call", creation).await, "0x01");
}

#[tokio::test(flavor = "multi_thread")]
async fn reverts_and_halts_are_told_apart() {
    let world = World::start().await;
    let revert = |data: Vec<u8>| {
        let input = Bytes::from(data);
        world.error("eth_call", json!([{ "to": REVERTER, "input": input }, "latest"]))
    };
    let data = Revert { reason: "user error".into() }.abi_encode();
    let expected = json!(Bytes::from(data.clone()));
    assert_eq!(revert(data).await, (3, "execution reverted: user error".into(), expected));
    let data = Panic { code: U256::from(0x11) }.abi_encode();
    let (code, message, _) = revert(data).await;
    assert_eq!(code, 3);
    assert_eq!(message, "execution reverted: arithmetic underflow or overflow");
    assert_eq!(revert(vec![]).await, (3, "execution reverted".into(), json!("0x")));
    let (code, message, _) = world.error("eth_call", json!([{ "to": LOOP }])).await;
    assert_eq!((code, message.as_str()), (-32000, "out of gas"));
    let (code, message, _) =
        world.error("eth_call", json!([{ "to": RECEIVER, "gas": "0x5207" }, "latest"])).await;
    let expected = "intrinsic gas too low: have 20999, want 21000";
    assert_eq!((code, message.as_str()), (-32000, expected));
    let poor = json!({ "from": Address::repeat_byte(0x55), "to": RECEIVER, "value": "0x1" });
    let (code, message, _) = world.error("eth_call", json!([poor])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds for gas * price + value"), "{message}");
    let blob = json!({ "to": RECEIVER, "maxFeePerBlobGas": "0x1" });
    let (code, message, _) = world.error("eth_call", json!([blob])).await;
    assert_eq!(code, -32000);
    assert!(message.starts_with("transaction type not supported"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_of_state_and_block() {
    let world = World::start().await;
    let count =
        |overrides: Value| world.ask("eth_call", json!([{ "to": COUNTER }, "latest", overrides]));
    let (zero, forty) = (B256::ZERO, B256::with_last_byte(40));
    let address = COUNTER.to_string();
    let diff = json!({ &address: { "stateDiff": { zero.to_string(): forty } } });
    assert_eq!(words(&count(diff).await), [U256::from(41)]);
    let all = json!({ &address: { "state": {} } });
    assert_eq!(words(&count(all).await), [U256::from(1)]);
    let code = json!({ &address: { "code": "0x60aa60005260206000f3" } });
    assert_eq!(words(&count(code).await), [U256::from(0xaa)]);
    let rich = json!({ Address::repeat_byte(0x55).to_string(): { "balance": "0x5" } });
    let sent = json!({ "from": Address::repeat_byte(0x55), "to": RECEIVER, "value": "0x5" });
    assert_eq!(world.ask("eth_call", json!([sent, "latest", rich])).await, "0x");
    let both = json!({ &address: { "state": {}, "stateDiff": {} } });
    let params = json!([{ "to": COUNTER }, "latest", both]);
    assert_eq!(world.error("eth_call", params).await.0, -32602);
    let block = json!({
        "number": "0x64", "time": "0x7", "feeRecipient": RECEIVER, "baseFee": "0x9",
        "blockHash": { "3": B256::repeat_byte(3) },
    });
    let call = json!({ "to": ENVIRONMENT, "from": wallet(1).address(), "gasPrice": "0x9" });
    let seen = words(&world.ask("eth_call", json!([call, "latest", null, block])).await);
    assert_eq!(seen[..3], [U256::from(100), U256::from(9), U256::from(7)]);
    assert_eq!(Address::from_word(seen[3].into()), RECEIVER);
    // The node's state is untouched by all of this.
    let slot = world.ask("eth_getStorageAt", json!([COUNTER, "0x0", "latest"])).await;
    assert_eq!(slot, json!(B256::with_last_byte(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn estimates_are_enough_and_not_much_more() {
    let world = World::start().await;
    let from = wallet(1).address();
    let estimate = |call: Value| world.try_ask("eth_estimateGas", json!([call]));
    let transfer = json!({ "from": from, "to": RECEIVER, "value": "0x1" });
    assert_eq!(estimate(transfer).await.unwrap(), "0x5208");
    for (nonce, to) in [(0, COUNTER), (1, PROXY)] {
        let answer = estimate(json!({ "from": from, "to": to })).await.unwrap();
        let gas = u64::try_from(quantity(&answer)).unwrap();
        let to = alloy_primitives::TxKind::Call(to);
        let plan = crate::world::Plan { nonce, to, gas, ..Default::default() };
        let block = world.block(&[], vec![plan.sign(1)]);
        assert!(block.receipts[0].envelope.status(), "{gas} gas are not enough");
        let used = block.receipts[0].gas_used;
        assert!(gas <= used * 21 / 20 + 3_000, "{gas} for {used}");
    }
    let (code, message, data) =
        estimate(json!({ "to": REVERTER, "input": "0x12" })).await.unwrap_err();
    assert_eq!((code, message.as_str(), data), (3, "execution reverted", json!("0x12")));
    let (code, message, _) = estimate(json!({ "to": LOOP })).await.unwrap_err();
    assert_eq!((code, message.as_str()), (-32000, "gas required exceeds allowance (16777216)"));
    // The whole balance cannot be sent when gas and L1 data must be paid from it.
    let all = json!({
        "from": wallet(2).address(), "to": RECEIVER, "value": U256::from(FUNDS), "maxFeePerGas": "0x3b9aca00",
    });
    let (code, message, _) = estimate(all).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.starts_with("insufficient funds for gas * price + value"), "{message}");
    // Enough for gas, but not for the L1 data fee on top.
    let gas_alone = FUNDS - 21_000 * GWEI * 2;
    let call = |value: u128| {
        json!({
            "from": wallet(2).address(), "to": RECEIVER, "value": U256::from(value), "maxFeePerGas": U256::from(2 * GWEI),
        })
    };
    let (code, message, _) = estimate(call(gas_alone)).await.unwrap_err();
    assert_eq!(code, -32000);
    assert!(message.starts_with("gas required exceeds allowance"), "{message}");
    assert!(message.contains("must also pay the L1 data fee of "), "{message}");
    let (_, message, _) = estimate(call(FUNDS - 1)).await.unwrap_err();
    assert!(message.starts_with("insufficient funds for gas * price + value"), "{message}");
    assert!(message.ends_with(" is the L1 data fee"), "{message}");
    assert_eq!(estimate(call(gas_alone - 100_000 * GWEI)).await.unwrap(), "0x5208");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_hold_what_a_call_touches() {
    let world = World::start().await;
    let params = json!([{ "from": wallet(1).address(), "to": PROXY }, "latest"]);
    let answer = world.ask("eth_createAccessList", params).await;
    let expected = json!([{ "address": COUNTER, "storageKeys": [B256::ZERO] }]);
    assert_eq!(answer["accessList"], expected);
    assert!(answer.get("error").is_none_or(Value::is_null), "{answer}");
    let call = json!([{
        "from": wallet(1).address(), "to": PROXY, "accessList": expected,
    }]);
    assert!(world.try_ask("eth_call", call).await.is_ok(), "{answer}");
    let answer = world.ask("eth_createAccessList", json!([{ "to": REVERTER }])).await;
    assert_eq!(answer["error"], "execution reverted");
}
