//! Blocks, transactions, receipts, accounts, proofs, logs, fees and the node itself.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rpc_types_eth::EIP1186AccountProofResponse;
use alloy_trie::{Nibbles, TrieAccount, proof::verify_proof};
use gainsay::rpc::RpcLimits;
use serde_json::{Value, json};

use crate::world::{
    CHAIN_ID, COUNTER, DEPOSITOR, FUNDS, GWEI, PROXY, RECEIVER, World, quantity, wallet,
};

#[tokio::test(flavor = "multi_thread")]
async fn blocks_by_number_hash_and_tag() {
    let world = World::start().await;
    assert_eq!(world.ask("eth_blockNumber", json!([])).await, "0x4");
    let head = world.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    let header = world.chain.store.head_header().unwrap();
    assert_eq!(head["hash"], header.hash.to_string());
    assert_eq!(head["withdrawalsRoot"], header.header.withdrawals_root.unwrap().to_string());
    assert_eq!(world.ask("eth_getBlockByNumber", json!(["pending", false])).await, head);
    assert_eq!(world.ask("eth_getBlockByHash", json!([head["hash"], false])).await, head);
    let genesis = world.ask("eth_getBlockByNumber", json!(["earliest", true])).await;
    assert_eq!((&genesis["number"], &genesis["timestamp"]), (&json!("0x0"), &json!("0x3e8")));
    for tag in ["safe", "finalized"] {
        assert_eq!(world.ask("eth_getBlockByNumber", json!([tag, true])).await, genesis);
    }
    world.set_heads(3, 2);
    assert_eq!(world.ask("eth_getBlockByNumber", json!(["safe", true])).await["number"], "0x3");
    let finalized = world.ask("eth_getBlockByNumber", json!(["finalized", true])).await;
    assert_eq!(finalized["number"], "0x2");
    for (method, id) in [
        ("eth_getBlockByNumber", json!("0x3e8")),
        ("eth_getBlockByHash", json!(B256::repeat_byte(9))),
        ("eth_getBlockTransactionCountByNumber", json!("0x3e8")),
        ("eth_getUncleCountByBlockHash", json!(B256::repeat_byte(9))),
        ("eth_getBlockReceipts", json!("0x3e8")),
        ("eth_getHeaderByNumber", json!("0x3e8")),
    ] {
        assert_eq!(world.ask(method, json!([id, true])).await, Value::Null, "{method}");
    }
    assert_eq!(world.ask("eth_getUncleCountByBlockNumber", json!(["0x1"])).await, "0x0");
    assert_eq!(world.ask("eth_getBlockTransactionCountByNumber", json!(["0x1"])).await, "0x5");
    let count = world.ask("eth_getBlockTransactionCountByHash", json!([head["hash"]])).await;
    assert_eq!(count, "0x1");
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_receipts_of_all_types() {
    let world = World::start().await;
    let block = world.ask("eth_getBlockByNumber", json!(["0x1", true])).await;
    let transactions = block["transactions"].as_array().unwrap();
    let types: Vec<_> = transactions.iter().map(|tx| tx["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["0x7e", "0x0", "0x1", "0x2", "0x4"]);
    let receipts = world.ask("eth_getBlockReceipts", json!(["0x1"])).await;
    assert_eq!(world.ask("eth_getBlockReceipts", json!([block["hash"]])).await, receipts);
    let mut cumulative = 0;
    for (index, tx) in transactions.iter().enumerate() {
        let hash = &tx["hash"];
        assert_eq!(quantity(&tx["transactionIndex"]), index as u128);
        assert_eq!(&world.ask("eth_getTransactionByHash", json!([hash])).await, tx);
        let at = format!("{index:#x}");
        let by_number = json!(["0x1", at]);
        let found = world.ask("eth_getTransactionByBlockNumberAndIndex", by_number).await;
        assert_eq!(&found, tx);
        let by_hash = json!([block["hash"], at]);
        assert_eq!(&world.ask("eth_getTransactionByBlockHashAndIndex", by_hash).await, tx);
        let receipt = world.ask("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt, receipts[index]);
        assert_eq!(receipt["status"], "0x1");
        cumulative += quantity(&receipt["gasUsed"]);
        assert_eq!(quantity(&receipt["cumulativeGasUsed"]), cumulative);
        let raw = world.ask("eth_getRawTransactionByHash", json!([hash])).await;
        let raw = alloy_primitives::hex::decode(raw.as_str().unwrap()).unwrap();
        assert_eq!(keccak256(raw).to_string(), hash.as_str().unwrap());
        if index > 0 {
            assert!(quantity(&receipt["l1Fee"]) > 0 && quantity(&receipt["l1GasUsed"]) >= 1600);
        }
        assert_eq!(quantity(&receipt["l1GasPrice"]), 20 * GWEI);
        assert_eq!(quantity(&receipt["l1BaseFeeScalar"]), 5_227);
        assert_eq!(quantity(&receipt["l1BlobBaseFee"]), GWEI);
        assert_eq!(quantity(&receipt["l1BlobBaseFeeScalar"]), 1_014_213);
    }
    let (deposit, receipt) = (&transactions[0], &receipts[0]);
    assert_eq!(deposit["from"], json!(DEPOSITOR));
    assert_eq!((&deposit["mint"], &deposit["nonce"]), (&json!("0x3b9aca00"), &json!("0x0")));
    assert!(deposit["sourceHash"].is_string());
    assert_eq!(receipt["depositNonce"], "0x0");
    assert_eq!(receipt["depositReceiptVersion"], "0x1");
    assert_eq!((&receipt["l1Fee"], &receipt["effectiveGasPrice"]), (&json!("0x0"), &json!("0x0")));
    assert_eq!(
        world.ask("eth_getTransactionByBlockNumberAndIndex", json!(["0x1", "0x5"])).await,
        Value::Null
    );
    for method in
        ["eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getRawTransactionByHash"]
    {
        assert_eq!(world.ask(method, json!([B256::ZERO])).await, Value::Null, "{method}");
    }
    // A reverted call, and logs numbered through the block.
    let receipts = world.ask("eth_getBlockReceipts", json!(["0x3"])).await;
    assert_eq!(receipts[2]["status"], "0x0");
    assert_eq!(receipts[1]["logs"][0]["logIndex"], "0x1");
    let receipts = world.ask("eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(receipts[0]["contractAddress"], json!(wallet(0).address().create(7)));
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_now_and_before() {
    let world = World::start().await;
    let receiver = |at: Value| world.ask("eth_getBalance", json!([RECEIVER, at]));
    assert_eq!(receiver(json!("latest")).await, json!(U256::from(GWEI + 3)));
    assert_eq!(receiver(json!("0x0")).await, "0x0");
    let block_1 = world.chain.store.block_hash(1).unwrap().unwrap();
    let eip_1898 = json!({ "blockHash": block_1, "requireCanonical": true });
    assert_eq!(receiver(eip_1898).await, json!(U256::from(GWEI + 3)));
    let nonce = |at: &str| world.ask("eth_getTransactionCount", json!([wallet(0).address(), at]));
    assert_eq!((nonce("0x1").await, nonce("latest").await), (json!("0x4"), json!("0x8")));
    assert_eq!(nonce("pending").await, "0x8");
    let delegated = world.ask("eth_getCode", json!([wallet(3).address(), "latest"])).await;
    assert_eq!(delegated, format!("0xef0100{}", alloy_primitives::hex::encode(COUNTER)));
    assert_eq!(world.ask("eth_getCode", json!([wallet(3).address(), "0x0"])).await, "0x");
    let nobody = Address::repeat_byte(0x44);
    assert_eq!(world.ask("eth_getCode", json!([nobody, "latest"])).await, "0x");
    for slot in
        ["0x0", "0x00", "0x0000000000000000000000000000000000000000000000000000000000000000"]
    {
        let value = world.ask("eth_getStorageAt", json!([COUNTER, slot, "latest"])).await;
        assert_eq!(value, json!(B256::with_last_byte(2)), "{slot}");
    }
    let before = world.ask("eth_getStorageAt", json!([COUNTER, "0x0", "0x2"])).await;
    assert_eq!(before, json!(B256::ZERO));
    let (code, message, _) = world.error("eth_getBalance", json!([RECEIVER, "0x99"])).await;
    assert_eq!((code, message.as_str()), (-32001, "block not found: 0x99 (the head is 4)"));
    let (code, message, _) = world.error("eth_getBalance", json!(["0x12"])).await;
    assert_eq!(code, -32602);
    assert!(message.contains("invalid argument 0") && message.contains("0x12"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pruned_state_names_the_oldest_block() {
    let world = World::start_with(RpcLimits::default(), 2).await;
    let balance = |at: &'static str| world.try_ask("eth_getBalance", json!([RECEIVER, at]));
    assert!(balance("0x2").await.is_ok());
    let (code, message, _) = balance("0x1").await.unwrap_err();
    assert_eq!(code, -32000);
    assert_eq!(message, "state of block 1 is pruned: the oldest kept is 2 (head 4)");
}

#[tokio::test(flavor = "multi_thread")]
async fn proofs_verify_against_headers_of_any_kept_block() {
    let world = World::start().await;
    for number in 0..=4_u64 {
        let header = world.chain.store.header(number).unwrap().unwrap().header;
        for address in [COUNTER, wallet(0).address(), RECEIVER, Address::ZERO] {
            let params = json!([address, ["0x0", B256::with_last_byte(5)], format!("{number:#x}")]);
            let answer = world.ask("eth_getProof", params).await;
            let proof: EIP1186AccountProofResponse = serde_json::from_value(answer).unwrap();
            let account = TrieAccount {
                nonce: proof.nonce,
                balance: proof.balance,
                storage_root: proof.storage_hash,
                code_hash: proof.code_hash,
            };
            let exists = account != TrieAccount::default();
            let leaf = exists.then(|| alloy_rlp::encode(account));
            let key = Nibbles::unpack(keccak256(address));
            verify_proof(header.state_root, key, leaf, &proof.account_proof).unwrap();
            for slot in &proof.storage_proof {
                let leaf = (!slot.value.is_zero()).then(|| alloy_rlp::encode(slot.value));
                let key = Nibbles::unpack(keccak256(slot.key.as_b256()));
                verify_proof(proof.storage_hash, key, leaf, &slot.proof).unwrap();
            }
            if address == COUNTER {
                let expected = if number < 3 { 0 } else { 2 };
                assert_eq!(proof.storage_proof[0].value, U256::from(expected), "block {number}");
            }
        }
    }
    let (code, message, _) =
        world.error("eth_getProof", json!([COUNTER, vec!["0x0"; 2_000], "latest"])).await;
    assert_eq!(code, -32005);
    assert_eq!(message, "storage slots of one proof limit exceeded: found 2000, allowed 1024");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_by_address_topic_and_range() {
    let limits = RpcLimits { log_blocks_max: 4, logs_max: 1, ..RpcLimits::default() };
    let world = World::start_with(limits, 64).await;
    let topic = B256::with_last_byte(0x77);
    let one = |filter: Value| world.try_ask("eth_getLogs", json!([filter]));
    let block_3 = world.chain.store.block_hash(3).unwrap().unwrap();
    // Two logs in block 3: more than allowed here, but no smaller question could be asked.
    let both = one(json!({ "blockHash": block_3 })).await.unwrap();
    assert_eq!(both.as_array().unwrap().len(), 2);
    let (code, message, works) = one(json!({ "fromBlock": "0x0" })).await.unwrap_err();
    assert_eq!((code, works), (-32005, json!({ "from": "0x0", "to": "0x3" })));
    assert_eq!(message, "query exceeds max block range 4. Try with this block range [0x0, 0x3].");
    let (code, message, works) =
        one(json!({ "fromBlock": "0x1", "toBlock": "0x4" })).await.unwrap_err();
    assert_eq!((code, works), (-32005, json!({ "from": "0x1", "to": "0x2" })));
    assert_eq!(
        message,
        "query returned more than 1 results. Try with this block range [0x1, 0x2]."
    );
    // An indexer that takes each suggestion reads everything, once.
    let (mut from, mut read, mut asked) = (0, Vec::new(), 0);
    while from <= 4 {
        let mut to = 4;
        loop {
            asked += 1;
            let range = json!({ "fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}") });
            match one(range).await {
                Ok(logs) => break read.extend(logs.as_array().unwrap().clone()),
                Err((_, message, _)) => {
                    let range = message.split_once("Try with this block range [0x").unwrap().1;
                    let range = range.trim_end_matches("].").split_once(", 0x").unwrap();
                    assert_eq!(range.0, format!("{from:x}"));
                    let smaller = u64::from_str_radix(range.1, 16).unwrap();
                    assert!(smaller < to && smaller >= from, "{message}");
                    to = smaller;
                }
            }
        }
        from = to + 1;
    }
    assert_eq!((&json!(read), asked), (&both, 6));
    // Who reads on from where it stopped is there before the next block.
    for next in [
        json!({ "fromBlock": "0x5", "toBlock": "latest" }),
        json!({ "fromBlock": "0x5" }),
        json!({ "fromBlock": "0x5", "toBlock": "pending" }),
        json!({ "fromBlock": "0x4", "toBlock": "safe" }),
    ] {
        assert_eq!(one(next.clone()).await.unwrap(), json!([]), "{next}");
    }
    for none in [
        json!({ "address": PROXY, "blockHash": block_3 }),
        json!({ "topics": [null, topic], "fromBlock": "0x1" }),
        json!({ "fromBlock": "0x1", "toBlock": "0x2" }),
        json!({}),
    ] {
        assert_eq!(one(none.clone()).await.unwrap(), json!([]), "{none}");
    }
    let world = World::start().await;
    let filter = json!({ "address": [COUNTER], "topics": [[topic]], "fromBlock": "earliest" });
    let logs = world.ask("eth_getLogs", json!([filter])).await;
    let receipts = world.ask("eth_getBlockReceipts", json!(["0x3"])).await;
    assert_eq!(logs, json!([receipts[0]["logs"][0], receipts[1]["logs"][0]]));
    assert_eq!(logs[1]["data"], json!(B256::with_last_byte(2)));
    let (code, ..) = world.error("eth_getLogs", json!([{ "blockHash": B256::ZERO }])).await;
    assert_eq!(code, -32001);
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_are_numbers_for_every_percentile() {
    let world = World::start().await;
    let history = world.ask("eth_feeHistory", json!(["0x400", "latest", [0, 50.5, 100]])).await;
    assert_eq!(history["oldestBlock"], "0x0");
    let rewards = history["reward"].as_array().unwrap();
    assert_eq!(rewards.len(), 5);
    for rewards in rewards {
        assert_eq!(rewards.as_array().unwrap().len(), 3);
        rewards.as_array().unwrap().iter().for_each(|reward| _ = quantity(reward));
    }
    assert_eq!(rewards[2], json!(["0x0", "0x0", "0x0"]));
    assert_eq!(quantity(&rewards[3][1]), GWEI);
    let base_fees = history["baseFeePerGas"].as_array().unwrap();
    assert_eq!((base_fees.len(), history["gasUsedRatio"].as_array().unwrap().len()), (6, 5));
    let head = world.ask("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(base_fees[4], head["baseFeePerGas"]);
    let next = world.block(&[], vec![]);
    assert_eq!(quantity(&base_fees[5]), u128::from(next.header.base_fee_per_gas.unwrap()));
    let plain = world.ask("eth_feeHistory", json!([2, "0x3"])).await;
    assert_eq!((&plain["oldestBlock"], plain.get("reward")), (&json!("0x2"), None));
    let (code, ..) = world.error("eth_feeHistory", json!(["0x1", "latest", [50, 20]])).await;
    assert_eq!(code, -32602);
    assert_eq!(world.ask("eth_maxPriorityFeePerGas", json!([])).await, "0xf4240");
    let price = quantity(&world.ask("eth_gasPrice", json!([])).await);
    let header = world.chain.store.head_header().unwrap();
    let after = world.block(&[], vec![]);
    assert_eq!(price, u128::from(after.header.base_fee_per_gas.unwrap()) + 1_000_000);
    assert!(header.header.base_fee_per_gas >= after.header.base_fee_per_gas);
    assert_eq!(world.ask("eth_blobBaseFee", json!([])).await, "0x1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_node_tells_what_it_is_and_how_far_l1_is() {
    let world = World::start().await;
    let none = || json!([]);
    assert_eq!(world.ask("eth_chainId", none()).await, format!("{CHAIN_ID:#x}"));
    assert_eq!(world.ask("net_version", none()).await, CHAIN_ID.to_string());
    assert_eq!(world.ask("net_listening", none()).await, true);
    assert_eq!(world.ask("net_peerCount", none()).await, "0x0");
    let version = world.ask("web3_clientVersion", none()).await;
    assert!(version.as_str().unwrap().starts_with("gainsay/v"), "{version}");
    let hash = world.ask("web3_sha3", json!(["0x68656c6c6f20776f726c64"])).await;
    assert_eq!(hash, json!(keccak256("hello world")));
    assert_eq!(world.ask("eth_accounts", none()).await, none());
    // Behind L1, behind the sequencer, in step.
    world.status.update(|status| status.l1_seen = 100);
    let syncing = world.ask("eth_syncing", none()).await;
    assert_eq!(
        (&syncing["currentBlock"], &syncing["highestBlock"]),
        (&json!("0x4"), &json!("0x5"))
    );
    assert_eq!(
        (&syncing["startingBlock"], &syncing["l1HighestBlock"]),
        (&json!("0x0"), &json!("0x64"))
    );
    world.status.update(|status| {
        status.is_caught_up = true;
        status.l1_head.number = 99;
        status.sequencer_head = 1_000;
    });
    let syncing = world.ask("eth_syncing", none()).await;
    assert_eq!(
        (&syncing["currentBlock"], &syncing["highestBlock"]),
        (&json!("0x4"), &json!("0x3e8"))
    );
    world.status.update(|status| status.sequencer_head = 5);
    assert_eq!(world.ask("eth_syncing", none()).await, false);
    assert_eq!(
        world.ask("txpool_status", none()).await,
        json!({ "pending": "0x0", "queued": "0x0" })
    );
    world.set_heads(2, 1);
    world.status.update(|status| {
        status.batches_posted = 7;
        status.deposits_read = 1;
    });
    let status = world.ask("rollup_status", none()).await;
    assert_eq!(status["latest"]["number"], 4);
    assert_eq!(status["latest"]["timestamp"], 1_004);
    assert_eq!((&status["safe"]["number"], &status["finalized"]["number"]), (&json!(2), &json!(1)));
    assert_eq!(status["batches"], json!({ "posted": 7, "derived": 0 }));
    assert_eq!(status["deposits"], json!({ "enqueued": 0, "read": 1 }));
    assert_eq!((&status["proposed"], &status["confirmed"]), (&Value::Null, &Value::Null));
    let config = world.ask("rollup_config", none()).await;
    assert_eq!(config["chain"]["chainId"], CHAIN_ID);
    assert_eq!(config["genesis"], json!({ "timestamp": 1_000 }));
    let (code, ..) = world.error("eth_noSuchMethod", none()).await;
    assert_eq!(code, -32601);
    assert!(quantity(&world.ask("eth_getBalance", json!([wallet(1).address()])).await) == FUNDS);
}
