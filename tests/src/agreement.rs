//! Whether two nodes have the same chain, and whether a node's folder is sound.

use std::{ops::RangeInclusive, path::Path};

use gainsay_store::{Store, StoreOptions};

use serde_json::{Value, json};

use crate::{Node, Rpc};

/// Fields of a block that every node must compute alike, named first when two differ.
const TELLING: [&str; 7] =
    ["hash", "parentHash", "stateRoot", "transactionsRoot", "receiptsRoot", "timestamp", "gasUsed"];

/// Waits until the node's safe head is at `height` or above, and returns where it is.
pub async fn wait_for_safe(node: &mut Node, height: u64) -> u64 {
    let rpc = node.rpc.clone();
    node.wait(&format!("to have block {height} safe"), || async {
        let safe = rpc.height("safe").await;
        if safe >= height { Ok(safe) } else { Err(format!("safe block {safe}")) }
    })
    .await
}

/// Checks that two nodes have the same blocks, transactions and receipts from 0 to `height`.
pub async fn assert_same_chain(one: &Rpc, other: &Rpc, height: u64) {
    assert_same_blocks(one, other, 0..=height).await;
}

/// Checks that two nodes have the same of these blocks, transactions and receipts.
pub async fn assert_same_blocks(one: &Rpc, other: &Rpc, numbers: RangeInclusive<u64>) {
    for number in numbers {
        let tag = format!("{number:#x}");
        let blocks = ask_both(one, other, "eth_getBlockByNumber", json!([tag, true])).await;
        for field in TELLING {
            let (found, expected) = (&blocks.1[field], &blocks.0[field]);
            assert_eq!(
                found,
                expected,
                "block {number}: {} has another {field} than {}",
                other.url(),
                one.url()
            );
        }
        assert_eq!(blocks.1, blocks.0, "block {number} differs");
        let receipts = ask_both(one, other, "eth_getBlockReceipts", json!([tag])).await;
        assert_eq!(receipts.1, receipts.0, "receipts of block {number} differ");
    }
}

/// Checks everything in the folder of a node that does not run against everything else.
pub fn assert_store_consistent(data: &Path) {
    // As the node opens it.
    let options = StoreOptions { history_blocks: 8_192, ..Default::default() };
    let store = Store::open(data, &options).unwrap();
    let report = store.verify_consistency().unwrap_or_else(|error| {
        panic!("the store in {} contradicts itself: {error}", data.display())
    });
    assert_eq!(report.head, store.head());
}

async fn ask_both(one: &Rpc, other: &Rpc, method: &'static str, params: Value) -> (Value, Value) {
    let (first, second) =
        (one.call(method, params.clone()).await, other.call(method, params).await);
    assert!(!first.is_null(), "{method}: {} found nothing", one.url());
    (first, second)
}
