//! L1: an anvil at the Osaka rules that makes a block every second.
//!
//! It offers JSON-RPC, and what tests do to an L1: pause, time travel, reorg.

use std::{path::Path, process::Command, time::Duration};

use alloy::{primitives::U256, providers::Provider};
use gainsay_l1::{Inbox, L1Client, RollupConfig, TxSender, TxSenderConfig};
use serde_json::json;

use crate::{Gate, Process, Role, Rpc, number, places, process::free_port, signer, wait_until};

/// A running anvil. Ends when dropped.
#[derive(Debug)]
pub struct L1 {
    process: Process,
    port: u16,
    /// Its JSON-RPC.
    pub rpc: Rpc,
}

impl L1 {
    /// Starts an anvil with its log in `folder`.
    pub async fn start(folder: &Path, slots_in_epoch: u64) -> Self {
        Self::start_at(folder, slots_in_epoch, "osaka").await
    }

    /// The same at the rules of another fork.
    pub async fn start_at(folder: &Path, slots_in_epoch: u64, hardfork: &str) -> Self {
        let port = free_port();
        let mut command = Command::new(places::anvil_binary());
        command
            .args(["--hardfork", hardfork, "--enable-tx-gas-limit", "--silent"])
            .args(["--block-time", "1", "--port", &port.to_string()])
            // States that it swaps out go with the folder; in its own they would stay for ever.
            .arg("--cache-path")
            .arg(folder.join("l1-swap"))
            .args(["--slots-in-an-epoch", &slots_in_epoch.to_string()]);
        let process = Process::start("L1 (anvil)", &mut command, &folder.join("l1.log"));
        let rpc = Rpc::new(&format!("http://127.0.0.1:{port}"));
        wait_until("anvil to answer", || rpc.try_call("eth_blockNumber", json!([]))).await;
        Self { process, port, rpc }
    }

    /// A way to this L1 that can be shut.
    pub async fn gate(&self) -> Gate {
        Gate::to_port(self.port).await
    }

    /// L1 answers nobody and makes no blocks, until [`Self::resume`].
    pub fn pause(&self) {
        self.process.signal("STOP");
    }

    /// L1 goes on.
    pub fn resume(&self) {
        self.process.signal("CONT");
    }

    /// Replaces the last `depth` blocks by empty ones; their transactions are gone.
    pub async fn reorg(&self, depth: u64) {
        self.reorg_at_rest(|_| depth).await;
    }

    /// Replaces everything from block `first` on.
    pub async fn reorg_from(&self, first: u64) {
        self.reorg_at_rest(|head| {
            assert!(head >= first, "cannot reorg from L1 block {first}: the head is {head}");
            head - first + 1
        })
        .await;
    }

    /// Reorgs an L1 whose miner rests, by the depth that `depth_at` gives for the head.
    ///
    /// Anvil's miner and its reorg share no lock: a block that it makes inside a reorg
    /// leaves a chain with a hole ("Resource not found" at the next reorg).
    async fn reorg_at_rest(&self, depth_at: impl FnOnce(u64) -> u64) {
        let at_once = self.rpc.call("anvil_getAutomine", json!([])).await;
        let interval = self.rpc.call("anvil_getIntervalMining", json!([])).await;
        self.hold().await;
        let mut head = self.rpc.block_number().await;
        // A block that the miner had begun still arrives.
        let mut equal = 0;
        while equal < 3 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let now = self.rpc.block_number().await;
            equal = if now == head { equal + 1 } else { 0 };
            head = now;
        }
        self.rpc.call("anvil_reorg", json!([depth_at(head), []])).await;
        if at_once == true {
            self.rpc.call("evm_setAutomine", json!([true])).await;
        } else if interval.as_u64().is_some_and(|secs| secs > 0) {
            self.rpc.call("evm_setIntervalMining", json!([interval])).await;
        }
    }

    /// L1 takes transactions and makes no block, until [`Self::release`] or [`Self::mine`].
    pub async fn hold(&self) {
        self.rpc.call("evm_setIntervalMining", json!([0])).await;
    }

    /// L1 makes a block every second again.
    pub async fn release(&self) {
        self.rpc.call("evm_setIntervalMining", json!([1])).await;
    }

    /// L1 makes a block for each transaction, at once, and no others.
    pub async fn mine_at_once(&self) {
        self.hold().await;
        self.rpc.call("evm_setAutomine", json!([true])).await;
    }

    /// Makes so many blocks at once, whose timestamps are a second apart.
    pub async fn mine(&self, blocks: u64) {
        self.rpc.call("anvil_mine", json!([blocks, 1])).await;
    }

    /// Lets time pass on L1.
    pub async fn travel(&self, secs: u64) {
        self.rpc.call("evm_increaseTime", json!([secs])).await;
        self.rpc.call("evm_mine", json!([])).await;
    }

    /// Timestamp of the head, seconds.
    pub async fn time(&self) -> u64 {
        number(&self.rpc.block("latest").await["timestamp"])
    }

    /// Waits until L1 has made `blocks` more blocks.
    pub async fn wait_blocks(&self, blocks: u64) {
        let until = self.rpc.block_number().await + blocks;
        wait_until("L1 to make blocks", || async {
            let head = self.rpc.block_number().await;
            if head >= until { Ok(()) } else { Err(format!("block {head}, expected {until}")) }
        })
        .await;
    }

    /// A client of L1 as the node has one.
    pub fn client(&self) -> L1Client {
        L1Client::connect(self.rpc.url(), None).unwrap()
    }

    /// A sender of L1 transactions.
    pub async fn sender(&self, role: Role) -> TxSender {
        TxSender::new(self.client(), signer(role), TxSenderConfig::default()).await.unwrap()
    }

    /// The chain's Inbox.
    pub fn inbox(&self, rollup: &RollupConfig) -> Inbox {
        Inbox::new(&self.client(), rollup.inbox)
    }

    /// The balance on L1.
    pub async fn balance(&self, role: Role) -> U256 {
        self.client().provider().get_balance(signer(role).address()).await.unwrap()
    }
}
