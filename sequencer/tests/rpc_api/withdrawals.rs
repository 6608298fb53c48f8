//! Withdrawals: found by hash and account, through all states, with proofs that outlive states; and
//! deposits by the hash of OP's tools.

use alloy::sol_types::SolEvent;
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, hex, keccak256};
use alloy_trie::{Nibbles, proof::verify_proof};
use gainsay::{rpc::RpcLimits, status::AgreedAssertion};
use gainsay_l1::bindings::{
    IConfirmedGames::GamePublished,
    IPortal::{WithdrawalFinalized, WithdrawalProvenExtension1},
};
use gainsay_store::{L1BlockRecord, L1LogRecord, L1Update};
use gainsay_transition::{MESSAGE_PASSER, RecoveredTx, trie::prove};
use serde_json::{Value, json};

use crate::world::{DEPOSITOR, Plan, World, deposit, wallet};

const SENDER: Address = Address::repeat_byte(0x5e);
const TARGET: Address = Address::repeat_byte(0x7a);

fn hash_of(nonce: u64) -> B256 {
    keccak256(nonce.to_be_bytes())
}

/// A transaction of wallet 1 that records withdrawal `nonce`.
fn withdraw(nonce: u64, target: Address) -> RecoveredTx {
    let word = |value: u64| U256::from(value).to_be_bytes::<32>();
    let data = [
        word(nonce),
        SENDER.into_word().0,
        target.into_word().0,
        word(1_000 + nonce),
        word(21_000),
        word(128),
        hash_of(nonce).0,
        word(2),
        U256::from_be_slice(&hex!("beef")).wrapping_shl(240).to_be_bytes(),
    ];
    let to = TxKind::Call(MESSAGE_PASSER);
    Plan { nonce, to, gas: 200_000, data: data.concat(), ..Plan::default() }.sign(1)
}

fn logged(l1_block: u64, log_index: u64, event: &impl SolEvent) -> L1LogRecord {
    let log = Log { address: Address::repeat_byte(4), data: event.encode_log_data() };
    L1LogRecord { l1_block, log_index, l1_time: 0, log }
}

fn bridge(world: &World, bridge_logs: Vec<L1LogRecord>) {
    world.chain.store.apply(&L1Update { bridge_logs, ..L1Update::default() }, false).unwrap();
}

const fn assertion(id: u8, last_block: u64, created_at: u64) -> AgreedAssertion {
    let id = B256::repeat_byte(id);
    AgreedAssertion { id, last_block, created_at, is_confirmed: false, is_disputed: false }
}

async fn get(world: &World, nonce: u64) -> Value {
    world.ask("rollup_getWithdrawal", json!([hash_of(nonce)])).await
}

