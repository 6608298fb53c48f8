//! Users at work while something fails, and what they saw: it must still be true afterwards.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use alloy::primitives::{B256, U256};
use serde_json::json;
use tokio::{sync::watch, task::JoinHandle};

use crate::{Call, Devnet, Kind, Node, Rpc, Wallet, number, wait_for_receipt};

/// Transactions sent in a row before their receipts are asked for.
const BURST: u64 = 10;
/// Pause of a user who waits for receipts.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a user waits for the last receipts once the load ends.
const LAST_RECEIPTS: Duration = Duration::from_secs(20);

/// What users saw of a chain.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Transactions with a receipt, and the number and hash of the block that it named.
    pub receipts: BTreeMap<B256, (u64, B256)>,
    /// Hashes of blocks, by number, as a reader of heads saw them last.
    pub blocks: BTreeMap<u64, B256>,
}

impl Seen {
    /// Takes in what others saw later.
    pub fn extend(&mut self, other: Self) {
        self.receipts.extend(other.receipts);
        self.blocks.extend(other.blocks);
    }

    /// Checks that every transaction with a receipt still has one, and was executed well.
    pub async fn assert_included(&self, node: &mut Node) {
        for hash in self.receipts.keys() {
            let receipt = wait_for_receipt(node, *hash).await;
            assert_eq!(receipt["status"], "0x1", "{hash}: {receipt:#}");
        }
    }

    /// Checks that the chain still holds all blocks seen, and all transactions where they were.
    pub async fn assert_unchanged(&self, rpc: &Rpc) {
        for (height, expected) in &self.blocks {
            let block = rpc.block(*height).await;
            assert_eq!(block["hash"], json!(expected), "block {height}: {block:#}");
        }
        for (hash, (height, block_hash)) in &self.receipts {
            let receipt = rpc.receipt(*hash).await;
            assert_eq!(
                (&receipt["blockHash"], &receipt["status"]),
                (&json!(block_hash), &json!("0x1")),
                "{hash}, which was in block {height}: {receipt:#}"
            );
        }
    }
}

/// Users who send and a reader of heads, until they are stopped or the node is gone.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<Seen>>,
}

impl Load {
    /// Starts to send with these users' wallets.
    pub fn start(devnet: &Devnet, users: &[usize]) -> Self {
        Self::on(&devnet.sequencer.rpc, users.iter().map(|user| devnet.wallet(*user)).collect())
    }

    /// Starts to send to any node.
    pub fn on(rpc: &Rpc, wallets: Vec<Wallet>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![tokio::spawn(watch_heads(rpc.clone(), stopped.clone()))];
        for wallet in wallets {
            tasks.push(tokio::spawn(send_transfers(rpc.clone(), wallet, stopped.clone())));
        }
        Self { stop, tasks }
    }

    /// Ends the load; what its users saw.
    pub async fn stop(self) -> Seen {
        // Those who lost the node have ended by themselves.
        let _all_gone = self.stop.send(true);
        let mut seen = Seen::default();
        for task in self.tasks {
            seen.extend(task.await.unwrap());
        }
        seen
    }
}

/// Transfers of one wallet to itself, as fast as the node takes them.
async fn send_transfers(rpc: Rpc, wallet: Wallet, stopped: watch::Receiver<bool>) -> Seen {
    let to = wallet.address();
    let mut seen = Seen::default();
    let mut waiting: Vec<B256> = Vec::new();
    let next_nonce = || async {
        let count = rpc.try_call("eth_getTransactionCount", json!([to, "pending"])).await;
        count.ok().map(|count| number(&count))
    };
    let Some(mut nonce) = next_nonce().await else { return seen };
    let mut ending: Option<Instant> = None;
    loop {
        if *stopped.borrow() {
            let since = *ending.get_or_insert_with(Instant::now);
            if waiting.is_empty() || since.elapsed() > LAST_RECEIPTS {
                return seen;
            }
        } else {
            for _ in 0..BURST {
                let raw = wallet.sign(Kind::Eip1559, nonce, Call::transfer(to, U256::from(nonce)));
                let Ok(hash) = rpc.try_send(&raw).await else {
                    // Gone, or of another mind about the nonce, as when it has taken blocks back.
                    let Some(next) = next_nonce().await else { return seen };
                    nonce = next;
                    break;
                };
                nonce += 1;
                waiting.push(hash);
            }
        }
        let mut left = Vec::new();
        for hash in waiting {
            let answer = rpc.try_call("eth_getTransactionReceipt", json!([hash])).await;
            let Ok(receipt) = answer else { return seen };
            match receipt["blockHash"].as_str() {
                None => left.push(hash),
                Some(block_hash) => {
                    let place = (number(&receipt["blockNumber"]), block_hash.parse().unwrap());
                    seen.receipts.insert(hash, place);
                }
            }
        }
        waiting = left;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at every head.
async fn watch_heads(rpc: Rpc, stopped: watch::Receiver<bool>) -> Seen {
    let mut seen = Seen::default();
    while !*stopped.borrow() {
        let head = rpc.try_call("eth_getBlockByNumber", json!(["latest", false])).await;
        let Ok(head) = head else { return seen };
        let hash = head["hash"].as_str().and_then(|hash| hash.parse().ok());
        seen.blocks.insert(number(&head["number"]), hash.unwrap());
        tokio::time::sleep(PAUSE).await;
    }
    seen
}