/// The proof must lead from the root that the header names to a 1 in the withdrawal's slot.
fn assert_proves(world: &World, proof: &Value, nonce: u64) {
    let header = hex::decode(proof["header"].as_str().unwrap()).unwrap();
    let block = proof["blockNumber"].as_u64().unwrap();
    let expected = world.chain.store.header(block).unwrap().unwrap();
    assert_eq!(keccak256(header), expected.hash);
    let parts = &proof["outputRootProof"];
    assert_eq!(parts["latestBlockhash"], expected.hash.to_string());
    assert_eq!(parts["stateRoot"], expected.header.state_root.to_string());
    let root: B256 = parts["messagePasserStorageRoot"].as_str().unwrap().parse().unwrap();
    assert_eq!(Some(root), expected.header.withdrawals_root);
    let nodes: Vec<Bytes> = serde_json::from_value(proof["withdrawalProof"].clone()).unwrap();
    let slot = keccak256([hash_of(nonce).0, [0; 32]].concat());
    verify_proof(root, Nibbles::unpack(keccak256(slot)), Some(vec![1]), &nodes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_is_followed_through_all_states() {
    let world = World::start().await;
    assert_eq!(get(&world, 0).await, Value::Null);
    let block = world.block(&[], vec![withdraw(0, TARGET)]);
    let number = block.header.number;
    world.status.update(|status| status.l1_head.timestamp = 5_000);
    let found = get(&world, 0).await;
    assert_eq!(found["status"], "initiated", "{found:#}");
    // A challenge period of 60 s at least, and no assertion that one could wait for.
    assert_eq!((&found["secondsLeft"], &found["proof"]), (&json!(60), &Value::Null));
    for (field, expected) in [
        ("nonce", json!("0x0")),
        ("sender", json!(SENDER)),
        ("target", json!(TARGET)),
        ("value", json!("0x3e8")),
        ("gasLimit", json!("0x5208")),
        ("data", json!("0xbeef")),
        ("from", json!(wallet(1).address())),
        ("transactionHash", json!(block.transactions[0].hash)),
    ] {
        assert_eq!(found[field], expected, "{field}: {found:#}");
    }
    assert_eq!(found["l2Block"]["number"], number);
    assert_eq!(found["l2Block"]["hash"], block.hash.to_string());

    let confirmed = AgreedAssertion { is_confirmed: true, ..assertion(1, number - 1, 4_000) };
    world.status.set_assertions(vec![assertion(2, number, 4_970), confirmed]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["secondsLeft"]), (&json!("inAssertion"), &json!(30)));
    assert_eq!(found["assertion"], B256::repeat_byte(2).to_string());
    let disputed = AgreedAssertion { is_disputed: true, ..assertion(2, number, 4_000) };
    world.status.set_assertions(vec![disputed]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["secondsLeft"]), (&json!("disputed"), &Value::Null));
    assert_eq!(found["proof"], Value::Null, "a disputed state proves nothing");
    // Its time is over: whoever publishes it confirms it.
    world.status.set_assertions(vec![assertion(2, number, 4_940)]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["secondsLeft"]), (&json!("inAssertion"), &json!(0)));
    assert_eq!(found["proof"]["gameIndex"], Value::Null);
    assert_eq!(found["proof"]["assertion"], B256::repeat_byte(2).to_string());
    assert_proves(&world, &found["proof"], 0);

    let later = world.block(&[], vec![withdraw(1, TARGET)]).header.number;
    let published = |index: u64, l2_block| GamePublished {
        index: U256::from(index),
        assertionId: B256::ZERO,
        l2BlockNumber: l2_block,
    };
    bridge(&world, vec![logged(10, 0, &published(0, 1)), logged(11, 3, &published(1, number))]);
    world.status.set_assertions(vec![]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["proof"]["gameIndex"]), (&json!("confirmed"), &json!(1)));
    assert_proves(&world, &found["proof"], 0);
    assert_eq!(get(&world, 1).await["status"], "initiated");
    bridge(&world, vec![logged(12, 0, &published(2, later))]);
    let found = get(&world, 0).await;
    assert_eq!(found["proof"]["blockNumber"], later);
    assert_proves(&world, &found["proof"], 0);
    assert_proves(&world, &get(&world, 1).await["proof"], 1);

    let proven = |by| WithdrawalProvenExtension1 { withdrawalHash: hash_of(0), proofSubmitter: by };
    bridge(&world, vec![logged(13, 0, &proven(SENDER)), logged(13, 9, &proven(DEPOSITOR))]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["provenBy"]), (&json!("proven"), &json!(DEPOSITOR)));
    let ran = |success| WithdrawalFinalized { withdrawalHash: hash_of(0), success };
    bridge(&world, vec![logged(14, 0, &ran(false))]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["callFailed"]), (&json!("proven"), &json!(true)));
    bridge(&world, vec![logged(15, 0, &ran(true))]);
    let found = get(&world, 0).await;
    assert_eq!((&found["status"], &found["finalizedIn"]), (&json!("finalized"), &json!(15)));
    assert_eq!((&found["callFailed"], &found["proof"]), (&json!(false), &Value::Null));
    assert_eq!(get(&world, 1).await["status"], "confirmed");

    // A reorg of L1 takes it back, event by event.
    let cut = |from| L1Update { truncate_l1_blocks: Some(from), ..L1Update::default() };
    for (from, status) in [(15, "proven"), (13, "confirmed"), (10, "initiated")] {
        world.chain.store.apply(&cut(from), false).unwrap();
        assert_eq!(get(&world, 0).await["status"], status, "without L1 blocks from {from} on");
    }
    // And a rewind of L2 the withdrawal itself, from all lists.
    world.rewind(number - 1);
    assert_eq!(get(&world, 0).await, Value::Null);
    let none = json!({ "withdrawals": [], "next": null });
    for account in [json!(null), json!(SENDER), json!(TARGET), json!(wallet(1).address())] {
        assert_eq!(world.ask("rollup_getWithdrawals", json!([account])).await, none);
    }
    assert_eq!(world.chain.store.verify_consistency().unwrap().withdrawals, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_by_account_and_in_pages() {
    let world = World::start().await;
    let other = Address::repeat_byte(0x0e);
    for nonce in 0..5 {
        world.block(&[], vec![withdraw(nonce, if nonce == 3 { other } else { TARGET })]);
    }
    let nonces = |page: &Value| -> Vec<u64> {
        let all = page["withdrawals"].as_array().unwrap().iter();
        all.map(|it| crate::world::quantity(&it["nonce"]).try_into().unwrap()).collect()
    };
    let list = async |params: Value| world.ask("rollup_getWithdrawals", params).await;
    for account in [json!(null), json!(SENDER), json!(wallet(1).address())] {
        let page = list(json!([account])).await;
        assert_eq!((nonces(&page), &page["next"]), (vec![0, 1, 2, 3, 4], &Value::Null));
    }
    assert_eq!(nonces(&list(json!([other])).await), [3]);
    assert_eq!(nonces(&list(json!([Address::ZERO])).await), [] as [u64; 0]);
    let page = list(json!([TARGET, { "limit": 3 }])).await;
    assert_eq!((nonces(&page), &page["next"]), (vec![0, 1, 2], &json!("0x3")));
    let page = list(json!([TARGET, { "from": page["next"], "limit": 3 }])).await;
    assert_eq!((nonces(&page), &page["next"]), (vec![4], &Value::Null));
    for limit in [0, 1_001] {
        let (code, message, _) =
            world.error("rollup_getWithdrawals", json!([null, { "limit": limit }])).await;
        assert_eq!(code, -32005, "{message}");
    }
    assert_eq!(world.chain.store.verify_consistency().unwrap().withdrawals, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_outlive_the_states_that_they_are_of() {
    let world = World::start_with(RpcLimits::default(), 4).await;
    let number = world.block(&[], vec![withdraw(0, TARGET)]).header.number;
    // As the node does for each block that an assertion ends at.
    let store = &world.chain.store;
    let view = store.state_at(number).unwrap();
    let path = Nibbles::unpack(keccak256(MESSAGE_PASSER));
    let kept = prove(&view, None, view.state_root().unwrap(), &path).unwrap();
    store.put_message_account(number, &kept).unwrap();
    let id = format!("{number:#x}");
    let slot = keccak256([hash_of(0).0, [0; 32]].concat());
    let params = json!([MESSAGE_PASSER, [slot], id]);
    let fresh = world.ask("eth_getProof", params.clone()).await;
    for nonce in 1..9 {
        world.block(&[], vec![withdraw(nonce, TARGET)]);
    }
    assert!(store.oldest_state() > number, "the state of block {number} is still kept");
    let (_, message, _) = world.error("eth_getProof", json!([TARGET, [], id])).await;
    assert!(message.contains("is pruned"), "{message}");
    assert_eq!(world.ask("eth_getProof", params).await, fresh);
    let next = format!("{:#x}", number + 1);
    let (_, message, _) = world.error("eth_getProof", json!([MESSAGE_PASSER, [slot], next])).await;
    assert!(message.contains("is pruned"), "{message}");
    let published =
        GamePublished { index: U256::ZERO, assertionId: B256::ZERO, l2BlockNumber: number };
    bridge(&world, vec![logged(10, 0, &published)]);
    assert_proves(&world, &get(&world, 0).await["proof"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_is_found_by_the_hash_that_op_tools_compute() {
    let world = World::start().await;
    let own = RecoveredTx::from_deposit(deposit(0).to_transaction()).hash;
    let asked = B256::repeat_byte(0x0b);
    let methods = ["eth_getTransactionByHash", "eth_getTransactionReceipt"];
    for method in methods {
        assert_eq!(world.ask(method, json!([asked])).await, Value::Null);
    }
    let update = L1Update {
        l1_blocks: vec![L1BlockRecord::default()],
        deposit_hashes: vec![(asked, own), (B256::repeat_byte(0x0c), B256::repeat_byte(0x0d))],
        ..L1Update::default()
    };
    world.chain.store.apply(&update, false).unwrap();
    for method in methods {
        let found = world.ask(method, json!([asked])).await;
        assert!(!found.is_null(), "{method}");
        assert_eq!(found, world.ask(method, json!([own])).await, "{method}");
        let absent = world.ask(method, json!([B256::repeat_byte(0x0c)])).await;
        assert_eq!(absent, Value::Null, "a deposit that no block holds");
    }
}
